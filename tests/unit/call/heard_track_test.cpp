// What the phone heard, taken down on the carrier's timeline, against a phone that knows.

#include "call/heard_track.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "call/outbound_line.hpp"
#include "tests/unit/call/far_end.hpp"
#include "tests/unit/call/outbound_fixture.hpp"

namespace bridge::call {
namespace {

using namespace std::chrono_literals;
using audio::kFrameSamples;

/// A carrier that plays and captures in steps of 20 ms, as Twilio and its likeness do. What it told
/// to play is `heard`, from the beginning of its first stream.
class SteppingPhone final : public PhoneLine, public std::enable_shared_from_this<SteppingPhone> {
public:
    explicit SteppingPhone(StallingClock& clock) : clock_(clock) {}

    const StreamSid& stream_sid() const override { return sid_; }
    bool can_send() const override { return true; }
    bool send(std::span<const audio::AudioFrame> frames) override {
        std::vector<std::int16_t> samples;
        for (const auto& frame : frames)
            samples.insert(samples.end(), frame.pcm.begin(), frame.pcm.end());
        arrive([this, samples] {
            queue_.insert(queue_.end(), samples.begin(), samples.end());
            received_ += samples.size();
        });
        return true;
    }
    bool mark(std::string_view name) override {
        arrive([this, name = std::string(name)] {
            if (queue_.empty() && finished_ == taken_) return echo(name);
            marks_.push_back({received_, name});
        });
        return true;
    }
    bool clear() override {
        arrive([this] {
            queue_.clear();
            received_ = taken_;
            finished_ = taken_;
            for (const auto& [at, name] : std::exchange(marks_, {})) echo(name);
        });
        return true;
    }
    void close() override {}

    /// 20 ms pass at the carrier.
    void step() {
        finished_ = taken_;
        while (!marks_.empty() && marks_.front().first <= finished_) {
            echo(marks_.front().second);
            marks_.pop_front();
        }
        const auto count = std::min(queue_.size(), kFrameSamples);
        heard.resize(heard.size() + kFrameSamples);
        std::copy_n(queue_.begin(), count, heard.end() - kFrameSamples);
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
        taken_ += count;
        const auto place = heard.size() - kFrameSamples;
        if (streaming) back([this, at = timestamp_, place] { on_frame(at, place); });
        timestamp_ += 20ms;
    }
    void new_stream() {
        ++streams_;  // what is under way reaches nobody
        queue_.clear();
        marks_.clear();
        received_ = finished_ = taken_;
        timestamp_ = 0ms;
    }

    OutboundLine* line = nullptr;
    std::function<void(std::chrono::milliseconds, std::size_t place)> on_frame;
    bool streaming = true;
    Clock::Duration there = 15ms, way_back = 12ms;
    std::function<Clock::Duration()> jitter;
    std::function<Clock::Duration()> late_echo;  ///< of a mark alone
    std::vector<std::int16_t> heard;

private:
    template <class Action>
    void arrive(Action action) {
        last_there_ =
            std::max(last_there_, clock_.now() + there + (jitter ? jitter() : Clock::Duration{0}));
        clock_.outside().at(last_there_, [self = shared_from_this(), action, stream = streams_] {
            if (stream == self->streams_) action();
        });
    }
    template <class Action>
    void back(Action action) {
        last_back_ = std::max(last_back_,
                              clock_.now() + way_back + (jitter ? jitter() : Clock::Duration{0}));
        clock_.at(last_back_, [self = shared_from_this(), action, stream = streams_] {
            if (stream == self->streams_) action();
        });
    }
    void echo(const std::string& name) {
        const auto late = late_echo ? late_echo() : Clock::Duration{0};
        clock_.at(std::max(last_back_, clock_.now() + way_back) + late,
                  [self = shared_from_this(), name] { self->line->mark_echoed(name); });
    }

