#pragma once
// How much may be dialled: where to (dial_rules.hpp), how many calls in a minute, at a time, and
// how many minutes in a day. Asked before the carrier is, for every call that is placed and every
// one that is handed on.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string_view>

#include "app/dial_rules.hpp"
#include "base/result.hpp"

namespace bridge::app {

/// 0: no limit.
struct DialLimits {
    int per_minute = 0;       ///< calls placed, and transfers
    int concurrent = 0;       ///< calls placed from here that are not over
    int minutes_per_day = 0;  ///< of the last 24 hours, all programs with this journal together
};

/// Thread: any, for every member.
class DialPolicy {
public:
    using Time = std::chrono::steady_clock::time_point;

    DialPolicy(DialRules rules, DialLimits limits,
               std::function<Time()> now = std::chrono::steady_clock::now);
    DialPolicy(const DialPolicy&) = delete;
    DialPolicy& operator=(const DialPolicy&) = delete;

    const DialLimits& limits() const { return limits_; }
    /// What the journal knows of the last 24 hours; from time to time. An error: it knows nothing,
    /// and where minutes are limited no call may be placed until it does.
    void spoken(Result<std::chrono::milliseconds> time);

    // Errors of all: refused; the reason, and the setting that changes it.

    Result<> destination(std::string_view to) const { return check_destination(rules_, to); }
    /// A call is to be placed, while `live` of ours are not over. Counted if it may.
    Result<> place(std::string_view to, std::size_t live);
    /// A call is to be handed on, which places another one at the carrier. Counted if it may.
    Result<> transfer(std::string_view to);

private:
    Result<> within_limits();

    const DialRules rules_;
    const DialLimits limits_;
    const std::function<Time()> now_;
    std::mutex mutex_;  // guards what follows; held for a look at the last minute's calls
    std::deque<Time> placed_;
    Result<std::chrono::milliseconds> spoken_{std::chrono::milliseconds(0)};
};

}  // namespace bridge::app
