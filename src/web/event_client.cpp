#include "web/event_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace bridge::web {
namespace {

const std::string& reset_text() {
    static const std::string text = "event: reset\ndata: {}\n\n";
    return text;
}

}  // namespace

EventClient::EventClient(boost::asio::any_io_executor executor, CallId only, bool levels,
                         std::function<void(std::size_t)> dropped)
    : only_(std::move(only)),
      levels_(levels),
      dropped_(std::move(dropped)),
      timer_(std::move(executor)) {}

void EventClient::push(std::shared_ptr<const std::string> text) {
    if (stopped_) return;
    if (bytes_ + text->size() > kQueueBytes) reset();
    bytes_ += text->size();
    queue_.push_back(std::move(text));
    timer_.cancel();
}

void EventClient::reset() {
    if (dropped_ && !queue_.empty()) dropped_(queue_.size());
    queue_.clear();
    bytes_ = reset_text().size();
    queue_.push_back(std::make_shared<const std::string>(reset_text()));
    timer_.cancel();
}

std::string EventClient::take() {
    std::string out;
    while (!queue_.empty() && (out.empty() || out.size() + queue_.front()->size() <= kPieceBytes)) {
        bytes_ -= queue_.front()->size();
        out += *queue_.front();
        queue_.pop_front();
    }
    return out;
}

boost::asio::awaitable<std::string> EventClient::next() {
    if (queue_.empty() && !stopped_) {
        timer_.expires_after(kHeartbeat);
        co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    if (stopped_) co_return std::string();
    if (queue_.empty()) co_return std::string(": \n\n");
    co_return take();
}

void EventClient::stop() {
    stopped_ = true;
    queue_.clear();
    bytes_ = 0;
    timer_.cancel();
}

}  // namespace bridge::web