    StallingClock& clock_;
    StreamSid sid_{"MZ1"};
    std::deque<std::int16_t> queue_;
    std::deque<std::pair<std::uint64_t, std::string>> marks_;
    std::uint64_t received_ = 0, taken_ = 0, finished_ = 0;
    std::chrono::milliseconds timestamp_{0};
    int streams_ = 0;
    Clock::Time last_there_{}, last_back_{};
};

struct Written final : TrackTap {
    void far_end(std::uint64_t, std::span<const std::int16_t>) override {}
    void near_end(std::uint64_t at, std::span<const std::int16_t> samples) override {
        EXPECT_GE(at, known);
        known = at + samples.size();
        if (near.size() < known) near.resize(known);
        std::copy(samples.begin(), samples.end(), near.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void near_known(std::uint64_t at) override {
        EXPECT_GE(at, known);
        known = at;
    }
    std::vector<std::int16_t> near;
    std::uint64_t known = 0;
};

struct HeardTrackTest : testing::Test {
    void SetUp() override {
        line.emplace(clock, 7ms, OutboundOptions{}, OutboundLine::Hooks{});
        line->follow(track);
        phone->line = &*line;
        phone->on_frame = [this](std::chrono::milliseconds at, std::size_t place) {
            const auto told = carrier.frame(at, kFrameSamples, clock.now());
            ASSERT_TRUE(told);
            const auto off = static_cast<std::int64_t>(*told) - static_cast<std::int64_t>(place);
            far_off = std::max(far_off, std::abs(off));
            most_behind = std::max(most_behind, carrier.now(clock.now()) - written.known);
            track->advance(clock.now());
        };
        start_stream();
    }
    void TearDown() override { line.reset(); }

    void end_stream() {
        line->detach();
        carrier.end_stream();
        phone->streaming = false;
        phone->new_stream();
    }
    void start_stream() {
        phone->streaming = true;
        carrier.begin_stream(clock.now());
        phone->new_stream();
        line->attach(phone);
    }
    /// Time passes, at the carrier too.
    void pass(Clock::Duration time) {
        const auto end = clock.now() + time;
        while (next_step <= end) {
            clock.advance_to(next_step);
            phone->step();
            next_step += 20ms;
        }
        clock.advance_to(end);
    }
    /// The program stands still meanwhile.
    void stall(std::chrono::milliseconds length) {
        // Never the moment of a step: what is due then comes in order.
        const auto time = std::chrono::floor<std::chrono::milliseconds>(clock.now() + length) +
                          500us - clock.now();
        for (auto step = next_step; step <= clock.now() + time; step += 20ms)
            clock.outside().at(step, [this] { phone->step(); });
        const auto end = clock.now() + time;
        clock.stall(time);
        while (next_step <= end) next_step += 20ms;
    }

    /// How far each stretch of 20 ms that was heard lies from where it was written, at most; every
    /// one must be there.
    std::int64_t furthest() {
        line->detach();
        std::map<std::int16_t, std::size_t> places;
        for (std::size_t i = 0; i < written.near.size(); ++i)
            if (written.near[i] != 0) places[written.near[i]] = i;
        std::int64_t out = 0;
        missing = 0;
        for (std::size_t i = 0; i < phone->heard.size(); ++i) {
            const auto sample = phone->heard[i];
            if (sample == 0) continue;
            const auto found = places.find(sample);
            if (found == places.end()) {
                ++missing;
                continue;
            }
            const auto off =
                static_cast<std::int64_t>(found->second) - static_cast<std::int64_t>(i);
            out = std::max(out, std::abs(off));
        }
        unheard = 0;
        std::map<std::int16_t, bool> was_heard;
        for (const auto sample : phone->heard) was_heard[sample] = true;
        for (const auto& [sample, place] : places) unheard += was_heard.count(sample) == 0 ? 1 : 0;
        return out;
    }
    /// Silences within what was written, in samples.
    std::vector<std::size_t> gaps() const {
        std::vector<std::size_t> out;
        std::size_t silent = 0;
        bool begun = false;
        for (const auto sample : written.near) {
            if (sample == 0) {
                ++silent;
                continue;
            }
            if (begun && silent > 0) out.push_back(silent);
            begun = true;
            silent = 0;
        }
        return out;
    }

    StallingClock clock;
    CarrierTime carrier;
    Written written;
    std::shared_ptr<HeardTrack> track = std::make_shared<HeardTrack>(carrier, written);
    std::shared_ptr<SteppingPhone> phone = std::make_shared<SteppingPhone>(clock);
    std::optional<OutboundLine> line;
    Clock::Time next_step = clock.now() + 9ms;
    std::uint64_t most_behind = 0;
    std::int64_t far_off = 0;  ///< of the phone's own frames
    std::size_t missing = 0, unheard = 0;
};

TEST_F(HeardTrackTest, WhatWasHeardLiesWhereItWasHeard) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    pass(333ms);
    voice->begin();
    voice->write(numbered(2 * 8000));
    voice->end();
    pass(4s);
    EXPECT_EQ(furthest(), 0);
    EXPECT_EQ(missing, 0U);
    EXPECT_TRUE(gaps().empty());
    EXPECT_LE(most_behind, 8000U);
}

TEST_F(HeardTrackTest, AMicrophoneLiesWhereItWasHeard) {
    std::size_t spoken = 0;
    std::shared_ptr<VoiceSink> voice;
    line.reset();
    OutboundLine::Hooks hooks;
    hooks.pull_live = [&](Clock::Time) {
        voice->write(numbered(160, spoken));
        spoken += 160;
    };
    line.emplace(clock, 7ms, OutboundOptions{}, hooks);
    line->follow(track);
    phone->line = &*line;
    line->attach(phone);
    voice = line->add_voice(OutboundLine::Kind::live);
    pass(3500ms);
    EXPECT_LE(furthest(), 160);
    EXPECT_LE(missing, 160U);  // the frame that was being played when the line was let go
    EXPECT_LE(most_behind, 8000U);
    voice.reset();
}

TEST_F(HeardTrackTest, TwoUtterancesKeepTheirDistance) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    for (std::size_t i = 0; i < 6; ++i) {
        voice->begin();
        voice->write(numbered(4000, i * 4000));
        voice->end();
        pass(500ms + 77ms * static_cast<int>(i));
    }
    pass(1s);
    EXPECT_EQ(furthest(), 0);
    EXPECT_EQ(missing, 0U);
}

TEST_F(HeardTrackTest, AClearCutsWhereThePhoneStoppedHearing) {
    for (const auto when : {90ms, 250ms, 700ms, 1311ms}) {
        auto voice = line->add_voice(OutboundLine::Kind::ahead);
        written.near.clear();
        phone->heard.assign(phone->heard.size(), 0);
        voice->begin();
        voice->write(numbered(2 * 8000));
        pass(when);
        line->clear();
        pass(1500ms);
        voice.reset();
        EXPECT_LE(furthest(), 160) << when.count();
        EXPECT_LE(missing, 160U) << when.count();
        EXPECT_LE(unheard, 160U) << when.count();
        start_stream();
    }
}

TEST_F(HeardTrackTest, WhatASecondVoiceSaysAfterACancelFollows) {
    auto first = line->add_voice(OutboundLine::Kind::ahead);
    auto second = line->add_voice(OutboundLine::Kind::ahead);
    first->begin();
    first->write(numbered(2 * 8000));
    pass(600ms);
    first->cancel();
    second->begin();
    second->write(numbered(8000, 20000));
    second->end();
    pass(2s);
    EXPECT_LE(furthest(), 160);
    EXPECT_LE(missing, 160U);
    EXPECT_LE(unheard, 160U);
    first.reset();
    second.reset();
}

TEST_F(HeardTrackTest, AStallOfTheProgramIsAGapWhereItWasHeard) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->begin();
    voice->write(numbered(3 * 8000));
    pass(700ms);
    stall(600ms);
    pass(900ms);
    stall(350ms);
    voice->end();
    pass(4s);
    EXPECT_LE(furthest(), 160);
    EXPECT_EQ(missing, 0U);
}

TEST_F(HeardTrackTest, AnEchoThatComesLateForOnceMovesNothing) {
    int count = 0;
    phone->late_echo = [&]() -> Clock::Duration { return ++count % 4 == 2 ? 90ms : 0ms; };
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->begin();
    voice->write(numbered(3 * 8000));
    voice->end();
    pass(5s);
    EXPECT_EQ(furthest(), 0);
    EXPECT_EQ(missing, 0U);
    EXPECT_TRUE(gaps().empty());
}

TEST_F(HeardTrackTest, WithoutAnyEchoTheClockHasToDo) {
    phone->late_echo = []() -> Clock::Duration { return 1h; };
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->begin();
    voice->write(numbered(3 * 8000));
    voice->end();
    pass(6s);
    EXPECT_LE(furthest(), 400);
    EXPECT_EQ(missing, 0U);
    EXPECT_LE(most_behind, 12000U);
}

TEST_F(HeardTrackTest, ASecondStreamGoesOnAfterThePause) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->begin();
    voice->write(numbered(8000));
    voice->end();
    pass(1500ms);
    end_stream();
    pass(5s);
    EXPECT_LE(most_behind, 8000U);
    track->advance(clock.now());
    EXPECT_LE(carrier.now(clock.now()) - written.known, 8000U);
    start_stream();
    voice->begin();
    voice->write(numbered(8000, 8000));
    voice->end();
    pass(2s);
    EXPECT_LE(furthest(), 160);
    EXPECT_EQ(missing, 0U);
}

