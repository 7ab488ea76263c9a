// Who listens to a call from outside, who speaks into it, and who hears whom.

#include <gtest/gtest.h>

#include <algorithm>

#include "audio/mulaw.hpp"
#include "call/talk_queue.hpp"
#include "call_fixture.hpp"
#include "scripted_agent.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;

struct HandGuest final : Guest {
    void write(const audio::AudioFrame& frame) override { frames.push_back(frame); }
    void held(bool on) override { holds.push_back(on); }
    void talks(bool on) override { mouth.push_back(on); }
    void over(const std::string& why) override { ended = why; }
    /// The level of the last frame; 0: there was none.
    std::int16_t last() const { return frames.empty() ? std::int16_t{0} : frames.back().pcm[80]; }

    std::vector<audio::AudioFrame> frames;
    std::vector<bool> holds, mouth;
    std::optional<std::string> ended;
};

struct CallGuests : testing::Test {
    explicit CallGuests(CallSpec spec = CallFixture::outbound(),
                        std::shared_ptr<AgentShelf> shelf = {})
        : f(std::move(spec), {}, std::move(shelf)) {}
    void SetUp() override { stream = f.talk(); }

    std::shared_ptr<HandGuest> join(GuestId id, Side side = Side::both, bool may_talk = true) {
        auto guest = std::make_shared<HandGuest>();
        f.accept(input::GuestJoins{id, guest, side, may_talk});
        return guest;
    }
    void say(GuestId id, std::int16_t value, std::size_t samples = 160) {
        const std::vector<std::int16_t> sound(samples, value);
        f.accept(input::GuestSpeech{id, sound});
    }
    /// 20 ms: the phone says `said`, those who talk their number times a hundred.
    void pass(std::chrono::milliseconds time, std::vector<GuestId> talking = {},
              std::uint8_t said = 0xFF) {
        for (auto at = 0ms; at < time; at += 20ms) {
            for (const auto id : talking) say(id, static_cast<std::int16_t>(id * 100));
            f.microphone->speak(160, 5, f.clock.now());
            f.media(stream, ++sequence, timestamp += 20, 160, said);
            f.advance(20ms);
        }
    }
    bool sent(std::int16_t value) const {
        return std::count(f.line->samples.begin(), f.line->samples.end(), value) >= 160;
    }

    CallFixture f;
    std::uint64_t stream = 0, sequence = 1;
    std::int64_t timestamp = 0;
};

TEST_F(CallGuests, AGuestHearsThePhoneAsItCame) {
    const auto far = join(1, Side::far, false);
    for (int value = 0; value < 256; ++value) {
        f.media(stream, ++sequence, timestamp += 20, 160, static_cast<std::uint8_t>(value));
        f.advance(20ms);
        ASSERT_FALSE(far->frames.empty());
        EXPECT_EQ(far->last(), audio::decode_mulaw(static_cast<std::uint8_t>(value))) << value;
    }
    EXPECT_EQ(far->frames.size(), 256U);
}

TEST_F(CallGuests, OneSideIsHeardWithoutTheOther) {
    f.accept(input::SetMuted{true});
    f.accept(input::Play{std::make_shared<const std::vector<std::int16_t>>(80000, 1000), true});
    const auto both = join(1), far = join(2, Side::far), near = join(3, Side::near);
    const auto phone = audio::decode_mulaw(0x95);
    pass(1s, {}, 0x95);
    EXPECT_EQ(far->last(), phone);
    EXPECT_EQ(near->last(), 1000);
    EXPECT_EQ(both->last(), phone + 1000);
    EXPECT_TRUE(std::all_of(far->frames.begin(), far->frames.end(),
                            [&](const auto& frame) { return frame.pcm[80] == phone; }));
}

TEST_F(CallGuests, WhatThePhoneHearsIsHeardWhenThePhoneHearsIt) {
    f.accept(input::SetMuted{true});  // no microphone: speech runs ahead
    const auto near = join(1, Side::near);
    f.accept(input::Play{std::make_shared<const std::vector<std::int16_t>>(1600, 1000), false});
    EXPECT_GE(f.line->sent, 10U) << "all of it is at the far end already";
    pass(300ms);
    const auto first = std::find_if(near->frames.begin(), near->frames.end(),
                                    [](const auto& frame) { return frame.pcm[80] != 0; });
    const auto heard = std::count_if(near->frames.begin(), near->frames.end(),
                                     [](const auto& frame) { return frame.pcm[80] == 1000; });
    EXPECT_LE(first - near->frames.begin(), 1);
    EXPECT_EQ(heard, 10) << "in its time, not in a burst";
}

