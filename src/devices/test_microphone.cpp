#include "devices/test_microphone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <utility>

#include "audio/frame.hpp"
#include "base/loop_clock.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettle{300};
constexpr milliseconds kPatience{2000};

double ms(Clock::Duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

// The value below which that part of them lies. 0 of nothing.
template <class Value>
Value quantile(std::vector<Value> values, double part) {
    if (values.empty()) return {};
    const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + at, values.end());
    return values[static_cast<std::size_t>(at)];
}

// Looks every 20 ms, as a call does, until there is enough or nothing more to hope for.
class Listener {
public:
    Listener(Clock& clock, audio::Microphone& microphone, milliseconds length,
             const std::function<void(const MicMoment&)>& each)
        : clock_(clock),
          microphone_(microphone),
          wanted_(static_cast<std::size_t>(length / audio::kFrameTime)),
          each_(each),
          look_at_(clock.now()),
          until_(look_at_ + kSettle + length + kPatience) {}

    const std::shared_ptr<audio::MicLine>& line() { return line_; }

    void step() {
        audio::MicFrame frame;
        do {
            if (line_->read(frame)) take(frame);
        } while (!complete() && line_->waiting() >= audio::kFrameSamples);
        if (complete() || clock_.now() >= until_) return;
        look_at_ += audio::kFrameTime;
        clock_.at(look_at_, [this] { step(); });
    }

    bool complete() const { return ages_.size() == wanted_; }
    std::size_t frames() const { return ages_.size(); }

    MicReport report() const {
        MicReport report;
        report.mic = microphone_.stats();
        report.mic.clipped_samples -= before_.clipped_samples;
        report.mic.captured_ms -= before_.captured_ms;
        report.mic.gaps -= before_.gaps;
        report.mic.gap_ms -= before_.gap_ms;
        report.mic.dropped_samples -= before_.dropped_samples;
        report.level_dbfs = audio::rms_dbfs(samples_);
        report.peak_dbfs = audio::peak_dbfs(samples_);
        if (!raw_.empty()) report.raw_peak_level_dbfs = *std::max_element(raw_.begin(), raw_.end());
        report.noise_floor_dbfs = quantile(raw_, 0.1);
        report.way_ms = quantile(ages_, 0.5);
        report.samples = samples_;
        return report;
    }

private:
    void take(const audio::MicFrame& frame) {
        if (settling_ < kSettle) {
            settling_ += audio::kFrameTime;
            if (settling_ >= kSettle) before_ = microphone_.stats();
            clipped_ = before_.clipped_samples;
            return;
        }
        samples_.insert(samples_.end(), frame.pcm.begin(), frame.pcm.end());
        ages_.push_back(ms(clock_.now() - frame.captured));
        const auto now = microphone_.stats();
        raw_.push_back(now.raw_level_dbfs);
        audio::AudioFrame metered;
        metered.pcm = frame.pcm;
        meter_.write(metered);
        const bool clipped = std::exchange(clipped_, now.clipped_samples) != now.clipped_samples;
        if (each_)
            each_({static_cast<int>(ages_.size()) * audio::kFrameTime, meter_.rms_dbfs(),
                   meter_.peak_dbfs(), clipped});
    }

    Clock& clock_;
    audio::Microphone& microphone_;
    const std::size_t wanted_;  // frames
    const std::function<void(const MicMoment&)>& each_;
    Clock::Time look_at_;
    const Clock::Time until_;
    const std::shared_ptr<audio::MicLine> line_ = std::make_shared<audio::MicLine>();
    milliseconds settling_{0};
    audio::MicStats before_;
    std::uint64_t clipped_ = 0;
    audio::LevelMeter meter_;
    std::vector<std::int16_t> samples_;
    std::vector<double> ages_;  ///< of each frame, ms
    std::vector<float> raw_;    ///< level as captured, at each frame
};

}  // namespace

Result<MicReport> listen(const std::shared_ptr<audio::Microphone>& microphone, milliseconds length,
                         const std::function<void(const MicMoment&)>& each) {
    boost::asio::io_context context;
    LoopClock clock(context.get_executor());
    Listener listener(clock, *microphone, length, each);
    microphone->attach(listener.line());
    listener.step();
    context.run();
    microphone->detach(listener.line());
    if (!listener.complete())
        return fail(
            Errc::device_failed,
            fmt::format("{}: the microphone {} ({} ms of sound in {} ms); is the sound "
                        "server alive?",
                        microphone->name(), listener.frames() == 0 ? "brings nothing" : "stopped",
                        static_cast<int>(listener.frames()) * audio::kFrameTime.count(),
                        (kSettle + length + kPatience).count()));
    return listener.report();
}

}  // namespace bridge::devices
