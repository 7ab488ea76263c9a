#pragma once
// The program's log: lines on stderr, as text or JSON, written by a thread of its own so that a
// slow terminal never holds up a call. Lines that do not fit the queue are dropped and counted.

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/secret.hpp"

namespace bridge::log {

enum class Level { debug, info, warning, error };

struct Options {
    Level level = Level::info;
    bool json = false;
    bool color = false;
    /// Takes one finished line with its line feed; empty: stderr. Thread: the log's.
    std::function<void(std::string_view line)> write;
};

/// Starts or reconfigures the log. Thread: main.
void start(Options options);
/// Writes what is queued and stops the log's thread; later lines go straight to stderr.
void stop();
/// Waits until everything logged so far is written.
void flush();

bool enabled(Level level) noexcept;
/// Lines dropped because the queue was full; lines that wait in it; lines it holds at most.
std::uint64_t dropped() noexcept;
std::size_t queued() noexcept;
std::size_t capacity() noexcept;

/// Where a line comes from: a component ("media", "rest") and, where there is one, the call.
struct Where {
    std::string_view component;
    std::string_view call{};
    Where(const char* component_name) : component(component_name) {}
    Where(const char* component_name, std::string_view call_name)
        : component(component_name), call(call_name) {}
    Where(const char* component_name, const CallId& id)
        : component(component_name), call(id.str()) {}
};

/// Whatever is registered here is replaced by "***" in every line: the last net under Secret.
void hide(const Secret& secret);

/// Writes one line. Thread: any; does not block. Not for the audio callback.
void write(Level level, Where where, std::string_view message);

template <class... A>
void debug(Where where, fmt::format_string<A...> format, A&&... args) {
    if (enabled(Level::debug))
        write(Level::debug, where, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void info(Where where, fmt::format_string<A...> format, A&&... args) {
    if (enabled(Level::info))
        write(Level::info, where, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void warning(Where where, fmt::format_string<A...> format, A&&... args) {
    if (enabled(Level::warning))
        write(Level::warning, where, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void error(Where where, fmt::format_string<A...> format, A&&... args) {
    if (enabled(Level::error))
        write(Level::error, where, fmt::format(format, std::forward<A>(args)...));
}

}  // namespace bridge::log
