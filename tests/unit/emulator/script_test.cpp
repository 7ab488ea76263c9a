#include "emulator/personas/script.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "emulator/mulaw.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;
using Speech = Persona::Speech;

MulawFrame script_frame(std::uint8_t byte) {
    MulawFrame frame;
    frame.fill(byte);
    return frame;
}

const MulawFrame kQuiet = script_frame(kMulawSilence);
const MulawFrame kLoud = script_frame(0xA0);

/// One side of a conversation, 20 ms at a time.
struct Conversation {
    explicit Conversation(std::string_view text) : persona({}, parsed(text)) {}

    static std::vector<ScriptStep> parsed(std::string_view text) {
        auto script = parse_script(text, "");
        EXPECT_TRUE(script) << script.error().message;
        return script ? std::move(*script) : std::vector<ScriptStep>{};
    }
    Speech step(const MulawFrame& heard = kQuiet) {
        MulawFrame said;
        const auto doing = persona.speak(said);
        keys += persona.press();
        persona.hear(heard);
        return doing;
    }
    /// Frames until it does `wanted`, at most `most`.
    int until(Speech wanted, int most, const MulawFrame& heard = kQuiet) {
        for (int frame = 0; frame < most; ++frame) {
            if (step(heard) == wanted) return frame;
        }
        return most;
    }

    Scripted persona;
    std::string keys;
};

TEST(Script, SaysWhatIsWrittenAndHangsUp) {
    Conversation talk("# a comment\n\nsay Hello there.\nhangup\n");
    EXPECT_EQ(talk.step(), Speech::speaking);
    const int frames = talk.until(Speech::hung_up, 500);
    const auto hello = synthesize("Hello there.");
    ASSERT_TRUE(hello);
    EXPECT_EQ(frames + 1, static_cast<int>((hello->size() + 159) / 160));
    EXPECT_EQ(talk.persona.failure(), "");
}

TEST(Script, PausesAndHangsUpAtItsEnd) {
    Conversation talk("pause 400ms\r\n");
    EXPECT_EQ(talk.until(Speech::hung_up, 100), 20);
}

TEST(Script, WaitsForSpeechAndThenForSilence) {
    Conversation talk("wait speech 200\nwait silence 500\npress 7\nhangup");
    for (int frame = 0; frame < 100; ++frame) ASSERT_EQ(talk.step(), Speech::silent);
    for (int frame = 0; frame < 8; ++frame) talk.step(kLoud);
    for (int frame = 0; frame < 50; ++frame) talk.step();
    EXPECT_EQ(talk.keys, "") << "160 ms are not enough";
    for (int frame = 0; frame < 50; ++frame) talk.step(frame % 10 < 5 ? kLoud : kQuiet);
    EXPECT_EQ(talk.keys, "") << "still speaking, with gaps";
    EXPECT_NEAR(talk.until(Speech::hung_up, 100), 22, 4);
    EXPECT_EQ(talk.keys, "7");
}

TEST(Script, PressesKeysApart) {
    Conversation talk("press 12\nhangup");
    talk.step();
    EXPECT_EQ(talk.keys, "1");
    for (int frame = 0; frame < 13; ++frame) talk.step();
    EXPECT_EQ(talk.keys, "1");
    talk.until(Speech::hung_up, 50);
    EXPECT_EQ(talk.keys, "12");
}

TEST(Script, ExpectsDigits) {
    Conversation right("expect digit 5\nexpect digit #\nhangup");
    right.step();
    right.persona.hear_digit('5');
    right.persona.hear_digit('#');
    EXPECT_EQ(right.step(), Speech::hung_up);
    EXPECT_EQ(right.persona.failure(), "");

    Conversation wrong("\nexpect digit 5\npause 10s");
    wrong.persona.hear_digit('6');
    EXPECT_EQ(wrong.step(), Speech::hung_up);
    EXPECT_NE(wrong.persona.failure().find("line 2"), std::string::npos);
}

TEST(Script, LosesPatience) {
    Conversation talk("timeout 2s\nwait speech\nhangup");
    EXPECT_EQ(talk.until(Speech::hung_up, 500), 100);
    EXPECT_NE(talk.persona.failure().find("line 2"), std::string::npos);
}

TEST(Script, NamesTheLineThatIsWrong) {
    for (const auto* wrong :
         {"pause", "pause soon", "wait", "wait silence", "wait speech soon", "press", "press 1x",
          "expect 5", "expect digit 55", "hangup now", "sing", "timeout"}) {
        const auto script = parse_script(std::string("say x\n") + wrong, "");
        ASSERT_FALSE(script) << wrong;
        EXPECT_EQ(script.error().code, Errc::bad_config) << wrong;
        EXPECT_NE(script.error().message.find("line 2"), std::string::npos)
            << script.error().message;
    }
    EXPECT_EQ(parse_script("play missing.wav", "/nowhere").error().code, Errc::not_found);
    EXPECT_FALSE(parse_script("# nothing\n", ""));
}

}  // namespace
}  // namespace bridge::emulator