TEST_F(HeardTrackTest, WhatTheEndOfTheStreamCutOffWasNotHeard) {
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    voice->begin();
    voice->write(numbered(2 * 8000));
    pass(1s);
    end_stream();
    pass(1s);
    voice.reset();
    EXPECT_LE(furthest(), 160);
    EXPECT_LE(unheard, 320U);
    EXPECT_LE(missing, 320U);
}

/// Everything at once for ten minutes: a network that jitters, stalls, utterances that are cut off,
/// pauses of the stream. Every number that was heard twice in a while is looked for nearby.
TEST_F(HeardTrackTest, TenMinutesStayWithinAFrame) {
    std::uint64_t random = 7;
    const auto next = [&](std::uint64_t below) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        return (random >> 33U) % below;
    };
    auto voice = line->add_voice(OutboundLine::Kind::ahead);
    std::size_t said = 0;
    std::int64_t worst = 0;
    std::size_t lost = 0, heard_samples = 0, extra = 0;
    const auto end = clock.now() + 10min;
    while (clock.now() < end) {
        const auto length = 800 + next(20000);
        voice->begin();
        voice->write(numbered(length, said));
        voice->end();
        said += length;
        const auto time = std::chrono::milliseconds(length / 8);
        switch (next(6)) {
            case 0:
                pass(time / 2);
                stall(std::chrono::milliseconds(100 + next(700)));
                break;
            case 1:
                pass(time * static_cast<int>(next(100)) / 100);
                line->clear();
                break;
            case 2:
                pass(time + 600ms);
                end_stream();
                pass(std::chrono::milliseconds(1000 + next(4000)));
                start_stream();
                break;
            default:
                pass(time * static_cast<int>(next(200)) / 100);
        }
    }
    pass(3s);
    line->detach();
    // Each sample is compared with the same one within four seconds around.
    std::vector<std::vector<std::size_t>> places(kNumbers + 1);
    for (std::size_t i = 0; i < written.near.size(); ++i)
        if (written.near[i] > 0) places[static_cast<std::size_t>(written.near[i])].push_back(i);
    for (std::size_t i = 0; i < phone->heard.size(); ++i) {
        const auto sample = phone->heard[i];
        if (sample == 0) continue;
        ++heard_samples;
        std::int64_t nearest = 100'000;
        for (const auto place : places[static_cast<std::size_t>(sample)])
            nearest = std::min(
                nearest, std::abs(static_cast<std::int64_t>(place) - static_cast<std::int64_t>(i)));
        if (nearest > 8000) {
            ++lost;
        } else {
            worst = std::max(worst, nearest);
        }
    }
    const auto written_samples = static_cast<std::size_t>(std::count_if(
        written.near.begin(), written.near.end(), [](auto sample) { return sample != 0; }));
    extra = written_samples > heard_samples ? written_samples - heard_samples : 0;
    RecordProperty("worst_samples", std::to_string(worst));
    EXPECT_LE(worst, 160);
    EXPECT_LE(far_off, 160);
    EXPECT_LE(lost, heard_samples / 1000);
    EXPECT_LE(extra, heard_samples / 1000);
    voice.reset();
}

}  // namespace
}  // namespace bridge::call
