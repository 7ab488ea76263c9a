#include "net/http_message.hpp"

#include <algorithm>

namespace bridge::net {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

void Headers::set(std::string_view name, std::string value) {
    const auto is_named = [name](const auto& field) { return same(field.first, name); };
    const auto first = std::find_if(fields_.begin(), fields_.end(), is_named);
    if (first == fields_.end()) {
        add(std::string(name), std::move(value));
        return;
    }
    first->second = std::move(value);
    fields_.erase(std::remove_if(first + 1, fields_.end(), is_named), fields_.end());
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const auto& [key, value] : fields_) {
        if (same(key, name)) return value;
    }
    return std::nullopt;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
    for (const auto& [key, value] : fields_) {
        if (!same(key, name)) continue;
        std::string_view rest = value;
        while (true) {
            const auto comma = rest.find(',');
            if (same(trimmed(rest.substr(0, comma)), token)) return true;
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return false;
}

HttpResponse respond(int status, std::string content_type, std::string body) {
    HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", std::move(content_type));
    response.body = std::move(body);
    return response;
}

}  // namespace bridge::net
