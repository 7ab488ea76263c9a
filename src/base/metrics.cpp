#include "base/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <stdexcept>

#include "base/process_usage.hpp"

namespace bridge {
namespace metrics {

struct Registry::Series {
    std::string labels;  // as rendered: {a="b",c="d"}, or empty
    Counter counter;
    Gauge gauge;
    std::unique_ptr<Histogram> histogram;  // where it is one
    std::function<double()> read;          // instead of the two
};

struct Registry::Family {
    Kind kind = Kind::counter;
    std::string help;
    std::map<std::string, std::shared_ptr<Series>> series;
};

namespace {

/// A label's value: backslash, quote and line feed are escaped.
void append_value(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '\\' || c == '"') out.push_back('\\');
        if (c == '\n') {
            out += "\\n";
        } else {
            out.push_back(c);
        }
    }
}

std::string rendered(const Labels& labels) {
    std::string out;
    for (const auto& [name, value] : labels) {
        out += out.empty() ? "{" : ",";
        out += name;
        out += "=\"";
        append_value(out, value);
        out += '"';
    }
    if (!out.empty()) out += '}';
    return out;
}

}  // namespace

void Histogram::add(std::chrono::nanoseconds took) noexcept {
    const auto seconds = std::chrono::duration<double>(took).count();
    const auto step = std::lower_bound(kSteps.begin(), kSteps.end(), seconds) - kSteps.begin();
    counts_[static_cast<std::size_t>(step)].fetch_add(1, std::memory_order_relaxed);
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    sum_ns_.fetch_add(ns, std::memory_order_relaxed);
}

std::uint64_t Histogram::up_to(std::size_t step) const noexcept {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i <= step; ++i) out += counts_[i].load(std::memory_order_relaxed);
    return out;
}

double Histogram::sum_seconds() const noexcept {
    return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
}

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::family(Kind kind, std::string_view name, std::string_view help) {
    auto found = families_.find(name);
    if (found == families_.end()) {
        auto made = std::make_unique<Family>();
        made->kind = kind;
        made->help = help;
        found = families_.emplace(std::string(name), std::move(made)).first;
    }
    if (found->second->kind != kind) {
        throw std::logic_error(fmt::format("metric {} is of two kinds", name));
    }
    return *found->second;
}

Registry::Series& Registry::series(Family& of, const Labels& labels) {
    auto text = rendered(labels);
    auto& held = of.series[text];
    if (!held) {
        held = std::make_shared<Series>();
        held->labels = std::move(text);
    }
    return *held;
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
    const std::scoped_lock lock(mutex_);
    return series(family(Kind::counter, name, help), labels).counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
    const std::scoped_lock lock(mutex_);
    return series(family(Kind::gauge, name, help), labels).gauge;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, const Labels& labels) {
    const std::scoped_lock lock(mutex_);
    auto& of = series(family(Kind::histogram, name, help), labels);
    if (!of.histogram) of.histogram = std::make_unique<Histogram>();
    return *of.histogram;
}

Registry::Reading Registry::read(Kind kind, std::string_view name, std::string_view help,
                                 const Labels& labels, std::function<double()> read) {
    const std::scoped_lock lock(mutex_);
    auto& of = family(kind, name, help);
    const auto held = std::make_shared<Series>();
    held->labels = rendered(labels);
    held->read = std::move(read);
    auto& place = of.series[held->labels];
    if (place && !place->read) {
        throw std::logic_error(fmt::format("metric {} is counted and read", name));
    }
    place = held;
    auto* const where = &of.series;
    // Another may have taken its place by then.
    return Reading(std::shared_ptr<void>(held.get(), [this, where, held](void*) {
        const std::scoped_lock again(mutex_);
        const auto found = where->find(held->labels);
        if (found != where->end() && found->second == held) where->erase(found);
    }));
}

namespace {

constexpr std::string_view kDropped = "agentbridge_queue_dropped_total";
constexpr std::string_view kDroppedHelp = "What a bounded queue could not take, or let go of.";

}  // namespace

Registry::Queue Registry::queue(std::string_view name, std::size_t capacity,
                                std::function<double()> depth, std::function<double()> dropped) {
    const Labels labels{{"queue", std::string(name)}};
    Queue out;
    out.depth = read(Kind::gauge, "agentbridge_queue_depth", "What waits in a bounded queue.",
                     labels, std::move(depth));
    out.capacity = read(Kind::gauge, "agentbridge_queue_capacity", "What a bounded queue can hold.",
                        labels, [capacity] { return static_cast<double>(capacity); });
    out.dropped = read(Kind::counter, kDropped, kDroppedHelp, labels, std::move(dropped));
    return out;
}

