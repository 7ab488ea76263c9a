#include "web/json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace bridge::web {
namespace {

call::CallSnapshot talking() {
    call::CallSnapshot call;
    call.id = CallId{"c_1"};
    call.sid = CallSid{"CA1"};
    call.to = "+15551234567";
    call.state = call::CallState::in_progress;
    call.streaming = true;
    call.age = std::chrono::milliseconds(1500);
    call.local.focus = call.local.microphone = true;
    call.local.gain = 0.25F;
    call.outbound.frames = 7;
    call.listeners = 3;
    call.talkers = 1;
    call.outbound.dropped_live_samples = 80;
    return call;
}

TEST(CallJson, SaysWhereACallStands) {
    // Through text: that is what others get.
    const auto out = boost::json::parse(boost::json::serialize(call_json(talking())));
    EXPECT_EQ(out.at("call").as_string(), "c_1");
    EXPECT_EQ(out.at("listeners").as_int64(), 3);
    EXPECT_EQ(out.at("talkers").as_int64(), 1);
    EXPECT_EQ(out.at("call_sid").as_string(), "CA1");
    EXPECT_EQ(out.at("direction").as_string(), "outbound");
    EXPECT_EQ(out.at("state").as_string(), "in-progress");
    EXPECT_EQ(out.at("duration_ms").as_int64(), 1500);
    EXPECT_TRUE(out.at("local").at("microphone").as_bool());
    EXPECT_EQ(out.at("local").at("gain").as_double(), 0.25);
    EXPECT_EQ(out.at("outbound").at("frames").as_int64(), 7);
    EXPECT_EQ(out.at("outbound").at("dropped_live_ms").as_double(), 10.0);
    for (const auto* absent : {"transfer", "microphone", "playout", "device", "billed_s"})
        EXPECT_EQ(out.as_object().if_contains(absent), nullptr) << absent;
}

TEST(CallJson, AddsWhatIsThere) {
    auto call = talking();
    call.transfer = {"+15550000000", "ringing"};
    call.microphone = audio::MicStats{};
    call.microphone->device = "USB";
    call.playout = audio::PlayoutStats{};
    call.playout->level_dbfs = -200.0F;
    call.device = audio::DeviceStats{};
    call.billed_duration = std::chrono::seconds(61);
    const auto out = call_json(call, {40, true});
    EXPECT_EQ(out.at("transfer").at("status").as_string(), "ringing");
    EXPECT_EQ(out.at("microphone").at("device").as_string(), "USB");
    EXPECT_EQ(out.at("playout").at("level_dbfs").as_double(), -96.0);
    EXPECT_EQ(out.at("billed_s").as_int64(), 61);
    EXPECT_EQ(out.at("local").at("volume").as_int64(), 40);
    EXPECT_TRUE(out.at("local").at("solo").as_bool());
    EXPECT_NE(out.if_contains("device"), nullptr);
}

}  // namespace
}  // namespace bridge::web
