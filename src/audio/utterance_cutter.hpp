#pragma once
// Cuts what a caller says out of a telephone line that is never quite quiet: an utterance is speech
// with a little of the line before it, and it ends when the caller has been quiet for a while.

#include <boost/circular_buffer.hpp>
#include <chrono>
#include <cstdint>
#include <vector>

#include "audio/frame.hpp"
#include "audio/voice_detector.hpp"

namespace bridge::audio {

struct UtteranceOptions {
    std::chrono::milliseconds quiet{700};      ///< ends an utterance
    std::chrono::milliseconds longest{15000};  ///< it is ended all the same
    std::chrono::milliseconds shortest{120};   ///< of speech: less is a click or a cough
};

/// Thread: one.
class UtteranceCutter {
public:
    enum class Event {
        none,
        began,
        ended,    ///< `take` has it
        dropped,  ///< it was too short to be speech
    };

    explicit UtteranceCutter(UtteranceOptions options = {});
    Event hear(const AudioFrame& frame);
    bool speaking() const { return speaking_; }
    /// Speech in the utterance, pauses within it included.
    std::chrono::milliseconds speech() const { return speech_; }
    /// The samples of the utterance that began last, so far or complete.
    const std::vector<std::int16_t>& samples() const { return samples_; }
    std::vector<std::int16_t> take() { return std::move(samples_); }
    void reset();

private:
    Event begin(int fresh);

    const UtteranceOptions options_;
    boost::circular_buffer<AudioFrame> before_;
    std::vector<std::int16_t> samples_;
    bool speaking_ = false;
    std::chrono::milliseconds speech_{0}, quiet_{0}, voiced_time_{0};
    VoiceDetector detector_;
};

}  // namespace bridge::audio
