#include "agents/stream_bot/mark_book.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "call/outbound_line.hpp"
#include "tests/support/agent_ear.hpp"
#include "tests/unit/call/far_end.hpp"

namespace bridge::agents {
namespace {

using std::chrono::milliseconds;
using Names = std::vector<std::string>;

class MarkBookTest : public testing::Test {
protected:
    void speak(std::size_t samples = 160) { book_.speak(std::vector<std::int16_t>(samples, 7)); }

    std::shared_ptr<test::SpokenByAgent> voice_ = std::make_shared<test::SpokenByAgent>();
    Names echoed_;
    MarkBook book_{voice_, [this](std::string_view name) { echoed_.emplace_back(name); }};
};

TEST_F(MarkBookTest, EchoesAtOnceWhereNothingIsQueued) {
    book_.mark("a");
    EXPECT_EQ(echoed_, (Names{"a"}));
    EXPECT_TRUE(voice_->utterances.empty());
}

TEST_F(MarkBookTest, EchoesWhenWhatWasQueuedBeforeIsOver) {
    speak();
    speak();
    book_.mark("a");
    speak();
    book_.mark("b");
    book_.mark("c");
    EXPECT_EQ(echoed_, Names{});
    EXPECT_EQ(voice_->utterances.at(0).samples.size(), 320U);
    book_.over(1, false);
    EXPECT_EQ(echoed_, (Names{"a"}));
    book_.over(2, false);
    EXPECT_EQ(echoed_, (Names{"a", "b", "c"}));
    book_.mark("d");
    EXPECT_EQ(echoed_.back(), "d");
}

TEST_F(MarkBookTest, KeepsTheOrderWhenLaterSpeechIsOverFirst) {
    speak();
    book_.mark("a");
    speak();
    book_.mark("b");
    book_.over(2, false);
    EXPECT_EQ(echoed_, Names{});
    book_.over(1, false);
    EXPECT_EQ(echoed_, (Names{"a", "b"}));
}

TEST_F(MarkBookTest, ClearEchoesEveryMarkAndForgetsTheSpeech) {
    speak();
    book_.mark("a");
    speak();
    book_.mark("b");
    book_.clear();
    EXPECT_EQ(echoed_, (Names{"a", "b"}));
    EXPECT_EQ(voice_->cancels, 1);
    book_.over(1, false);
    book_.over(2, false);
    EXPECT_EQ(echoed_.size(), 2U);
    speak();
    book_.mark("c");
    EXPECT_EQ(echoed_.size(), 2U) << "new speech waits for itself";
    book_.over(voice_->utterances.at(voice_->utterances.size() - 2).id, false);
    EXPECT_EQ(echoed_.back(), "c");
}

TEST_F(MarkBookTest, NeverEchoesWhatWentDownWithTheStream) {
    speak();
    book_.mark("a");
    speak();
    book_.mark("b");
    book_.over(1, true);
    book_.over(2, false);
    EXPECT_EQ(echoed_, (Names{"b"}));
}

TEST_F(MarkBookTest, SaysNothingAfterItsEnd) {
    speak();
    book_.mark("a");
    book_.close(false);
    book_.over(1, false);
    speak();
    book_.clear();
    EXPECT_EQ(echoed_, Names{});
    EXPECT_EQ(voice_->cancels, 0);
    EXPECT_EQ(voice_.use_count(), 1) << "the voice is let go";
}

TEST_F(MarkBookTest, SharesAnUtteranceWhereThereAreTooMany) {
    for (std::size_t i = 0; i < MarkBook::kMostUtterances + 500; ++i) {
        speak(8);
        ASSERT_TRUE(book_.mark(std::to_string(i)));
    }
    EXPECT_LE(voice_->utterances.size(), MarkBook::kMostUtterances + 1);
    for (call::UtteranceId id = 1; echoed_.size() < MarkBook::kMostUtterances + 500; ++id) {
        ASSERT_LE(id, MarkBook::kMostUtterances + 10) << "a mark was forgotten";
        book_.over(id, false);
    }
    EXPECT_EQ(echoed_.front(), "0");
    EXPECT_EQ(echoed_.back(), std::to_string(MarkBook::kMostUtterances + 499));
}

TEST_F(MarkBookTest, RefusesMarksWithoutEnd) {
    speak();
    for (std::size_t i = 0; i < MarkBook::kMostMarks; ++i) ASSERT_TRUE(book_.mark("m"));
    EXPECT_FALSE(book_.mark("one too many"));
}

/// A book whose voice speaks to a phone, in virtual time.
struct MarkBookOnALine : testing::Test {
    MarkBookOnALine() {
        hooks_.finished = [this](call::UtteranceId id, const call::Heard& heard) {
            if (book_) book_->over(id, heard.outcome == call::SpeechOutcome::lost);
        };
        line_.emplace(clock_, milliseconds(0), call::OutboundOptions{}, hooks_);
        phone_->line = &*line_;
        line_->attach(phone_);
        book_ = std::make_unique<MarkBook>(
            line_->add_voice(call::OutboundLine::Kind::ahead),
            [this](std::string_view name) { echoed_.emplace_back(name, clock_.now()); });
    }
    ~MarkBookOnALine() override { book_.reset(); }