TEST_F(CallGuests, ATalkerIsHeardByEverybodyButItself) {
    f.accept(input::SetMuted{false});
    const auto one = join(1), two = join(2), listener = join(3, Side::near, false);
    f.accept(input::GuestTalks{1, true});
    f.accept(input::GuestTalks{2, true});
    pass(400ms, {1, 2});
    EXPECT_EQ(one->mouth, std::vector{true});
    EXPECT_EQ(one->last(), 205) << "the other one and the microphone";
    EXPECT_EQ(two->last(), 105);
    EXPECT_EQ(listener->last(), 305);
    EXPECT_TRUE(sent(305));
    EXPECT_GT(f.device->loudest, 290.0F / 32768) << "the person here hears both";
    EXPECT_LT(f.device->loudest, 303.0F / 32768) << "and not the own microphone";
    const auto seen = f.call->snapshot();
    EXPECT_EQ(seen.listeners, 3U);
    EXPECT_EQ(seen.talkers, 2U);
}

TEST_F(CallGuests, AMouthThatIsClosedSaysNothing) {
    f.accept(input::SetMuted{true});
    f.accept(input::SetMuted{false});
    const auto one = join(1), other = join(2), deaf = join(3, Side::both, false);
    pass(200ms, {1});
    EXPECT_FALSE(sent(105));
    f.accept(input::GuestTalks{1, true});
    pass(200ms, {1});
    EXPECT_TRUE(sent(105));
    EXPECT_EQ(other->last(), 105);
    f.accept(input::GuestTalks{1, false});
    f.line->samples.clear();
    pass(60ms, {1});
    EXPECT_FALSE(sent(105));
    f.accept(input::GuestTalks{3, true});
    pass(200ms, {3});
    EXPECT_TRUE(deaf->mouth.empty()) << "it came to listen only";
    EXPECT_FALSE(sent(305));
}

TEST_F(CallGuests, OneThatLeavesInTheMiddleOfAWordIsSilentAtOnce) {
    f.accept(input::SetMuted{false});
    const auto one = join(1), two = join(2);
    f.accept(input::GuestTalks{1, true});
    pass(200ms, {1});
    f.accept(input::GuestLeaves{1});
    f.line->samples.clear();
    const auto heard = one->frames.size();
    pass(100ms, {1});
    EXPECT_FALSE(sent(105));
    EXPECT_EQ(one->frames.size(), heard);
    EXPECT_EQ(two->last(), 5);
    f.accept(input::GuestLeaves{1});
    EXPECT_EQ(f.call->guests(), 1U);
}

TEST_F(CallGuests, WhileTheCallIsHeldNobodyHearsOrSpeaks) {
    const auto one = join(1), two = join(2);
    f.accept(input::GuestTalks{1, true});
    pass(200ms, {1}, 0x95);
    f.accept(input::SetHeld{true, HoldSound::silence});
    EXPECT_EQ(two->holds, std::vector{true});
    const auto heard = two->frames.size();
    f.line->samples.clear();
    pass(200ms, {1}, 0x95);
    EXPECT_EQ(two->frames.size(), heard);
    EXPECT_FALSE(sent(105));
    f.accept(input::SetHeld{false});
    pass(200ms, {1}, 0x95);
    EXPECT_EQ(two->holds, (std::vector{true, false}));
    EXPECT_EQ(two->last(), audio::decode_mulaw(0x95) + 105);
    EXPECT_TRUE(sent(105)) << "a mouth that was open still is";
    EXPECT_EQ(join(3)->holds, std::vector<bool>{});
}

TEST_F(CallGuests, AMutedCallHearsNobodyOfThisSide) {
    const auto one = join(1);
    f.accept(input::GuestTalks{1, true});
    f.accept(input::SetMuted{true});
    f.line->samples.clear();
    pass(200ms, {1});
    EXPECT_FALSE(sent(105));
    EXPECT_FALSE(sent(100));
}

TEST_F(CallGuests, TheEndOfTheCallIsTold) {
    const auto one = join(1);
    f.status("completed");
    ASSERT_TRUE(one->ended.has_value());
    EXPECT_EQ(f.call->guests(), 0U);
    EXPECT_EQ(*join(2)->ended, "the call is over");
}

TEST_F(CallGuests, OneTooManyIsNotLetIn) {
    for (GuestId id = 1; id <= kMostGuests; ++id) EXPECT_FALSE(join(id)->ended.has_value());
    EXPECT_TRUE(join(kMostGuests + 1)->ended.has_value());
    EXPECT_EQ(f.call->guests(), kMostGuests);
}

TEST_F(CallGuests, ItIsToldWhoListensAndTalks) {
    join(1);
    f.accept(input::GuestTalks{1, true});
    f.accept(input::GuestLeaves{1});
    const auto told = f.all<event::ListenersChanged>();
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[1].count, 1U);
    EXPECT_EQ(told[1].talkers, 1U);
    EXPECT_EQ(told[2].count, 0U);
}

