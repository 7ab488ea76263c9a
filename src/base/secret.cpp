#include "base/secret.hpp"

#include <algorithm>
#include <cctype>

namespace bridge {

std::string masked_number(std::string_view number) {
    const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    const auto digits = std::count_if(number.begin(), number.end(), is_digit);
    if (digits < 6) return std::string(number);
    std::string out(number);
    auto hide = digits - 4;
    for (auto& c : out) {
        if (!is_digit(c)) continue;
        if (hide-- <= 0) break;
        c = '*';
    }
    return out;
}

std::string shortened(std::string_view id) {
    if (id.size() <= 10) return std::string(id);
    return std::string(id.substr(0, 4)) + "…" + std::string(id.substr(id.size() - 2));
}

}  // namespace bridge
