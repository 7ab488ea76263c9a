#include "emulator/persona.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/persona_description.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;
using Speech = Persona::Speech;

std::unique_ptr<Persona> make(const std::string& description) {
    auto made = PersonaBook::make_from(description);
    EXPECT_TRUE(made) << description << ": " << made.error().message;
    return made ? std::move(*made) : nullptr;
}

struct Spoken {
    std::vector<std::uint8_t> sound;
    std::string keys;
    int frames_to_hang_up = -1;
};

/// What a persona says and presses in `time` on a silent line.
Spoken listen(Persona& persona, milliseconds time) {
    Spoken spoken;
    MulawFrame silence;
    silence.fill(kMulawSilence);
    for (int frame = 0; frame < time.count() / 20; ++frame) {
        MulawFrame out;
        out.fill(0);
        if (persona.speak(out) == Speech::hung_up) {
            spoken.frames_to_hang_up = frame;
            break;
        }
        spoken.keys += persona.press();
        spoken.sound.insert(spoken.sound.end(), out.begin(), out.end());
        persona.hear(silence);
    }
    return spoken;
}

TEST(PersonaDescription, TakesOptionsFromTheEndOnly) {
    const auto said =
        parse_persona_description("say:Hello, world, ring=2 is no option, here,ring=2s, hangup=no");
    ASSERT_TRUE(said);
    EXPECT_EQ(said->kind, "say");
    EXPECT_EQ(said->argument, "Hello, world, ring=2 is no option, here");
    EXPECT_EQ(said->options,
              (std::map<std::string, std::string>{{"ring", "2s"}, {"hangup", "no"}}));
    EXPECT_FALSE(parse_persona_description("  "));
}

TEST(PersonaDescription, ReadsTimes) {
    EXPECT_EQ(parse_time("300"), milliseconds(300));
    EXPECT_EQ(parse_time("300ms"), milliseconds(300));
    EXPECT_EQ(parse_time("1.5s"), milliseconds(1500));
    EXPECT_EQ(parse_time("2m"), milliseconds(120000));
    for (const auto* wrong : {"", "s", "-1", "1h", "1..2s", "5 s", "99999999999s"}) {
        EXPECT_FALSE(parse_time(wrong)) << wrong;
    }
}

TEST(PersonaBook, KnowsItsOwnNumbers) {
    using Kind = Reaction::Kind;
    const PersonaBook book;
    const std::pair<const char*, Kind> table[] = {
        {"+12025550100", Kind::answer},    {"+12025550101", Kind::answer},
        {"+12025550102", Kind::answer},    {"+12025550103", Kind::busy},
        {"+12025550104", Kind::no_answer}, {"+12025550105", Kind::answer},
        {"+12025550106", Kind::failed},    {"+12025550107", Kind::reject},
        {"+12025550108", Kind::answer},    {"+49301234567", Kind::answer}};
    for (const auto& [number, kind] : table) {
        const auto persona = book.make(number);
        ASSERT_TRUE(persona) << number;
        EXPECT_EQ((*persona)->reaction().kind, kind) << number;
    }
    EXPECT_EQ(book.assignments().at("default"), "greeting");
}

TEST(PersonaBook, AssignsAndRefuses) {
    PersonaBook book;
    ASSERT_TRUE(book.assign("+15551234567", "busy"));
    EXPECT_EQ((*book.make("+15551234567"))->reaction().kind, Reaction::Kind::busy);
    ASSERT_TRUE(book.assign("default", "silence,ring=2s,answered_by=fax"));
    EXPECT_EQ((*book.make("+15550000000"))->reaction().after, milliseconds(2000));
    EXPECT_EQ((*book.make("+15550000000"))->reaction().answered_by, "fax");

    for (const auto* number : {"", "123", "+", "+0123456", "+1555abc", "everyone"}) {
        EXPECT_FALSE(book.assign(number, "busy")) << number;
    }
    const auto unknown = book.assign("+15551234567", "parrot");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::bad_config);
    for (const auto* kind :
         {"greeting", "say:TEXT", "wav:FILE", "tone", "echo", "silence", "busy", "no-answer",
          "failed", "reject", "voicemail", "keys:DIGITS", "script:FILE", "answered_by"}) {
        EXPECT_NE(unknown.error().message.find(kind), std::string::npos) << kind;
    }
    EXPECT_EQ((*book.make("+15551234567"))->reaction().kind, Reaction::Kind::busy)
        << "a refused change leaves the old";
    EXPECT_EQ(book.assign("default", "wav:/nowhere/x.wav").error().code, Errc::not_found);
    EXPECT_EQ(book.assign("default", "script:/nowhere/x").error().code, Errc::not_found);
}

TEST(PersonaBook, NamesWhatIsWrongInADescription) {
    for (const auto* wrong : {"say", "say:", "wav:", "keys:", "keys:12x", "tone:loud", "tone:9000",
                              "busy:very", "greeting,ring=soon", "greeting,hangup=maybe",
                              "greeting,answered_by=dog", "greeting,colour=red"}) {
        const auto made = PersonaBook::make_from(wrong);
        ASSERT_FALSE(made) << wrong;
        EXPECT_EQ(made.error().code, Errc::bad_config) << wrong;
    }
}

