#include "base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/process_usage.hpp"

namespace bridge {
namespace {

using metrics::Kind;
using metrics::Registry;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, AreRenderedAsPrometheusReadsThem) {
    Registry registry;
    registry.counter("b_total", "Things.", {{"kind", "x"}}).add(3);
    registry.counter("b_total", "Things.", {{"kind", "y"}}).add();
    registry.gauge("a", "Level.").add(-2);
    EXPECT_EQ(render_metrics(registry),
              "# HELP a Level.\n# TYPE a gauge\na -2\n"
              "# HELP b_total Things.\n# TYPE b_total counter\n"
              "b_total{kind=\"x\"} 3\nb_total{kind=\"y\"} 1\n");
}

TEST(Metrics, GiveTheSameOneForTheSameNameAndLabels) {
    Registry registry;
    auto& one = registry.counter("c_total", "C.", {{"a", "1"}});
    EXPECT_EQ(&one, &registry.counter("c_total", "C.", {{"a", "1"}}));
    EXPECT_NE(&one, &registry.counter("c_total", "C.", {{"a", "2"}}));
}

TEST(Metrics, EscapeALabelsValue) {
    Registry registry;
    registry.counter("c_total", "C.", {{"a", "back\\slash \"quoted\"\nline"}}).add();
    EXPECT_THAT(render_metrics(registry),
                HasSubstr("c_total{a=\"back\\\\slash \\\"quoted\\\"\\nline\"} 1\n"));
}

TEST(Metrics, SortTimesIntoSteps) {
    using namespace std::chrono_literals;
    Registry registry;
    auto& histogram = registry.histogram("t_seconds", "T.", {{"leg", "x"}});
    EXPECT_EQ(&histogram, &registry.histogram("t_seconds", "T.", {{"leg", "x"}}));
    for (const auto took : {400us, 1000us, 30000us, 30000us, 12000000us}) histogram.add(took);
    histogram.add(-1ns);
    const auto text = render_metrics(registry);
    EXPECT_THAT(text, ::testing::StartsWith("# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
                                            "t_seconds_bucket{leg=\"x\",le=\"0.001\"} 3\n"
                                            "t_seconds_bucket{leg=\"x\",le=\"0.0025\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("t_seconds_bucket{leg=\"x\",le=\"0.025\"} 3\n"
                                "t_seconds_bucket{leg=\"x\",le=\"0.05\"} 5\n"));
    EXPECT_THAT(text, ::testing::EndsWith("t_seconds_bucket{leg=\"x\",le=\"10\"} 5\n"
                                          "t_seconds_bucket{leg=\"x\",le=\"+Inf\"} 6\n"
                                          "t_seconds_sum{leg=\"x\"} 12.0614\n"
                                          "t_seconds_count{leg=\"x\"} 6\n"));
    registry.histogram("u_seconds", "U.").add(2s);
    EXPECT_THAT(render_metrics(registry), HasSubstr("u_seconds_bucket{le=\"2.5\"} 1\n"));
    EXPECT_THAT(render_metrics(registry), HasSubstr("u_seconds_sum 2\nu_seconds_count 1\n"));
}

TEST(Metrics, RefuseANameOfTwoKinds) {
    Registry registry;
    registry.counter("c", "C.");
    EXPECT_THROW(registry.gauge("c", "C."), std::logic_error);
    EXPECT_THROW(registry.histogram("c", "C."), std::logic_error);
}

TEST(Metrics, ReadWhatLiesElsewhereOnlyWhileItIsThere) {
    Registry registry;
    double value = 1.5;
    {
        const auto reading = registry.read(Kind::gauge, "r", "R.", {}, [&] { return value; });
        EXPECT_THAT(render_metrics(registry), HasSubstr("\nr 1.5\n"));
        value = 12345678901.0;
        EXPECT_THAT(render_metrics(registry), HasSubstr("\nr 12345678901\n"));
    }
    EXPECT_EQ(render_metrics(registry), "");
}

TEST(Metrics, KeepTheNewerOfTwoReadingsOfOneName) {
    Registry registry;
    auto old = registry.read(Kind::gauge, "r", "R.", {}, [] { return 1.0; });
    const auto young = registry.read(Kind::gauge, "r", "R.", {}, [] { return 2.0; });
    old = {};
    EXPECT_THAT(render_metrics(registry), HasSubstr("\nr 2\n"));
}

TEST(Metrics, TellOfAQueueWhatItHoldsAndDropped) {
    Registry registry;
    const auto queue = registry.queue(
        "log", 8192, [] { return 7.0; }, [] { return 2.0; });
    registry.queue_drops("outbox").add(5);
    const auto text = render_metrics(registry);
    EXPECT_THAT(text, HasSubstr("agentbridge_queue_depth{queue=\"log\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_queue_capacity{queue=\"log\"} 8192\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_queue_dropped_total{queue=\"log\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_queue_dropped_total{queue=\"outbox\"} 5\n"));
}

TEST(Metrics, CountFromManyThreads) {
    Registry registry;
    auto& counter = registry.counter("c_total", "C.");
    auto& gauge = registry.gauge("g", "G.");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) {
                counter.add();
                gauge.add(n % 2 == 0 ? 1 : -1);
                if (n % 100 == 0) {
                    EXPECT_THAT(render_metrics(registry), Not(HasSubstr("nan")));
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(counter.value(), 4000U);
    EXPECT_EQ(gauge.value(), 0);
}

TEST(ProcessUsage, SeesThisProcess) {
    const auto usage = process_usage();
    EXPECT_GT(usage.cpu_seconds, 0.0);
    ASSERT_TRUE(usage.open_files);
    EXPECT_GE(*usage.open_files, 3U);
#if defined(__linux__)
    ASSERT_TRUE(usage.threads && usage.resident_bytes);
    EXPECT_GE(*usage.threads, 1U);
    EXPECT_GT(*usage.resident_bytes, 1024U * 1024U);
#endif
    Registry registry;
    const auto readings = metrics::process_readings(registry);
    EXPECT_THAT(render_metrics(registry), HasSubstr("process_cpu_seconds_total "));
}

}  // namespace
}  // namespace bridge
