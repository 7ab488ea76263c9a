// A call's sound through a sound server that dies, restarts, loses its sinks and changes its
// default (tests/integration/devices/with_sound_server.sh starts one).
#include <gtest/gtest.h>

#include <mutex>

#include "audio/tone.hpp"
#include "devices/device_factory.hpp"
#include "tests/integration/devices/sound_server.hpp"

namespace bridge::devices {
namespace {

using namespace std::chrono_literals;
using sound_server::eventually;
using sound_server::Recorder;

constexpr auto kBack = std::chrono::seconds(2);

class SteadyClock final : public Clock {
public:
    Time now() const override { return std::chrono::steady_clock::now(); }
    TimerId at(Time, std::function<void()>) override { return kNoTimer; }
    void cancel(TimerId) override {}
};

// A call that lasts: 440 Hz in 20 ms frames, in real time.
class Caller {
public:
    Caller() : line_(std::make_shared<audio::SpeakerLine>(clock_, audio::PlayoutOptions{})) {
        thread_ = std::thread([this] {
            audio::Tone tone(440, 0.5);
            audio::AudioFrame frame;
            auto due = std::chrono::steady_clock::now();
            while (!over_) {
                std::this_thread::sleep_until(due);
                tone.fill(frame.pcm);
                line_->write(frame);
                frame.at += audio::kFrameTime;
                due += audio::kFrameTime;
            }
        });
    }
    ~Caller() {
        over_ = true;
        thread_.join();
    }
    const std::shared_ptr<audio::SpeakerLine>& line() const { return line_; }

private:
    SteadyClock clock_;
    std::shared_ptr<audio::SpeakerLine> line_;
    std::atomic<bool> over_{false};
    std::thread thread_;
};

class Recovery : public testing::Test {
protected:
    Result<OutputDevice> open(const std::string& spec) {
        DeviceOptions options;
        options.on_change = [this](const DeviceChange& change) {
            std::printf("told: %s\n", change.text.c_str());
            const std::lock_guard lock(mutex_);
            told_.push_back(change.what);
        };
        return make_output_device(spec, options);
    }
    std::vector<DeviceChange::What> told() const {
        const std::lock_guard lock(mutex_);
        return told_;
    }
    static bool heard_within(Recorder& recorder, std::chrono::milliseconds limit) {
        const auto begin = std::chrono::steady_clock::now();
        const auto from = recorder.size();
        const bool heard = eventually([&] { return recorder.hears(from); }, limit);
        std::printf("heard after %.0f ms\n", std::chrono::duration<double, std::milli>(
                                                 std::chrono::steady_clock::now() - begin)
                                                 .count());
        return heard;
    }
    // The line's time went on: no frame waits longer than the playout buffer's.
    static void expect_in_step(const audio::SpeakerLine& line) {
        EXPECT_TRUE(eventually(
            [&] { return line.stats().depth_ms < 130 && line.stats().latency_ms < 130; }, 2s))
            << line.stats().depth_ms << " ms wait, " << line.stats().latency_ms;
    }

private:
    mutable std::mutex mutex_;
    std::vector<DeviceChange::What> told_;
};

using enum DeviceChange::What;

TEST_F(Recovery, SoundComesBackWhenTheSoundServerWasKilledAndRestarted) {
    // PortAudio's own thread has a lot to say about it, which is not to be seen.
    testing::internal::CaptureStderr();
    const auto made = open("default");
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_FALSE(made->fell_back) << made->note;
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    {
        Recorder recorder;
        ASSERT_TRUE(heard_within(recorder, 5s));
        ASSERT_TRUE(sound_server::kill_server());
        ASSERT_TRUE(eventually([&] { return told().size() == 1; }, kBack));
    }
    EXPECT_EQ(told()[0], lost);
    expect_in_step(*caller.line());
    const auto gone = caller.line()->stats();
    const auto frames = gone.frames;
    ASSERT_TRUE(eventually([&] { return caller.line()->stats().frames > frames + 50; }));
    // While nobody hears it, everything is taken in time.
    EXPECT_EQ(caller.line()->stats().dropped_samples, gone.dropped_samples);
    EXPECT_TRUE(made->device->stats().running);

    ASSERT_TRUE(sound_server::start_server());
    Recorder recorder;
    EXPECT_TRUE(heard_within(recorder, kBack));
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }, kBack));
    EXPECT_EQ(told()[1], back);
    expect_in_step(*caller.line());
    EXPECT_EQ(made->device->stats().losses, 1U);
    made->device->detach(caller.line());
    std::fprintf(stderr, "what others say stays\n");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "what others say stays\n");
}

