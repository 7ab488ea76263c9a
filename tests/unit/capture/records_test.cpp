// Every kind of input is written down and read back.

#include "capture/records.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "audio/mulaw.hpp"
#include "capture/scrub.hpp"
#include "capture/sound_code.hpp"
#include "tests/unit/call/call_fixture.hpp"

using namespace bridge;
using namespace bridge::capture;
using namespace std::chrono_literals;
namespace in = bridge::call::input;

namespace {

const std::vector<std::uint8_t> kMulaw{1, 2, 3, 0xFF};
const std::vector<std::int16_t> kSound{0, -1, 300, 32767, -32768, 12, 12, 12};
const auto kSamples = std::make_shared<const std::vector<std::int16_t>>(kSound);

std::vector<call::CallInput> one_of_each() {
    const Error error{make_error_code(Errc::timed_out), "no answer"};
    std::vector<call::CallInput> all;
    all.emplace_back(in::StreamStarted{3, std::make_shared<call::ScriptedLine>()});
    all.emplace_back(in::Media{3, 17, 340ms, call::Track::outbound, kMulaw});
    all.emplace_back(in::MarkEchoed{3, 18, "m4"});
    all.emplace_back(in::DtmfReceived{3, 19, '#'});
    all.emplace_back(in::BadMessage{3, "not json"});
    all.emplace_back(in::StreamStopped{3});
    all.emplace_back(in::StreamClosed{3, true, "stopped"});
    all.emplace_back(in::CreateFinished{call::PlacedCall{CallSid{"CA1"}, "queued"}});
    all.emplace_back(
        in::CreateFinished{tl::unexpected(call::PlaceFailure{error, true, 21211, 500})});
    all.emplace_back(in::HangUpFinished{});
    all.emplace_back(in::HangUpFinished{tl::unexpected(error)});
    call::CarrierCall seen;
    seen.sid = CallSid{"CA2"};
    seen.status = "completed";
    seen.duration = 12s;
    all.emplace_back(in::FetchFinished{seen});
    all.emplace_back(in::LostCreateLookedFor{std::vector{seen, seen}});
    all.emplace_back(in::InstructionsGiven{call::Instruction::conference, {}});
    all.emplace_back(in::DialReported{CallSid{"CA3"}, "ringing", true});
    all.emplace_back(in::ConferenceReported{"CF1", "participant-join"});
    all.emplace_back(in::VoiceRequested{CallSid{"CA1"}, "+1", "+2", "ringing", "human", true});
    in::StatusReported status;
    status.sid = CallSid{"CA1"};
    status.status = "busy";
    status.sequence = 4;
    status.sip_code = 486;
    status.error_message = "busy here";
    all.emplace_back(status);
    all.emplace_back(in::StreamReported{StreamSid{"MZ1"}, "stream-error", "31920"});
    all.emplace_back(in::InstructionsFailed{"12100"});
    all.emplace_back(in::MachineDetected{"machine_start", 3s});
    all.emplace_back(in::Dial{});
    all.emplace_back(in::Adopt{call::CallState::ringing, call::Hold::conference});
    all.emplace_back(in::HangUp{"enough", true});
    all.emplace_back(in::Accept{});
    all.emplace_back(in::Reject{});
    all.emplace_back(in::SendDigits{"12w#", true});
    all.emplace_back(in::SetMuted{true});
    all.emplace_back(in::SetHeld{true, call::HoldSound::silence});
    all.emplace_back(in::SetLocal{false, 0.25F, -0.5F});
    all.emplace_back(in::Transfer{"+15551234567"});
    all.emplace_back(in::JoinConference{"room"});
    all.emplace_back(in::TakeBack{});
    all.emplace_back(in::TransferTold{{"+1", "briefing", CallId{"c_1"}}});
    all.emplace_back(in::Play{kSamples, true});
    all.emplace_back(in::Say{kSamples, true, {}});
    all.emplace_back(in::Clear{});
    all.emplace_back(in::SetAgent{"echo"});
    all.emplace_back(in::SetAgentMode{call::AgentMode::whisper});
    all.emplace_back(in::GuestJoins{5, nullptr, call::Side::near, true});
    all.emplace_back(in::GuestLeaves{5});
    all.emplace_back(in::GuestTalks{5, true});
    all.emplace_back(in::GuestSpeech{5, kSound});
    all.emplace_back(in::AgentTold{2, in::told::Ready{}});
    all.emplace_back(in::AgentTold{2, in::told::Ended{call::AgentEnd::refused, "no key"}});
    all.emplace_back(in::AgentTold{2, in::told::CallerSpeaks{true}});
    all.emplace_back(in::AgentTold{2, in::told::GiveWay{}});
    all.emplace_back(in::AgentTold{2, call::AgentText{call::Speaker::agent, "hello", true, 9}});
    all.emplace_back(in::AgentTold{2, call::ToolCall{"t1", "end_call", "{}"}});
    all.emplace_back(in::AgentTold{2, in::told::Warning{"odd"}});
    all.emplace_back(in::AgentSpeech{2, in::AgentSpeech::Kind::samples, kSound});
    all.emplace_back(in::ToolFinished{2, {"t1", "done", true}});
    all.emplace_back(in::LetGo{});
    all.emplace_back(in::SetRecording{call::RecordingStatus::paused});
    all.emplace_back(in::SetTranscription{true});
    all.emplace_back(in::RecordingBroke{1, "the disk is full"});
    call::TranscriptPiece piece;
    piece.number = 3;
    piece.text = "hello";
    piece.words.push_back({"hello", 10ms, 20ms, 0.5F});
    all.emplace_back(in::TranscriptTold{1, piece});
    all.emplace_back(in::TranscriptTold{
        1, call::TranscriptionState{"vosk", call::TranscriptionStatus::lost, "x"}});
    all.emplace_back(in::MeasureLevels{std::make_shared<call::LevelTap>()});
    all.emplace_back(in::MicrophoneBlock{kSound, 12ms});
    in::SpeakerReport report{};
    report.playout.depth_ms = 42.25;
    report.playout.underruns = 3;
    report.device.sample_rate = 44100;
    all.emplace_back(report);
    all.emplace_back(in::TimerFired{in::TimerKind::machine_message});
    return all;
}

}  // namespace

