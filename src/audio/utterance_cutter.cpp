#include "audio/utterance_cutter.hpp"

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFramesBefore = 15;  // 300 ms: a soft first sound lies before the onset

}  // namespace

UtteranceCutter::UtteranceCutter(UtteranceOptions options)
    : options_(options), before_(kFramesBefore) {}

UtteranceCutter::Event UtteranceCutter::hear(const AudioFrame& frame) {
    const auto voice = detector_.hear(frame);
    if (!speaking_) {
        before_.push_back(frame);
        return voice.fresh > 0 ? begin(voice.fresh) : Event::none;
    }
    samples_.insert(samples_.end(), frame.pcm.begin(), frame.pcm.end());
    if (voice.active) {
        speech_ += quiet_ + kFrameTime;
        voiced_time_ += kFrameTime;
        quiet_ = milliseconds(0);
    } else {
        quiet_ += kFrameTime;
    }
    if (quiet_ < options_.quiet && speech_ + quiet_ < options_.longest) return Event::none;
    speaking_ = false;
    before_.clear();
    return voiced_time_ >= options_.shortest ? Event::ended : Event::dropped;
}

UtteranceCutter::Event UtteranceCutter::begin(int fresh) {
    speaking_ = true;
    samples_.clear();
    for (const auto& frame : before_)
        samples_.insert(samples_.end(), frame.pcm.begin(), frame.pcm.end());
    before_.clear();
    speech_ = voiced_time_ = fresh * kFrameTime;
    quiet_ = milliseconds(0);
    return Event::began;
}

/// The line stays the same, and what is known of its noise.
void UtteranceCutter::reset() {
    speaking_ = false;
    before_.clear();
    samples_.clear();
    speech_ = quiet_ = voiced_time_ = milliseconds(0);
}

}  // namespace bridge::audio
