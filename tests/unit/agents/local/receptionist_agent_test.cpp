#include "agents/local/receptionist_agent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "tests/support/agent_ear.hpp"
#include "tests/support/moving_voice.hpp"
#include "tests/support/phone_in_hand.hpp"

namespace bridge::agents::local {
namespace {

using namespace std::chrono_literals;

/// Hums as long as the text is; nobody has to understand it.
Result<std::vector<std::int16_t>> hum(const std::string& text) {
    if (text.find("unspeakable") != std::string::npos) return fail(Errc::internal, "no such sound");
    return std::vector<std::int16_t>(text.size() * 400, 500);
}

class ReceptionistAgentTest : public testing::Test {
protected:
    /// The worker understands `next_words_` whatever is said.
    void meet(std::string_view text, bool speech = true) {
        auto dialogue = std::make_shared<const Dialogue>(parse_dialogue(text).value());
        Understand understand;
        if (speech)
            understand = [this](StateId, const std::vector<std::int16_t>& utterance) {
                utterances_.push_back(utterance.size());
                return next_words_;
            };
        agent_ = std::make_shared<ReceptionistAgent>(
            LocalParts{hand_.loop.get_executor(), hand_.clock, hand_.pool, hum}, dialogue,
            understand);
        about_.direction = call::Direction::inbound;
        about_.from = "+12025550123";
        start();
    }
    void start() { agent_->start(about_, {hand_.voice, &told_}); }
    void pass(std::chrono::milliseconds time, std::int16_t level = 0) {
        for (auto at = 0ms; at < time; at += audio::kFrameTime)
            hand_.frame(*agent_, caller_.frame(level));
    }
    /// The caller speaks for half a second and is then quiet long enough.
    void say(const std::string& words) {
        next_words_ = words;
        pass(500ms, 9000);
        pass(800ms);
    }
    std::string last_said() const {
        for (auto text = told_.texts.rbegin(); text != told_.texts.rend(); ++text)
            if (text->speaker == call::Speaker::agent) return text->text;
        return {};
    }

