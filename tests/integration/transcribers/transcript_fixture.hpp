#pragma once
// A transcript over real sockets, on one io thread, that is given sound by the test.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audio/frame.hpp"
#include "call/transcript_document.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/support/speech_server.hpp"
#include "transcribers/transcribers.hpp"

namespace bridge::transcribers {

using std::chrono::milliseconds;

class TranscriptTest : public net::test::LoopTest {
protected:
    void TearDown() override {
        on_loop([this] { transcript_.reset(); });
        if (transcribers_) {
            EXPECT_TRUE(soon([this] { return over_ || states_.empty(); }))
                << "a transcript did not end";
            transcribers_->stop();
        }
        on_loop([this] { server_.reset(); });
        LoopTest::TearDown();
    }

    void serve_speech(test::SpeechServer::Kind kind) {
        on_loop([this, kind] { server_ = std::make_unique<test::SpeechServer>(executor(), kind); });
    }

    TranscriberOptions options(const std::string& engine, const std::string& url) {
        TranscriberOptions out;
        out.engine = engine;
        out.service.url = url;
        out.service.key = Secret("k3y");
        out.metrics = metrics_;
        out.times.first_pause = milliseconds(20);
        out.times.longest_pause = milliseconds(100);
        return out;
    }
    void open(TranscriberOptions wanted) {
        auto made = Transcribers::open(std::move(wanted));
        ASSERT_TRUE(made) << made.error().message;
        transcribers_ = *made;
        on_loop([this] {
            auto begun = transcribers_->open_transcript(
                CallId("c_1"), executor(),
                [this](call::TranscriptNews news) { take(std::move(news)); },
                [this](const std::vector<RedactedSpan>& spans) {
                    EXPECT_TRUE(pieces_.pieces().empty() || !pieces_.pieces().back().final)
                        << "told after the piece";
                    spans_.insert(spans_.end(), spans.begin(), spans.end());
                });
            ASSERT_TRUE(begun);
            transcript_ = *begun;
        });
    }
    void take(call::TranscriptNews news) {
        EXPECT_FALSE(over_) << "told after the end";
        if (auto* piece = std::get_if<call::TranscriptPiece>(&news)) {
            told_.push_back(*piece);
            pieces_.take(*piece);
        } else {
            states_.push_back(std::get<call::TranscriptionState>(news));
            const auto status = states_.back().status;
            over_ = status == call::TranscriptionStatus::off ||
                    status == call::TranscriptionStatus::failed;
        }
    }

    /// The phone says it, from where it said something last.
    void far(const std::vector<std::int16_t>& samples) {
        on_loop([&] {
            for (std::size_t at = 0; at < samples.size(); at += 160) {
                const auto part = std::min<std::size_t>(160, samples.size() - at);
                transcript_->far_end(far_at_, std::span(samples).subspan(at, part));
                far_at_ += part;
            }
        });
    }
    void far_silence(int ms) { far(std::vector<std::int16_t>(static_cast<std::size_t>(ms) * 8)); }
    /// The phone hears it, at this place.
    void near(int at_ms, const std::vector<std::int16_t>& samples) {
        on_loop([&] {
            const auto at = static_cast<std::uint64_t>(at_ms) * 8;
            transcript_->near_known(at);
            transcript_->near_end(at, samples);
            transcript_->near_known(at + samples.size() + 16'000);
        });
    }
    void finish() {
        on_loop([this] { transcript_.reset(); });
        ASSERT_TRUE(soon([this] { return over_; })) << "it never said it is off";
    }
    bool soon(const std::function<bool()>& condition) {
        return net::test::eventually([&] {
            bool yes = false;
            on_loop([&] { yes = condition(); });
            return yes;
        });
    }
    bool understood(std::size_t count) {
        return soon([&] { return pieces_.pieces().size() >= count; });
    }
    bool is(call::TranscriptionStatus status) {
        return soon([&] { return !states_.empty() && states_.back().status == status; });
    }
    std::string srt() {
        call::TranscriptDocument document;
        document.pieces = pieces_.pieces();
        return format_transcript_srt(document);
    }

    std::unique_ptr<test::SpeechServer> server_;  ///< null: none of those
    std::shared_ptr<metrics::Registry> metrics_ = std::make_shared<metrics::Registry>();
    std::shared_ptr<Transcribers> transcribers_;
    std::shared_ptr<Transcript> transcript_;
    std::uint64_t far_at_ = 0;
    std::vector<call::TranscriptPiece> told_;
    call::TranscriptPieces pieces_;
    std::vector<call::TranscriptionState> states_;
    std::vector<RedactedSpan> spans_;
    bool over_ = false;
};

}  // namespace bridge::transcribers
