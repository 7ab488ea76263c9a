#include "app/service_notifier.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/log.hpp"

namespace bridge::app {
namespace {

using std::chrono::microseconds;

/// The watchdog's time, if it is this process's.
microseconds watchdog_of(const std::map<std::string, std::string>& environment) {
    const auto number = [&](const char* name) -> long long {
        const auto found = environment.find(name);
        long long value = 0;
        if (found == environment.end()) return 0;
        const auto* end = found->second.data() + found->second.size();
        const auto [rest, error] = std::from_chars(found->second.data(), end, value);
        return error == std::errc{} && rest == end ? value : 0;
    };
    const auto whose = number("WATCHDOG_PID");
    if (whose != 0 && whose != static_cast<long long>(::getpid())) return microseconds(0);
    return microseconds(std::max(0LL, number("WATCHDOG_USEC")));
}

}  // namespace

std::shared_ptr<ServiceNotifier> ServiceNotifier::open(
    boost::asio::any_io_executor executor, const std::map<std::string, std::string>& environment) {
    const auto found = environment.find("NOTIFY_SOCKET");
    if (found == environment.end() || found->second.empty()) return nullptr;
    const auto& path = found->second;
    if ((path.front() != '/' && path.front() != '@') ||
        path.size() >= sizeof(sockaddr_un::sun_path)) {
        log::warning("service", "NOTIFY_SOCKET={} cannot be used: nobody is told how this runs",
                     path);
        return nullptr;
    }
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    if (socket < 0) {
        log::warning("service", "no socket for NOTIFY_SOCKET: {}", std::strerror(errno));
        return nullptr;
    }
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
    return std::shared_ptr<ServiceNotifier>(
        new ServiceNotifier(std::move(executor), socket, path, watchdog_of(environment)));
}

ServiceNotifier::ServiceNotifier(boost::asio::any_io_executor executor, int socket,
                                 std::string path, microseconds watchdog)
    : timer_(std::move(executor)), socket_(socket), path_(std::move(path)), watchdog_(watchdog) {}

ServiceNotifier::~ServiceNotifier() {
    ::close(socket_);
}

void ServiceNotifier::ready(std::string_view status) {
    send(fmt::format("READY=1\nSTATUS={}", status.substr(0, status.find('\n'))));
}

void ServiceNotifier::watch(std::vector<boost::asio::any_io_executor> loops) {
    loops_ = std::move(loops);
    if (watchdog_ > microseconds(0)) ask();
}

void ServiceNotifier::stopping() {
    if (!std::exchange(stopping_, true)) send("STOPPING=1");
}

void ServiceNotifier::stop() {
    loops_.clear();
    timer_.cancel();
}

void ServiceNotifier::ask() {
    const bool all = answered_ && answered_->load() == loops_.size();
    if (all) send("WATCHDOG=1");
    // A loop that does not turn is not given more and more to do.
    if (all || !answered_) {
        answered_ = std::make_shared<std::atomic<std::size_t>>(0);
        for (const auto& loop : loops_)
            boost::asio::post(loop, [answered = answered_] { answered->fetch_add(1); });
    }
    timer_.expires_after(watchdog_ / 3);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (self && !error && !self->loops_.empty()) self->ask();
    });
}

void ServiceNotifier::send(std::string_view text) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    // An abstract name begins with a zero and ends with its length.
    if (path_.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size() +
                                               (path_.front() == '@' ? 0U : 1U));
    const auto sent = ::sendto(socket_, text.data(), text.size(), MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), length);
    if (sent < 0)
        log::debug("service", "the service manager was not told {}: {}",
                   text.substr(0, text.find('\n')), std::strerror(errno));
}

}  // namespace bridge::app
