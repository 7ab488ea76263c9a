#include "audio/mic_path.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <numbers>
#include <random>

#include "tests/unit/audio/disturbances.hpp"
#include "tests/unit/audio/mic_simulation.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size) {
    if (counting) ++allocations;
    if (auto* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

}  // namespace

// Every allocation of this program while `counting` is on.
void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace bridge::audio {
namespace {

using namespace simulation;

MicOptions untouched() {
    MicOptions options;
    options.high_pass = options.echo_cancellation = false;
    options.noise_suppression = options.gain_control = false;
    return options;
}

Signal tone(double hz, Ms length) {
    Signal signal(static_cast<std::size_t>(length * 8));
    for (std::size_t i = 0; i < signal.size(); ++i)
        signal[i] = static_cast<float>(
            0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / kSampleRate));
    return signal;
}

// x[n] = 2 cos(w) x[n-1] - x[n-2] holds for a sine; a gap or click breaks it.
double roughness(const Signal& x, double hz, Ms from, Ms to) {
    const auto c = 2 * std::cos(2 * std::numbers::pi * hz / kSampleRate);
    double worst = 0;
    const auto last = std::min(x.size(), static_cast<std::size_t>(to * 8));
    for (auto i = static_cast<std::size_t>(from * 8) + 2; i < last; ++i)
        worst = std::max(worst, std::abs(x[i] - c * x[i - 1] + x[i - 2]));
    return worst / 0.5;
}

int missed_after(const MicOutcome& outcome, Ms from, Ms to, Ms slot) {
    const auto slots = static_cast<int>((to - from) / 20);
    int taken = 0;
    for (const auto& one : outcome.taken)
        if (one.at >= from + slot && one.at < from + slot + slots * 20) ++taken;
    return slots - taken;
}

/// A thread that wakes as threads do: up to 2 ms late, and two in a thousand up to 8.
std::function<Ms(Ms)> calm_thread() {
    return [](Ms due) {
        std::mt19937 random(static_cast<unsigned>(due * 10));
        random.discard(3);
        std::uniform_real_distribution<> some(0, 1);
        const auto rare = some(random) < 0.002;
        return some(random) * (rare ? 8 : 2);
    };
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// A sanitizer makes minutes of virtual time long, and looks at memory: one of each is enough for
/// it.
template <class Param>
auto some_of(std::vector<Param> all) {
    if (kSanitized) all.resize(1);
    return testing::ValuesIn(all);
}

class CardsRate : public testing::TestWithParam<int> {};

TEST_P(CardsRate, ReachesTheCallWithoutGapOrClick) {
    MicScene scene;
    scene.mic_rate = GetParam();
    scene.options = untouched();
    scene.length = 8000;
    scene.noise = 0;
    scene.near = tone(440, scene.length);
    scene.thread_late = calm_thread();
    const auto outcome = simulate(scene);
    EXPECT_LT(roughness(outcome.heard, 440, 500, 7900), 0.004);
    EXPECT_EQ(missed_after(outcome, 4000, 7900, scene.slot), 0);
    EXPECT_NEAR(std::sqrt(energy_of(outcome.heard, 4000, 7900) / (3900 * 8)), 0.3536, 0.004);
    EXPECT_EQ(outcome.stats.sample_rate, GetParam());
    EXPECT_EQ(outcome.stats.gaps, 0U);
    EXPECT_EQ(outcome.stats.clipped_samples, 0U);
    EXPECT_NEAR(outcome.stats.raw_level_dbfs, -9, 0.2);
}

INSTANTIATE_TEST_SUITE_P(MicPath, CardsRate,
                         testing::Values(8000, 16000, 22050, 32000, 44100, 48000, 96000),
                         testing::PrintToStringParamName());

// A frame ends somewhere in one of the card's blocks; where its end and the filter's lie in
// different ones, 10 ms are added. So it is 45 ms in most slots, and never 50.
TEST(MicPath, CallGetsEachFrameWithin45MsInMostSlotsAndWithin50InAll) {
    int slots = 0, slow = 0;
    for (int slot = 0; slot < 20; slot += 2) {
        for (const double ppm : {0.0, 120.0}) {
            MicScene scene;
            scene.slot = slot + 0.3;
            scene.mic_ppm = ppm;
            scene.length = 15000;
            scene.near = looped(near_speech(), scene.length);
            scene.echo_gain = 0;
            scene.thread_late = calm_thread();
            const auto outcome = simulate(scene);
            SCOPED_TRACE(testing::Message() << "slot " << scene.slot << ", " << ppm << " ppm");
            const auto age = outcome.age_quantile(0.99, 4000);
            EXPECT_LT(age, 50);
            EXPECT_EQ(missed_after(outcome, 4000, 14900, scene.slot), 0);
            EXPECT_EQ(outcome.dropped, 0U);
            ++slots;
            if (age >= 45) ++slow;
        }
    }
    EXPECT_LE(slow, slots / 5);
}

class CardsClock : public testing::TestWithParam<int> {};

TEST_P(CardsClock, DriftsForTenMinutesAndLatencyStays) {
    MicScene scene;
    scene.mic_rate = 8000;
    scene.speaker_rate = 8000;
    scene.mic_ppm = GetParam();
    scene.options = untouched();
    scene.length = 600000;
    scene.noise = 0;
    scene.near = tone(440, scene.length);
    scene.echo_gain = 0;
    scene.thread_late = [](Ms due) { return std::fmod(due * 0.37, 2.0); };
    const auto outcome = simulate(scene);
    EXPECT_NEAR(outcome.age_quantile(0.5, 540000), outcome.age_quantile(0.5, 5000, 65000), 6);
    EXPECT_LT(outcome.age_quantile(1.0, 5000), 40);
    EXPECT_EQ(missed_after(outcome, 5000, 599000, scene.slot), 0);
    EXPECT_EQ(outcome.dropped, 0U);
    EXPECT_EQ(outcome.stats.dropped_samples, 0U);
    EXPECT_LT(roughness(outcome.heard, 440, 5000, 599000), 0.004);
    EXPECT_NEAR(outcome.stats.steering_ppm, GetParam(), 150);
}

INSTANTIATE_TEST_SUITE_P(MicPath, CardsClock, some_of<int>({300, -300, 0, 600, -600}),
                         [](const auto& param) {
                             return (param.param < 0 ? "Slow" : "Fast") +
                                    std::to_string(std::abs(param.param));
                         });

TEST(MicPath, NoStallOfItsThreadLeavesLatency) {
    for (const Ms stall : {150.0, 500.0, 1000.0, 3000.0}) {
        MicScene scene;
        scene.options = untouched();
        scene.mic_ppm = 300;
        scene.length = 30000;
        scene.near = looped(near_speech(), scene.length);
        scene.echo_gain = 0;
        scene.thread_late = [stall](Ms due) {
            return due >= 10000 && due < 10000 + stall ? 10000 + stall - due : 0.0;
        };
        const auto outcome = simulate(scene);
        SCOPED_TRACE(testing::Message() << "stall of " << stall << " ms");
        const auto before = outcome.age_quantile(0.5, 5000, 10000);
        const auto back = 10000 + stall;
        EXPECT_LE(outcome.age_quantile(1.0, back + 100, back + 3000), before + 40);
        EXPECT_LE(outcome.age_quantile(1.0, 25000), before + 12);
        EXPECT_LE(missed_after(outcome, back + 100, 29900, scene.slot), 2);
        EXPECT_GT(outcome.stats.dropped_samples + outcome.dropped, 0U);
    }
}

// Ten minutes with a card 300 ppm off, and a disturbance every half minute: the microphone's thread
// sleeps, the card holds back and delivers all at once, or brings nothing.
TEST_P(CardsClock, ComesBackFromEveryDisturbanceOfTenMinutes) {
    constexpr Ms kEvery = simulation::Disturbances::kEvery;
    const auto length_of = simulation::Disturbances::length_of;
    const auto disturbed = simulation::Disturbances::left;
    MicScene scene;
    scene.mic_rate = scene.speaker_rate = 8000;
    scene.mic_ppm = GetParam();
    scene.options = untouched();
    scene.length = 600000;
    scene.noise = 0;
    scene.near = looped(near_speech(), scene.length);
    scene.echo_gain = 0;
    scene.thread_late = [&](Ms due) {
        return std::max(disturbed(due, 1), std::fmod(due * 0.37, 2.0));
    };
    scene.callback_late = [&](int block) { return disturbed(block % 1000000 * 10.0, 2); };
    scene.card_gone = [&](Ms at) { return disturbed(at, 3) > 0; };
    const auto outcome = simulate(scene);
    const auto before = outcome.age_quantile(1.0, 5000, kEvery);
    for (int which = 1; which < 20; ++which) {
        const auto over = which * kEvery + length_of(which);
        EXPECT_LE(outcome.age_quantile(1.0, over + 1000, (which + 1) * kEvery - 1000), before + 40)
            << which;
    }
    Ms most = 0;
    for (const auto& one : outcome.taken) most = std::max(most, one.waiting);
    EXPECT_LE(most, 400) << "what waits is bounded";
}

TEST(MicPath, StallOfTheCardsCallbacksLeavesNoLatency) {
    // Everything the card held comes at once afterwards.
    MicScene scene;
    scene.options = untouched();
    scene.length = 30000;
    scene.near = looped(near_speech(), scene.length);
    scene.echo_gain = 0;
    scene.callback_late = [](int block) {
        const auto n = block % 1000000;
        return n >= 1000 && n < 1020 ? (1020 - n) * 10.0 : 0.0;
    };
    const auto outcome = simulate(scene);
    const auto before = outcome.age_quantile(0.5, 5000, 10000);
    EXPECT_LE(outcome.age_quantile(1.0, 10400, 13000), before + 65);
    EXPECT_LE(outcome.age_quantile(1.0, 25000), before + 40);
}

TEST(MicPath, RestartIsOneGapAndAnotherRateGoesOnWithoutAClick) {
    for (const int rate : {48000, 16000, 8000, 44100}) {
        MicScene scene;
        scene.length = 12000;
        scene.noise = 0;
        scene.options = untouched();
        scene.near = tone(440, scene.length);
        scene.restart_at = 6000;
        scene.rate_after = rate;
        scene.card_gone = [](Ms now) { return now > 5600 && now < 6000; };
        const auto outcome = simulate(scene);
        SCOPED_TRACE(testing::Message() << "then " << rate << " Hz");
        EXPECT_EQ(outcome.stats.gaps, 1U);
        EXPECT_NEAR(outcome.stats.gap_ms, 400, 25);
        EXPECT_EQ(outcome.stats.sample_rate, rate);
        EXPECT_EQ(missed_after(outcome, 9500, 11900, scene.slot), 0);
        EXPECT_LT(roughness(outcome.heard, 440, 9500, 11900), 0.004);
        EXPECT_GT(energy_of(outcome.heard, 6150, 6650), 0.1 * 500 * 8);
        EXPECT_LT(outcome.age_quantile(1.0, 9500), 40);
    }
}

TEST(MicPath, RestartWithAllStagesInTheMiddleOfEchoDoesNotBreakIt) {
    MicScene scene;
    scene.length = 24000;
    scene.far = looped(far_speech(), scene.length);
    scene.restart_at = 10000;
    scene.rate_after = 16000;
    scene.options.gain_control = false;
    const auto outcome = simulate(scene);
    EXPECT_EQ(outcome.stats.gaps, 1U);
    EXPECT_GT(outcome.stats.erle_db, 20);
    EXPECT_LT(energy_of(outcome.heard, 20000, 24000), energy_of(scene.far, 20000, 24000) / 1000);
}

class RoomsDelay : public testing::TestWithParam<int> {};

TEST_P(RoomsDelay, EchoIsTakenOutWithinTenSeconds) {
    MicScene scene;
    scene.length = 20000;
    scene.far = looped(far_speech(), scene.length);
    scene.echo_delay = [](Ms) { return Ms(GetParam()); };
    scene.options.gain_control = false;  // louder is not more echo
    scene.thread_late = calm_thread();
    const auto outcome = simulate(scene);
    EXPECT_GE(outcome.erle(10000, 20000), 25);
    EXPECT_GE(outcome.stats.erle_db, 20);
    EXPECT_NEAR(outcome.stats.echo_delay_ms, GetParam(), 10);
}

INSTANTIATE_TEST_SUITE_P(MicPath, RoomsDelay, some_of<int>({60, 200, 20, 120, 350, 480}),
                         testing::PrintToStringParamName());

class TalkingDelay : public testing::TestWithParam<int> {};

TEST_P(TalkingDelay, DoubleTalkKeepsTheNearEndsSpeech) {
    MicScene scene;
    scene.length = 28000;
    scene.echo_delay = [](Ms) { return Ms(GetParam()); };
    scene.near = looped(near_speech(), scene.length, 15000);
    const auto alone = simulate(scene);
    scene.far = looped(far_speech(), scene.length);
    const auto both = simulate(scene);
    // What the same stages make of the near end alone, so that the high-pass' turning of phases,
    // which is not heard, does not count.
    Signal earlier(alone.heard.begin() + 80, alone.heard.end());
    EXPECT_GE(likeness(earlier, both.heard, 16000, 28000, 30), 0.8);
    EXPECT_GE(energy_of(both.heard, 16000, 28000), energy_of(alone.heard, 16000, 28000) * 0.25);

    // Without the high-pass, what was said itself.
    scene.options.high_pass = false;
    const auto wide = simulate(scene);
    EXPECT_GE(likeness(scene.near, wide.heard, 16000, 28000), 0.8);
}

INSTANTIATE_TEST_SUITE_P(MicPath, TalkingDelay, some_of<int>({60, 20, 120, 200}),
                         testing::PrintToStringParamName());

class ClocksApart : public testing::TestWithParam<int> {};

TEST_P(ClocksApart, EchoIsTakenOutWhenTheTwoCardsHaveTwoClocks) {
    MicScene scene;
    scene.length = 70000;
    scene.far = looped(far_speech(), scene.length);
    scene.mic_ppm = GetParam() / 2.0;
    scene.speaker_ppm = -GetParam() / 2.0;
    scene.options.gain_control = false;
    const auto outcome = simulate(scene);
    EXPECT_GE(outcome.erle(40000, 70000), 25);
}

INSTANTIATE_TEST_SUITE_P(MicPath, ClocksApart, some_of<int>({300, 40, -300}), [](const auto& one) {
    return (one.param < 0 ? "Minus" : "Plus") + std::to_string(std::abs(one.param));
});

TEST(MicPath, CallbacksThatJitterBy20MsDoNotHurtTheCanceller) {
    MicScene scene;
    scene.length = 30000;
    scene.far = looped(far_speech(), scene.length);
    scene.options.gain_control = false;
    scene.callback_late = [](int block) {
        std::mt19937 random(static_cast<unsigned>(block));
        random.discard(5);
        return std::uniform_real_distribution<>(0, 20)(random);
    };
    const auto outcome = simulate(scene);
    EXPECT_GE(outcome.erle(10000, 30000), 25);
}

TEST(MicPath, FollowsAnEchoWhoseDelayJumps) {
    MicScene scene;
    scene.length = 45000;
    scene.far = looped(far_speech(), scene.length);
    scene.options.gain_control = false;
    scene.echo_delay = [](Ms now) { return now < 15000 ? 40.0 : now < 30000 ? 260.0 : 30.0; };
    const auto outcome = simulate(scene);
    EXPECT_GE(outcome.erle(10000, 15000), 25);
    EXPECT_GE(outcome.erle(26000, 30000), 25);
    EXPECT_GE(outcome.erle(41000, 45000), 25);
}

TEST(MicPath, KeepsCleaningWithoutALine) {
    const auto tap = std::make_shared<DuplexTap>();
    MicPath path(tap, MicOptions{});
    const std::vector<float> loud(80, 1.0F);
    Clock::Time now{std::chrono::hours(1)};
    for (int n = 0; n < 200; ++n) {
        now += std::chrono::milliseconds(10);
        tap->captured(loud, 8000, now, std::chrono::milliseconds(12));
        path.step(now);
    }
    EXPECT_EQ(path.stats().captured_ms, 2000U);
    EXPECT_EQ(path.stats().clipped_samples, 16000U);
    EXPECT_GT(path.stats().raw_level_dbfs, -1);
    EXPECT_EQ(path.stats().reported_latency_ms, 12);
    EXPECT_EQ(path.stats().dropped_samples, 0U);

    auto line = std::make_shared<MicLine>();
    path.attach(line);
    path.attach(line);
    for (int n = 0; n < 10; ++n) {
        now += std::chrono::milliseconds(10);
        tap->captured(loud, 8000, now, {});
        path.step(now);
    }
    EXPECT_NEAR(static_cast<double>(line->waiting()), 800, 160);
    path.detach(line);
    const auto waiting = line->waiting();
    for (int n = 0; n < 10; ++n) {
        now += std::chrono::milliseconds(10);
        tap->captured(loud, 8000, now, {});
        path.step(now);
    }
    EXPECT_EQ(line->waiting(), waiting);
}

TEST(MicPath, StagesGoOnAndOffInMidCallWithoutGapOrClick) {
    MicScene scene;
    scene.length = 12000;
    scene.options = untouched();
    scene.noise = 0;
    scene.near = tone(700, scene.length);
    for (auto& x : scene.near) x *= 0.2F;
    int slot = 0;
    scene.each_slot = [&](MicPath& path, DuplexTap&, Ms) {
        if (++slot % 25 != 0) return;
        MicOptions options;
        const auto which = slot / 25;
        options.high_pass = which & 1;
        options.echo_cancellation = which & 2;
        options.noise_suppression = which & 4;
        options.gain_control = which & 8;
        path.set_options(options);
    };
    const auto outcome = simulate(scene);
    EXPECT_EQ(missed_after(outcome, 4000, 11900, scene.slot), 0);
    // A step of the wave itself would be 2.
    EXPECT_LT(roughness(outcome.heard, 700, 500, 11900), 0.35);
}

TEST(MicPath, AllocatesNothingInSteadyState) {
    const auto tap = std::make_shared<DuplexTap>();
    MicPath path(tap, MicOptions{});
    auto line = std::make_shared<MicLine>();
    path.attach(line);
    Clock::Time now{std::chrono::hours(1)};
    std::vector<float> in(480), out(441);
    std::mt19937 random(3);
    std::uniform_real_distribution<float> any(-0.3F, 0.3F);
    MicFrame frame;
    const auto run = [&](int blocks) {
        for (int n = 0; n < blocks; ++n) {
            now += std::chrono::milliseconds(10);
            for (auto& x : in) x = any(random);
            for (auto& x : out) x = any(random);
            tap->played(out, 44100, now, {});
            tap->captured(in, 48000, now, {});
            path.step(now);
            if (n % 2 == 1) line->read(frame);
        }
    };
    run(300);
    counting = true;
    run(1500);
    counting = false;
    EXPECT_EQ(allocations, 0U);
}

}  // namespace
}  // namespace bridge::audio
