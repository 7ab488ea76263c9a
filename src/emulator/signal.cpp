#include "emulator/signal.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bridge::emulator {

asio::awaitable<bool> Signal::wait_for(std::chrono::milliseconds limit) {
    if (raised_) co_return true;
    asio::steady_timer timer(executor_, limit);
    const auto place = waiting_.insert(waiting_.end(), &timer);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    waiting_.erase(place);
    co_return raised_;
}

void Signal::raise() {
    raised_ = true;
    for (auto* timer : waiting_) timer->cancel();
}

}  // namespace bridge::emulator