TEST(Records, EveryInputComesBackAsItWas) {
    std::vector<bool> seen(std::variant_size_v<call::CallInput>);
    for (const auto& input : one_of_each()) {
        seen[input.index()] = true;
        for (const bool nested : {false, true}) {
            Bytes first, second;
            Encoder(first).input(input, nested, Micros(1234), 7, 11);
            Decoder decoder(first);
            Record record;
            ASSERT_TRUE(decoder.next(record)) << name_of(input);
            EXPECT_EQ(record.nested, nested);
            EXPECT_EQ(record.occasion, nested ? 7U : 0U);
            EXPECT_EQ(record.at, nested ? Micros(0) : Micros(1234));
            auto& held = std::get<HeldInput>(record.what);
            EXPECT_EQ(held.input.index(), input.index());
            EXPECT_EQ(name_of(held.input), name_of(input));
            if (auto* started = std::get_if<in::StreamStarted>(&held.input)) {
                EXPECT_EQ(held.stream_sid, StreamSid{"MZ1"});
                EXPECT_TRUE(held.can_send);
                started->line = std::make_shared<call::ScriptedLine>();
            } else if (auto* levels = std::get_if<in::MeasureLevels>(&held.input)) {
                EXPECT_TRUE(held.tap);
                levels->tap = std::make_shared<call::LevelTap>();
            }
            Encoder(second).again(record);
            EXPECT_EQ(first, second) << name_of(input);
            EXPECT_FALSE(decoder.next(record));
            EXPECT_FALSE(decoder.damaged());
        }
    }
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_TRUE(seen[i]) << i;
}

