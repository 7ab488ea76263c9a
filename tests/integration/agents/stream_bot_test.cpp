// What goes over a bot's stream: sound, keys, marks, clear, and what Twilio warns of.

#include <boost/json/serialize.hpp>

#include "audio/mulaw.hpp"
#include "tests/integration/agents/stream_bot_fixture.hpp"

namespace bridge::agents::test {
namespace {

TEST_F(StreamBotTest, NumbersEveryMessageAndTellsTheTimeOfTheStream) {
    start_and_answer();
    hear(2, milliseconds(40));
    on_loop([&] { agent_->dtmf('#'); });
    hear(1, milliseconds(80));
    hear(1, milliseconds(160));  // 60 ms were lost on the way
    ASSERT_TRUE(heard(0, 7));
    const std::vector<std::array<std::string, 4>> wanted = {{"media", "2", "1", "0"},
                                                            {"media", "3", "2", "20"},
                                                            {"dtmf", "4", "", ""},
                                                            {"media", "5", "3", "40"},
                                                            {"media", "6", "4", "120"}};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto one = message(0, i + 2);
        EXPECT_EQ(text_of(one, "event"), wanted[i][0]);
        EXPECT_EQ(text_of(one, "sequenceNumber"), wanted[i][1]);
        if (wanted[i][0] == "dtmf") {
            EXPECT_EQ(one.at("dtmf").at("digit").as_string(), "#");
            continue;
        }
        EXPECT_EQ(one.at("media").at("chunk").as_string(), wanted[i][2]);
        EXPECT_EQ(one.at("media").at("timestamp").as_string(), wanted[i][3]);
        const std::vector<std::uint8_t> mulaw(160, audio::encode_mulaw(1000));
        EXPECT_EQ(one.at("media").at("payload").as_string(), encode_base64(mulaw));
    }
}

TEST_F(StreamBotTest, SpeaksWhatTheBotSaysOfAnyLength) {
    start_and_answer();
    say_media(1, 0x00);
    say_media(4321, 0x80);
    ASSERT_TRUE(spoke(4322));
    on_loop([&] {
        ASSERT_EQ(ear_.voice->utterances.size(), 1U);
        EXPECT_EQ(ear_.voice->utterances[0].samples[0], -32124);
        EXPECT_EQ(ear_.voice->utterances[0].samples[4321], 32124);
        EXPECT_TRUE(ear_.told.warnings.empty());
    });
}

TEST_F(StreamBotTest, EchoesAMarkWhenWhatWasQueuedBeforeItHasBeenPlayed) {
    start_and_answer();
    say_mark("at once");
    ASSERT_TRUE(heard(0, 3));
    say_media(160);
    say_mark("a");
    say_media(320);
    say_mark("b");
    say_mark("c");
    ASSERT_TRUE(told([&] { return ear_.voice->utterances.size() == 3; }));
    EXPECT_EQ(marks(), (Names{"at once"}));
    over(1);
    ASSERT_TRUE(heard(0, 4));
    EXPECT_EQ(marks(), (Names{"at once", "a"}));
    over(2);
    ASSERT_TRUE(heard(0, 6));
    EXPECT_EQ(marks(), (Names{"at once", "a", "b", "c"}));
    const auto last = message(0, 5);
    EXPECT_EQ(boost::json::serialize(last),
              R"({"event":"mark","sequenceNumber":"5","streamSid":"MZ1","mark":{"name":"c"}})");
}

TEST_F(StreamBotTest, EchoesMarksOfWhatSomebodyElseCutOff) {
    start_and_answer();
    say_media(160);
    say_mark("a");
    ASSERT_TRUE(told([&] { return ear_.voice->utterances.size() == 2; }));
    on_loop([&] { agent_->interrupted(1, {}); });
    ASSERT_TRUE(heard(0, 3));
    EXPECT_EQ(marks(), (Names{"a"}));
}

TEST_F(StreamBotTest, ClearSilencesItAtOnceAndEchoesEveryMark) {
    start_and_answer();
    say_media(160);
    say_mark("a");
    say_media(160);
    say_mark("b");
    say_clear();
    say_media(800);
    say_mark("c");
    ASSERT_TRUE(spoke(1120));
    ASSERT_TRUE(heard(0, 4));
    EXPECT_EQ(marks(), (Names{"a", "b"}));
    call::UtteranceId last = 0;
    on_loop([&] {
        EXPECT_EQ(ear_.voice->cancels, 1);
        EXPECT_EQ(ear_.told.gave_way, 0);  // the voice is cancelled, nothing else needs to be
        for (const auto& one : ear_.voice->utterances)
            last = one.samples.size() == 800 ? one.id : last;
    });
    over(last);
    ASSERT_TRUE(heard(0, 5));
    EXPECT_EQ(marks(), (Names{"a", "b", "c"}));
}

TEST_F(StreamBotTest, EchoesNoMarkOfAStreamThatWasLost) {
    start_and_answer();
    say_media(160);
    say_mark("lost");
    say_media(160);
    say_mark("kept");
    ASSERT_TRUE(told([&] { return ear_.voice->utterances.size() == 3; }));
    over(1, call::SpeechOutcome::lost);
    over(2);
    ASSERT_TRUE(heard(0, 3));
    EXPECT_EQ(marks(), (Names{"kept"}));
}

TEST_F(StreamBotTest, KeepsWhatABotSaysBeforeTheStreamAndItsMarksUntilThen) {
    start();
    ASSERT_TRUE(heard(0, 1));
    say(R"({"event":"media","streamSid":null,"media":{"payload":"gICA"}})");
    say(R"({"event":"mark","mark":{"name":"greeted"}})");
    ASSERT_TRUE(spoke(3));
    ASSERT_TRUE(told([&] { return ear_.voice->utterances.size() == 2; }));
    over(1);
    on_loop([&] { agent_->answered(call_of("MZ1")); });
    ASSERT_TRUE(heard(0, 3));
    EXPECT_EQ(text_of(message(0, 1), "event"), "start");
    EXPECT_EQ(marks(), (Names{"greeted"}));
    on_loop([&] { EXPECT_TRUE(ear_.told.warnings.empty()); });
}

TEST_F(StreamBotTest, WarnsAsTwilioDoesOnceOfEachKindAndGoesOn) {
    start_and_answer();
    on_loop([&] {
        bots_[0].socket->send_binary("audio");
        bots_[0].socket->send_binary("audio");
    });
    say(R"({"event":"media","streamSid":"MZ1","media":{"payload":"AAAA","track":"outbound"}})");
    say("not JSON");
    say_media(160, 0x80, "MZ2");
    say_media(160);
    ASSERT_TRUE(spoke(160));
    expect_warnings({"the bot sent a binary message, which is ignored (Twilio's warning 31950",
                     "a message of the bot was ignored, media.track: not a field of this message "
                     "(Twilio's warning 31951"});
    on_loop([&] { EXPECT_TRUE(ear_.told.ends.empty()); });
}

/// Takes so many samples and no more.

class SmallVoice final : public call::VoiceSink {
public:
    explicit SmallVoice(std::size_t room) : room_(room) {}
    call::UtteranceId begin() override { return ++last_; }
    std::size_t write(std::span<const std::int16_t> samples) override {
        const auto taken = std::min(samples.size(), room_ - waiting_);
        waiting_ += taken;
        return taken;
    }
    void end() override {}
    call::UtteranceId play(std::unique_ptr<audio::SampleSource>) override { return ++last_; }
    void cancel() override { waiting_ = 0; }
    void pause() override {}
    void resume() override {}
    bool paused() const override { return false; }
    std::size_t waiting() const override { return waiting_; }

private:
    const std::size_t room_;
    std::size_t waiting_ = 0;
    call::UtteranceId last_ = 0;
};

TEST_F(StreamBotTest, KeepsTenMinutesToBePlayedAndSaysSoOnce) {
    const auto voice = std::make_shared<SmallVoice>(20 * 60 * 8000);
    on_loop([&] {
        agent_ = std::make_shared<StreamBotAgent>(executor(), options_);
        agent_->start(call_of("MZ1"), {voice, &ear_.told});
    });
    ASSERT_TRUE(heard(0, 2));
    for (int i = 0; i < 70; ++i) say_media(10 * 8000);
    say_mark("after");
    expect_warnings(
        {"over ten minutes wait to be played; the rest is dropped (Twilio's warning "
         "31931"});
    ASSERT_TRUE(told([&] { return voice->waiting() == 10 * 60 * 8000; }));
    say_clear();
    ASSERT_TRUE(told([&] { return voice->waiting() == 0; }));
    say_media(160);
    ASSERT_TRUE(told([&] { return voice->waiting() == 160; }));
    EXPECT_EQ(marks(), (Names{"after"}));
    on_loop([&] { agent_->stop(); });
}

TEST_F(StreamBotTest, DropsSoundForABotThatReadsTooSlowlyAndSaysSoOnce) {
    start_and_answer();
    // More than may wait, before the loop comes to send any of it.
    on_loop([&] {
        for (int i = 0; i < 2000; ++i) {
            audio::AudioFrame frame;
            frame.at = i * audio::kFrameTime;
            agent_->write(frame);
        }
        agent_->dtmf('5');
    });
    expect_warnings(
        {"the bot reads too slowly, and does not hear all of the call (Twilio's "
         "warning 31930"});
    std::size_t count = 0;
    ASSERT_TRUE(told([&] {
        count = bots_[0].heard.size();
        return text_of(bots_[0].heard.back(), "event") == "dtmf";
    }));
    EXPECT_GT(count, 100U);
    EXPECT_LT(count, 500U);
    EXPECT_EQ(text_of(message(0, count - 1), "sequenceNumber"), std::to_string(count - 1));
    hear(1, milliseconds(40'000));
    ASSERT_TRUE(heard(0, count + 1));
    EXPECT_EQ(message(0, count).at("media").at("timestamp").as_string(), "40000");
}

TEST_F(StreamBotTest, GivesUpABotThatDoesNotReadWhatMustNotBeDropped) {
    start_and_answer();
    on_loop([&] {
        for (int i = 0; i < 10'000; ++i) agent_->dtmf('5');
    });
    expect_end(call::AgentEnd::dropped, "does not read what it is sent");
}

/// As `socket.close()` without an argument does it in Node.

}  // namespace
}  // namespace bridge::agents::test
