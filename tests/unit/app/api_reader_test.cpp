// What the control API writes is read back: whatever is in the JSON comes out of it again.

#include "app/api_reader.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "web/json.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

json::value as_sent(const json::object& written) {
    return json::parse(json::serialize(written));
}

call::TurnLatency latency() {
    call::TurnLatency turn;
    turn.legs = {100ms, 400ms, 20ms, 60ms, 580ms};
    return turn;
}

/// Nothing in it is as it would be in a call that has not begun.
call::CallSnapshot full_call() {
    const std::chrono::system_clock::time_point then(1764000000123ms);
    call::CallSnapshot call;
    call.id = CallId{"c_1"};
    call.sid = CallSid{"CA1"};
    call.stream_sid = StreamSid{"MZ1"};
    call.direction = call::Direction::inbound;
    call.state = call::CallState::in_progress;
    call.streaming = true;
    call.to = "+15550001111";
    call.from = "+15557654321";
    call.parent = CallId{"c_3"};
    call.answered_by = "human";
    call.end_reason = "it was enough";
    call.carrier_code = 31005;
    call.sip_code = 486;
    call.never_heard = call.unheard = call.outcome_unknown = call.lost_create = true;
    call.end_confirmed = call.handed_over = true;
    call.age = 61000ms;
    call.created = then;
    call.answered = then + 1s;
    call.ended = then + 62s;
    call.streamed = 60000ms;
    call.billed_duration = 60s;
    call.stream_setup = 120ms;
    call.media.frames = call.media.messages = 3000;
    call.media.lost_ms = 20;
    call.media.late = 2;
    call.media.duplicates = 3;
    call.media.stalls = 4;
    call.media.malformed = 5;
    call.media.gap_ms = 600;
    call.local = {true, false, true, true, true, true, 0.5F, -0.8F};
    call.transfer = {"+1", "ringing", CallId{"c_2"}};
    call.agent = {"openai", call::AgentState::Status::lost, call::AgentMode::whisper, "gone", 2};
    call.recording = {call::RecordingStatus::failed, "/tmp/x.wav", "the disk is full"};
    call.transcription = {"vosk", call::TranscriptionStatus::failed, "nobody answers"};
    call.listeners = 3;
    call.talkers = 1;
    call.turns.emplace();
    call.turns->turns = 7;
    call.turns->unanswered = 1;
    call.turns->interruptions = 2;
    call.turns->resumes = 3;
    call.turns->greeting = call.turns->last = latency();
    for (auto& leg : call.turns->legs) leg = {7, 1.5, 2.5, 3.5, 4.5};
    auto& sent = call.outbound;
    sent.frames = 100;
    sent.messages = 90;
    sent.marks_played = 1;
    sent.marks_cleared = 2;
    sent.marks_lost = 3;
    sent.clears = 4;
    sent.pauses = 5;
    sent.resumes = 6;
    sent.refused_frames = 7;
    sent.dropped_live_samples = 160;
    sent.dropped_ahead_samples = 320;
    sent.starved = 8;
    sent.lead_ms = 180.5;
    sent.round_trip_ms = 41.5;
    sent.level_dbfs = -20.5F;
    sent.peak_dbfs = -1.5F;
    sent.clipped_samples = 9;
    sent.mouth_to_wire_ms = 21.5;
    sent.mouth_to_wire_max_ms = 38.5;
    call.microphone.emplace();
    auto& mic = *call.microphone;
    mic.running = true;
    mic.device = "a headset";
    mic.sample_rate = 48000;
    mic.reported_latency_ms = 11.5;
    mic.level_dbfs = -33.5F;
    mic.raw_level_dbfs = -30.5F;
    mic.clipped_samples = 1;
    mic.gaps = 2;
    mic.gap_ms = 40.5;
    mic.dropped_samples = 80;
    mic.steering_ppm = 12.5;
    mic.echo_delay_ms = 60.5;
    mic.erle_db = 25.5;
    call.playout.emplace();
    auto& playout = *call.playout;
    playout.depth_ms = 60.5;
    playout.target_ms = 50.5;
    playout.jitter_ms = 3.5;
    playout.latency_p50_ms = 44.5;
    playout.latency_max_ms = 71.5;
    playout.steering_ppm = -8.5;
    playout.underruns = 1;
    playout.concealed_samples = 80;
    playout.trimmed_samples = 160;
    playout.dropped_samples = 240;
    playout.level_dbfs = -20.5F;
    call.device.emplace();
    auto& device = *call.device;
    device.sample_rate = 44100;
    device.block_samples = 512;
    device.reported_latency_ms = 10.5;
    device.callbacks = 5000;
    device.underflows = 2;
    device.longest_gap_ms = 31.5;
    device.losses = 1;
    device.unheard_ms = 700.5;
    return call;
}

