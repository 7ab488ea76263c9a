#pragma once
// What the program counts about itself, and the text in which Prometheus reads it. Nothing here is
// touched per media frame: a call counts for itself and hands over what is new once a second.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge {

namespace metrics {

/// Only grows. Thread: any.
class Counter {
public:
    void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Thread: any.
class Gauge {
public:
    void add(std::int64_t more) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

/// How long something took, sorted into steps. Thread: any.
class Histogram {
public:
    /// The steps of every histogram: what is up to so long, in seconds.
    static constexpr std::array<double, 14> kSteps{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                   0.25,  0.5,    1,     1.5,  2.5,   5,    10};

    void add(std::chrono::nanoseconds took) noexcept;
    /// How many took up to `kSteps[step]`; kSteps.size(): all.
    std::uint64_t up_to(std::size_t step) const noexcept;
    double sum_seconds() const noexcept;

private:
    std::array<std::atomic<std::uint64_t>, kSteps.size() + 1> counts_{};  ///< the last: longer
    std::atomic<std::uint64_t> sum_ns_{0};
};

enum class Kind { counter, gauge, histogram };

/// Names and values in the order they are shown. Values come from the program, never from a peer:
/// each combination is a time series that somebody stores.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The metrics of one running program. A metric is made when it is first asked for and lives as
/// long as the registry; asking again for the same name and labels gives the same one.
/// Thread: any; a mutex guards the list, the values are atomic.
class Registry {
public:
    Registry();
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
    Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
    Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {});

    /// Takes its entry away again when destroyed, which must be before the registry is.
    class Reading {
    public:
        Reading() = default;
        explicit Reading(std::shared_ptr<void> entry) : entry_(std::move(entry)) {}

    private:
        std::shared_ptr<void> entry_;
    };
    /// A value that lies elsewhere and is read when somebody looks; no histogram. `read` runs on
    /// whatever thread renders, under the registry's mutex: it does not block and asks the registry
    /// for nothing.
    [[nodiscard]] Reading read(Kind kind, std::string_view name, std::string_view help,
                               const Labels& labels, std::function<double()> read);

    /// The same for the two figures of a bounded queue: what waits in it, and what it had to drop.
    struct Queue {
        Reading depth, capacity, dropped;
    };
    [[nodiscard]] Queue queue(std::string_view name, std::size_t capacity,
                              std::function<double()> depth, std::function<double()> dropped);
    /// For a queue that many share one after another (each socket's outbox): only what was dropped.
    Counter& queue_drops(std::string_view name);

private:
    friend struct Writer;
    struct Series;
    struct Family;
    Family& family(Kind kind, std::string_view name, std::string_view help);
    Series& series(Family& of, const Labels& labels);

    mutable std::mutex mutex_;  // guards the list; taken when a metric is made, found or rendered
    std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

/// `given`, or one that nobody reads: who counts need not ask whether somebody looks.
std::shared_ptr<Registry> registry_or_own(std::shared_ptr<Registry> given);

/// CPU time, memory, descriptors and threads of this process, under Prometheus' usual names; what
/// the system does not tell is left out.
[[nodiscard]] std::vector<Registry::Reading> process_readings(Registry& registry);

}  // namespace metrics

/// All metrics in Prometheus' text format 0.0.4 (Content-Type "text/plain; version=0.0.4").
/// Thread: any.
std::string render_metrics(const metrics::Registry& registry);

}  // namespace bridge
