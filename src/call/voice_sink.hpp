#pragma once
// How somebody speaks to the phone: the microphone, an agent, a prompt. Each is given a voice of
// the call's OutboundLine and writes samples into it, as unevenly as it likes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "audio/sample_source.hpp"

namespace bridge::call {

/// Counts the utterances of a call, over all its voices; 0 is none.
using UtteranceId = std::uint64_t;

/// What became of a stretch of speech at the far end.
enum class SpeechOutcome {
    pending,  ///< sent or still waiting, nobody knows yet
    played,   ///< the far end has played it
    cleared,  ///< thrown away before it was played
    lost,     ///< the stream ended before anybody told
};

/// How much of an utterance the phone has heard.
struct Heard {
    std::chrono::milliseconds heard{0};     ///< never more than `sent`
    std::chrono::milliseconds sent{0};      ///< given to the stream, and not taken back by a pause
    std::chrono::milliseconds received{0};  ///< written by the voice
    SpeechOutcome outcome = SpeechOutcome::pending;
};

/// Thread: the call's io thread. Lives as long as the voice wants to speak; when it goes, what it
/// has not sent is forgotten.
class VoiceSink {
public:
    virtual ~VoiceSink() = default;
    /// Begins an utterance (the one before it ends). `write` without it begins one by itself.
    virtual UtteranceId begin() = 0;
    /// 8 kHz samples, any number. Returns how many were taken: what does not fit the voice's queue
    /// is dropped, newest first (of a live voice: oldest first), and counted.
    virtual std::size_t write(std::span<const std::int16_t> samples) = 0;
    /// Nothing more will be written to this utterance: a remainder under 20 ms may be sent now.
    virtual void end() = 0;
    /// Speaks what `source` gives, pulled as it is needed, until it runs dry or the voice is
    /// cancelled. An utterance of its own.
    virtual UtteranceId play(std::unique_ptr<audio::SampleSource> source) = 0;
    /// Stops at once and for good: what waits is forgotten, and the far end throws away what it has
    /// not played. (Its `clear` takes the lead of every voice along; the others' is sent again.)
    /// The voice is not paused after it: what is written next is new and is spoken.
    virtual void cancel() = 0;
    /// Stops at once, but forgets nothing: the far end throws away what it has not played, and that
    /// waits again. What is written meanwhile waits behind it. A voice that is written as it is
    /// spoken (a microphone) cannot be paused: nothing happens.
    virtual void pause() = 0;
    /// Goes on where the far end stopped hearing: nothing is left out, and at most what was heard
    /// during one way there and back comes twice.
    virtual void resume() = 0;
    virtual bool paused() const = 0;
    /// Samples that wait to be sent.
    virtual std::size_t waiting() const = 0;
};

}  // namespace bridge::call