TEST(ReadCall, GivesBackAllThatIsWritten) {
    const auto written = as_sent(web::call_json(full_call()));
    EXPECT_EQ(json::serialize(as_sent(web::call_json(read_call(written)))),
              json::serialize(written));
    const auto plain = as_sent(web::call_json(call::CallSnapshot{}));
    EXPECT_EQ(json::serialize(as_sent(web::call_json(read_call(plain)))), json::serialize(plain));
}

TEST(ReadCall, TakesWhatIsNotThereForNotBegun) {
    EXPECT_EQ(read_calls(json::parse(R"({"calls":[{},1]})")).size(), 2U);
    EXPECT_TRUE(read_calls(json::parse("[]")).empty());
    EXPECT_TRUE(read_calls(json::parse(R"({"calls":7})")).empty());
    EXPECT_EQ(read_call(json::parse(R"({"call":7,"local":[],"turns":1,"state":"odd"})")).state,
              call::CallState::created);
}

TEST(ReadEvent, GivesBackAllThatIsWritten) {
    const auto call = full_call();
    call::TranscriptPiece piece;
    piece.speaker = call::LineEnd::near;
    piece.number = 3;
    piece.final = true;
    piece.begin = 100ms;
    piece.end = 900ms;
    piece.text = "good day";
    piece.confidence = 0.5F;
    piece.words = {{"good", 100ms, 400ms, 0.25F}, {"day", 500ms, 900ms, std::nullopt}};
    namespace event = call::event;
    const std::vector<decltype(call::CallEvent::what)> all{
        event::StateChanged{call::CallState::busy, "engaged"},
        event::StreamUp{StreamSid{"MZ1"}},
        event::FirstAudio{},
        event::StreamDown{StreamSid{"MZ1"}, true, "stopped"},
        event::Digit{'5'},
        event::MachineDetected{"machine_start"},
        event::Ringing{"+1555"},
        event::RingEnded{true, "taken"},
        event::DigitsSent{"12#", true, "refused"},
        event::VoicemailLeft{"/tmp/m.wav", 1200ms},
        event::LocalChanged{call.local},
        event::TransferChanged{call.transfer},
        event::ListenersChanged{2, 1},
        event::AgentChanged{call.agent},
        event::Said{true, "hello", true},
        event::RecordingChanged{call.recording},
        event::TranscriptionChanged{call.transcription},
        event::Transcribed{piece},
        event::ToolUsed{"lookup", 30ms, "no such thing"},
        event::MessageTaken{"/tmp/m.json"},
        event::TurnMeasured{latency()},
        event::Statistics{call},
        event::Ended{call},
        event::Warning{"something odd"},
    };
    ASSERT_EQ(all.size(), std::variant_size_v<decltype(call::CallEvent::what)>);
    for (std::size_t at = 0; at < all.size(); ++at) {
        ASSERT_EQ(all[at].index(), at) << "one of each";
        call::CallEvent one;
        one.call = call.id;
        one.sid = call.sid;
        one.number = 12;
        one.time = call.created;
        one.what = all[at];
        const auto written = as_sent(web::event_json(one));
        const auto read = read_event(written);
        ASSERT_TRUE(read) << json::serialize(written);
        EXPECT_EQ(json::serialize(as_sent(web::event_json(*read))), json::serialize(written));
    }
    EXPECT_FALSE(read_event(json::parse(R"({"type":"of tomorrow"})")));
    EXPECT_FALSE(read_event(json::parse("7")));
}

}  // namespace
}  // namespace bridge::app
