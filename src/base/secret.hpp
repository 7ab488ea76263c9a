#pragma once
// A string that must not be shown: it prints as "***" and gives its value only when asked by name.

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace bridge {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }
    bool operator==(const Secret&) const = default;

private:
    std::string value_;
};

/// "+1 555 … 4567": the last four digits stay, whatever came before is hidden. Anything without
/// at least six digits (a client name, "anonymous") is returned as it is.
std::string masked_number(std::string_view number);

/// "AC12…9f": the first four and the last two characters, for identifiers that are not secret but
/// long.
std::string shortened(std::string_view id);

}  // namespace bridge

template <>
struct fmt::formatter<bridge::Secret> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(const bridge::Secret&, Context& context) const {
        return fmt::formatter<std::string_view>::format("***", context);
    }
};
