// Plays the phones of N calls at real-time pace, or short calls one after another, against a server
// that maps the same table, and prints what the server did and took as one line of JSON.
//
//      bench_load --port P --pid PID --table FILE [--token T] --calls N --seconds S [--warm S]
//                 [--hear nothing|echo|ahead|live|agent] [--stalls N] [--cut 1]
//      bench_load --port P --pid PID --table FILE [--token T] --churn N
//
// --hear says what the server says to the phones: what it was told (echo), speech that runs ahead,
// a live microphone, or what agents say (bench_agents, which hears the phones then). --stalls stops
// the server's process for 150 ms, so often, about once a second; --cut has the server cut off what
// it says now and then.

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/far_end.hpp"
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
    Hears hears = Hears::nothing;
    std::uint32_t stalls = 0;
    bool cut = false;
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
    std::vector<std::uint64_t> first_latency = latency;  ///< of call 0

    Reading(const Table& table, pid_t process)
        : cpu(cpu_ns(process)),
          own_cpu(cpu_ns(::getpid())),
          frames(table.frames),
          allocations(table.allocations) {
        for (std::size_t i = 0; i < latency.size(); ++i) {
            latency[i] = table.latency.bins[i];
            first_latency[i] = table.first_latency.bins[i];
        }
    }
};

/// In milliseconds; 0 without any frames.
double percentile(const std::vector<std::uint64_t>& before, const std::vector<std::uint64_t>& after,
                  double part) {
    std::uint64_t all = 0, seen = 0;
    for (std::size_t i = 0; i < after.size(); ++i) all += after[i] - before[i];
    for (std::size_t i = 0; i < after.size(); ++i) {
        seen += after[i] - before[i];
        if (all > 0 && static_cast<double>(seen) >= part * static_cast<double>(all))
            return static_cast<double>(Histogram::upper(i)) / 1e6;
    }
    return 0;
}

/// The media of all calls, both ways: each has its slot in every 20 ms.
class Media {
public:
    Media(std::vector<Stream>& streams, Table& table, const Options& options)
        : streams_(streams), table_(table), options_(options), epoll_(::epoll_create1(0)) {
        far_ends_.reserve(options.calls);
    }
    ~Media() { ::close(epoll_); }
    Media(const Media&) = delete;
    Media& operator=(const Media&) = delete;

    /// The last of the streams is heard from now on.
    void add() {
        const auto index = static_cast<std::uint32_t>(far_ends_.size());
        far_ends_.emplace_back(table_, index, options_.hears);
        const int on = 1;
        const int descriptor = streams_[index].descriptor();
        if (two_way()) ::setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
        epoll_event event{};
        event.events = EPOLLIN | EPOLLRDHUP;
        event.data.u32 = index;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
    }

