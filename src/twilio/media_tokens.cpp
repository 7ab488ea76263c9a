#include "twilio/media_tokens.hpp"

#include <utility>

namespace bridge::twilio {

void MediaTokens::forget_expired(Clock::Time now) {
    while (!order_.empty() && order_.front().first <= now) {
        waiting_.erase(order_.front().second);
        order_.pop_front();
    }
}

std::string MediaTokens::mint(MediaTicket ticket, Clock::Time now) {
    auto token = random_base32(160);
    const std::lock_guard lock(mutex_);
    forget_expired(now);
    while (order_.size() >= capacity_ && !order_.empty()) {
        waiting_.erase(order_.front().second);
        order_.pop_front();
    }
    waiting_.emplace(token, Waiting{std::move(ticket), now + kLifetime});
    order_.emplace_back(now + kLifetime, token);
    return token;
}

std::optional<MediaTicket> MediaTokens::take(std::string_view token, Clock::Time now) {
    const std::lock_guard lock(mutex_);
    forget_expired(now);
    const auto found = waiting_.find(std::string(token));
    if (found == waiting_.end()) return std::nullopt;
    auto ticket = std::move(found->second.ticket);
    waiting_.erase(found);
    return ticket;
}

std::size_t MediaTokens::size() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

}  // namespace bridge::twilio
