#include "app/call_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "app/columns.hpp"

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

std::string live_line(const std::vector<call::CallSnapshot>& calls, int width, bool color) {
    const auto lines = format_live_lines(calls, {width, color, false, false});
    return lines.empty() ? "" : lines.front();
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
    EXPECT_EQ(live_line({talking()}, 200, false),
              "in-progress  00:12  +*******4567  [######----] -24 dBFS  lost 20 ms  late 2  buffer "
              "62 ms  "
              "latency 71 ms");
}

TEST(LiveText, LeavesOutWhatDoesNotFit) {
    for (int width = 0; width < 130; ++width) {
        const auto line = live_line({talking()}, width, false);
        EXPECT_LT(line.size(), static_cast<std::size_t>(std::max(width, 1)));
        EXPECT_THAT(live_line({talking()}, 200, false), testing::StartsWith(line));
    }
    EXPECT_EQ(live_line({talking()}, 21, false), "in-progress  00:12");
}

TEST(LiveText, ShowsARingingCallWithoutNumbersThatMeanNothingYet) {
    call::CallSnapshot call;
    call.state = CallState::ringing;
    call.to = "+15551234567";
    call.age = 3s;
    EXPECT_EQ(live_line({call}, 200, false), "ringing  00:03  +*******4567");
}

TEST(LiveText, GivesEachOfSeveralCallsALine) {
    auto older = talking();
    older.age = 100s;
    older.to = "+15550000000";
    auto focus = talking();
    focus.local.focus = true;
    older.local.gain = 0.178F;
    const auto lines = format_live_lines({focus, older}, {200, false, false, false});
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[0], testing::StartsWith("  in-progress  00:12  +*******0000"))
        << "the oldest";
    EXPECT_THAT(lines[0], HasSubstr("  18 %  "));
    EXPECT_THAT(lines[1], testing::StartsWith("> in-progress  00:12  +*******4567"));
    EXPECT_TRUE(format_live_lines({}, {}).empty());
}

TEST(LiveText, KeepsToEightLinesAndTheCallsThatMatter) {
    std::vector<call::CallSnapshot> calls(40, talking());
    for (std::size_t at = 0; at < calls.size(); ++at)
        calls[at].age = std::chrono::seconds(100 - static_cast<int>(at));
    calls[0].local.focus = true;
    calls[1].local.ringing = true;
    const auto lines = format_live_lines(calls, {200, false, false, false});
    ASSERT_EQ(lines.size(), 9U);
    EXPECT_THAT(lines[0], testing::StartsWith("> "));
    EXPECT_THAT(lines[1], testing::StartsWith("! rings here"));
    EXPECT_EQ(lines[8], "  and 32 more");
}

TEST(LiveText, ShowsWhatTheMicrophoneDoes) {
    auto call = talking();
    call.local.focus = true;
    call.microphone = audio::MicStats{};
    call.microphone->level_dbfs = -30.0F;
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr(" dBFS  mic [#####-----]  lost"));
    call.outbound.peak_dbfs = 0.0F;
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr("mic [#####-----]!  lost"));
    call.playout->level_dbfs = -3.0F;
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr("[##########]!  -3 dBFS"));
    call.local.muted = true;
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr("  muted  "));
    EXPECT_THAT(live_line({call}, 200, false), Not(HasSubstr("rec")));
    call.recording.status = call::RecordingStatus::recording;
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr("  muted  rec  "));
    call.recording.status = call::RecordingStatus::paused;
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr("  rec paused  "));
    EXPECT_THAT(live_line({call}, 200, false), Not(HasSubstr("mic [")));
    call.local.held = true;
    EXPECT_THAT(live_line({call}, 200, false), testing::StartsWith("on hold  00:12"));
    call.transfer = {"+15550000000", "ringing"};
    EXPECT_THAT(live_line({call}, 200, false), HasSubstr("  transfer ringing  "));
}

TEST(LiveText, DrawsBlocksWhereTheyCanBeShown) {
    auto call = talking();
    const auto line = format_live_lines({call}, {200, false, true, false}).front();
    EXPECT_THAT(line, HasSubstr("[██████····] -24 dBFS"));
    // Columns count, not bytes: the ASCII line of the same width has as many fields.
    for (int width = 0; width < 130; ++width) {
        auto blocks = format_live_lines({call}, {width, false, true, false}).front();
        for (const std::string_view block : {"█", "·"}) {
            for (auto at = blocks.find(block); at != std::string::npos; at = blocks.find(block))
                blocks.replace(at, block.size(), block == "█" ? "#" : "-");
        }
        EXPECT_EQ(blocks, live_line({call}, width, false));
    }
}

