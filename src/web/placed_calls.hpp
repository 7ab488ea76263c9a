#pragma once
// Calls that were placed under an Idempotency-Key: asked for again, they are the same ones.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"

namespace bridge::web {

class PlacedCalls {
public:
    static constexpr std::size_t kRemembered = 1000;
    struct Placed {
        CallId id;
        std::string body;  ///< of the request
    };

    /// Whether it may be one: 1 to 255 visible characters.
    static bool is_key(std::string_view key);
    /// Null: it is new.
    const Placed* find(const std::string& key) const;
    void remember(const std::string& key, Placed placed);

private:
    std::unordered_map<std::string, Placed> placed_;
    std::deque<std::string> order_;
};

}  // namespace bridge::web