    call::StallingClock clock_;
    std::shared_ptr<call::FarEnd> phone_ =
        std::make_shared<call::FarEnd>(clock_, milliseconds(15), milliseconds(15));
    call::OutboundLine::Hooks hooks_;
    std::optional<call::OutboundLine> line_;
    std::unique_ptr<MarkBook> book_;
    std::vector<std::pair<std::string, Clock::Time>> echoed_;
};

TEST_F(MarkBookOnALine, EchoesEachMarkWhenThePhoneHasPlayedItsSpeech) {
    const auto began = clock_.now();
    for (int i = 1; i <= 10; ++i) {  // two seconds, all at once
        book_->speak(std::vector<std::int16_t>(1600, 1000));
        book_->mark(std::to_string(i * 200));
    }
    clock_.advance(std::chrono::seconds(4));
    ASSERT_EQ(echoed_.size(), 10U);
    for (const auto& [name, when] : echoed_) {
        const auto played = milliseconds(std::stoi(name));
        EXPECT_GE(when - began, played) << name;
        // The line asks the phone every 200 ms.
        EXPECT_LE(when - began, played + milliseconds(240)) << name;
    }
}

TEST_F(MarkBookOnALine, EchoesWhatIsClearedAtOnceAndWhatWasPlayedAfterARoundTrip) {
    book_->speak(std::vector<std::int16_t>(8000, 1000));
    book_->mark("cleared");
    clock_.advance(milliseconds(100));
    book_->clear();
    ASSERT_EQ(echoed_.size(), 1U);
    EXPECT_EQ(echoed_.back().second, clock_.now());
    book_->speak(std::vector<std::int16_t>(1600, 1000));
    clock_.advance(std::chrono::seconds(2));
    book_->mark("late");
    clock_.advance(milliseconds(31));
    EXPECT_EQ(echoed_.size(), 2U) << "all was played when it was set";
}

TEST_F(MarkBookOnALine, MarksLeaveNoTraceInTheSpeech) {
    std::vector<std::int16_t> said(2 * 8000 + 77);
    for (std::size_t i = 0; i < said.size(); ++i)
        said[i] = static_cast<std::int16_t>(1 + i * 37 % 9000);
    std::size_t marks = 0;
    for (std::size_t at = 0; at < said.size(); at += 1000) {  // 125 ms, as OpenAI sends it
        book_->speak(std::span(said).subspan(at, std::min<std::size_t>(1000, said.size() - at)));
        book_->mark(std::to_string(++marks));
    }
    clock_.advance(std::chrono::seconds(4));
    EXPECT_EQ(echoed_.size(), marks);
    const auto& heard = phone_->heard();
    ASSERT_GE(heard.size(), said.size());
    EXPECT_TRUE(std::equal(said.begin(), said.end(), heard.begin()));
}

}  // namespace
}  // namespace bridge::agents