Counter& Registry::queue_drops(std::string_view name) {
    return counter(kDropped, kDroppedHelp, {{"queue", std::string(name)}});
}

std::shared_ptr<Registry> registry_or_own(std::shared_ptr<Registry> given) {
    return given ? std::move(given) : std::make_shared<Registry>();
}

std::vector<Registry::Reading> process_readings(Registry& registry) {
    // One look at the system serves all figures of a rendering. Under the registry's mutex.
    struct Look {
        std::chrono::steady_clock::time_point at{};
        ProcessUsage usage;
        const ProcessUsage& now() {
            const auto time = std::chrono::steady_clock::now();
            if (time - at > std::chrono::milliseconds(50)) {
                usage = process_usage();
                at = time;
            }
            return usage;
        }
    };
    const auto look = std::make_shared<Look>();
    const auto seen = look->now();
    std::vector<Registry::Reading> out;
    out.push_back(registry.read(Kind::counter, "process_cpu_seconds_total",
                                "User and system CPU time of this process.", {},
                                [look] { return look->now().cpu_seconds; }));
    const auto offer = [&](std::string_view name, std::string_view help,
                           std::optional<std::uint64_t> ProcessUsage::*figure) {
        if (!(seen.*figure)) return;
        out.push_back(registry.read(Kind::gauge, name, help, {}, [look, figure] {
            return static_cast<double>((look->now().*figure).value_or(0));
        }));
    };
    offer("process_resident_memory_bytes", "Memory of this process in RAM.",
          &ProcessUsage::resident_bytes);
    offer("process_open_fds", "Open file descriptors.", &ProcessUsage::open_files);
    offer("process_threads", "Threads.", &ProcessUsage::threads);
    return out;
}

struct Writer {
    static std::string_view word(Kind kind) {
        if (kind == Kind::counter) return "counter";
        return kind == Kind::gauge ? "gauge" : "histogram";
    }

    static void number(std::string& out, double value) {
        // A whole number is written as one, however large.
        if (std::abs(value) < 9e15 && std::trunc(value) == value) {
            fmt::format_to(std::back_inserter(out), " {}\n", static_cast<std::int64_t>(value));
        } else {
            fmt::format_to(std::back_inserter(out), " {}\n", value);
        }
    }

    static void steps(std::string& out, std::string_view name, std::string_view labels,
                      const Histogram& histogram) {
        // {a="b"} and le become {a="b",le="…"}.
        const auto open = labels.empty() ? std::string("{")
                                         : std::string(labels.substr(0, labels.size() - 1)) + ",";
        constexpr auto kAll = Histogram::kSteps.size();
        // Somebody may be adding: what is written last is never less than what was before.
        std::uint64_t all = 0;
        for (std::size_t step = 0; step <= kAll; ++step) {
            all = std::max(all, histogram.up_to(step));
            const auto limit = step < kAll ? fmt::format("{}", Histogram::kSteps[step]) : "+Inf";
            fmt::format_to(std::back_inserter(out), "{}_bucket{}le=\"{}\"}} {}\n", name, open,
                           limit, all);
        }
        fmt::format_to(std::back_inserter(out), "{}_sum{}", name, labels);
        number(out, histogram.sum_seconds());
        fmt::format_to(std::back_inserter(out), "{}_count{} {}\n", name, labels, all);
    }

    static std::string all(const Registry& registry) {
        std::string out;
        const std::scoped_lock lock(registry.mutex_);
        for (const auto& [name, family] : registry.families_) {
            if (family->series.empty()) continue;
            fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name,
                           family->help, name, word(family->kind));
            for (const auto& [labels, series] : family->series) {
                if (series->histogram) {
                    steps(out, name, labels, *series->histogram);
                    continue;
                }
                out += name;
                out += labels;
                if (series->read) {
                    number(out, series->read());
                } else if (family->kind == Kind::counter) {
                    fmt::format_to(std::back_inserter(out), " {}\n", series->counter.value());
                } else {
                    fmt::format_to(std::back_inserter(out), " {}\n", series->gauge.value());
                }
            }
        }
        return out;
    }
};

}  // namespace metrics

std::string render_metrics(const metrics::Registry& registry) {
    return metrics::Writer::all(registry);
}

}  // namespace bridge
