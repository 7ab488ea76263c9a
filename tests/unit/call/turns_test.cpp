#include "call/turns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <utility>
#include <vector>

#include "tests/unit/audio/telephone_sounds.hpp"

namespace bridge::call {

std::ostream& operator<<(std::ostream& out, Turns::Action action) {
    constexpr const char* kNames[] = {"none", "pause", "resume", "interrupt", "turn_ended"};
    return out << kNames[static_cast<int>(action)];
}

namespace {

namespace sounds = audio::sounds;
using Action = Turns::Action;
using std::chrono::milliseconds;

/// An action and when, in ms since the script began.
using Told = std::vector<std::pair<int, Action>>;

/// A caller who speaks exactly as told, judged by a detector that is certain after three frames.
class Script {
public:
    explicit Script(TurnOptions options = {}) : turns_(options) {}

    Turns& turns() { return turns_; }
    Clock::Time now() const { return Clock::Time(std::chrono::hours(1)) + milliseconds(ms_); }
    int ms() const { return ms_; }

    Script& speaks(int for_ms) {
        for (int frame = 1; frame <= for_ms / 20; ++frame) {
            audio::Voice voice;
            voice.voiced = voice.active = frame >= kOnset;
            voice.fresh = frame < kOnset ? 0 : frame == kOnset ? kOnset : 1;
            next(voice);
        }
        return *this;
    }
    Script& quiet(int for_ms) {
        for (int frame = 0; frame < for_ms / 20; ++frame) next(audio::Voice{});
        return *this;
    }
    Script& agent(bool speaks) {
        turns_.agent_speaks(speaks, now());
        return *this;
    }
    Script& hint(bool speaks) {
        tell(turns_.caller_hint(speaks, now()));
        return *this;
    }
    Told told() { return std::exchange(told_, {}); }

    static constexpr int kOnset = audio::VoiceDetector::kOnsetFrames;

private:
    void next(const audio::Voice& voice) {
        ms_ += 20;
        tell(turns_.weigh(voice, audio::kFrameTime, now()));
    }
    void tell(Action action) {
        if (action != Action::none) told_.emplace_back(ms_, action);
    }

