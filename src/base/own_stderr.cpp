#include "base/own_stderr.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace bridge {
namespace {

std::atomic<int> kept{STDERR_FILENO};

}  // namespace

void keep_own_stderr() noexcept {
    if (kept.load() != STDERR_FILENO) return;
    const auto copy = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy >= 0) kept = copy;
}

int own_stderr() noexcept {
    return kept.load(std::memory_order_relaxed);
}

void write_own_stderr(std::string_view text) noexcept {
    const auto file = own_stderr();
    while (!text.empty()) {
        const auto done = ::write(file, text.data(), text.size());
        if (done >= 0) {
            text.remove_prefix(static_cast<std::size_t>(done));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            pollfd room{file, POLLOUT, 0};
            if (::poll(&room, 1, 1000) == 0) return;
        } else if (errno != EINTR) {
            return;
        }
    }
}

}  // namespace bridge
