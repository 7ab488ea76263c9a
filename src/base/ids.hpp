#pragma once
// Names of things, each a type of its own so that one cannot be passed for another.

#include <fmt/format.h>

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace bridge {

template <class Tag>
class Id {
public:
    Id() = default;
    explicit Id(std::string value) : value_(std::move(value)) {}
    const std::string& str() const { return value_; }
    bool empty() const { return value_.empty(); }
    auto operator<=>(const Id&) const = default;

private:
    std::string value_;
};

using CallId =
    Id<struct CallIdTag>;  ///< ours, known before Twilio knows the call: "c_" and 16 letters
using CallSid = Id<struct CallSidTag>;  ///< Twilio's: "CA" and 32 hex digits
using StreamSid =
    Id<struct StreamSidTag>;  ///< Twilio's, one for each media stream of a call: "MZ…"

/// `bytes` random bytes from the operating system's generator.
std::string random_bytes(std::size_t bytes);
/// Lower-case Crockford base32 of `bits` random bits (rounded up to 5).
std::string random_base32(std::size_t bits);
CallId new_call_id();

}  // namespace bridge

template <class Tag>
struct std::hash<bridge::Id<Tag>> {
    std::size_t operator()(const bridge::Id<Tag>& id) const noexcept {
        return std::hash<std::string>{}(id.str());
    }
};

template <class Tag>
struct fmt::formatter<bridge::Id<Tag>> : fmt::formatter<std::string_view> {
    template <class Context>
    auto format(const bridge::Id<Tag>& id, Context& context) const {
        return fmt::formatter<std::string_view>::format(id.str(), context);
    }
};
