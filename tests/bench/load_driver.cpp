// Plays the phones of N calls at real-time pace, or short calls one after another, against a server
// that maps the same table, and prints what the server did and took as one line of JSON.
//
//      bench_load --port P --pid PID --table FILE [--token T] --calls N --seconds S [--warm S]
//      bench_load --port P --pid PID --table FILE [--token T] --churn N

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/player.hpp"
#include "tests/bench/process_watch.hpp"
#include "tests/bench/shared_table.hpp"
#include "tests/bench/stamp.hpp"

namespace bench {
namespace {

constexpr std::uint64_t kFrameNs = 20'000'000;
/// The calls' frames are spread over a frame's time in this many slots.
constexpr std::uint64_t kSlots = 80;

struct Options {
    Target target;
    pid_t process = 0;
    std::string table;
    std::uint32_t calls = 1, churn = 0;
    double seconds = 5, warm = 2;
};

void sleep_until(std::uint64_t when_ns) {
    timespec until{};
    until.tv_sec = static_cast<time_t>(when_ns / 1'000'000'000ULL);
    until.tv_nsec = static_cast<long>(when_ns % 1'000'000'000ULL);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

/// What the server has done so far.
struct Reading {
    std::uint64_t cpu = 0, own_cpu = 0, frames = 0, allocations = 0;
    std::vector<std::uint64_t> latency = std::vector<std::uint64_t>(Histogram::kBins);

    Reading(const Table& table, pid_t process)
        : cpu(cpu_ns(process)),
          own_cpu(cpu_ns(::getpid())),
          frames(table.frames),
          allocations(table.allocations) {
        for (std::size_t i = 0; i < latency.size(); ++i) latency[i] = table.latency.bins[i];
    }
};

/// In milliseconds; 0 without any frames.
double percentile(const Reading& before, const Reading& after, double part) {
    std::uint64_t all = 0, seen = 0;
    for (std::size_t i = 0; i < after.latency.size(); ++i)
        all += after.latency[i] - before.latency[i];
    for (std::size_t i = 0; i < after.latency.size(); ++i) {
        seen += after.latency[i] - before.latency[i];
        if (all > 0 && static_cast<double>(seen) >= part * static_cast<double>(all))
            return static_cast<double>(Histogram::upper(i)) / 1e6;
    }
    return 0;
}

/// The media of all calls: each has its slot in every 20 ms.
class Media {
public:
    explicit Media(std::vector<Stream>& streams) : streams_(streams), epoll_(::epoll_create1(0)) {
        for (auto& stream : streams_) {
            epoll_event event{};
            event.events = EPOLLIN | EPOLLRDHUP;
            event.data.fd = stream.descriptor();
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, stream.descriptor(), &event);
        }
    }
    ~Media() { ::close(epoll_); }

    void begin() { start_ = monotonic_ns() + 1'000'000; }

    /// Sends for so long; goes on where the last call of it ended.
    void run(double seconds) {
        const auto end = tick_ + static_cast<std::uint64_t>(seconds * 50.0) * kSlots;
        for (; tick_ < end; ++tick_) {
            const auto due = start_ + tick_ * kFrameNs / kSlots;
            auto now = monotonic_ns();
            if (now < due) {
                sleep_until(due);
                now = monotonic_ns();
            }
            latest_ns = std::max(latest_ns, now - due);
            const auto slot = tick_ % kSlots;
            const auto first = slot * streams_.size() / kSlots;
            const auto last = (slot + 1) * streams_.size() / kSlots;
            for (auto i = first; i < last; ++i) send(streams_[i]);
            if (slot == 0) look_for_ends();
        }
    }

    std::uint64_t latest_ns = 0;  ///< furthest that this program itself was behind its pace
    std::uint64_t blocked = 0;    ///< frames the server's socket had no room for
    std::uint64_t sent = 0, ended_early = 0;

private:
    void send(Stream& stream) {
        out_.clear();
        stream.write_frame(monotonic_ns(), out_);
        const auto done =
            ::send(stream.descriptor(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done == static_cast<ssize_t>(out_.size())) {
            ++sent;
        } else {
            ++blocked;
        }
    }

    /// The server says nothing in these calls but a ping now and then, or that it hangs up.
    void look_for_ends() {
        std::array<epoll_event, 64> events{};
        std::array<char, 4096> heard{};
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (::recv(descriptor, heard.data(), heard.size(), MSG_DONTWAIT) > 0) continue;
            ++ended_early;
            ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
        }
    }

    std::vector<Stream>& streams_;
    int epoll_;
    std::uint64_t start_ = 0, tick_ = 0;
    std::string out_;
};

/// A frame that was sent reaches its sink, or is lost after five seconds.
void wait_for_frames(const Table& table, std::uint64_t wanted) {
    for (int i = 0; i < 500 && table.frames < wanted; ++i) sleep_until(monotonic_ns() + 10'000'000);
}

int run_calls(const Options& options, Table& table) {
    Webhooks webhooks(options.target);
    // One call first: what is loaded and made once is not counted as the cost of a call.
    {
        auto first = place_call(options.target, webhooks, Table::kCalls - 1);
        std::string out;
        for (int i = 0; i < 50; ++i) first.write_frame(monotonic_ns(), out);
        if (::send(first.descriptor(), out.data(), out.size(), MSG_NOSIGNAL) <= 0)
            throw PlayerError{"the first call could not be heard"};
        wait_for_frames(table, 50);
        if (!first.finish()) throw PlayerError{"the first call was not closed"};
        report_end(options.target, webhooks, first.call_sid());
        sleep_until(monotonic_ns() + 200'000'000);
    }
    const auto memory_before = pss_bytes(options.process);
    const auto frames_before = table.frames.load();
    const auto connect_begin = monotonic_ns();
    std::vector<Stream> streams;
    streams.reserve(options.calls);
    for (std::uint32_t i = 0; i < options.calls; ++i)
        streams.push_back(place_call(options.target, webhooks, i));
    const auto connect_ns = monotonic_ns() - connect_begin;

    Media media(streams);
    media.begin();
    media.run(options.warm);
    const Reading before(table, options.process);
    table.longest_ns = 0;
    media.latest_ns = 0;
    const auto begin = monotonic_ns();
    media.run(options.seconds);
    const auto took = static_cast<double>(monotonic_ns() - begin);
    const Reading after(table, options.process);
    const auto memory_after = pss_bytes(options.process);
    const double longest_ms = static_cast<double>(table.longest_ns.load()) / 1e6;
    wait_for_frames(table, frames_before + media.sent);
    const auto arrived = table.frames.load() - frames_before;

    std::uint64_t not_closed = 0;
    for (auto& stream : streams) {
        if (!stream.finish()) ++not_closed;
        report_end(options.target, webhooks, stream.call_sid());
    }
    const auto frames =
        static_cast<double>(std::max<std::uint64_t>(after.frames - before.frames, 1));
    std::printf(
        "{\"calls\":%u,\"seconds\":%.3f,\"sent\":%llu,\"arrived\":%llu,\"lost\":%lld,"
        "\"reordered\":%llu,\"wrong\":%llu,\"blocked\":%llu,\"ended_early\":%llu,"
        "\"not_closed\":%llu,\"window_frames\":%.0f,"
        "\"cpu_us_per_frame\":%.3f,\"cpu_percent\":%.2f,\"driver_percent\":%.2f,"
        "\"driver_late_ms\":%.3f,\"allocations_per_frame\":%.5f,\"kib_per_call\":%.2f,"
        "\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"p999_ms\":%.4f,\"max_ms\":%.4f,"
        "\"connect_ms_per_call\":%.3f}\n",
        options.calls, took / 1e9, static_cast<unsigned long long>(media.sent),
        static_cast<unsigned long long>(arrived),
        static_cast<long long>(media.sent) - static_cast<long long>(arrived),
        static_cast<unsigned long long>(table.reordered.load()),
        static_cast<unsigned long long>(table.wrong.load()),
        static_cast<unsigned long long>(media.blocked),
        static_cast<unsigned long long>(media.ended_early),
        static_cast<unsigned long long>(not_closed), frames,
        static_cast<double>(after.cpu - before.cpu) / 1e3 / frames,
        100.0 * static_cast<double>(after.cpu - before.cpu) / took,
        100.0 * static_cast<double>(after.own_cpu - before.own_cpu) / took,
        static_cast<double>(media.latest_ns) / 1e6,
        static_cast<double>(after.allocations - before.allocations) / frames,
        (static_cast<double>(memory_after) - static_cast<double>(memory_before)) / 1024.0 /
            options.calls,
        percentile(before, after, 0.5), percentile(before, after, 0.99),
        percentile(before, after, 0.999), longest_ms,
        static_cast<double>(connect_ns) / 1e6 / options.calls);
    return 0;
}

/// Calls of five frames, one after another: nothing may be left of one that is over.
int run_churn(const Options& options, Table& table) {
    constexpr std::uint32_t kFrames = 5;
    Webhooks webhooks(options.target);
    const auto step = std::max<std::uint32_t>(options.churn / 10, 1);
    std::string rows, out;
    const auto begin = monotonic_ns();
    for (std::uint32_t i = 0; i < options.churn; ++i) {
        // Numbers of calls repeat after the table's end; each begins again at frame 0.
        table.next[i % Table::kCalls] = 0;
        auto stream = place_call(options.target, webhooks, i);
        out.clear();
        for (std::uint32_t n = 0; n < kFrames; ++n) stream.write_frame(monotonic_ns(), out);
        if (::send(stream.descriptor(), out.data(), out.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(out.size()))
            throw PlayerError{"a frame could not be sent"};
        if (!stream.finish()) throw PlayerError{"a call was not closed"};
        report_end(options.target, webhooks, stream.call_sid());
        if ((i + 1) % step == 0) {
            std::array<char, 200> row{};
            std::snprintf(row.data(), row.size(),
                          "%s{\"calls\":%u,\"pss_kib\":%llu,\"descriptors\":%llu,\"threads\":%llu}",
                          rows.empty() ? "" : ",", i + 1,
                          static_cast<unsigned long long>(pss_bytes(options.process) / 1024),
                          static_cast<unsigned long long>(descriptors(options.process)),
                          static_cast<unsigned long long>(threads(options.process)));
            rows += row.data();
        }
    }
    const auto took = static_cast<double>(monotonic_ns() - begin) / 1e9;
    wait_for_frames(table, static_cast<std::uint64_t>(options.churn) * kFrames);
    std::printf("{\"churn\":%u,\"seconds\":%.2f,\"lost\":%lld,\"rows\":[%s]}\n", options.churn,
                took,
                static_cast<long long>(options.churn) * kFrames -
                    static_cast<long long>(table.frames.load()),
                rows.c_str());
    return 0;
}

std::optional<Options> parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string name = arguments[i], value = arguments[i + 1];
        if (name == "--port")
            options.target.port = std::atoi(value.c_str());
        else if (name == "--pid")
            options.process = std::atoi(value.c_str());
        else if (name == "--table")
            options.table = value;
        else if (name == "--token")
            options.target.token = value;
        else if (name == "--calls")
            options.calls = static_cast<std::uint32_t>(std::atoi(value.c_str()));
        else if (name == "--churn")
            options.churn = static_cast<std::uint32_t>(std::atoi(value.c_str()));
        else if (name == "--seconds")
            options.seconds = std::atof(value.c_str());
        else if (name == "--warm")
            options.warm = std::atof(value.c_str());
        else
            return std::nullopt;
    }
    if (options.target.port <= 0 || options.process <= 0 || options.table.empty() ||
        count % 2 == 0 || options.calls == 0 || options.calls >= Table::kCalls) {
        return std::nullopt;
    }
    return options;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    const auto options = bench::parse(count, arguments);
    if (!options) {
        std::fprintf(stderr,
                     "usage: bench_load --port P --pid PID --table FILE [--token T]\n"
                     "                  (--calls N --seconds S [--warm S] | --churn N)\n");
        return 2;
    }
    auto* const table = bench::map_table(options->table);
    try {
        return options->churn > 0 ? bench::run_churn(*options, *table)
                                  : bench::run_calls(*options, *table);
    } catch (const bench::PlayerError& error) {
        std::fprintf(stderr, "bench_load: %s\n", error.text.c_str());
        return 1;
    }
}
