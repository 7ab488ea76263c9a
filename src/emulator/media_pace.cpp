#include "emulator/media_pace.hpp"

#include <algorithm>
#include <utility>

namespace bridge::emulator {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

MediaPace::MediaPace(const asio::any_io_executor& executor, const Fault& fault, std::uint64_t seed,
                     Send send)
    : fault_(fault),
      send_(std::move(send)),
      timer_(executor),
      random_(seed),
      next_(steady_clock::now()) {
    if (!fault_.is("jitter")) next_ += fault_.time();
}

void MediaPace::push(std::string message) {
    const auto now = steady_clock::now();
    if (over_ || (fault_.is("stall") && now >= next_ && held_.empty())) {
        send_(message);
        return;
    }
    if (fault_.is("jitter")) {
        const auto delay = std::uniform_int_distribution<std::int64_t>(0, fault_.argument)(random_);
        next_ = std::max(next_, now + milliseconds(delay));
    } else if (fault_.is("burst")) {
        while (next_ <= now) next_ += std::max(fault_.time(), milliseconds(1));
    }
    held_.push_back({next_, std::move(message)});
    arm();
}

void MediaPace::arm() {
    if (armed_ || held_.empty()) return;
    armed_ = true;
    timer_.expires_at(held_.front().due);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->over_) return;
        self->armed_ = false;
        self->release();
    });
}

void MediaPace::release() {
    const auto now = steady_clock::now();
    while (!held_.empty() && held_.front().due <= now) {
        const auto message = std::move(held_.front().message);
        held_.pop_front();
        send_(message);
    }
    arm();
}

void MediaPace::end() {
    if (std::exchange(over_, true)) return;
    timer_.cancel();
    for (const auto& held : std::exchange(held_, {})) send_(held.message);
}

}  // namespace bridge::emulator
