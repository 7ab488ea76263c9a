// What a call makes of its recognizer's news, and how its end waits for the last words.

#include <gtest/gtest.h>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

/// Tells what the test says.
class HandTranscribers final : public TranscriberShelf {
public:
    struct Heard final : Transcription {
        explicit Heard(HandTranscribers* shelf) : of(shelf) { ++of->open; }
        ~Heard() override { --of->open; }
        void far_end(std::uint64_t, std::span<const std::int16_t>) override {}
        void near_end(std::uint64_t, std::span<const std::int16_t>) override {}
        void near_known(std::uint64_t) override {}
        HandTranscribers* of;
    };
    Result<std::shared_ptr<Transcription>> begin(
        const CallId&, boost::asio::any_io_executor,
        std::function<void(TranscriptNews)> told) override {
        if (!problem.empty()) return fail(Errc::bad_config, problem);
        tell = std::move(told);
        return std::make_shared<Heard>(this);
    }

    std::function<void(TranscriptNews)> tell;
    std::string problem;
    int open = 0;
};

struct CallTranscripts : testing::Test {
    void SetUp() override {
        CallServices services{f.clock,  f.loop.get_executor(), f.bus, f.carrier, f.device, {},
                              f.journal};
        services.transcribers = shelf;
        services.ended = [this](const CallId&) { ++f.ended; };
        auto spec = CallFixture::outbound();
        spec.transcribe = true;
        f.call = Call::make(std::move(spec), std::move(services));
        stream = f.talk();
    }
    void told(TranscriptionStatus status, std::string reason = {}) {
        shelf->tell(TranscriptionState{"vosk", status, std::move(reason)});
        f.settle();
    }
    void hang_up() {
        f.accept(input::StreamStopped{stream});
        f.accept(input::StreamClosed{stream, true, ""});
        f.status("completed", 5);
        f.advance(2s);
    }
    std::vector<std::string> states() const {
        std::vector<std::string> out;
        for (const auto& changed : f.all<event::TranscriptionChanged>())
            out.emplace_back(to_string(changed.transcription.status));
        return out;
    }

    std::shared_ptr<HandTranscribers> shelf = std::make_shared<HandTranscribers>();
    CallFixture f;
    std::uint64_t stream = 0;
};

TEST_F(CallTranscripts, BeginWithTheFirstStreamAndTellWhatIsUnderstood) {
    ASSERT_EQ(shelf->open, 1);
    told(TranscriptionStatus::connecting);
    told(TranscriptionStatus::running);
    TranscriptPiece piece;
    piece.text = "hello";
    piece.number = 1;
    shelf->tell(piece);
    f.settle();
    EXPECT_EQ(states(), (std::vector<std::string>{"connecting", "running"}));
    ASSERT_EQ(f.all<event::Transcribed>().size(), 1U);
    EXPECT_EQ(f.call->snapshot().transcription.engine, "vosk");
}

TEST_F(CallTranscripts, TheEndWaitsForTheLastWords) {
    told(TranscriptionStatus::running);
    hang_up();
    EXPECT_EQ(shelf->open, 0);
    EXPECT_EQ(f.ended, 0);
    TranscriptPiece piece;
    piece.text = "goodbye";
    shelf->tell(piece);
    told(TranscriptionStatus::off);
    EXPECT_EQ(f.ended, 1);
    ASSERT_EQ(f.all<event::Transcribed>().size(), 1U);
    EXPECT_TRUE(std::holds_alternative<event::Ended>(f.events.back().what));
}

TEST_F(CallTranscripts, AnEngineThatSaysNothingMoreDoesNotHoldTheEndForEver) {
    told(TranscriptionStatus::running);
    hang_up();
    EXPECT_EQ(f.ended, 0);
    f.advance(9s);
    EXPECT_EQ(f.ended, 1);
    EXPECT_EQ(states().back(), "off");
    f.call.reset();
    EXPECT_EQ(f.clock.pending(), 0U);
}

TEST_F(CallTranscripts, AFailureIsToldOnceAndTheCallGoesOn) {
    told(TranscriptionStatus::failed, "Deepgram refuses the key; check DEEPGRAM_API_KEY");
    EXPECT_EQ(shelf->open, 0);
    ASSERT_EQ(f.all<event::Warning>().size(), 1U);
    EXPECT_EQ(f.call->snapshot().transcription.status, TranscriptionStatus::failed);
    hang_up();
    EXPECT_EQ(f.ended, 1);
}

TEST_F(CallTranscripts, CanBeEndedAndBegunAgain) {
    told(TranscriptionStatus::running);
    f.accept(input::SetTranscription{false});
    EXPECT_EQ(shelf->open, 0);
    const auto first = shelf->tell;
    told(TranscriptionStatus::off);
    f.accept(input::SetTranscription{true});
    EXPECT_EQ(shelf->open, 1);
    told(TranscriptionStatus::running);
    first(TranscriptionState{"vosk", TranscriptionStatus::lost, "late"});
    f.settle();
    EXPECT_EQ(states(), (std::vector<std::string>{"running", "off", "running"}));
}

TEST_F(CallTranscripts, WithoutAnEngineTheCallSaysWhy) {
    f.accept(input::SetTranscription{false});
    told(TranscriptionStatus::off);
    shelf->problem = "no transcriber is set up";
    f.accept(input::SetTranscription{true});
    EXPECT_EQ(f.call->snapshot().transcription.reason, "no transcriber is set up");
    hang_up();
    EXPECT_EQ(f.ended, 1);
}

}  // namespace
}  // namespace bridge::call
