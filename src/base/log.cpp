#include "base/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log_quiet.hpp"
#include "base/own_stderr.hpp"

namespace bridge::log {
namespace {

constexpr std::size_t kQueueLines = 8192;

thread_local int quiet = 0;  ///< how many Quiet there are on this thread

/// UTC or local broken-down time; fmt's own helpers for this differ between its versions.
std::tm broken_down(std::time_t time, bool utc) {
    std::tm out{};
    if (utc) {
        gmtime_r(&time, &out);
    } else {
        localtime_r(&time, &out);
    }
    return out;
}

std::string_view name_of(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
    }
    return "info";
}

std::string_view color_of(Level level) {
    switch (level) {
        case Level::debug:
            return "\x1b[2m";
        case Level::warning:
            return "\x1b[33m";
        case Level::error:
            return "\x1b[31m";
        case Level::info:
            break;
    }
    return {};
}

void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
                } else {
                    out.push_back(c);
                }
        }
    }
    out.push_back('"');
}

/// A log line is one line: whatever a peer put into it cannot start another one or move the cursor.
void append_plain(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(byte));
        } else {
            out.push_back(c);
        }
    }
}

std::atomic<std::uint64_t> submitted{0};
std::atomic<std::uint64_t> written{0};

/// Hands finished lines to whoever shows them. The logger has one sink and one thread.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit LineSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string_view line(message.payload.data(), message.payload.size());
        if (write_) {
            write_(line);
        } else {
            write_own_stderr(line);
        }
        written.fetch_add(1, std::memory_order_release);
    }
    void flush_() override {}

private:
    std::function<void(std::string_view)> write_;
};

struct Running {
    std::shared_ptr<spdlog::async_logger> logger;
    std::shared_ptr<spdlog::details::thread_pool> pool;  ///< goes first: its thread uses the logger
};

std::atomic<Level> threshold{Level::info};
std::atomic<bool> json{false};
std::atomic<bool> color{false};
std::mutex state_mutex;  // guards `running` and `secrets`: taken once a line, never in the media
                         // path's steady state
std::shared_ptr<Running> running;
std::vector<std::string> secrets;

std::string hide_secrets(std::string line) {
    const std::scoped_lock lock(state_mutex);
    for (const auto& secret : secrets) {
        for (auto at = line.find(secret); at != std::string::npos; at = line.find(secret, at + 3)) {
            line.replace(at, secret.size(), "***");
        }
    }
    return line;
}

}  // namespace

void start(Options options) {
    threshold = options.level;
    json = options.json;
    color = options.color;
    auto next = std::make_shared<Running>();
    next->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
    next->logger = std::make_shared<spdlog::async_logger>(
        "agentbridge", std::make_shared<LineSink>(options.write), next->pool,
        spdlog::async_overflow_policy::overrun_oldest);
    next->logger->set_level(spdlog::level::trace);
    next->logger->flush_on(spdlog::level::trace);
    std::shared_ptr<Running> old;
    {
        const std::scoped_lock lock(state_mutex);
        old = std::exchange(running, std::move(next));
    }
}

void stop() {
    std::shared_ptr<Running> old;
    {
        const std::scoped_lock lock(state_mutex);
        old = std::exchange(running, nullptr);
    }
    // The pool's destructor writes what is queued, then joins its thread.
}

void flush() {
    std::shared_ptr<Running> now;
    {
        const std::scoped_lock lock(state_mutex);
        now = running;
    }
    if (!now) return;
    const auto upto = submitted.load(std::memory_order_acquire);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (written.load(std::memory_order_acquire) + now->pool->overrun_counter() < upto &&
           std::chrono::steady_clock::now() < give_up) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    now->logger->sinks().front()->flush();
}

bool enabled(Level level) noexcept {
    return level >= threshold.load(std::memory_order_relaxed) && quiet == 0;
}

Quiet::Quiet() noexcept {
    ++quiet;
}

Quiet::~Quiet() {
    --quiet;
}

std::uint64_t dropped() noexcept {
    const std::scoped_lock lock(state_mutex);
    return running ? running->pool->overrun_counter() : 0;
}

std::size_t queued() noexcept {
    const std::scoped_lock lock(state_mutex);
    return running ? running->pool->queue_size() : 0;
}

std::size_t capacity() noexcept {
    return kQueueLines;
}

void hide(const Secret& secret) {
    if (secret.reveal().size() < 4) return;  // would blank ordinary words
    const std::scoped_lock lock(state_mutex);
    if (std::find(secrets.begin(), secrets.end(), secret.reveal()) == secrets.end()) {
        secrets.push_back(secret.reveal());
    }
}

void write(Level level, Where where, std::string_view message) {
    using namespace std::chrono;
    const auto now = system_clock::now();
    const auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
    std::string line;
    line.reserve(message.size() + 96);
    if (json) {
        fmt::format_to(std::back_inserter(line),
                       R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","component":)",
                       broken_down(system_clock::to_time_t(now), true), ms, name_of(level));
        append_json_string(line, where.component);
        if (!where.call.empty()) {
            line += R"(,"call":)";
            append_json_string(line, where.call);
        }
        line += R"(,"message":)";
        append_json_string(line, message);
        line += "}\n";
    } else {
        const auto paint = color ? color_of(level) : std::string_view{};
        fmt::format_to(std::back_inserter(line), "{:%H:%M:%S}.{:03} {}{:<7}{} {:<9} ",
                       broken_down(system_clock::to_time_t(now), false), ms, paint, name_of(level),
                       paint.empty() ? "" : "\x1b[0m", where.component);
        append_plain(line, message);
        if (!where.call.empty()) {
            line += " call=";
            append_plain(line, where.call);
        }
        line += '\n';
    }
    line = hide_secrets(std::move(line));
    std::shared_ptr<Running> now_running;
    {
        const std::scoped_lock lock(state_mutex);
        now_running = running;
    }
    if (now_running) {
        submitted.fetch_add(1, std::memory_order_acq_rel);
        now_running->logger->log(spdlog::level::info,
                                 spdlog::string_view_t(line.data(), line.size()));
    } else {
        write_own_stderr(line);
    }
}

}  // namespace bridge::log
