#include "app/dial_policy.hpp"

#include <fmt/format.h>

#include <utility>

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

tl::unexpected<Error> over(std::string what, std::string_view setting) {
    return fail(Errc::refused, fmt::format("{}; {} changes that (0: no limit)", what, setting));
}

}  // namespace

DialPolicy::DialPolicy(DialRules rules, DialLimits limits, std::function<Time()> now)
    : rules_(std::move(rules)), limits_(limits), now_(std::move(now)) {}

void DialPolicy::spoken(Result<std::chrono::milliseconds> time) {
    const std::scoped_lock lock(mutex_);
    spoken_ = std::move(time);
}

Result<> DialPolicy::place(std::string_view to, std::size_t live) {
    if (auto allowed = destination(to); !allowed) return allowed;
    if (limits_.concurrent > 0 && live >= static_cast<std::size_t>(limits_.concurrent))
        return over(
            fmt::format("{} calls placed from here are up, as many as are allowed at a time", live),
            "AGENTBRIDGE_DIAL_CONCURRENT");
    return within_limits();
}

Result<> DialPolicy::transfer(std::string_view to) {
    if (auto allowed = destination(to); !allowed) return allowed;
    return within_limits();
}

Result<> DialPolicy::within_limits() {
    const auto now = now_();
    const std::scoped_lock lock(mutex_);
    if (limits_.minutes_per_day > 0 && !spoken_)
        return over(
            fmt::format("the minutes of the last 24 hours' calls are not known ({}), and {} "
                        "are allowed",
                        spoken_.error().message, limits_.minutes_per_day),
            "AGENTBRIDGE_DIAL_MINUTES_PER_DAY");
    if (limits_.minutes_per_day > 0 && *spoken_ >= std::chrono::minutes(limits_.minutes_per_day))
        return over(fmt::format("calls placed from here took {} minutes in the last 24 hours, and "
                                "{} are allowed",
                                *spoken_ / 1min, limits_.minutes_per_day),
                    "AGENTBRIDGE_DIAL_MINUTES_PER_DAY");
    while (!placed_.empty() && now - placed_.front() >= 1min) placed_.pop_front();
    if (limits_.per_minute > 0 && placed_.size() >= static_cast<std::size_t>(limits_.per_minute)) {
        const auto wait = std::chrono::ceil<std::chrono::seconds>(placed_.front() + 1min - now);
        return over(fmt::format("{} calls were placed within a minute, as many as are allowed; the "
                                "next one can be in {} s",
                                placed_.size(), wait.count()),
                    "AGENTBRIDGE_DIAL_PER_MINUTE");
    }
    if (limits_.per_minute > 0) placed_.push_back(now);
    return {};
}

}  // namespace bridge::app
