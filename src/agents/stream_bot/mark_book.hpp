#pragma once
// Which marks of a bot are due. Twilio echoes a mark when everything queued before it has been
// played, at once if nothing is, and when it is cleared. Here each stretch of speech between two
// marks is an utterance of the bot's voice, and the line tells when one is over.
//
//   media media mark media mark mark        utterances 1 1 | 2 |
//                 a          b    c         a waits for 1, b and c wait for 2

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "call/voice_sink.hpp"

namespace bridge::agents {

/// Thread: the call's io thread. `over` may be called from inside a member of the voice.
class MarkBook {
public:
    /// `echo` is told the names of marks that are due, in the order in which they were set.
    MarkBook(std::shared_ptr<call::VoiceSink> voice, std::function<void(std::string_view)> echo)
        : voice_(std::move(voice)), echo_(std::move(echo)) {}

    /// Speaks. Returns how many samples the voice took; those it did not are gone.
    std::size_t speak(std::span<const std::int16_t> samples);
    /// False: so many marks wait already that this one was forgotten.
    bool mark(std::string_view name);
    /// What was not played is thrown away, and every mark is due.
    void clear();
    /// An utterance was played, cut off or, if `lost`, went down with the phone's stream: marks
    /// that waited for a lost one are never echoed, as Twilio's go with its stream.
    void over(call::UtteranceId utterance, bool lost);
    /// The bot's stream has ended: no mark is echoed any more, and what was said is spoken to its
    /// end or, with `forget`, thrown away. Lets go of the voice.
    void close(bool forget);

    /// Samples that wait to be sent to the phone.
    std::size_t waiting() const { return voice_ ? voice_->waiting() : 0; }

    /// One for each 20 ms of the ten minutes that Twilio buffers.
    static constexpr std::size_t kMostMarks = 30'000;
    /// With more utterances under way the next marks share one, and come a little late.
    static constexpr std::size_t kMostUtterances = 2'000;

private:
    struct Mark {
        std::string name;
        call::UtteranceId after;
    };

    /// The utterance that is being written will not grow any more.
    void finish_current();
    void echo_due();

    std::shared_ptr<call::VoiceSink> voice_;
    std::function<void(std::string_view)> echo_;
    call::UtteranceId next_ = 0;            ///< begun, and nothing was written to it yet
    std::deque<call::UtteranceId> spoken_;  ///< with sound, not over, in order
    bool growing_ = false;                  ///< the last of `spoken_` may get more
    std::deque<Mark> marks_;
};

}  // namespace bridge::agents
