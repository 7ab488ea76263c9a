#include "devices/quiet_libraries.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#if defined(__linux__)
#include <dlfcn.h>

#include <initializer_list>
#include <string_view>
#endif

namespace bridge::devices {

#if defined(__linux__)

namespace {

void say_nothing_of_alsa(const char*, int, const char*, int, const char*, ...) {}
void say_nothing(const char*) {}

#if defined(__GLIBC__)

// PortAudio tells of each failed call, from its callback's thread too, and cannot be told not to:
// "Expression 'alsa_snd_pcm_...' failed in 'src/hostapi/alsa/pa_linux_alsa.c', line: 3665".
bool is_portaudio_line(std::string_view text) {
    return text.substr(0, 12) == "Expression '" && text.find("' failed in '") != text.npos;
}

ssize_t write_but_portaudio(void*, const char* text, std::size_t count) {
    return is_portaudio_line({text, count}) ? static_cast<ssize_t>(count)
                                            : ::write(STDERR_FILENO, text, count);
}

// glibc lets a program put another stream into `stderr` (its manual: "Standard Streams"). One that
// hands lines on at once loses nothing of a program that aborts.
void filter_stderr() noexcept {
    static bool done = false;
    if (done) return;
    done = true;
    cookie_io_functions_t io{};
    io.write = write_but_portaudio;
    auto* filtered = ::fopencookie(nullptr, "w", io);
    if (!filtered) return;
    std::setvbuf(filtered, nullptr, _IOLBF, 1024);
    std::fflush(stderr);
    stderr = filtered;
}

#else

void filter_stderr() noexcept {}

#endif

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
    filter_stderr();
}

#else

void silence_sound_libraries() noexcept {}

#endif

#if defined(__GLIBC__)

QuietStderr::QuietStderr() noexcept = default;
QuietStderr::~QuietStderr() = default;

#else

QuietStderr::QuietStderr() noexcept {
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

#endif

}  // namespace bridge::devices
