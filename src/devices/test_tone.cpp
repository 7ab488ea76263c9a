#include "devices/test_tone.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>

#include "audio/tone.hpp"
#include "base/loop_clock.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

constexpr double kFirstHz = 300;
constexpr double kLastHz = 1200;
constexpr int kSteps = 8;  // notes
constexpr milliseconds kDrainLimit{1000};

// Writes a frame every 20 ms, then waits until the line has been emptied.
class Player {
public:
    Player(Clock& clock, std::shared_ptr<audio::SpeakerLine> line, milliseconds length)
        : clock_(clock), line_(std::move(line)), length_(length), began_(clock.now()) {}

    void step() {
        if (line_->drained()) return;
        if (at_ < length_) {
            const auto note = static_cast<int>(at_ * kSteps / length_);
            tone_.set_frequency(kFirstHz + (kLastHz - kFirstHz) * note / (kSteps - 1));
            audio::AudioFrame frame;
            frame.at = at_;
            tone_.fill(frame.pcm);
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
    Clock::Time began_;
    milliseconds at_{0};
    audio::Tone tone_{kFirstHz, 0.9};
};

}  // namespace

Result<TestToneReport> play_test_tone(const std::shared_ptr<audio::AudioDevice>& device,
                                      milliseconds length, float gain) {
    boost::asio::io_context context;
    LoopClock clock(context.get_executor());
    const auto line = std::make_shared<audio::SpeakerLine>(clock, audio::PlayoutOptions{});
    line->set_gain(gain);
    if (!device->attach(line))
        return fail(Errc::too_large,
                    fmt::format("{}: too many calls use this device already", device->name()));

    const auto before = device->stats();
    const auto began = clock.now();
    Player player(clock, line, length / audio::kFrameTime * audio::kFrameTime);
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

}  // namespace bridge::devices
