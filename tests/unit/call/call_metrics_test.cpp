#include "call/call_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace bridge::call {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST(CallMetrics, SortTheLegsOfATurn) {
    const auto registry = std::make_shared<metrics::Registry>();
    CallMetrics metrics(registry);
    TurnLatency latency;
    latency.legs = {milliseconds(600), milliseconds(400), milliseconds(2), std::nullopt,
                    std::nullopt};
    metrics.turned(latency);
    latency.greeting = true;
    metrics.turned(latency);
    metrics.interrupted();
    metrics.resumed();
    metrics.resumed();
    const auto text = render_metrics(*registry);
    EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{leg=\"detect\",le=\"0.5\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{leg=\"detect\",le=\"1\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_turn_latency_seconds_sum{leg=\"agent\"} 0.4\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_turn_latency_seconds_count{leg=\"socket\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_turn_latency_seconds_count{leg=\"total\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_interruptions_total 1\n"));
    EXPECT_THAT(text, HasSubstr("agentbridge_false_interruptions_total 2\n"));
}

}  // namespace
}  // namespace bridge::call