struct GuestsBesideAnAgent : CallGuests {
    explicit GuestsBesideAnAgent(
        std::shared_ptr<ScriptedShelf> with = std::make_shared<ScriptedShelf>())
        : CallGuests(
              [] {
                  auto spec = CallFixture::outbound();
                  spec.agent = "scripted";
                  return spec;
              }(),
              with),
          shelf(with) {}
    void SetUp() override {
        CallGuests::SetUp();
        shelf->made->ear.events->ready();
        f.accept(input::SetMuted{true});
        f.accept(input::SetMuted{false});
    }
    std::int16_t agent_hears() const { return shelf->made->heard.back(); }
    void mode(AgentMode wanted) { f.accept(input::SetAgentMode{wanted}); }

    std::shared_ptr<ScriptedShelf> shelf;
};

TEST_F(GuestsBesideAnAgent, TheAgentHearsWhoeverSpeaksToThePhone) {
    const auto one = join(1), two = join(2);
    f.accept(input::GuestTalks{1, true});
    pass(400ms, {1}, 0xFF);
    EXPECT_EQ(agent_hears(), 100);
    EXPECT_TRUE(sent(100));
    shelf->made->ear.voice->write(std::vector<std::int16_t>(16000, 1000));
    pass(200ms, {1}, 0xFF);
    EXPECT_EQ(one->last(), 1000) << "the agent, not itself";
    EXPECT_EQ(two->last(), 1100);
    EXPECT_EQ(agent_hears(), 100) << "the guest, not itself";
}

TEST_F(GuestsBesideAnAgent, AWhisperIsForTheAgentAlone) {
    const auto one = join(1), two = join(2);
    mode(AgentMode::whisper);
    f.accept(input::GuestTalks{1, true});
    pass(400ms, {1}, 0xFF);
    EXPECT_EQ(agent_hears(), 105) << "the guest and the microphone";
    EXPECT_FALSE(sent(100));
    EXPECT_EQ(two->last(), 0);
    EXPECT_EQ(f.device->loudest, 0.0F);
    mode(AgentMode::taken_over);
    pass(400ms, {1}, 0xFF);
    EXPECT_EQ(agent_hears(), 0);
    EXPECT_TRUE(sent(105));
    EXPECT_EQ(two->last(), 105);
}

// --- what waits between the network and the slot

std::vector<std::int16_t> ramp(std::size_t samples, std::int16_t from = 0) {
    std::vector<std::int16_t> out(samples);
    for (auto& sample : out) sample = from++;
    return out;
}

TEST(TalkQueue, PiecesOfAnyLengthComeOutWholeAndInOrder) {
    for (const std::size_t piece : {1U, 7U, 80U, 160U, 200U, 800U, 3200U}) {
        TalkQueue queue;
        std::vector<std::int16_t> out;
        std::int16_t next = 0;
        audio::AudioFrame frame;
        // As long as a piece is, so long it takes to be said.
        for (std::size_t said = 0, taken = 0; said < 8000; said += piece) {
            queue.push(ramp(piece, next));
            next = static_cast<std::int16_t>(static_cast<std::size_t>(next) + piece);
            for (; taken + 160 <= said + piece; taken += 160) {
                if (queue.pull(frame)) out.insert(out.end(), frame.pcm.begin(), frame.pcm.end());
            }
        }
        EXPECT_EQ(out, ramp(out.size())) << piece;
        EXPECT_GE(out.size(), 7000U) << piece;
        EXPECT_EQ(queue.dropped(), 0U) << piece;
    }
}

TEST(TalkQueue, AfterAStallTheOldestGoes) {
    TalkQueue queue;
    for (int i = 0; i < 10; ++i) queue.push(ramp(160, static_cast<std::int16_t>(i * 160)));
    audio::AudioFrame frame;
    ASSERT_TRUE(queue.pull(frame));
    EXPECT_EQ(frame.pcm[0], 7 * 160) << "40 ms and the frame that is taken are left";
    EXPECT_EQ(queue.waiting(), 320U);
    EXPECT_EQ(queue.dropped(), 7 * 160U);
}

TEST(TalkQueue, IsBoundedWhateverIsPushed) {
    TalkQueue queue;
    queue.push(ramp(20'000));
    EXPECT_EQ(queue.waiting(), TalkQueue::kCapacity);
    audio::AudioFrame frame;
    ASSERT_TRUE(queue.pull(frame));
    EXPECT_EQ(frame.pcm[159], 20'000 - static_cast<int>(TalkQueue::kCapacity) + 159);
}

}  // namespace
}  // namespace bridge::call