    Turns turns_;
    int ms_ = 0;
    Told told_;
};

TEST(Turns, PausesAtOnceAndInterruptsWhenItIsSure) {
    Script script;
    script.agent(true).quiet(1000).speaks(1000).quiet(580);
    EXPECT_EQ(script.told(), (Told{{1080, Action::pause}, {1260, Action::interrupt}}));
    script.quiet(2000);
    EXPECT_EQ(script.told(), (Told{{2600, Action::turn_ended}}));
    EXPECT_EQ(script.turns().stats().interruptions, 1U);
    EXPECT_EQ(script.turns().stats().resumes, 0U);
}

TEST(Turns, ResumesAfterACough) {
    Script script;
    script.agent(true).quiet(1000).speaks(160).quiet(2000);
    EXPECT_EQ(script.told(), (Told{{1080, Action::pause}, {1460, Action::resume}}));
    EXPECT_EQ(script.turns().stats().interruptions, 0U);
    EXPECT_EQ(script.turns().stats().resumes, 1U);
    script.speaks(160).quiet(1000);
    EXPECT_EQ(script.told(), (Told{{3240, Action::pause}, {3620, Action::resume}}));
}

TEST(Turns, AddsUpSpeechWithShortGaps) {
    Script script;
    script.agent(true).speaks(140).quiet(200).speaks(140).quiet(1000);
    EXPECT_EQ(script.told(),
              (Told{{80, Action::pause}, {460, Action::interrupt}, {1080, Action::turn_ended}}));
}

TEST(Turns, DoesNotHearWhatIsTooShortToPause) {
    Script script;
    script.agent(true).speaks(60).quiet(1000).speaks(40).quiet(1000);
    EXPECT_EQ(script.told(), Told{});
}

TEST(Turns, EndATurnOnceAfterQuiet) {
    Script script;
    script.speaks(800).quiet(540).speaks(200).quiet(5000).speaks(500).quiet(1000);
    EXPECT_EQ(script.told(), (Told{{2140, Action::turn_ended}, {7640, Action::turn_ended}}));
    script.quiet(500).speaks(80).quiet(2000);
    EXPECT_EQ(script.told(), Told{}) << "80 ms are no turn";
    script.speaks(100).quiet(2000);
    EXPECT_EQ(script.told().size(), 1U);
}

TEST(Turns, CountOnlyWhatIsSaidOverTheAgent) {
    Script script;
    script.speaks(400).agent(true).speaks(60).quiet(1000);
    EXPECT_EQ(script.told(), (Told{{1060, Action::turn_ended}}))
        << "the agent began over the caller's last word";
    script.agent(false).speaks(400).agent(true).speaks(400);
    EXPECT_EQ(script.told().back().second, Action::interrupt);
}

TEST(Turns, TakeAShortAnswerOverTheLastWordForATurn) {
    Script script;
    script.agent(true).quiet(500).speaks(60).agent(false).speaks(100).quiet(600);
    EXPECT_EQ(script.told(), (Told{{1260, Action::turn_ended}}));

    Script paused;
    paused.agent(true).quiet(500).speaks(100).agent(false).speaks(60).quiet(1000);
    EXPECT_EQ(paused.told(),
              (Told{{580, Action::pause}, {960, Action::resume}, {1260, Action::turn_ended}}))
        << "the agent had nothing left to say";
}

TEST(Turns, DropAnMhmOverTheAgentFromTheTurns) {
    for (const auto mode : {BargeIn::agent, BargeIn::off, BargeIn::detector}) {
        Script script(TurnOptions{.barge_in = mode});
        script.agent(true).quiet(500).speaks(200).quiet(3000);
        for (const auto& [when, action] : script.told()) EXPECT_NE(action, Action::turn_ended);
    }
}

TEST(Turns, LeaveInterruptionsToTheAgentWhenAsked) {
    for (const auto mode : {BargeIn::agent, BargeIn::off}) {
        Script script(TurnOptions{.barge_in = mode});
        script.agent(true).quiet(500).hint(true).speaks(800).hint(false).quiet(1000);
        EXPECT_EQ(script.told(), (Told{{1900, Action::turn_ended}}));
        EXPECT_EQ(script.turns().stats().interruptions, 0U);
        script.turns().gave_way(script.now());
        script.turns().gave_way(script.now());
        EXPECT_EQ(script.turns().stats().interruptions, 1U) << "once for one cut";
    }
}

TEST(Turns, PauseOnAHintAndBelieveItWhenItLasts) {
    Script script;
    script.agent(true).quiet(500).hint(true).quiet(400);
    EXPECT_EQ(script.told(), (Told{{500, Action::pause}, {760, Action::interrupt}}));
}

TEST(Turns, ResumeWhenAHintIsWithdrawn) {
    Script script;
    script.agent(true).quiet(500).hint(true).quiet(100).hint(false).quiet(500);
    EXPECT_EQ(script.told(), (Told{{500, Action::pause}, {600, Action::resume}}));

    script.hint(true).speaks(100).hint(false).quiet(1000);
    EXPECT_EQ(script.told(), (Told{{1100, Action::pause}, {1500, Action::resume}}))
        << "own evidence wants its quiet";

    script.hint(true).hint(false).hint(false);
    EXPECT_EQ(script.told(), (Told{{2200, Action::pause}, {2200, Action::resume}}));
}

TEST(Turns, AreNotStoppedByAHintThatIsNeverWithdrawn) {
    Script script;
    script.hint(true).quiet(5000).agent(true).quiet(5000).hint(false).quiet(1000);
    EXPECT_EQ(script.told(), Told{});
    script.hint(true);
    EXPECT_EQ(script.told(), (Told{{11000, Action::pause}}));
}

TEST(Turns, WaitLongerForHintsThatLast) {
    Script script(TurnOptions{.hint_speech = milliseconds(750)});
    script.agent(true).hint(true).quiet(600).hint(false).quiet(500);
    EXPECT_EQ(script.told(), (Told{{0, Action::pause}, {600, Action::resume}}));
    script.hint(true).speaks(300);
    EXPECT_EQ(script.told(), (Told{{1100, Action::pause}, {1360, Action::interrupt}}));
}

TEST(Turns, ProtectTheGreetingOnly) {
    Script script(TurnOptions{.protect_greeting = milliseconds(1000)});
    script.agent(true).quiet(300).speaks(400).quiet(1000);
    EXPECT_EQ(script.told(), (Told{{1300, Action::turn_ended}}));
    script.agent(false).quiet(100).agent(true).speaks(400);
    EXPECT_EQ(script.told(), (Told{{1880, Action::pause}, {2060, Action::interrupt}}));

    Script stubborn(TurnOptions{.protect_greeting = milliseconds(1000)});
    stubborn.agent(true).quiet(300).speaks(1000);
    EXPECT_EQ(stubborn.told(), (Told{{1000, Action::interrupt}})) << "talks on to the end of it";
}

TEST(Turns, AskToBeToldBeforeTheNextInterruption) {
    Script script;
    script.agent(true).speaks(2000);
    EXPECT_EQ(script.told().size(), 2U);
    script.agent(false).speaks(1000).agent(true).speaks(1000);
    EXPECT_EQ(script.told(), (Told{{3080, Action::pause}, {3260, Action::interrupt}}));
}

TEST(Turns, DecideNothingWhileAPersonSpeaksForTheAgent) {
    Script script;
    script.agent(true).speaks(120);
    EXPECT_EQ(script.told().size(), 1U);
    script.turns().attend(false);
    EXPECT_FALSE(script.turns().paused());
    script.agent(true).hint(true).speaks(1000).hint(false).quiet(2000);
    EXPECT_EQ(script.told(), Told{});
    script.turns().attend(true);
    script.quiet(1000).speaks(500).quiet(600);
    EXPECT_EQ(script.told(), (Told{{5220, Action::turn_ended}}));
}

TEST(Turns, CountTheFramesAndNotTheirArrival) {
    // A stall of half a second in the middle of a word, whose frames then come together.
    const auto begin = Clock::Time(std::chrono::hours(1));
    const auto line = [] {
        sounds::Signal out(sounds::samples(4000), 0.0F);
        sounds::add(out, 1000, sounds::spoken("Hold on a moment, I did not get that at all."));
        return sounds::frames(out);
    }();
    const auto run = [&](auto arrival) {
        Turns each;
        each.agent_speaks(true, begin);
        std::vector<std::pair<milliseconds, Action>> out;
        for (const auto& frame : line) {
            const auto action = each.hear(frame, begin + arrival(frame.at));
            if (action != Action::none) out.emplace_back(frame.at, action);
        }
        return out;
    };
    const auto even = run([](milliseconds at) { return at; });
    const auto stalled = run([](milliseconds at) {
        return at > milliseconds(1300) && at < milliseconds(1800) ? milliseconds(1800) : at;
    });
    EXPECT_EQ(even, stalled);
    ASSERT_EQ(even.size(), 2U);
    EXPECT_EQ(even[1].second, Action::interrupt);
}

TEST(Turns, TakeLostAudioForQuiet) {
    Turns turns;
    const auto begin = Clock::Time(std::chrono::hours(1));
    auto line = sounds::frames(sounds::spoken("Hold on a moment, please."));
    for (const auto& frame : line) turns.hear(frame, begin + frame.at);
    audio::AudioFrame late;
    late.at = line.back().at + milliseconds(900);
    EXPECT_EQ(turns.hear(late, begin + late.at), Action::turn_ended);
    turns.new_stream();
    EXPECT_FALSE(turns.caller_speaks());
    EXPECT_EQ(turns.hear(audio::AudioFrame{}, begin + std::chrono::seconds(20)), Action::none);
}

TEST(Turns, DecideTwoHundredInterruptionsExactlyByTheRule) {
    std::mt19937 random(2024);
    const auto frames = [&](int from, int to) {
        return std::uniform_int_distribution<int>(from, to)(random);
    };
    const TurnOptions options;
    Script script(options);
    std::uint64_t interruptions = 0, resumes = 0;
    for (int n = 0; n < 200; ++n) {
        SCOPED_TRACE(n);
        script.agent(true).quiet(20 * frames(20, 60));
        script.told();
        const int begin = script.ms();
        const int speech = 20 * frames(1, 40);
        script.speaks(speech).quiet(1500);

        // The rule, said once more: what is below the onset or the pause is not heard; what is
        // below the least speech is taken back 300 ms after it; the rest cuts the agent off.
        Told expected;
        const bool heard = speech / 20 >= Script::kOnset;
        if (heard && speech >= 80) {
            expected.emplace_back(begin + 80, Action::pause);
            if (speech >= 250) {
                expected.emplace_back(begin + 260, Action::interrupt);
                expected.emplace_back(begin + speech + 600, Action::turn_ended);
                ++interruptions;
            } else {
                expected.emplace_back(begin + speech + 300, Action::resume);
                ++resumes;
            }
        }
        EXPECT_EQ(script.told(), expected) << speech;
        script.agent(false).quiet(200);
    }
    EXPECT_EQ(script.turns().stats().interruptions, interruptions);
    EXPECT_EQ(script.turns().stats().resumes, resumes);
    EXPECT_GT(interruptions, 80U);
    EXPECT_GT(resumes, 20U);
}

TEST(Turns, MeasureATurnFromItsLastVoice) {
    std::vector<TurnLatency> measured;
    Turns turns({}, [&](const TurnLatency& latency) { measured.push_back(latency); });
    auto now = Clock::Time(std::chrono::hours(1));
    const auto feed = [&](bool speaks, int for_ms) {
        for (int ms = 0; ms < for_ms; ms += 20) {
            now += audio::kFrameTime;
            turns.weigh({.voiced = speaks, .active = speaks, .fresh = speaks ? 1 : 0},
                        audio::kFrameTime, now);
        }
    };
    feed(true, 1000);
    feed(false, 620);
    turns.agent_first_byte(now + milliseconds(180));
    turns.first_frame_sent(7, now + milliseconds(183));
    turns.heard(7, now + milliseconds(280));
    ASSERT_EQ(measured.size(), 1U);
    EXPECT_EQ(measured[0][TurnLeg::detect], milliseconds(600));
    EXPECT_EQ(measured[0][TurnLeg::agent], milliseconds(200));
    EXPECT_EQ(measured[0][TurnLeg::total], milliseconds(900));

    turns.agent_speaks(true, now);
    feed(true, 120);
    feed(false, 1000);
    turns.agent_speaks(false, now);
    turns.agent_first_byte(now);
    turns.first_frame_sent(8, now);
    turns.heard(8, now);
    EXPECT_EQ(measured.size(), 1U) << "nobody asked: that was a cough";
    EXPECT_EQ(turns.stats().turns, 1U);
    EXPECT_EQ(turns.stats().resumes, 1U);
}

/// An agent that speaks down a line which brings some of it back, `delay` later, and that stops
/// and goes on as it is told.
Told speak_over(const sounds::Signal& agent, const sounds::Signal& caller, double echo_db,
                milliseconds delay) {
    const auto speech = sounds::frames(agent);
    const auto spoken = sounds::frames(caller);
    const auto begin = Clock::Time(std::chrono::hours(1));
    const auto loss = sounds::amplitude(echo_db);
    constexpr std::size_t kLead = 10;  // frames that were sent and are not heard yet
    std::vector<audio::AudioFrame> played;
    std::size_t next = 0, sent = 0;
    bool speaks = true;
    Turns turns;
    turns.agent_speaks(true, begin);
    Told told;
    for (std::size_t n = 0; n < spoken.size(); ++n) {
        const auto now = begin + audio::kFrameTime * n;
        for (; speaks && sent < std::min(next + kLead, speech.size()); ++sent)
            turns.agent_sent(speech[sent], now + audio::kFrameTime * (sent - next));
        played.push_back(speaks && next < speech.size() ? speech[next++] : audio::AudioFrame{});
        auto frame = spoken[n];
        const auto late = static_cast<std::size_t>(delay / audio::kFrameTime);
        for (std::size_t i = 0; n >= late && i < frame.pcm.size(); ++i) {
            const auto echo = static_cast<float>(played[n - late].pcm[i]) * loss;
            frame.pcm[i] = audio::decode_mulaw(audio::encode_mulaw(
                static_cast<std::int16_t>(static_cast<float>(frame.pcm[i]) + echo)));
        }
        const auto action = turns.hear(frame, now);
        if (action == Action::none) continue;
        told.emplace_back(static_cast<int>(n + 1) * 20, action);
        if (action == Action::turn_ended) continue;
        speaks = action == Action::resume;
        sent = next;  // the far end's queue was cleared
    }
    return told;
}

const sounds::Signal& agent_speech() {
    static const auto speech = [] {
        auto once = sounds::spoken(
            "Good morning, and thank you for calling. We have looked at your order from last week, "
            "and I am afraid that two of the seven boxes were sent to the wrong address. They "
            "should be with you by Thursday at the latest. Is there anything else I can do?",
            -18);
        const auto length = once.size();
        once.resize(2 * length);
        std::copy_n(once.begin(), length, once.begin() + static_cast<std::ptrdiff_t>(length));
        return once;
    }();
    return speech;
}

TEST(Turns, DoNotTakeTheAgentsEchoForTheCaller) {
    const auto& agent = agent_speech();
    for (const int delay : {60, 200, 440}) {
        sounds::Noise noise;
        const auto caller = noise.white(static_cast<double>(agent.size()) / 8 + 1000, -60);
        EXPECT_EQ(speak_over(agent, caller, -20, milliseconds(delay)), Told{}) << delay;
    }
}

TEST(Turns, HearTheCallerThroughTheAgentsEcho) {
    const auto& agent = agent_speech();
    struct Line {
        const char* name;
        double echo_db, caller_dbfs, at_ms;
    };
    for (const auto& line :
         {Line{"echo, at the beginning", -20, -20, 800}, Line{"echo, later", -20, -20, 9000},
          Line{"echo, a lower voice", -20, -24, 6000},
          Line{"clean, at the beginning", -90, -24, 400},
          Line{"clean, a quiet caller, later", -90, -34, 9000}}) {
        sounds::Noise noise;
        auto caller = noise.white(static_cast<double>(agent.size()) / 8 + 1000, -60);
        sounds::add(caller, line.at_ms,
                    sounds::spoken("Wait, I have to stop you there.", line.caller_dbfs));
        const auto told = speak_over(agent, caller, line.echo_db, milliseconds(200));
        ASSERT_EQ(told.size(), 3U) << line.name << ::testing::PrintToString(told);
        EXPECT_EQ(told[0].second, Action::pause) << line.name;
        EXPECT_GT(told[0].first, line.at_ms) << line.name;
        EXPECT_LT(told[0].first, line.at_ms + 500) << line.name;
        EXPECT_EQ(told[1].second, Action::interrupt) << line.name;
        EXPECT_LT(told[1].first, line.at_ms + 900) << line.name;
        EXPECT_EQ(told[2].second, Action::turn_ended) << line.name;
    }
}

}  // namespace
}  // namespace bridge::call