TEST_F(Recovery, SoundComesBackWhenEverySinkWasGone) {
    const auto made = open("default");
    ASSERT_TRUE(made) << made.error().message;
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    ASSERT_TRUE(sound_server::run("pactl unload-module module-null-sink"));
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }, kBack));
    EXPECT_EQ(told()[0], lost);
    ASSERT_TRUE(sound_server::run(
        "pactl load-module module-null-sink sink_name=speaker rate=48000 channels=1 format=s16le "
        "norewinds=1"));
    Recorder recorder;
    EXPECT_TRUE(heard_within(recorder, kBack));
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }, kBack));
    EXPECT_EQ(told()[1], back);
    expect_in_step(*caller.line());
    made->device->detach(caller.line());
}

TEST_F(Recovery, ANamedDeviceComesBackWhenItDoes) {
    const auto made = open("test_speaker");
    ASSERT_TRUE(made) << made.error().message;
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    ASSERT_TRUE(sound_server::kill_server());
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }, kBack));
    EXPECT_NE(made->device->name().find("null"), std::string::npos);
    ASSERT_TRUE(sound_server::start_server());
    Recorder recorder;
    EXPECT_TRUE(heard_within(recorder, kBack));
    EXPECT_NE(made->device->name().find("test_speaker"), std::string::npos);
    made->device->detach(caller.line());
}

TEST_F(Recovery, ACallThatBeganWithoutASoundServerIsHeardOnceThereIsOne) {
    ASSERT_TRUE(sound_server::kill_server());
    ASSERT_TRUE(eventually([] { return !sound_server::run("pactl info"); }));
    const auto named = open("test_speaker");
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error().code, Errc::no_device);

    const auto made = open("default");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->fell_back);
    EXPECT_FALSE(made->note.empty());
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    ASSERT_TRUE(sound_server::start_server());
    Recorder recorder;
    EXPECT_TRUE(heard_within(recorder, kBack));
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }, kBack));
    EXPECT_EQ(told()[0], back);
    made->device->detach(caller.line());
}

TEST_F(Recovery, SoundFollowsTheSystemsDefault) {
    ASSERT_TRUE(sound_server::run(
        "pactl load-module module-null-sink sink_name=other rate=48000 channels=1 format=s16le "
        "norewinds=1"));
    const auto made = open("default");
    ASSERT_TRUE(made) << made.error().message;
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    Recorder other("other");
    ASSERT_TRUE(eventually([&] { return other.size() > 4800; }));
    EXPECT_FALSE(other.hears());
    ASSERT_TRUE(sound_server::run("pactl set-default-sink other"));
    EXPECT_TRUE(heard_within(other, kBack));
    EXPECT_TRUE(sound_server::run("pactl set-default-sink speaker"));
    // The sound server moves the stream itself: nothing was lost, nothing is to be told.
    EXPECT_TRUE(told().empty());
    EXPECT_EQ(made->device->stats().losses, 0U);
    made->device->detach(caller.line());
}

TEST_F(Recovery, AStoppedSoundServerHoldsUpNobody) {
    const auto made = open("default");
    ASSERT_TRUE(made) << made.error().message;
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    ASSERT_TRUE(sound_server::run("kill -STOP $(cat \"$HEADLESS_AUDIO_DIR/pid\")"));
    EXPECT_TRUE(eventually([&] { return told().size() == 1; }, 5s));
    expect_in_step(*caller.line());
    ASSERT_TRUE(sound_server::run("kill -CONT $(cat \"$HEADLESS_AUDIO_DIR/pid\")"));
    Recorder recorder;
    EXPECT_TRUE(heard_within(recorder, kBack));
    ASSERT_TRUE(sound_server::run("kill -STOP $(cat \"$HEADLESS_AUDIO_DIR/pid\")"));
    EXPECT_TRUE(eventually([&] { return told().size() == 3; }, 5s));
    // Ending while it hangs takes a second at most.
    const auto begin = std::chrono::steady_clock::now();
    made->device->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1200ms);
    ASSERT_TRUE(sound_server::run("kill -CONT $(cat \"$HEADLESS_AUDIO_DIR/pid\")"));
}

TEST_F(Recovery, BothChannelsPlayTheCallIfTwoAreAskedFor) {
    ASSERT_TRUE(sound_server::run(
        "pactl load-module module-null-sink sink_name=stereo rate=48000 channels=2 format=s16le "
        "norewinds=1 && pactl set-default-sink stereo"));
    DeviceOptions options;
    options.channels = 2;
    const auto made = make_output_device("default", options);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->device->stats().channels, 2);
    const Caller caller;
    ASSERT_TRUE(made->device->attach(caller.line()));
    Recorder recorder("stereo", 2);
    EXPECT_TRUE(heard_within(recorder, 5s));
    const auto enough = recorder.size() + 9600;
    ASSERT_TRUE(eventually([&] { return recorder.size() > enough; }));
    const auto samples = recorder.samples();
    for (std::size_t i = 0; i + 1 < samples.size(); i += 2) ASSERT_EQ(samples[i], samples[i + 1]);
    made->device->detach(caller.line());
    ASSERT_TRUE(sound_server::run("pactl set-default-sink speaker"));
}

}  // namespace
}  // namespace bridge::devices
