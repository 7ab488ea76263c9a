#pragma once
// Texts with {slots} in them.

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::agents::local {

/// `text` with each {slot} replaced by what `fill` gives for it. `text` must be one that
/// `slots_used` accepts.
inline std::string filled(std::string_view text,
                          const std::function<std::string(const std::string&)>& fill) {
    std::string out;
    while (true) {
        const auto open = text.find('{');
        out += text.substr(0, open);
        const auto close = text.find('}', open);
        if (open == std::string_view::npos || close == std::string_view::npos) return out;
        out += fill(std::string(text.substr(open + 1, close - open - 1)));
        text.remove_prefix(close + 1);
    }
}

/// Errors: bad_config for a brace without its other half.
inline Result<std::vector<std::string>> slots_used(std::string_view text) {
    std::vector<std::string> slots;
    while (true) {
        const auto open = text.find_first_of("{}");
        if (open == std::string_view::npos) return slots;
        const auto close = text.find_first_of("{}", open + 1);
        if (text[open] == '}' || close == std::string_view::npos || text[close] != '}')
            return fail(Errc::bad_config, "a brace has no other half; a slot is {name}");
        slots.emplace_back(text.substr(open + 1, close - open - 1));
        text.remove_prefix(close + 1);
    }
}

}  // namespace bridge::agents::local
