#include "app/call_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
using call::CallState;
using testing::HasSubstr;
using testing::Not;

call::CallSnapshot talking() {
    call::CallSnapshot call;
    call.id = CallId{"c_0123456789abcdef"};
    call.sid = CallSid{"CA0123456789abcdef0123456789abcdef"};
    call.to = "+15551234567";
    call.from = "+15557654321";
    call.state = CallState::in_progress;
    call.streaming = true;
    call.age = 15s;
    call.streamed = 12s;
    call.media.messages = call.media.frames = 600;
    call.media.lost_ms = 20;
    call.media.late = 2;
    audio::PlayoutStats playout;
    playout.depth_ms = 62.4;
    playout.target_ms = 60;
    playout.latency_ms = 71.2;
    playout.latency_p50_ms = 55.5;
    playout.latency_max_ms = 78.9;
    playout.level_dbfs = -24.0F;
    playout.frames = 600;
    playout.concealed_samples = 160;
    call.playout = playout;
    return call;
}

TEST(LiveText, FormatsTimes) {
    EXPECT_EQ(format_elapsed(0ms), "00:00");
    EXPECT_EQ(format_elapsed(-5s), "00:00");
    EXPECT_EQ(format_elapsed(59999ms), "00:59");
    EXPECT_EQ(format_elapsed(61s), "01:01");
    EXPECT_EQ(format_elapsed(3723s), "1:02:03");
}

TEST(LiveText, DrawsTheMeter) {
    EXPECT_EQ(format_meter(-96.0F, 10), "[----------]");
    EXPECT_EQ(format_meter(-60.0F, 10), "[----------]");
    EXPECT_EQ(format_meter(-30.0F, 10), "[#####-----]");
    EXPECT_EQ(format_meter(0.0F, 10), "[##########]");
    EXPECT_EQ(format_meter(6.0F, 10), "[##########]");
}

TEST(LiveText, ShowsACallOnOneLine) {
    EXPECT_EQ(format_live_line({talking()}, 200, false),
              "in-progress  00:12  +*******4567  [######----] -24 dBFS  lost 20 ms  late 2  buffer "
              "62 ms  "
              "latency 71 ms");
}

TEST(LiveText, LeavesOutWhatDoesNotFit) {
    for (int width = 0; width < 130; ++width) {
        const auto line = format_live_line({talking()}, width, false);
        EXPECT_LT(line.size(), static_cast<std::size_t>(std::max(width, 1)));
        EXPECT_THAT(format_live_line({talking()}, 200, false), testing::StartsWith(line));
    }
    EXPECT_EQ(format_live_line({talking()}, 21, false), "in-progress  00:12");
}

TEST(LiveText, ShowsARingingCallWithoutNumbersThatMeanNothingYet) {
    call::CallSnapshot call;
    call.state = CallState::ringing;
    call.to = "+15551234567";
    call.age = 3s;
    EXPECT_EQ(format_live_line({call}, 200, false), "ringing  00:03  +*******4567");
}

TEST(LiveText, CountsTheCallsThatShareTheLine) {
    auto older = talking();
    older.age = 100s;
    older.to = "+15550000000";
    const auto line = format_live_line({older, talking()}, 200, false);
    EXPECT_THAT(line, testing::StartsWith("2 calls  in-progress  00:12  +*******4567"));
    EXPECT_EQ(format_live_line({}, 200, false), "");
}

TEST(LiveText, ColoursOnlyWhenAsked) {
    EXPECT_THAT(format_live_line({talking()}, 200, false), Not(HasSubstr("\x1b")));
    EXPECT_THAT(format_live_line({talking()}, 200, true), HasSubstr("\x1b[32min-progress\x1b[0m"));
}

TEST(EventText, IsOneLineForAChangeAndNothingForStatistics) {
    call::CallEvent event;
    event.call = CallId{"c_1"};
    event.what = call::event::StateChanged{CallState::ringing, ""};
    EXPECT_EQ(format_event(event, 3s), "00:03  c_1  ringing");
    event.what = call::event::StateChanged{CallState::failed, "the number does not exist"};
    EXPECT_EQ(format_event(event, 3s), "00:03  c_1  failed: the number does not exist");
    event.what = call::event::Digit{'5'};
    EXPECT_EQ(format_event(event, 3s), "00:03  c_1  key 5");
    event.what = call::event::FirstAudio{};
    EXPECT_EQ(format_event(event, 3s), "00:03  c_1  audio");
    event.what = call::event::Warning{"a stall of 300 ms"};
    EXPECT_EQ(format_event(event, 3s), "00:03  c_1  warning: a stall of 300 ms");
    event.what = call::event::StreamDown{StreamSid{"MZ1"}, false, "reset"};
    EXPECT_EQ(format_event(event, 3s), "00:03  c_1  the media stream broke: reset");
    event.what = call::event::StreamDown{StreamSid{"MZ1"}, true, ""};
    EXPECT_EQ(format_event(event, 3s), std::nullopt);
    event.what = call::event::Statistics{};
    EXPECT_EQ(format_event(event, 3s), std::nullopt);
}

TEST(Summary, TellsWhatTheCallWas) {
    auto call = talking();
    call.state = CallState::completed;
    call.end_reason = "the phone hung up";
    call.end_confirmed = true;
    call.billed_duration = 13s;
    EXPECT_EQ(
        format_summary(call),
        "call c_0123456789abcdef CA01…ef to +*******4567: completed (the phone hung up)\n"
        "  duration  00:15, 00:12 with sound, 13 s on the carrier's bill\n"
        "  frames    600 received, 20 ms lost, 2 late, 0 duplicates, 0 stalls, 20 ms concealed\n"
        "  buffer    60 ms aimed at, 0 underruns, 0 ms trimmed, 0 ms dropped\n"
        "  latency   56 ms median, 79 ms at most, frame received to sound card\n");
    call.end_confirmed = false;
    EXPECT_THAT(format_summary(call), HasSubstr("may still be live"));
    call.outcome_unknown = true;
    EXPECT_THAT(format_summary(call), HasSubstr("nobody knows"));
}

TEST(Summary, IsOneJsonObject) {
    auto call = talking();
    call.end_reason = "said \"bye\"\n";
    call.stream_setup = 321ms;
    const auto text = format_summary_json(call);
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    const auto parsed = boost::json::parse(text).as_object();
    EXPECT_EQ(parsed.at("call").as_string(), "c_0123456789abcdef");
    EXPECT_EQ(parsed.at("state").as_string(), "in-progress");
    EXPECT_EQ(parsed.at("reason").as_string(), "said \"bye\"\n");
    EXPECT_EQ(parsed.at("frames").to_number<int>(), 600);
    EXPECT_EQ(parsed.at("lost_ms").to_number<int>(), 20);
    EXPECT_EQ(parsed.at("stream_setup_ms").to_number<int>(), 321);
    EXPECT_EQ(parsed.at("playout").at("concealed_ms").to_number<double>(), 20.0);
    EXPECT_EQ(parsed.at("playout").at("latency_p50_ms").to_number<double>(), 55.5);
    EXPECT_FALSE(parsed.contains("billed_s"));
}

}  // namespace
}  // namespace bridge::app
