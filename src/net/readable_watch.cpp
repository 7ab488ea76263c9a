#include "net/readable_watch.hpp"

#if defined(__linux__)

#include <cerrno>
#include <system_error>
#include <utility>

namespace bridge::net {
namespace {

/// Timers, sends and other work of the loop wait for at most so many rounds of sockets.
constexpr int kRounds = 8;

int make_epoll() {
    const int made = ::epoll_create1(EPOLL_CLOEXEC);
    if (made < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    return made;
}

}  // namespace

boost::asio::execution_context::id ReadableWatch::id;

ReadableWatch::ReadableWatch(boost::asio::execution_context& context)
    : service(context),
      epoll_(make_epoll()),
      watch_(static_cast<boost::asio::io_context&>(context), epoll_) {}

ReadableWatch::~ReadableWatch() = default;

bool ReadableWatch::add(int descriptor, std::shared_ptr<Reader> reader) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.ptr = reader.get();
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
    readers_[descriptor] = std::move(reader);
    if (!armed_) arm();
    return true;
}

void ReadableWatch::remove(int descriptor) {
    const auto found = readers_.find(descriptor);
    if (found == readers_.end()) return;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    // It may be among those that are still to be told in this round.
    for (std::size_t i = 0; i < count_; ++i) {
        if (events_[i].data.ptr == found->second.get()) events_[i].data.ptr = nullptr;
    }
    const auto last = std::move(found->second);
    readers_.erase(found);
    if (readers_.empty() && armed_) watch_.cancel();  // nothing keeps the loop from ending
}

void ReadableWatch::arm() {
    armed_ = true;
    watch_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code&) {
                          armed_ = false;
                          if (readers_.empty()) return;
                          ready();
                          if (!armed_ && !readers_.empty()) arm();
                      });
}

void ReadableWatch::ready() {
    for (int round = 0; round < kRounds; ++round) {
        const int found = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
        if (found <= 0) return;
        count_ = static_cast<std::size_t>(found);
        for (std::size_t i = 0; i < count_; ++i) {
            if (auto* const reader = static_cast<Reader*>(events_[i].data.ptr)) reader->readable();
        }
        count_ = 0;
    }
}

}  // namespace bridge::net

#endif