    test::MovingVoice caller_;
    test::PhoneInHand hand_;
    test::ToldByAgent told_;
    call::AgentCall about_;
    Result<std::string> next_words_{std::string()};
    std::vector<std::size_t> utterances_;
    std::shared_ptr<ReceptionistAgent> agent_;
};

constexpr std::string_view kDialogue = R"(
    list yes = yes | yeah
    state ask
      say Is it you?
      keys Press one if so.
      hear <yes> -> thanks
      key 1 -> thanks
      silence 4s
      tries 2 -> thanks
    state thanks
      say Thank you.
      do end_call
      with reason = done
)";

TEST_F(ReceptionistAgentTest, SpeaksAsksUnderstandsAndEndsTheCall) {
    meet(kDialogue);
    EXPECT_EQ(told_.readies, 1);
    pass(2s);
    EXPECT_EQ(last_said(), "Is it you?");
    say("yes");
    EXPECT_EQ(last_said(), "Thank you.");
    EXPECT_TRUE(told_.tools.empty()) << "not before the words were heard";
    pass(1s);
    ASSERT_EQ(told_.tools.size(), 1U);
    EXPECT_EQ(told_.tools[0].name, "end_call");
    EXPECT_EQ(told_.tools[0].arguments, R"({"reason":"done"})");
    agent_->tool_result({told_.tools[0].id, "ok", false});
    EXPECT_TRUE(told_.ends.empty());
    const auto caller = std::find_if(told_.texts.begin(), told_.texts.end(), [](const auto& one) {
        return one.speaker == call::Speaker::caller;
    });
    ASSERT_NE(caller, told_.texts.end());
    EXPECT_EQ(caller->text, "yes");
}

TEST_F(ReceptionistAgentTest, EndsTheCallItselfWhenTheToolCannot) {
    meet(kDialogue);
    agent_->dtmf('1');
    pass(2s);
    ASSERT_EQ(told_.tools.size(), 1U);
    agent_->tool_result({"another", "no", true});
    EXPECT_TRUE(told_.ends.empty());
    agent_->tool_result({told_.tools[0].id, "there are no tools", true});
    ASSERT_EQ(told_.ends.size(), 1U);
    EXPECT_EQ(told_.ends[0].how, call::AgentEnd::finished);
}

TEST_F(ReceptionistAgentTest, AsksAgainWhenNobodyAnswersCountedFromTheEndOfItsWords) {
    meet(kDialogue);
    std::chrono::milliseconds said{0};
    while (told_.texts.size() == 1 || told_.texts.empty()) {
        pass(20ms);
        said += 20ms;
        ASSERT_LT(said, 20s);
    }
    // "Is it you?" is hummed for half a second; then four seconds of patience.
    EXPECT_GE(said, 4500ms);
    EXPECT_LE(said, 4700ms);
    pass(3s);
    EXPECT_EQ(last_said(), "Press one if so.");
}

TEST_F(ReceptionistAgentTest, AKeyCutsItsWordsOffAndWhatWasBeingUnderstoodIsLate) {
    meet(kDialogue);
    hand_.settle();
    agent_->dtmf('1');
    EXPECT_EQ(hand_.voice->cancels, 1);
    hand_.settle();
    EXPECT_EQ(last_said(), "Thank you.");
}

TEST_F(ReceptionistAgentTest, WhatIsSaidIntoItsWordsCountsOnlyIfItCutThemOff) {
    meet(R"(
        state ask
          say A long question that takes its time to be asked, and then some more, and more, and more of it all.
          hear yes -> ask
          silence 60s
    )");
    next_words_ = std::string("yes");
    pass(100ms);
    pass(200ms, 9000);
    pass(700ms);
    EXPECT_TRUE(utterances_.empty()) << "an echo, or a mumble";
    pass(100ms, 9000);
    const auto speaking = hand_.voice->utterances.front().id;
    hand_.voice->cancel();
    agent_->interrupted(speaking, {50ms, 100ms, 100ms, call::SpeechOutcome::cleared});
    pass(200ms, 9000);
    pass(800ms);
    EXPECT_EQ(utterances_.size(), 1U);
}

TEST_F(ReceptionistAgentTest, AnUtteranceHasALittleOfWhatWasBeforeIt) {
    meet(kDialogue);
    pass(1s);
    say("yes");
    ASSERT_EQ(utterances_.size(), 1U);
    // 240 ms before the three voiced frames that began it, half a second, 700 ms of quiet.
    EXPECT_NEAR(static_cast<double>(utterances_[0]), (240 + 500 + 700) * 8, 40 * 8);
}

TEST_F(ReceptionistAgentTest, ARecordingEndsWithTheCallersSilence) {
    meet(R"(
        state ask
          say Speak.
          record said 30s -> note
        state note
          do take_message
          with text = {said}
    )");
    pass(1s);
    pass(1s, 9000);
    pass(1500ms);
    EXPECT_TRUE(told_.tools.empty()) << "a pause";
    pass(1s, 9000);
    pass(3s);
    ASSERT_EQ(told_.tools.size(), 1U);
    EXPECT_NE(told_.tools[0].arguments.find("spoke for 2 seconds"), std::string::npos)
        << told_.tools[0].arguments;
    EXPECT_TRUE(utterances_.empty());
}

TEST_F(ReceptionistAgentTest, WaitsWhileAPersonSpeaksAndAsksAgainAfterwards) {
    meet(kDialogue);
    pass(1s);
    agent_->taken_over(true);
    pass(30s);
    say("yes");
    agent_->dtmf('1');
    EXPECT_TRUE(utterances_.empty());
    EXPECT_TRUE(told_.tools.empty());
    EXPECT_EQ(told_.texts.size(), 1U);
    agent_->taken_over(false);
    pass(1s);
    EXPECT_EQ(told_.texts.size(), 2U);
    EXPECT_EQ(last_said(), "Is it you?");
}

TEST_F(ReceptionistAgentTest, ItsClockStopsWhileTheCallerIsOnHold) {
    meet(kDialogue);
    pass(2s);
    EXPECT_EQ(last_said(), "Is it you?");
    const auto texts = told_.texts.size();
    agent_->on_hold(true);
    pass(60s);
    EXPECT_EQ(told_.texts.size(), texts) << "nobody is asked again who cannot answer";
    agent_->on_hold(false);
    pass(3s);
    EXPECT_EQ(told_.texts.size(), texts) << "the time to answer begins anew";
    pass(2s);
    EXPECT_GT(told_.texts.size(), texts);
    EXPECT_TRUE(told_.tools.empty());
}

TEST_F(ReceptionistAgentTest, SaysOnceThatItIsMuteAndGoesOn) {
    meet(
        "state a\nsay unspeakable.\nkeys unspeakable.\nkey 1 -> a\nsilence 1s\ntries 2 -> b\nstate "
        "b\ndo end_call");
    pass(4s);
    EXPECT_EQ(told_.warnings.size(), 1U);
    ASSERT_EQ(told_.tools.size(), 1U);
}

TEST_F(ReceptionistAgentTest, SaysNothingAfterItWasStoppedAndResumesWhereItWas) {
    meet("state a\nsay One.\nnext -> b\nstate b\nsay Two?\nhear yes -> a");
    pass(1s);
    EXPECT_EQ(last_said(), "Two?");
    agent_->stop();
    agent_->stop();
    const auto texts = told_.texts.size();
    say("yes");
    pass(20s);
    EXPECT_EQ(told_.texts.size(), texts);
    start();
    pass(500ms);
    EXPECT_EQ(told_.readies, 2);
    EXPECT_EQ(last_said(), "Two?");
}

TEST_F(ReceptionistAgentTest, GoesWhileWorkIsBeingDoneForIt) {
    meet(kDialogue);
    agent_.reset();
    hand_.settle();
    hand_.clock.advance(1min);
    EXPECT_TRUE(told_.texts.empty());
}

}  // namespace
}  // namespace bridge::agents::local
