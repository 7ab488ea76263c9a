#include "devices/test_tone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <utility>

#include "audio/tone.hpp"
#include "base/loop_clock.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

constexpr double kFirstHz = 300;
constexpr double kLastHz = 1200;
constexpr int kSteps = 8;  // notes
constexpr milliseconds kDrainLimit{1000};

// Gives the frame that begins at its `at` its sound.
using Fill = std::function<void(audio::AudioFrame&)>;

// Writes a frame every 20 ms, then waits until the line has been emptied.
class Player {
public:
    Player(Clock& clock, std::shared_ptr<audio::SpeakerLine> line, milliseconds length, Fill fill)
        : clock_(clock),
          line_(std::move(line)),
          length_(length),
          fill_(std::move(fill)),
          began_(clock.now()) {}

    void step() {
        if (line_->drained()) return;
        if (at_ < length_) {
            audio::AudioFrame frame;
            frame.at = at_;
            fill_(frame);
            line_->write(frame);
        } else if (at_ == length_) {
            line_->end();
        } else if (at_ > length_ + kDrainLimit) {
            return;
        }
        at_ += audio::kFrameTime;
        clock_.at(began_ + at_, [this] { step(); });
    }

private:
    Clock& clock_;
    std::shared_ptr<audio::SpeakerLine> line_;
    milliseconds length_;
    Fill fill_;
    Clock::Time began_;
    milliseconds at_{0};
};

// Of `length`, whole frames.
Result<TestToneReport> play(const std::shared_ptr<audio::AudioDevice>& device, milliseconds length,
                            float gain, Fill fill) {
    boost::asio::io_context context;
    LoopClock clock(context.get_executor());
    const auto line = std::make_shared<audio::SpeakerLine>(clock, audio::PlayoutOptions{});
    line->set_gain(gain);
    if (!device->attach(line))
        return fail(Errc::too_large,
                    fmt::format("{}: too many calls use this device already", device->name()));

    const auto before = device->stats();
    const auto began = clock.now();
    Player player(clock, line, length / audio::kFrameTime * audio::kFrameTime, std::move(fill));
    player.step();
    context.run();
    device->detach(line);

    TestToneReport report;
    report.device = device->stats();
    report.device.callbacks -= before.callbacks;
    report.device.underflows -= before.underflows;
    report.playout = line->stats();
    report.took = std::chrono::duration_cast<milliseconds>(clock.now() - began);
    if (!line->drained())
        return fail(
            Errc::device_failed,
            fmt::format("{}: the device {} ({} callbacks in {} ms); is the sound server alive?",
                        device->name(),
                        report.device.running ? "does not take all of the sound" : "stopped",
                        report.device.callbacks, report.took.count()));
    return report;
}

}  // namespace

Result<TestToneReport> play_test_tone(const std::shared_ptr<audio::AudioDevice>& device,
                                      milliseconds length, float gain) {
    audio::Tone tone(kFirstHz, 0.9);
    return play(device, length, gain, [&tone, length](audio::AudioFrame& frame) {
        const auto note = static_cast<int>(frame.at * kSteps / length);
        tone.set_frequency(kFirstHz + (kLastHz - kFirstHz) * note / (kSteps - 1));
        tone.fill(frame.pcm);
    });
}

Result<TestToneReport> play_samples(const std::shared_ptr<audio::AudioDevice>& device,
                                    std::span<const std::int16_t> samples) {
    const auto frames = samples.size() / audio::kFrameSamples;
    return play(device, frames * audio::kFrameTime, 1.0F, [samples](audio::AudioFrame& frame) {
        const auto first = static_cast<std::size_t>(frame.at / audio::kFrameTime);
        const auto from = samples.subspan(first * audio::kFrameSamples, audio::kFrameSamples);
        std::copy(from.begin(), from.end(), frame.pcm.begin());
    });
}

}  // namespace bridge::devices