TEST(GreetingPersona, SpeaksForSomeSecondsAndHangsUpASecondLater) {
    const auto spoken = listen(*make("greeting"), milliseconds(15000));
    ASSERT_GT(spoken.frames_to_hang_up, 0);
    const double seconds = spoken.frames_to_hang_up * 0.02;
    EXPECT_GT(seconds, 6);
    EXPECT_LT(seconds, 10);
    const auto& sound = spoken.sound;
    EXPECT_GT(mulaw_rms(std::span(sound).subspan(1600, 8000)), 1000)
        << "it speaks 200 ms after it answers";
    EXPECT_EQ(mulaw_rms(std::span(sound).first(1600)), 0);
    EXPECT_EQ(mulaw_rms(std::span(sound).last(8000)), 0);
    EXPECT_EQ(listen(*make("greeting,hangup=no"), milliseconds(15000)).frames_to_hang_up, -1);
}

TEST(GreetingPersona, IsMadeQuickly) {
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(make("greeting"));
    const auto first = std::chrono::steady_clock::now();
    ASSERT_TRUE(make("greeting"));
    const auto second = std::chrono::steady_clock::now();
    RecordProperty(
        "first_ms",
        static_cast<int>(std::chrono::duration_cast<milliseconds>(first - began).count()));
    EXPECT_LT(first - began, std::chrono::seconds(5));
    EXPECT_LT(second - first, milliseconds(50));
}

TEST(TonePersona, IsASineOfMinusTenDecibelsForFiveSeconds) {
    const auto spoken = listen(*make("tone:1000"), milliseconds(10000));
    EXPECT_EQ(spoken.frames_to_hang_up, 260);
    EXPECT_NEAR(mulaw_rms(std::span(spoken.sound).subspan(1600, 40000)), 10362 / std::sqrt(2.0),
                100);
    int rises = 0;
    for (std::size_t k = 1601; k < 9600; ++k) {
        rises +=
            mulaw_decode(spoken.sound[k - 1]) < 0 && mulaw_decode(spoken.sound[k]) >= 0 ? 1 : 0;
    }
    EXPECT_NEAR(rises, 1000, 1);
    EXPECT_GT(listen(*make("tone,repeat=yes"), milliseconds(20000)).sound.size(), 8U * 19000);
}

TEST(EchoPersona, SaysBackWhatItHearsAFifthOfASecondLater) {
    const auto echo = make("echo");
    for (int frame = 0; frame < 100; ++frame) {
        MulawFrame said;
        const auto doing = echo->speak(said);
        const auto expected = frame < 10 ? kMulawSilence : static_cast<std::uint8_t>(frame - 10);
        EXPECT_EQ(said[0], expected) << frame;
        EXPECT_NE(doing, Speech::hung_up);
        MulawFrame heard;
        heard.fill(static_cast<std::uint8_t>(frame));
        echo->hear(heard);
    }
    EXPECT_EQ(listen(*make("echo,max=1s"), milliseconds(5000)).frames_to_hang_up, 50);
}

TEST(VoicemailPersona, BeepsAndListens) {
    const auto voicemail = make("voicemail");
    EXPECT_EQ(voicemail->reaction().answered_by, "machine_start");
    const auto spoken = listen(*voicemail, milliseconds(20000));
    EXPECT_EQ(spoken.frames_to_hang_up, -1);
    auto last = spoken.sound.size();
    while (last > 0 && spoken.sound[last - 1] == kMulawSilence) --last;
    EXPECT_NEAR(mulaw_rms(std::span(spoken.sound).subspan(last - 3900, 3800)),
                10362 / std::sqrt(2.0), 150)
        << "the beep";
    EXPECT_EQ(listen(*make("voicemail,max=8s"), milliseconds(20000)).frames_to_hang_up, 400);
}

TEST(KeysPersona, PressesThemOneByOne) {
    const auto keys = make("keys:1w2#,hangup=yes");
    std::vector<int> at;
    std::string pressed;
    int hung_up = -1;
    for (int frame = 0; frame < 400 && hung_up < 0; ++frame) {
        MulawFrame out;
        if (keys->speak(out) == Speech::hung_up) hung_up = frame;
        const auto now = keys->press();
        if (!now.empty()) at.push_back(frame);
        pressed += now;
    }
    EXPECT_EQ(pressed, "12#");
    ASSERT_EQ(at.size(), 3U);
    EXPECT_EQ(at[1] - at[0], 50);
    EXPECT_EQ(at[2] - at[1], 25);
    EXPECT_GT(hung_up, at[2]);
    EXPECT_EQ(listen(*make("keys:5"), milliseconds(10000)).frames_to_hang_up, -1);
}

TEST(SilentPersona, IsSilentUntilTheOtherSideHangsUp) {
    const auto spoken = listen(*make("silence"), milliseconds(60000));
    EXPECT_EQ(spoken.frames_to_hang_up, -1);
    EXPECT_EQ(mulaw_rms(spoken.sound), 0);
}

TEST(SayPersona, SaysTheTextWithItsCommas) {
    const auto with = listen(*make("say:One, two, three."), milliseconds(10000));
    const auto speech = synthesize("One, two, three.");
    ASSERT_TRUE(speech);
    ASSERT_GT(with.sound.size(), 1600 + speech->size());
    EXPECT_TRUE(std::equal(speech->begin(), speech->end(), with.sound.begin() + 1600));
}

}  // namespace
}  // namespace bridge::emulator
