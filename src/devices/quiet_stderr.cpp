#include "devices/quiet_stderr.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.hpp"

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace bridge::devices {

QuietStderr::QuietStderr() noexcept {
    log::flush();  // what was logged so far reaches the terminal
    std::fflush(stderr);
    const auto null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) return;
    saved_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (saved_ >= 0) ::dup2(null, STDERR_FILENO);
    ::close(null);
}

QuietStderr::~QuietStderr() {
    if (saved_ < 0) return;
    std::fflush(stderr);
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
}

#if defined(__linux__)

namespace {

void say_nothing_of_alsa(const char*, int, const char*, int, const char*, ...) {}
void say_nothing(const char*) {}

}  // namespace

// Looked up at run time: PortAudio brings these libraries along or does not, we link to neither.
void silence_sound_libraries() noexcept {
    using AlsaHandler = void (*)(const char*, int, const char*, int, const char*, ...);
    using TextHandler = void (*)(const char*);
    if (auto* set = ::dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler"))
        reinterpret_cast<int (*)(AlsaHandler)>(set)(say_nothing_of_alsa);
    for (const auto* name : {"jack_set_error_function", "jack_set_info_function"})
        if (auto* set = ::dlsym(RTLD_DEFAULT, name))
            reinterpret_cast<void (*)(TextHandler)>(set)(say_nothing);
}

#else

void silence_sound_libraries() noexcept {}

#endif

}  // namespace bridge::devices
