#include "agents/local/utterance_cutter.hpp"

#include <algorithm>

namespace bridge::agents::local {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFramesBefore = 15;  // 300 ms: a soft first sound lies before the onset
constexpr int kOnset = 3;                  // voiced frames: 60 ms
constexpr double kQuietest = 20.0 * 20.0;  // −64 dBFS: a floor below it is digital silence
constexpr double kLoudFloor = 800.0 * 800.0;
constexpr double kAbove = 8.0;  // 9 dB over the floor

double mean_square(const audio::AudioFrame& frame) {
    double sum = 0;
    for (const auto sample : frame.pcm) sum += double{1} * sample * sample;
    return sum / static_cast<double>(frame.pcm.size());
}

}  // namespace

UtteranceCutter::UtteranceCutter(UtteranceOptions options)
    : options_(options), before_(kFramesBefore), floor_(kQuietest) {}

/// Energy over a floor that falls at once and rises slowly (6 dB a second).
bool UtteranceCutter::voiced(const audio::AudioFrame& frame) {
    const auto power = mean_square(frame);
    floor_ = std::clamp(power < floor_ ? power : floor_ * 1.028, kQuietest, kLoudFloor);
    return power > kAbove * floor_ && power > 4 * kQuietest;
}

UtteranceCutter::Event UtteranceCutter::hear(const audio::AudioFrame& frame) {
    const bool loud = voiced(frame);
    if (!speaking_) {
        before_.push_back(frame);
        onset_ = loud ? onset_ + 1 : std::max(0, onset_ - 1);
        return onset_ >= kOnset ? begin() : Event::none;
    }
    samples_.insert(samples_.end(), frame.pcm.begin(), frame.pcm.end());
    if (loud) {
        speech_ += quiet_ + audio::kFrameTime;
        voiced_time_ += audio::kFrameTime;
        quiet_ = milliseconds(0);
    } else {
        quiet_ += audio::kFrameTime;
    }
    if (quiet_ < options_.quiet && speech_ + quiet_ < options_.longest) return Event::none;
    speaking_ = false;
    onset_ = 0;
    before_.clear();
    return voiced_time_ >= options_.shortest ? Event::ended : Event::dropped;
}

UtteranceCutter::Event UtteranceCutter::begin() {
    speaking_ = true;
    samples_.clear();
    for (const auto& frame : before_)
        samples_.insert(samples_.end(), frame.pcm.begin(), frame.pcm.end());
    before_.clear();
    speech_ = voiced_time_ = kOnset * audio::kFrameTime;
    quiet_ = milliseconds(0);
    return Event::began;
}

void UtteranceCutter::reset() {
    speaking_ = false;
    onset_ = 0;
    before_.clear();
    samples_.clear();
    speech_ = quiet_ = voiced_time_ = milliseconds(0);
}

}  // namespace bridge::agents::local