TEST(CallText, ListsCalls) {
    auto call = talking();
    call.local.focus = call.local.microphone = true;
    auto other = talking();
    other.id = CallId{"c_2"};
    other.direction = call::Direction::inbound;
    other.local.held = true;
    EXPECT_EQ(format_call_table({}), "no calls\n");
    EXPECT_EQ(format_call_table({call, other}),
              "call                who                state           time  here\n"
              "c_0123456789abcdef  to +15551234567    in-progress    00:12  focus, microphone\n"
              "c_2                 from +15557654321  in-progress    00:12  on hold\n");
    EXPECT_EQ(format_call_line(other), "c_2  from +15557654321  in-progress  00:12  on hold");
    EXPECT_EQ(format_call_line(other, false), "c_2  from +15557654321  in-progress  on hold");
}

TEST(CallText, SaysWhatIsDoneWithACall) {
    auto call = talking();
    EXPECT_EQ(format_signs(call), "");
    call.local.gain = 0.178F;
    EXPECT_EQ(format_signs(call), "heard at 18 %");
    call.local.gain = 0;
    call.local.muted = true;
    EXPECT_EQ(format_signs(call), "muted, not heard");
    call.local.ringing = true;
    call.transfer = {"+1555", "failed: busy"};
    EXPECT_EQ(format_signs(call), "rings here, muted, transfer to +1555: failed: busy");
    call.state = CallState::completed;
    EXPECT_EQ(format_signs(call), "");
}

TEST(CallText, WhatCallersChooseGivesTheTerminalNoOrders) {
    auto call = talking();
    call.direction = call::Direction::inbound;
    call.from = "client:\x1b]0;mine\x07\x1b[2J\n";
    call.end_reason = "\x1b[31mred";
    call.transfer = {"sip:\x1b[H@x", "failed: \x1b[5m"};
    call::CallEvent event;
    event.what = call::event::Said{true, "\x1b[2Jhello", true};
    for (const auto& text :
         {live_line({call}, 200, false), format_call_line(call), format_call_table({call}),
          format_call_details(call), format_summary(call), *format_event(event, {})}) {
        EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
        EXPECT_EQ(text.find('\x07'), std::string::npos) << text;
    }
}

TEST(LiveText, CountsColumnsNotBytes) {
    auto call = talking();
    call.direction = call::Direction::inbound;
    call.from = "client:東京東京東京";
    for (const bool unicode : {false, true}) {
        for (int width = 1; width <= 200; ++width) {
            const auto line = format_live_lines({call}, {width, true, unicode, true}).at(0);
            EXPECT_LT(columns_of(line), static_cast<std::size_t>(width)) << width;
        }
    }
    const auto ascii = format_live_lines({call}, {200, false, false, true}).at(0);
    EXPECT_TRUE(
        std::all_of(ascii.begin(), ascii.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

TEST(LiveText, AWatchSaysHowItIsLeft) {
    EXPECT_EQ(format_watch_foot(0, false, 80),
              "no calls  Ctrl-C leaves  `agentbridge calls` in another terminal steers them");
    EXPECT_EQ(format_watch_foot(1, false, 40), "1 call  Ctrl-C leaves");
    EXPECT_EQ(format_watch_foot(12, false, 12), "12 calls");
    EXPECT_EQ(format_watch_foot(2, true, 50), "2 calls  q leaves  ? keys  n next  m mute  h hold");
    EXPECT_EQ(format_watch_foot(2, true, 12), "2 calls");
}

TEST(CallText, DetailsTellHowLongTheAgentsAnswersTook) {
    auto call = talking();
    EXPECT_EQ(format_call_details(call).find("answers"), std::string::npos);
    call.turns.emplace();
    EXPECT_EQ(format_call_details(call).find("answers"), std::string::npos) << "none yet";
    call.turns->turns = 3;
    call.turns->legs[static_cast<std::size_t>(call::TurnLeg::total)] = {3, 812, 990, 999, 1004};
    EXPECT_NE(format_call_details(call).find(
                  "  answers   3 answered, 812 ms median, 990 ms p95, 1004 ms at most\n"),
              std::string::npos)
        << format_call_details(call);
    call.turns->last.emplace();
    call.turns->last->legs = {std::chrono::milliseconds(200), std::chrono::milliseconds(500),
                              std::chrono::milliseconds(1), std::nullopt,
                              std::chrono::milliseconds(760)};
    EXPECT_NE(
        format_call_details(call).find("at most; the last 760: noticed 200, agent 500, sent 1\n"),
        std::string::npos)
        << format_call_details(call);
}

TEST(LiveText, ColoursOnlyWhenAsked) {
    EXPECT_THAT(live_line({talking()}, 200, false), Not(HasSubstr("\x1b")));
    EXPECT_THAT(live_line({talking()}, 200, true), HasSubstr("\x1b[32min-progress\x1b[0m"));
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
