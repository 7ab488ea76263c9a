#include "net/readable_watch.hpp"

#if defined(__linux__)

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/hot_lines.hpp"

namespace bridge::net {
namespace {

/// While frames keep coming they are fetched on the steady clock's whole milliseconds, many with
/// one wake-up; a frame lasts twenty times as long. LoopClock's timers fire at the same moments, so
/// that one wake-up does for both. At least this lies between two of them.
constexpr std::chrono::microseconds kLeastPause{500};
/// After a pause in which nothing came, so many bursts are served without one: a few calls are
/// heard at once.
constexpr int kAtOnce = 16;
/// Timers, sends and other work of the loop wait at most for so many rounds of sockets.
constexpr int kRounds = 16;

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
      watch_(static_cast<boost::asio::io_context&>(context)),
      pause_(static_cast<boost::asio::io_context&>(context)) {}

ReadableWatch::~ReadableWatch() {
    if (watch_.is_open()) watch_.release();
    ::close(epoll_);
}

bool ReadableWatch::add(int descriptor, std::shared_ptr<Reader> reader) {
    epoll_event event{};
    // Told once for what comes: asked again about a socket that was just read, the kernel would
    // look at each of them twice.
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
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
    if (!readers_.empty() || !armed_) return;
    // Nothing keeps the loop from ending.
    if (watch_.is_open()) watch_.cancel();
    pause_.cancel();
}

void ReadableWatch::arm() {
    armed_ = true;
    // Asio listens to what it holds even while nobody waits: it would wake for every frame.
    boost::system::error_code error;
    if (!watch_.is_open()) watch_.assign(epoll_, error);
    watch_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code&) {
                          armed_ = false;
                          if (readers_.empty()) return;
                          serve();
                          if (armed_ || readers_.empty()) return;
                          if (at_once_ > 0) {
                              --at_once_;
                              arm();
                          } else {
                              watch_.release();
                              pause();
                          }
                      });
}

void ReadableWatch::pause() {
    armed_ = true;
    pause_.expires_at(std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() + kLeastPause));
    pause_.async_wait([this](const boost::system::error_code&) {
        armed_ = false;
        if (readers_.empty()) return;
        const auto any = serve();
        if (armed_ || readers_.empty()) return;
        if (any) {
            pause();
        } else {
            at_once_ = kAtOnce;
            arm();
        }
    });
}

void ReadableWatch::prefetch_behind(std::size_t next) const noexcept {
    const auto reader = [&](std::size_t at) {
        return at < count_ ? static_cast<const Reader*>(events_[at].data.ptr) : nullptr;
    };
    if (const auto* near = reader(next)) near->prefetch();
    if (const auto* far = reader(next + 1)) far->prefetch_list();
    if (const auto* far = reader(next + 2)) {
        const auto* at = reinterpret_cast<const char*>(far);
        for (std::size_t i = 0; i < Reader::kHotBytes; i += HotLines::kLine)
            __builtin_prefetch(at + i);
    }
}

bool ReadableWatch::serve() {
    for (int round = 0; round < kRounds; ++round) {
        const int found = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
        if (found <= 0) return round > 0;
        count_ = static_cast<std::size_t>(found);
        prefetch_behind(0);
        for (std::size_t i = 0; i < count_; ++i) {
            prefetch_behind(i + 1);
            const auto at_end = (events_[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            if (auto* const reader = static_cast<Reader*>(events_[i].data.ptr)) {
                reader->readable(at_end);
            }
        }
        // What comes meanwhile is told the next time.
        if (std::exchange(count_, 0) < events_.size()) break;
    }
    return true;
}

}  // namespace bridge::net

#endif
