#include "audio/speaker_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "audio/resample.hpp"
#include "tests/unit/audio/disturbances.hpp"
#include "tests/unit/audio/line_simulation.hpp"

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
// std::stable_sort takes its buffer with this one.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    if (counting) ++allocations;
    return std::malloc(size == 0 ? 1 : size);
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

using simulation::Frame;
using simulation::Ms;
using simulation::Outcome;
using simulation::Scene;
using simulation::simulate;
using simulation::sine;
using simulation::steady;

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kAmplitude = 0.5;

// x[n] = 2 cos(w) x[n-1] - x[n-2] holds for a sine; a gap or click breaks it. The largest deviation
// in the part between the two times, relative to the amplitude.
double roughness(const Outcome& outcome, int rate, double hz, Ms from, Ms to) {
    const auto c = 2 * std::cos(kTurn * hz / rate);
    double worst = 0;
    const auto first = static_cast<std::size_t>(from / 1000 * rate) + 2;
    const auto last = std::min(outcome.output.size(), static_cast<std::size_t>(to / 1000 * rate));
    for (auto i = first; i < last; ++i)
        worst = std::max(
            worst, std::abs(outcome.output[i] - c * outcome.output[i - 1] + outcome.output[i - 2]));
    return worst / kAmplitude;
}

// Upward zero crossings a second.
double frequency(const Outcome& outcome, int rate, Ms from, Ms to) {
    const auto& x = outcome.output;
    double first = -1, last = -1;
    int periods = -1;
    const auto end = std::min(x.size(), static_cast<std::size_t>(to / 1000 * rate));
    for (auto i = static_cast<std::size_t>(from / 1000 * rate) + 1; i < end; ++i) {
        if (!(x[i - 1] < 0 && x[i] >= 0)) continue;
        const auto where = static_cast<double>(i) - static_cast<double>(x[i]) / (x[i] - x[i - 1]);
        if (first < 0) first = where;
        last = where;
        ++periods;
    }
    return periods * rate / (last - first);
}

