#pragma once
// The last part of a media address: a ticket for one WebSocket of one call, used once.

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace bridge::twilio {

struct MediaTicket {
    CallId call;
    CallSid sid;           ///< `start` must name this call
    std::size_t home = 0;  ///< index of the call's shard
};

/// Thread: any. One mutex, touched when a stream is set up, never per frame.
class MediaTokens {
public:
    static constexpr std::chrono::seconds kLifetime{60};

    /// With `capacity` tokens waiting, the oldest gives way to a new one.
    explicit MediaTokens(std::size_t capacity = 20000) : capacity_(capacity) {}

    /// A new token of 160 random bits, fit for a path.
    std::string mint(MediaTicket ticket, Clock::Time now);
    /// The ticket, if the token is known and not over 60 s old; it is then spent.
    std::optional<MediaTicket> take(std::string_view token, Clock::Time now);
    std::size_t size() const;

private:
    void forget_expired(Clock::Time now);

    struct Waiting {
        MediaTicket ticket;
        Clock::Time until;
    };
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Waiting> waiting_;
    std::deque<std::pair<Clock::Time, std::string>>
        order_;  // by age; spent tokens linger until they expire
};

}  // namespace bridge::twilio
