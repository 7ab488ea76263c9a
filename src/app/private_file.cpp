#include "app/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace bridge::app {
namespace {

constexpr std::size_t kSessionBits = 160;
constexpr std::size_t kSessionLetters = kSessionBits / 5;
constexpr std::time_t kSessionAge = std::time_t{30} * 24 * 3600;

/// Empty: there is none that may be used.
std::string read_session(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return {};
    struct stat facts {};
    std::array<char, kSessionLetters + 1> text{};
    const bool known = ::fstat(fd, &facts) == 0;
    const auto size = ::read(fd, text.data(), text.size());
    ::close(fd);
    const bool ours = known && S_ISREG(facts.st_mode) && facts.st_uid == ::geteuid() &&
                      (facts.st_mode & 077) == 0;
    const bool fresh = known && std::time(nullptr) - facts.st_mtime < kSessionAge;
    if (!ours || !fresh || size != static_cast<ssize_t>(kSessionLetters)) return {};
    std::string session(text.data(), kSessionLetters);
    const bool letters = std::all_of(session.begin(), session.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    });
    return letters ? session : std::string();
}

}  // namespace

Result<> write_private(const std::filesystem::path& file, std::string_view text) {
    const auto half = fmt::format("{}.{}.new", file.string(), ::getpid());
    const auto failed = [&] {
        auto error = fail(
            Errc::io, fmt::format("{} cannot be written: {}", file.string(), std::strerror(errno)));
        ::unlink(half.c_str());
        return error;
    };
    ::unlink(half.c_str());
    const int fd = ::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return failed();
    const auto wrote = ::write(fd, text.data(), text.size());
    const bool good = wrote == static_cast<ssize_t>(text.size());
    if (::close(fd) != 0 || !good || ::rename(half.c_str(), file.c_str()) != 0) return failed();
    return {};
}

Secret page_session(const std::filesystem::path& state_dir) {
    const auto file = state_dir / "page-session";
    if (auto known = read_session(file); !known.empty()) return Secret{std::move(known)};
    auto made = random_base32(kSessionBits);
    if (auto written = write_private(file, made); !written)
        log::warning("control", "the page has to log in again after a restart: {}",
                     written.error().message);
    return Secret{std::move(made)};
}

}  // namespace bridge::app