TEST(Records, DamageIsSeenAndNothingIsReadBeyondIt) {
    Bytes bytes;
    Encoder encoder(bytes);
    for (const auto& input : one_of_each()) encoder.input(input, false, Micros(5), 0, 0);
    std::minstd_rand chance(3);
    for (int round = 0; round < 3000; ++round) {
        auto damaged = bytes;
        damaged[chance() % damaged.size()] = static_cast<std::uint8_t>(chance());
        damaged.resize(chance() % damaged.size());
        Decoder decoder(damaged);
        Record record;
        for (int i = 0; i < 200 && decoder.next(record); ++i) {
        }
    }
}

TEST(Records, TheOpeningComesBackAsItWas) {
    Opening opening;
    opening.program = "1.2";
    opening.clock_us = 123456789;
    opening.spec.to = "+15551234567";
    opening.spec.extra = {{"a", "b"}};
    opening.spec.machine_message = kSamples;
    opening.care.barge_in = call::BargeIn::agent;
    opening.care.transfer_to = "sip:a@b";
    opening.microphone = true;
    Bytes first, second;
    encode(opening, nullptr, first);
    const auto read = decode_opening(first);
    ASSERT_TRUE(read);
    encode(*read, nullptr, second);
    EXPECT_EQ(first, second);
    EXPECT_EQ(*read->spec.machine_message, kSound);
    EXPECT_FALSE(decode_opening(std::span(first).first(first.size() - 1)));
}

TEST(SoundCode, KeepsEverySampleOfAnySound) {
    std::minstd_rand chance(1);
    for (int round = 0; round < 400; ++round) {
        std::vector<std::int16_t> samples(chance() % 700);
        const auto width = 1U << (chance() % 17U);
        for (auto& sample : samples)
            sample = static_cast<std::int16_t>(static_cast<int>(chance() % width) -
                                               static_cast<int>(width / 2));
        Out out;
        out.sound(samples);
        auto rest = out.written();
        std::vector<std::int16_t> read;
        ASSERT_TRUE(decode_sound(rest, read));
        EXPECT_TRUE(rest.empty());
        EXPECT_EQ(read, samples);
    }
}

TEST(SoundCode, KnowsMulawFromAllElse) {
    for (int value = -32768; value < 32768; ++value) {
        const auto sample = static_cast<std::int16_t>(value);
        const std::array<std::int16_t, 2> two{sample,
                                              static_cast<std::int16_t>(sample == 0 ? 8 : 0)};
        const bool same = audio::decode_mulaw(audio::encode_mulaw(sample)) == sample;
        EXPECT_EQ(sound_form(two), same ? SoundForm::mulaw : SoundForm::predicted) << value;
    }
}

TEST(SoundCode, TakesAByteASampleOfMulawAndAlmostNothingOfSilence) {
    std::vector<std::int16_t> samples;
    for (int i = 0; i < 160; ++i)
        samples.push_back(audio::decode_mulaw(static_cast<std::uint8_t>(i * 7)));
    Out voice, silence;
    voice.sound(samples);
    EXPECT_LE(voice.written().size(), 164U);
    silence.sound(std::vector<std::int16_t>(8000));
    EXPECT_LE(silence.written().size(), 8U);
}

TEST(Scrub, TakesSecretsAndTheCredentialsOfAddresses) {
    const Scrub scrub({Secret{"sk-very-secret"}, Secret{"abc"}});
    EXPECT_FALSE(scrub.concerns("hello"));
    EXPECT_FALSE(scrub.concerns("abcdefgh"));
    EXPECT_EQ(scrub.clean("key sk-very-secret!"), "key ***!");
    EXPECT_EQ(scrub.clean("ws://user:pw@host/path?token=1 then"), "ws://***@host/path then");
    EXPECT_EQ(scrub.clean("wss://host:1/a@b"), "wss://host:1/a@b");
}
