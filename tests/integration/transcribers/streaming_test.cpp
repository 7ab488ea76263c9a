// Deepgram, OpenAI and Vosk from the sound to the subtitles: words, times, breaks and ends.

#include "tests/integration/transcribers/transcript_fixture.hpp"

#include <algorithm>

namespace bridge::transcribers {
namespace {

using call::LineEnd;
using call::TranscriptionStatus;
using test::SpeechServer;
using test::spoken_word;
using Kind = SpeechServer::Kind;

struct Engine {
    const char* name;
    Kind kind;
    bool words;  ///< it tells their times
};

class Streaming : public TranscriptTest, public testing::WithParamInterface<Engine> {
protected:
    void SetUp() override { serve_speech(GetParam().kind); }
    void TearDown() override {
        on_loop([this] { EXPECT_EQ(server_->complaints, std::vector<std::string>()); });
        TranscriptTest::TearDown();
    }
    void open() { TranscriptTest::open(options(GetParam().name, server_->url())); }
};

TEST_P(Streaming, BothSidesApartWithWordsAndTimesUpToTheSubtitles) {
    open();
    far_silence(500);
    far(spoken_word(1, 200));
    far(spoken_word(2, 300));
    far_silence(500);
    near(5000, spoken_word(3, 400));
    ASSERT_TRUE(understood(2));
    EXPECT_TRUE(is(TranscriptionStatus::running));
    const auto& far_piece = pieces_.pieces()[0];
    EXPECT_EQ(far_piece.speaker, LineEnd::far);
    EXPECT_EQ(far_piece.number, 1U);
    EXPECT_EQ(far_piece.text, "one two");
    EXPECT_EQ(far_piece.begin, milliseconds(500));
    EXPECT_EQ(far_piece.end, milliseconds(1000));
    EXPECT_NEAR(far_piece.confidence.value_or(0), 0.9F, 0.001F);
    const auto& near_piece = pieces_.pieces()[1];
    EXPECT_EQ(near_piece.speaker, LineEnd::near);
    EXPECT_EQ(near_piece.text, "three");
    EXPECT_EQ(near_piece.begin, milliseconds(5000));
    if (GetParam().words) {
        ASSERT_EQ(far_piece.words.size(), 2U);
        EXPECT_EQ(far_piece.words[1].text, "two");
        EXPECT_EQ(far_piece.words[1].begin, milliseconds(700));
        EXPECT_EQ(far_piece.words[1].end, milliseconds(1000));
    }
    EXPECT_EQ(srt(),
              "1\n00:00:00,500 --> 00:00:01,000\nFar: one two\n\n"
              "2\n00:00:05,000 --> 00:00:05,400\nNear: three\n\n");
    // It was guessed at before it was known.
    EXPECT_TRUE(
        std::any_of(told_.begin(), told_.end(), [](const auto& piece) { return !piece.final; }));
    finish();
    EXPECT_EQ(states_.back().status, TranscriptionStatus::off);
    EXPECT_EQ(states_.back().reason, "");
    EXPECT_TRUE(soon([this] { return server_->goodbyes == 2; }));
    on_loop([this] { EXPECT_EQ(server_->sessions, 2); });
}

TEST_P(Streaming, TheLastWordsAreToldAfterTheCallIsOver) {
    open();
    far(spoken_word(4, 300));
    finish();
    ASSERT_EQ(pieces_.pieces().size(), 1U);
    EXPECT_EQ(pieces_.pieces()[0].text, "four");
    EXPECT_EQ(states_.back().status, TranscriptionStatus::off);
}

TEST_P(Streaming, ABreakLosesNoWordAndNoTime) {
    open();
    far_silence(200);
    far(spoken_word(1, 200));
    far_silence(400);
    ASSERT_TRUE(understood(1));
    far(spoken_word(2, 300));
    on_loop([this] { server_->cut(); });
    ASSERT_TRUE(is(TranscriptionStatus::lost));
    far(spoken_word(3, 300));
    far_silence(500);
    ASSERT_TRUE(understood(2));
    EXPECT_TRUE(is(TranscriptionStatus::running));
    const auto& second = pieces_.pieces()[1];
    EXPECT_EQ(second.text, "two three");
    EXPECT_EQ(second.number, 2U);
    EXPECT_EQ(second.begin, milliseconds(800));
    EXPECT_EQ(second.end, milliseconds(1400));
    finish();
    EXPECT_EQ(pieces_.pieces().size(), 2U);
    const auto& lost = *std::find_if(states_.begin(), states_.end(), [](const auto& state) {
        return state.status == TranscriptionStatus::lost;
    });
    EXPECT_NE(lost.reason.find("closed the connection"), std::string::npos) << lost.reason;
}

TEST_P(Streaming, WhatIsSaidWhileTheServiceIsAwayIsUnderstoodLater) {
    on_loop([this] { server_->refuse_with = 503; });
    open();
    far_silence(100);
    far(spoken_word(5, 300));
    far_silence(500);
    ASSERT_TRUE(is(TranscriptionStatus::lost));
    on_loop([this] { server_->refuse_with = 0; });
    ASSERT_TRUE(understood(1));
    EXPECT_EQ(pieces_.pieces()[0].begin, milliseconds(100));
    finish();
}

TEST_P(Streaming, ACallOverWhichNobodySpeaksOpensNoSession) {
    open();
    finish();
    EXPECT_EQ(states_.back().status, TranscriptionStatus::off);
    on_loop([this] { EXPECT_EQ(server_->sessions, 0); });
}

TEST_P(Streaming, ALongPauseOfOneSideIsNotSentToTheService) {
    open();
    near(1000, spoken_word(1, 200));
    near(3'600'000, spoken_word(2, 200));
    ASSERT_TRUE(understood(2));
    EXPECT_EQ(pieces_.pieces()[1].begin, milliseconds(3'600'000));
    EXPECT_EQ(pieces_.pieces()[1].text, "two");
    finish();
}

TEST_P(Streaming, ACardNumberNeverComesOutAndItsTimeIsKnown) {
    open();
    far_silence(100);
    for (const int digit : {4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}) {
        far(spoken_word(digit, 60));
        far(std::vector<std::int16_t>(160));
    }
    far_silence(400);
    finish();
    ASSERT_EQ(pieces_.pieces().size(), 1U);
    EXPECT_EQ(pieces_.pieces()[0].text, "[redacted]");
    for (const auto& piece : told_) {
        EXPECT_EQ(piece.text.find("one"), std::string::npos) << piece.text;
        for (const auto& word : piece.words) EXPECT_NE(word.text, "one");
    }
    ASSERT_EQ(spans_.size(), 1U);
    EXPECT_EQ(spans_[0].end, LineEnd::far);
    EXPECT_LE(spans_[0].begin, milliseconds(110));
    EXPECT_GE(spans_[0].until, milliseconds(1350));
}

INSTANTIATE_TEST_SUITE_P(Engines, Streaming,
                         testing::Values(Engine{"deepgram", Kind::deepgram, true},
                                         Engine{"openai", Kind::openai, false},
                                         Engine{"vosk", Kind::vosk, true}),
                         [](const auto& engine) { return std::string(engine.param.name); });

using OneService = TranscriptTest;

class WrongKeys : public TranscriptTest,
                  public testing::WithParamInterface<std::tuple<const char*, Kind, const char*>> {};

TEST_P(WrongKeys, AreForGoodAndNotRepeated) {
    const auto& [name, kind, setting] = GetParam();
    serve_speech(kind);
    auto wanted = options(name, server_->url());
    wanted.service.key = Secret("wr0ng");
    open(wanted);
    far(spoken_word(1, 300));
    ASSERT_TRUE(is(TranscriptionStatus::failed));
    EXPECT_NE(states_.back().reason.find(setting), std::string::npos);
    EXPECT_EQ(states_.back().reason.find("wr0ng"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Services, WrongKeys,
                         testing::Values(std::tuple{"deepgram", Kind::deepgram, "DEEPGRAM_API_KEY"},
                                         std::tuple{"openai", Kind::openai, "OPENAI_API_KEY"}));

TEST_F(OneService, ASessionThatOpenAiDoesNotTakeIsForGood) {
    serve_speech(Kind::openai);
    on_loop([this] { server_->broken_session = "The model 'x' does not exist"; });
    open(options("openai", server_->url()));
    far(spoken_word(1, 300));
    ASSERT_TRUE(is(TranscriptionStatus::failed));
    EXPECT_EQ(states_.back().reason, "OpenAI: The model 'x' does not exist");
}

TEST_F(OneService, DeepgramIsKeptAwakeWhileNothingIsSaid) {
    serve_speech(Kind::deepgram);
    auto wanted = options("deepgram", server_->url());
    wanted.times.keep_alive = milliseconds(50);
    open(wanted);
    far(spoken_word(1, 300));
    EXPECT_TRUE(soon([this] { return server_->keep_alives >= 3; }));
    finish();
}

TEST_F(OneService, AServiceThatStaysAwayEndsWithTheSoundThatWasNotUnderstood) {
    auto wanted = options("vosk", "ws://127.0.0.1:1");
    wanted.times.last_words = milliseconds(100);
    open(wanted);
    far(spoken_word(1, 2000));
    ASSERT_TRUE(is(TranscriptionStatus::lost));
    EXPECT_NE(states_.back().reason.find("the Vosk server cannot be reached"), std::string::npos);
    finish();
    EXPECT_EQ(states_.back().status, TranscriptionStatus::off);
    EXPECT_EQ(states_.back().reason, "2.0 s of sound were not understood");
}

TEST(Transcribers, SayWhatIsMissingInTheSettings) {
    const auto problem = [](const std::string& engine, const std::string& model = {}) {
        TranscriberOptions options;
        options.engine = engine;
        options.service.model = model;
        const auto made = Transcribers::open(options);
        return made ? std::string() : made.error().message;
    };
    EXPECT_NE(problem("").find("AGENTBRIDGE_TRANSCRIBER"), std::string::npos);
    EXPECT_NE(problem("deepgram").find("DEEPGRAM_API_KEY"), std::string::npos);
    EXPECT_NE(problem("openai").find("OPENAI_API_KEY"), std::string::npos);
    EXPECT_NE(problem("whisper").find("AGENTBRIDGE_TRANSCRIBER_MODEL"), std::string::npos);
    EXPECT_NE(problem("whisper", "/no/such/model.bin"), "");
    EXPECT_EQ(problem("vosk"), "");
}

}  // namespace
}  // namespace bridge::transcribers