Ms longest_silence(const Outcome& outcome, int rate, Ms from, Ms to) {
    std::size_t run = 0, longest = 0;
    const auto end = std::min(outcome.output.size(), static_cast<std::size_t>(to / 1000 * rate));
    for (auto i = static_cast<std::size_t>(from / 1000 * rate); i < end; ++i) {
        run = std::abs(outcome.output[i]) < 1e-4F ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    return static_cast<Ms>(longest) * 1000 / rate;
}

Ms latency_after(const Outcome& outcome, Ms when) {
    Ms largest = 0;
    for (const auto& one : outcome.latencies)
        if (one.at >= when) largest = std::max(largest, one.latency);
    return largest;
}

TEST(SpeakerLine, PlaysACleanStreamOnEveryCardWithoutGapOrClick) {
    for (const int rate : {48000, 44100, 16000, 8000}) {
        for (const double ppm : {0.0, 200.0, -200.0, 300.0, -300.0}) {
            Scene run;
            run.rate = rate;
            run.device_ppm = ppm;
            run.length = 10000;
            run.signal = sine(440);
            const auto outcome = simulate(steady(run.length), run);
            SCOPED_TRACE(testing::Message() << rate << " Hz, " << ppm << " ppm");
            EXPECT_LT(roughness(outcome, rate, 440, 300, 9900), 0.002);
            EXPECT_NEAR(frequency(outcome, rate, 300, 9900), 440, 440 * 0.001);
            EXPECT_EQ(outcome.stats.underruns, 0U);
            EXPECT_EQ(outcome.stats.concealed_samples, 0U);
            EXPECT_EQ(outcome.stats.trimmed_samples, 0U);
            EXPECT_LT(outcome.latency_quantile(0.99), 60);
            EXPECT_LE(outcome.stats.target_ms, 40);
        }
    }
}

TEST(SpeakerLine, LetsSpeechThroughUnharmed) {
    Scene run;
    run.length = 12000;
    run.device_ppm = 150;
    run.signal = simulation::speechlike;
    auto frames = steady(run.length);
    std::mt19937 random(7);
    std::uniform_real_distribution<> late(0, 3);  // an io thread's own
    for (auto& frame : frames) frame.arrival += late(random);
    const auto outcome = simulate(frames, run);
    EXPECT_LT(outcome.latency_quantile(0.99), 60);

    // 250 ms windows, each at its best lag against the source at the device's rate.
    std::vector<std::int16_t> source(static_cast<std::size_t>(run.length * 8));
    for (std::size_t i = 0; i < source.size(); ++i)
        source[i] = static_cast<std::int16_t>(
            std::lrint(simulation::speechlike(static_cast<double>(i) / kSampleRate) * 32767));
    std::vector<std::int16_t> heard;
    for (const auto x : outcome.output)
        heard.push_back(static_cast<std::int16_t>(std::lrint(x * 32767)));
    const auto at8k = resample(heard, run.rate, kSampleRate);

    // When does it start? The source is not silent in its first syllable.
    const auto begins =
        std::find_if(at8k.begin(), at8k.end(), [](int x) { return std::abs(x) > 300; }) -
        at8k.begin();
    EXPECT_LT(static_cast<double>(begins) / 8 - outcome.first_arrival, 300);

    // The best lag is first looked for at 16 kHz, then at the device's rate around it.
    const auto source16 = resample(source, kSampleRate, 16000);
    const auto heard16 = resample(heard, run.rate, 16000);
    const auto source48 = resample(source, kSampleRate, run.rate);
    const auto likeness = [](const std::vector<std::int16_t>& said,
                             const std::vector<std::int16_t>& got, std::size_t from,
                             std::size_t lag, std::size_t count) {
        double both = 0, one = 1, other = 1;
        for (std::size_t i = from; i < from + count; ++i) {
            both += static_cast<double>(said[i]) * got[i + lag];
            one += static_cast<double>(said[i]) * said[i];
            other += static_cast<double>(got[i + lag]) * got[i + lag];
        }
        return both / std::sqrt(one * other);
    };
    constexpr std::size_t kWindow = 2000;    // 250 ms
    constexpr std::size_t kLags = 100 * 16;  // ms
    int windows = 0;
    std::size_t least_lag = 1 << 20, most_lag = 0;
    for (std::size_t from = 4000; from + kWindow + 1000 < at8k.size(); from += kWindow) {
        double energy = 0;
        for (std::size_t i = from; i < from + kWindow; ++i)
            energy += static_cast<double>(source[i]) * source[i];
        if (energy / kWindow < 1e5) continue;  // a pause has no lag
        std::size_t lag = 0;
        double best = 0;
        for (std::size_t one = 55 * 16; one < kLags; ++one) {
            const auto now = likeness(source16, heard16, from * 2, one, kWindow * 2);
            if (now > best) {
                best = now;
                lag = one;
            }
        }
        std::size_t fine = 0;
        best = 0;
        for (auto one = lag * 3 - 4; one <= lag * 3 + 4; ++one) {
            const auto now = likeness(source48, heard, from * 6, one, kWindow * 6);
            if (now > best) {
                best = now;
                fine = one;
            }
        }
        EXPECT_GE(best, 0.98) << "window at " << from / 8 << " ms, lag " << lag / 16 << " ms";
        least_lag = std::min(least_lag, fine);
        most_lag = std::max(most_lag, fine);
        ++windows;
    }
    EXPECT_GT(windows, 20);
    EXPECT_LT(static_cast<double>(most_lag - least_lag) / 48, 10);
}

// What is left of an ear's attention: 0.3 % is 5 cents, and it may take a second to get there.
constexpr double kMostSteeringPpm = 3000;
constexpr double kMostChangePpmPerSecond = 3000;

class SoundCardsClock : public testing::TestWithParam<int> {};

TEST_P(SoundCardsClock, DriftsForTenMinutesAndLatencyStays) {
    const double ppm = GetParam();
    Scene run;
    run.rate = 8000;
    run.device_ppm = ppm;
    run.length = 600000;
    run.signal = sine(440);
    double last = 0, least = 1e9, most = -1e9, fastest_change = 0;
    run.each_block = [&](SpeakerLine& line, Ms now) {
        const auto steering = line.stats().steering_ppm;
        fastest_change = std::max(fastest_change, std::abs(steering - last) * 100);  // a second
        last = steering;
        if (now < 60000) return;
        least = std::min(least, steering);
        most = std::max(most, steering);
    };
    const auto outcome = simulate(steady(run.length), run);
    EXPECT_EQ(outcome.stats.underruns, 0U);
    EXPECT_EQ(outcome.stats.concealed_samples, 0U);
    EXPECT_EQ(outcome.stats.trimmed_samples, 0U);
    EXPECT_EQ(outcome.stats.dropped_samples, 0U);
    // A frame waits between one block and the target of 40 ms, and always about the same.
    Ms shortest = 1e9;
    for (const auto& one : outcome.latencies)
        if (one.at >= 60000) shortest = std::min(shortest, one.latency);
    EXPECT_GT(shortest, 15);
    EXPECT_LT(latency_after(outcome, 1000), 45);
    EXPECT_LT(latency_after(outcome, 60000) - shortest, 15);
    // The speed is the other clock's, no more, and changes so slowly that nobody hears it.
    EXPECT_NEAR((least + most) / 2, -ppm, 30);
    EXPECT_LT(most - least, 300);
    EXPECT_LE(fastest_change, kMostChangePpmPerSecond * 1.05);
    for (Ms from = 60000; from + 10000 < run.length; from += 60000)
        EXPECT_NEAR(frequency(outcome, run.rate, from, from + 10000), 440 * (1 - ppm * 1e-6),
                    440 * 0.0002);
    EXPECT_LT(roughness(outcome, run.rate, 440, 300, run.length - 100), 0.003);
}

INSTANTIATE_TEST_SUITE_P(PartsPerMillion, SoundCardsClock, testing::Values(200, -200, 300, -300),
                         [](const auto& ppm) {
                             return (ppm.param < 0 ? "Slow" : "Fast") +
                                    std::to_string(std::abs(ppm.param));
                         });

// Ten minutes with a card 300 ppm off, and a disturbance every half minute: the network holds
// frames back and sends them all at once, the card asks for nothing, or asks late and then in a
// burst.
TEST_P(SoundCardsClock, ComesBackFromEveryDisturbanceOfTenMinutes) {
    constexpr Ms kEvery = simulation::Disturbances::kEvery;
    const auto length_of = simulation::Disturbances::length_of;
    const auto disturbed = simulation::Disturbances::left;
    Scene run;
    run.rate = 8000;
    run.device_ppm = GetParam();
    run.length = 600000;
    run.signal = sine(440);
    run.keep_output = false;
    // 1: the network; 2: the card is gone; 3: the card is late
    auto frames = steady(run.length);
    for (auto& frame : frames) frame.arrival += disturbed(frame.arrival, 1);
    run.device_gone = [&](Ms due) { return disturbed(due, 2) > 0; };
    run.device_lateness = [&](int block) { return disturbed(block * 10.0, 3); };
    const auto outcome = simulate(frames, run);
    const auto largest = [&](Ms from, Ms to) {
        Ms most = 0;
        for (const auto& one : outcome.latencies)
            if (one.at >= from && one.at < to) most = std::max(most, one.latency);
        return most;
    };
    const auto before = largest(5000, kEvery);
    for (int which = 1; which < 20; ++which) {
        const auto over = which * kEvery + length_of(which);
        EXPECT_LT(largest(over + 1000, (which + 1) * kEvery - 1000), before + 40) << which;
    }
    for (const auto& one : outcome.latencies) EXPECT_LT(one.depth, 2 * 128 + 100) << one.at;
}

TEST(SpeakerLine, NeverSteersSoThatItIsHeard) {
    // Jitter that comes and goes, a stall, an unsteady card with a bad crystal: all at once.
    Scene run;
    run.device_ppm = -300;
    run.length = 60000;
    run.signal = sine(440);
    run.device_lateness = [](int block) { return block % 37 == 0 ? 12.0 : 0.0; };
    double last = 0;
    run.each_block = [&](SpeakerLine& line, Ms) {
        const auto steering = line.stats().steering_ppm;
        ASSERT_LE(std::abs(steering), kMostSteeringPpm + 1);
        ASSERT_LE(std::abs(steering - last), kMostChangePpmPerSecond / 100 * 1.05);
        last = steering;
    };
    auto frames = steady(run.length);
    std::mt19937 random(11);
    std::uniform_real_distribution<> late(0, 60);
    Ms before = 0;
    for (auto& frame : frames) {
        if (std::fmod(frame.at, 20000) < 10000) frame.arrival += late(random);
        if (frame.at > 30000 && frame.at < 30700) frame.arrival = 30740;
        before = frame.arrival = std::max(before, frame.arrival);
    }
    simulate(frames, run);
}

TEST(SpeakerLine, CoversTheJitterItMeasures) {
    for (const double jitter : {20.0, 50.0, 80.0}) {
        Scene run;
        run.length = 30000;
        run.signal = sine(440);
        auto frames = steady(run.length);
        std::mt19937 random(3);
        std::uniform_real_distribution<> late(0, jitter);
        Ms last = 0;
        for (auto& frame : frames)
            last = frame.arrival = std::max(last, frame.arrival + late(random));
        const auto outcome = simulate(frames, run);
        EXPECT_LE(outcome.stats.underruns, 3U) << jitter;
        EXPECT_NEAR(outcome.stats.jitter_ms, jitter * 0.93, jitter * 0.2);
        EXPECT_GE(outcome.stats.target_ms, jitter);
        EXPECT_LE(outcome.stats.target_ms, 128);
        // Once it knows the jitter nothing more is heard of it.
        EXPECT_LT(roughness(outcome, run.rate, 440, 8000, 29900), 0.003) << jitter;
    }
}

TEST(SpeakerLine, NeverAimsAboveTheCeiling) {
    Scene run;
    run.length = 20000;
    run.signal = sine(300);
    run.options.ceiling = std::chrono::milliseconds(64);
    run.each_block = [](SpeakerLine& line, Ms) { ASSERT_LE(line.stats().target_ms, 64.0); };
    auto frames = steady(run.length);
    std::mt19937 random(5);
    std::uniform_real_distribution<> late(0, 300);
    Ms last = 0;
    for (auto& frame : frames) last = frame.arrival = std::max(last, frame.arrival + late(random));
    simulate(frames, run);
}

TEST(SpeakerLine, TakesAnUnsteadyDeviceIntoAccount) {
    Scene run;
    run.length = 20000;
    run.signal = sine(440);
    // A sound server that asks for two blocks at once every 20 ms, and sometimes late.
    run.device_lateness = [](int block) {
        return (block % 2 == 0 ? 10.0 : 0.0) + (block / 2 % 7 == 0 ? 6.0 : 0.0);
    };
    const auto outcome = simulate(steady(run.length), run);
    EXPECT_LE(outcome.stats.underruns, 1U);
    EXPECT_LT(roughness(outcome, run.rate, 440, 3000, 19900), 0.003);
    EXPECT_LT(outcome.latency_quantile(0.99), 80);
}

TEST(SpeakerLine, TrimsABacklogWithinASecondAndWithoutAClick) {
    for (const double stall : {100.0, 150.0, 200.0, 300.0, 500.0, 1000.0, 2000.0, 3000.0}) {
        Scene run;
        run.length = 12000;
        run.signal = sine(440);
        auto frames = steady(run.length);
        for (auto& frame : frames)
            if (frame.arrival > 4000 && frame.arrival < 4000 + stall) frame.arrival = 4000 + stall;
        const auto outcome = simulate(frames, run);
        SCOPED_TRACE(stall);
        EXPECT_EQ(outcome.stats.underruns, 1U);
        EXPECT_GT(outcome.stats.trimmed_samples, 0U);
        // Twice the ceiling and 100 ms wait, no more; what does not fit is counted.
        if (stall < 350)
            EXPECT_EQ(outcome.stats.dropped_samples, 0U);
        else
            EXPECT_NEAR(static_cast<double>(outcome.stats.dropped_samples) / 8, stall - 360, 45);
        EXPECT_LT(latency_after(outcome, 5000 + stall), 60);
        // A click would be of the order of 1; a change of phase within 5 ms is far below.
        EXPECT_LT(roughness(outcome, run.rate, 440, 300, 11900), 0.01);
        // Bridged for 60 ms, then silence until the stall is over: no noise, no loop.
        EXPECT_LT(static_cast<double>(outcome.stats.concealed_samples) / 8, 150);
        EXPECT_LT(longest_silence(outcome, run.rate, 300, 11900), std::max(stall - 70, 20.0));
    }
}

TEST(SpeakerLine, IsInStepAgainASecondAfterTheDeviceWasGone) {
    for (const double gone : {100.0, 300.0, 1000.0, 3000.0}) {
        Scene run;
        run.length = 12000;
        run.signal = sine(440);
        run.device_gone = [&](Ms due) { return due > 4000 && due < 4000 + gone; };
        const auto outcome = simulate(steady(run.length), run);
        SCOPED_TRACE(gone);
        EXPECT_NEAR(static_cast<double>(outcome.stats.dropped_samples) / 8,
                    std::max(0.0, gone - 340), 40);
        EXPECT_LT(latency_after(outcome, 5000 + gone), 60);
    }
}

TEST(SpeakerLine, LeavesOutPausesFirst) {
    Scene run;
    run.length = 8000;
    run.signal = [](double t) {
        return std::fmod(t, 0.5) < 0.25 ? 0.5 * std::sin(kTurn * 440 * t) : 0.0;
    };
    auto frames = steady(run.length);
    // Ends within a pause: 160 ms of backlog can go without touching the tone.
    for (auto& frame : frames)
        if (frame.arrival > 4100 && frame.arrival < 4300) frame.arrival = 4300;
    const auto outcome = simulate(frames, run);
    EXPECT_GT(outcome.stats.trimmed_samples, 8U * 100);
    EXPECT_LT(latency_after(outcome, 5300), 60);
    EXPECT_LT(roughness(outcome, run.rate, 440, 4800, 7900), 0.02);
}

TEST(SpeakerLine, ConcealsLostFramesAndKeepsTheTime) {
    for (const int lost : {1, 2, 3}) {
        Scene run;
        run.length = 6000;
        run.signal = sine(200);
        auto frames = steady(run.length);
        std::erase_if(frames, [&](const Frame& frame) {
            return frame.at >= 3000 && frame.at < 3000 + 20 * lost;
        });
        const auto outcome = simulate(frames, run);
        SCOPED_TRACE(lost);
        EXPECT_NEAR(static_cast<double>(outcome.stats.concealed_samples), 160.0 * lost, 60);
        EXPECT_LT(longest_silence(outcome, run.rate, 300, 5900), 20);
        EXPECT_LT(roughness(outcome, run.rate, 200, 300, 5900), 0.01);
        // What comes after is neither earlier nor later than without the loss.
        EXPECT_LT(latency_after(outcome, 3500), 45);
        EXPECT_EQ(outcome.stats.trimmed_samples, 0U);
    }
}

TEST(SpeakerLine, FadesToSilenceInALongGapAndComesBackWithoutAClick) {
    Scene run;
    run.length = 8000;
    run.signal = sine(440);
    auto frames = steady(run.length);
    std::erase_if(frames, [](const Frame& frame) { return frame.at >= 3000 && frame.at < 5000; });
    const auto outcome = simulate(frames, run);
    EXPECT_EQ(outcome.stats.underruns, 1U);
    EXPECT_EQ(outcome.stats.concealed_samples, 480U);
    EXPECT_NEAR(longest_silence(outcome, run.rate, 300, 7900), 1940, 40);
    EXPECT_LT(roughness(outcome, run.rate, 440, 300, 7900), 0.01);
    EXPECT_LT(latency_after(outcome, 5500), 45);
}

TEST(SpeakerLine, GoesOnWhenTheSourceStartsItsClockAnew) {
    Scene run;
    run.length = 8000;
    run.signal = sine(440);
    auto frames = steady(run.length);
    for (auto& frame : frames)
        if (frame.at >= 4000) frame.at -= 4000;  // 440 Hz fits into 4 s: the tone goes on
    const auto outcome = simulate(frames, run);
    EXPECT_EQ(outcome.stats.underruns, 0U);
    EXPECT_LT(roughness(outcome, run.rate, 440, 300, 7900), 0.003);
    EXPECT_LT(latency_after(outcome, 1000), 45);
}

TEST(SpeakerLine, DropsAndCountsWhatDoesNotFit) {
    VirtualClock clock;
    SpeakerLine line(clock, {std::chrono::milliseconds(128)});
    for (int n = 0; n < 100; ++n) {
        AudioFrame frame;
        frame.at = std::chrono::milliseconds(n * 20);
        line.write(frame);
    }
    const auto stats = line.stats();
    EXPECT_EQ(stats.frames, 100U);
    EXPECT_GE(stats.depth_ms, 256);
    EXPECT_LE(stats.depth_ms, 400);
    EXPECT_EQ(stats.dropped_samples, (100 - static_cast<std::uint64_t>(stats.depth_ms / 20)) * 160);
}

TEST(SpeakerLine, PlaysOutWhatIsThereAtTheEnd) {
    VirtualClock clock;
    SpeakerLine line(clock, {});
    line.prepare(48000);
    AudioFrame frame;
    frame.pcm.fill(8000);
    line.write(frame);  // less than the target: it must not wait for more
    line.end();
    EXPECT_FALSE(line.drained());
    std::vector<float> heard;
    for (int block = 0; block < 10 && !line.drained(); ++block) {
        clock.advance(std::chrono::milliseconds(10));
        std::vector<float> out(480, 0.0F);
        line.render(out.data(), out.size(), 48000, clock.now());
        heard.insert(heard.end(), out.begin(), out.end());
    }
    EXPECT_TRUE(line.drained());
    EXPECT_EQ(line.stats().rendered_samples, 160U);
    EXPECT_EQ(line.stats().underruns, 0U);
    EXPECT_LT(heard.size(), 480U * 5);
    EXPECT_NEAR(*std::max_element(heard.begin(), heard.end()), 8000.0F / 32768, 0.02);
}

TEST(SpeakerLine, IsDrainedAtOnceIfNothingEverCame) {
    VirtualClock clock;
    SpeakerLine line(clock, {});
    EXPECT_FALSE(line.drained());
    line.end();
    EXPECT_TRUE(line.drained());
}

TEST(SpeakerLine, AddsToWhatIsThereAndRampsItsGain) {
    Scene run;
    run.length = 4000;
    run.signal = sine(440);
    run.each_block = [](SpeakerLine& line, Ms now) { line.set_gain(now > 2000 ? 0.0F : 1.0F); };
    const auto outcome = simulate(steady(run.length), run);
    EXPECT_LT(roughness(outcome, run.rate, 440, 300, 3900), 0.01);
    EXPECT_GT(longest_silence(outcome, run.rate, 2000, 3900), 1800);

    VirtualClock clock;
    SpeakerLine line(clock, {});
    std::vector<float> out(480, 0.25F);
    line.render(out.data(), out.size(), 48000, clock.now());
    EXPECT_EQ(out, std::vector<float>(480, 0.25F));
}

TEST(SpeakerLine, CountsWhatItDoes) {
    Scene run;
    run.length = 5000;
    run.signal = sine(440);
    const auto outcome = simulate(steady(run.length), run);
    EXPECT_EQ(outcome.stats.frames, 248U);  // until 5 s, on a way of 40 ms
    EXPECT_NEAR(static_cast<double>(outcome.stats.rendered_samples) / 8, 5000 - 40 - 20, 30);
    EXPECT_NEAR(outcome.stats.level_dbfs, -9.03, 0.1);
    EXPECT_NEAR(outcome.stats.latency_p50_ms, outcome.latency_quantile(0.5), 6);
    EXPECT_LE(outcome.stats.latency_ms, outcome.stats.latency_max_ms);
}

TEST(SpeakerLine, IsTheSameEveryTime) {
    Scene run;
    run.length = 3000;
    run.signal = simulation::speechlike;
    auto frames = steady(run.length);
    for (std::size_t i = 0; i < frames.size(); i += 7) frames[i].arrival += 33;
    const auto one = simulate(frames, run);
    const auto two = simulate(frames, run);
    EXPECT_EQ(one.output, two.output);
}

TEST(SpeakerLine, NeitherWritesNorRendersWithTheHeap) {
    VirtualClock clock;
    SpeakerLine line(clock, {});
    line.prepare(48000);
    std::vector<float> out(480);
    AudioFrame frame;
    for (int i = 0; i < 160; ++i)
        frame.pcm[static_cast<std::size_t>(i)] =
            static_cast<std::int16_t>(8000 * std::sin(i * 0.3));
    allocations = 0;
    counting = true;
    // Clean, then a stall and its burst, then a loss: every way through the line.
    for (int block = 0; block < 1000; ++block) {
        clock.advance(std::chrono::milliseconds(10));
        const bool stalled = block > 400 && block < 440;
        const bool lost = block > 700 && block < 706;
        if (block % 2 == 0 && !stalled && !lost) {
            for (auto at = frame.at.count(); at <= block * 10; at += 20) {
                frame.at = std::chrono::milliseconds(at);
                line.write(frame);
            }
            frame.at = std::chrono::milliseconds(block * 10 + 20);
        }
        if (lost) frame.at = std::chrono::milliseconds((block / 2 + 1) * 20);
        line.render(out.data(), out.size(), block < 900 ? 48000 : 44100, clock.now());
    }
    counting = false;
    EXPECT_EQ(allocations.load(), 0U);
    EXPECT_GT(line.stats().trimmed_samples, 0U);
    EXPECT_GT(line.stats().concealed_samples, 0U);
}

}  // namespace
}  // namespace bridge::audio