    /// That stream is not heard any more.
    void forget(std::uint32_t index) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, streams_[index].descriptor(), nullptr);
    }

    void begin() { start_ = monotonic_ns() + 1'000'000; }

    /// Sends, and hears, for so long; goes on where the last call of it ended.
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
            if (!stalls_.empty()) stall(now);
            const auto slot = tick_ % kSlots;
            const auto first = slot * streams_.size() / kSlots;
            const auto last = (slot + 1) * streams_.size() / kSlots;
            for (auto i = first; i < last; ++i) send(streams_[i]);
            if (two_way()) {
                hear();
                answer_marks(monotonic_ns());
            } else if (slot == 0) {
                hear();
            }
        }
    }

    /// From now on the process under measurement stands still, every so often.
    void plan_stalls(std::uint32_t count) {
        auto at = monotonic_ns() + kStallEvery / 2;
        for (std::uint32_t i = 0; i < count; ++i, at += kStallEvery + i * 1'300'000) {
            stalls_.push_back({at, SIGSTOP});
            stalls_.push_back({at + kStall, SIGCONT});
        }
    }
    /// How long plan_stalls(count) takes, in seconds.
    static double stalls_take(std::uint32_t count) {
        return static_cast<double>((count + 1) * kStallEvery + count * count * 650'000ULL) / 1e9;
    }

    /// Takes what the server has said; while nothing is sent, too.
    void hear() {
        const auto offset = two_way() ? realtime_ahead() : 0;
        std::array<epoll_event, 256> events{};
        for (;;) {
            const int ready =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
            for (int i = 0; i < ready; ++i)
                hear(events[static_cast<std::size_t>(i)].data.u32, offset);
            if (ready < static_cast<int>(events.size())) return;
        }
    }

    void keep(bool on) {
        for (auto& one : far_ends_) one.keep(on);
    }
    const std::vector<FarEnd>& far_ends() const { return far_ends_; }
    /// When the process was let go on, each time.
    const std::vector<std::uint64_t>& went_on() const { return went_on_; }

    std::uint64_t latest_ns = 0;  ///< furthest that this program itself was behind its pace
    std::uint64_t blocked = 0;    ///< frames the server's socket had no room for
    std::uint64_t sent = 0, ended_early = 0;

private:
    struct Stall {
        std::uint64_t at;
        int signal;
    };
    static constexpr std::uint64_t kStall = 150'000'000, kStallEvery = 1'000'000'000;

    bool two_way() const { return options_.hears != Hears::nothing; }

    void stall(std::uint64_t now) {
        if (stalls_.front().at > now) return;
        ::kill(options_.process, stalls_.front().signal);
        if (stalls_.front().signal == SIGCONT) went_on_.push_back(monotonic_ns());
        stalls_.pop_front();
    }

    void send(Stream& stream) {
        out_.clear();
        stream.write_frame(monotonic_ns(), out_);
        if (give(stream)) {
            ++sent;
        } else {
            ++blocked;
        }
    }

    bool give(const Stream& stream) const {
        return ::send(stream.descriptor(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
               static_cast<ssize_t>(out_.size());
    }

    /// The kernel stamps what comes with the time of day: that clock less the monotonic one.
    static std::uint64_t realtime_ahead() {
        timespec day{};
        ::clock_gettime(CLOCK_REALTIME, &day);
        const auto now = monotonic_ns();
        return ns_of(day) - now;
    }
    static std::uint64_t ns_of(const timespec& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ULL +
               static_cast<std::uint64_t>(time.tv_nsec);
    }

    void hear(std::uint32_t index, std::uint64_t offset) {
        const int descriptor = streams_[index].descriptor();
        iovec piece{heard_.data(), heard_.size()};
        alignas(cmsghdr) std::array<char, 128> control;
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const auto got = ::recvmsg(descriptor, &message, MSG_DONTWAIT);
        bool open = got > 0;
        if (open && two_way()) {
            // When the last byte of it came, whenever this program looks.
            auto at = monotonic_ns();
            for (auto* one = CMSG_FIRSTHDR(&message); one != nullptr;
                 one = CMSG_NXTHDR(&message, one)) {
                if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS) continue;
                timespec stamped{};
                std::memcpy(&stamped, CMSG_DATA(one), sizeof(stamped));
                at = std::min(at, ns_of(stamped) - offset);
            }
            auto& far_end = far_ends_[index];
            const auto before = far_end.mark_due();
            open = far_end.take({heard_.data(), static_cast<std::size_t>(got)}, at);
            if (far_end.mark_due() < before) marks_.push({far_end.mark_due(), index});
        }
        if (open) return;
        ++ended_early;
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    }

    void answer_marks(std::uint64_t now) {
        while (!marks_.empty() && marks_.top().first <= now) {
            const auto index = marks_.top().second;
            marks_.pop();
            auto& far_end = far_ends_[index];
            while (far_end.mark_due() <= now) {
                out_.clear();
                streams_[index].write_mark(far_end.take_mark(), out_);
                if (!give(streams_[index])) ++blocked;
            }
            if (far_end.mark_due() != FarEnd::kNever) marks_.push({far_end.mark_due(), index});
        }
    }

    using Due = std::pair<std::uint64_t, std::uint32_t>;

    std::vector<Stream>& streams_;
    Table& table_;
    const Options& options_;
    int epoll_;
    std::uint64_t start_ = 0, tick_ = 0;
    std::string out_;
    std::vector<char> heard_ = std::vector<char>(64 * 1024);
    std::vector<FarEnd> far_ends_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> marks_;
    std::deque<Stall> stalls_;
    std::vector<std::uint64_t> went_on_;
};

/// What has been heard of all calls so far.
HeardSum heard_so_far(const Media& media) {
    HeardSum all;
    for (const auto& far_end : media.far_ends()) {
        const auto& one = far_end.sum();
        all.frames += one.frames;
        all.messages += one.messages;
        all.marks += one.marks;
        all.clears += one.clears;
        all.wrong += one.wrong;
        all.lost += one.lost;
        all.reordered += one.reordered;
        all.stale += one.stale;
        all.gaps += one.gaps;
        all.gap_ns = std::max(all.gap_ns, one.gap_ns);
        all.latency_ns.insert(all.latency_ns.end(), one.latency_ns.begin(), one.latency_ns.end());
        all.stop_ns.insert(all.stop_ns.end(), one.stop_ns.begin(), one.stop_ns.end());
    }
    return all;
}

std::vector<double> in_ms(const std::vector<std::uint64_t>& nanoseconds) {
    std::vector<double> out;
    out.reserve(nanoseconds.size());
    for (const auto one : nanoseconds) out.push_back(static_cast<double>(one) / 1e6);
    return out;
}

/// The most by which any call's sound is older after a stall than before the first one, in ms: the
/// median of the half second that begins 200 ms after the process went on.
double left_by_stalls(const Media& media) {
    double most = 0;
    if (media.went_on().empty()) return most;
    const auto median_between = [](const FarEnd& one, std::uint64_t from, std::uint64_t to) {
        std::vector<double> ages;
        for (std::size_t i = 0; i < one.arrivals().size(); ++i) {
            const auto at = one.arrivals()[i];
            if (at >= from && at < to) ages.push_back(static_cast<double>(one.ages()[i]) / 1e6);
        }
        return quantile(ages, 0.5);
    };
    for (const auto& one : media.far_ends()) {
        const auto before = median_between(one, 0, media.went_on().front() - 200'000'000);
        for (const auto went_on : media.went_on()) {
            const auto after = median_between(one, went_on + 200'000'000, went_on + 700'000'000);
            most = std::max(most, after - before);
        }
    }
    return most;
}

/// The part of the report that is about what the server says.
std::string report_heard(const Media& media, const HeardSum& before, const HeardSum& after,
                         double seconds, std::uint64_t cuts) {
    const auto heard = heard_so_far(media);
    std::vector<double> errors, first_errors, drifts;
    for (const auto& far_end : media.far_ends()) {
        auto pace = pace_of(far_end.arrivals());
        if (first_errors.empty()) first_errors = pace.errors;
        errors.insert(errors.end(), pace.errors.begin(), pace.errors.end());
        drifts.push_back(std::abs(pace.drift));
    }
    auto ages = in_ms(heard.latency_ns), stops = in_ms(heard.stop_ns);
    const auto calls = static_cast<double>(media.far_ends().size());
    std::array<char, 1200> text{};
    std::snprintf(
        text.data(), text.size(),
        R"(,"heard":{"frames":%llu,"messages":%llu,"marks":%llu,"frames_per_call_second":%.3f,)"
        R"("messages_per_call_second":%.3f,"wrong":%llu,"lost":%llu,"reordered":%llu,"stale":%llu,)"
        R"("gaps":%llu,"longest_gap_ms":%.3f,"window_lost":%llu,)"
        R"("pace_p50_ms":%.4f,"pace_p99_ms":%.4f,"pace_max_ms":%.4f,"first_pace_p99_ms":%.4f,)"
        R"("drift_median_ms_per_min":%.4f,"drift_max_ms_per_min":%.4f,)"
        R"("age_p50_ms":%.3f,"age_p99_ms":%.3f,"age_max_ms":%.3f,)"
        R"("cuts":%llu,"clears":%llu,"stop_p50_ms":%.3f,"stop_p99_ms":%.3f,"stop_max_ms":%.3f,)"
        R"("stalls":%zu,"left_by_stalls_ms":%.3f})",
        static_cast<unsigned long long>(after.frames - before.frames),
        static_cast<unsigned long long>(after.messages - before.messages),
        static_cast<unsigned long long>(after.marks - before.marks),
        static_cast<double>(after.frames - before.frames) / calls / seconds,
        static_cast<double>(after.messages - before.messages) / calls / seconds,
        static_cast<unsigned long long>(heard.wrong), static_cast<unsigned long long>(heard.lost),
        static_cast<unsigned long long>(heard.reordered),
        static_cast<unsigned long long>(heard.stale), static_cast<unsigned long long>(heard.gaps),
        static_cast<double>(heard.gap_ns) / 1e6,
        static_cast<unsigned long long>(heard.lost - before.lost), quantile(errors, 0.5),
        quantile(errors, 0.99), quantile(errors, 1), quantile(first_errors, 0.99),
        quantile(drifts, 0.5), quantile(drifts, 1), quantile(ages, 0.5), quantile(ages, 0.99),
        quantile(ages, 1), static_cast<unsigned long long>(cuts),
        static_cast<unsigned long long>(heard.clears), quantile(stops, 0.5), quantile(stops, 0.99),
        quantile(stops, 1), media.went_on().size(), left_by_stalls(media));
    return text.data();
}

/// A frame that was sent reaches its sink, or is lost after five seconds.
void wait_for_frames(const Table& table, std::uint64_t wanted) {
    for (int i = 0; i < 500 && table.frames < wanted; ++i) sleep_until(monotonic_ns() + 10'000'000);
}

/// Until so many agents hear their calls.
void wait_for_agents(const Table& table, std::uint64_t wanted) {
    for (int i = 0; i < 1000 && table.agents < wanted; ++i)
        sleep_until(monotonic_ns() + 10'000'000);
    if (table.agents < wanted) throw PlayerError{"not every call has its agent"};
}

int run_calls(const Options& options, Table& table) {
    const bool agents = options.hears == Hears::agent;
    Webhooks webhooks(options.target);
    // One call first: what is loaded and made once is not counted as the cost of a call.
    {
        auto first = place_call(options.target, webhooks, Table::kCalls - 1);
        if (agents) wait_for_agents(table, 1);
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
    Media media(streams, table, options);
    for (std::uint32_t i = 0; i < options.calls; ++i) {
        streams.push_back(place_call(options.target, webhooks, i));
        media.add();
        media.hear();
    }
    const auto connect_ns = monotonic_ns() - connect_begin;
    if (agents) wait_for_agents(table, 1 + options.calls);

    media.begin();
    media.run(options.warm);
    const auto heard_before = heard_so_far(media);
    media.keep(true);
    table.cutting = options.cut ? 1 : 0;
    if (options.stalls > 0) media.plan_stalls(options.stalls);
    const Reading before(table, options.process);
    table.longest_ns = 0;
    media.latest_ns = 0;
    const auto begin = monotonic_ns();
    media.run(options.stalls > 0 ? Media::stalls_take(options.stalls) : options.seconds);
    const auto took = static_cast<double>(monotonic_ns() - begin);
    const Reading after(table, options.process);
    media.keep(false);
    const auto heard_after = heard_so_far(media);
    const auto memory_after = pss_bytes(options.process);
    const double longest_ms = static_cast<double>(table.longest_ns.load()) / 1e6;
    std::uint64_t cuts = 0;
    if (options.hears != Hears::nothing) {
        // The last cuts are heard, too.
        table.cutting = 0;
        for (int i = 0; i < 20; ++i) {
            sleep_until(monotonic_ns() + 10'000'000);
            media.hear();
        }
        for (std::uint32_t i = 0; i < options.calls; ++i) cuts += table.cuts[i];
    }
    const auto heard = options.hears == Hears::nothing
                           ? std::string()
                           : report_heard(media, heard_before, heard_after, took / 1e9, cuts);
    wait_for_frames(table, frames_before + media.sent);
    const auto arrived = table.frames.load() - frames_before;

    std::uint64_t not_closed = 0;
    for (std::uint32_t i = 0; i < options.calls; ++i) {
        auto& stream = streams[i];
        media.hear();
        media.forget(i);
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
        "\"first_p99_ms\":%.4f,\"cpu_ms_per_call_second\":%.4f,"
        "\"connect_ms_per_call\":%.3f%s}\n",
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
        percentile(before.latency, after.latency, 0.5),
        percentile(before.latency, after.latency, 0.99),
        percentile(before.latency, after.latency, 0.999), longest_ms,
        percentile(before.first_latency, after.first_latency, 0.99),
        static_cast<double>(after.cpu - before.cpu) / 1e6 / options.calls / (took / 1e9),
        static_cast<double>(connect_ns) / 1e6 / options.calls, heard.c_str());
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

std::optional<Hears> hears_of(const std::string& word) {
    if (word == "nothing") return Hears::nothing;
    if (word == "echo") return Hears::echo;
    if (word == "ahead") return Hears::ahead;
    if (word == "live") return Hears::live;
    if (word == "agent") return Hears::agent;
    return std::nullopt;
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
        else if (name == "--hear" && hears_of(value))
            options.hears = *hears_of(value);
        else if (name == "--stalls")
            options.stalls = static_cast<std::uint32_t>(std::atoi(value.c_str()));
        else if (name == "--cut")
            options.cut = value == "1";
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
        std::fprintf(
            stderr,
            "usage: bench_load --port P --pid PID --table FILE [--token T]\n"
            "                  (--calls N --seconds S [--warm S] [--hear WHAT] [--stalls N]\n"
            "                   [--cut 1] | --churn N)\n");
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
