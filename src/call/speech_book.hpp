#pragma once
// What became of every utterance of a call: how much of it was written, sent and heard. It knows
// nothing of time: who keeps it says up to which place on the line the phone has heard.

#include <boost/circular_buffer.hpp>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "call/voice_sink.hpp"

namespace bridge::call {

/// Positions are PlayoutEstimate's. Thread: one.
class SpeechBook {
public:
    UtteranceId begin();
    void received(UtteranceId id, std::uint64_t samples);
    /// `samples` of it went out, at `at` on the line.
    void sent(UtteranceId id, std::uint64_t at, std::uint64_t samples);
    /// These will never be sent.
    void dropped(UtteranceId id, std::uint64_t samples);
    /// Nothing more will be sent of it: `waiting` samples are forgotten.
    void forgotten(UtteranceId id, std::uint64_t waiting);
    void ended(UtteranceId id);

    /// Everything up to `position` was played; what lies behind it stays open.
    void settle(std::uint64_t position);
    /// Nothing that was sent and not played by `position` will be.
    void cut(std::uint64_t position, SpeechOutcome outcome);
    /// The message that began at `position` did not leave.
    void unsend(std::uint64_t position);

    /// Nothing for one that is not remembered.
    std::optional<Heard> heard(UtteranceId id, std::uint64_t position) const;
    /// The next one of which all is known, once.
    std::optional<std::pair<UtteranceId, Heard>> take_finished(std::uint64_t position);

private:
    /// A stretch of an utterance that lies without a gap on the line.
    struct Segment {
        std::uint64_t at;      ///< samples sent on the line before it
        std::uint64_t length;  ///< samples, without padding
    };
    struct Utterance {
        UtteranceId id = 0;
        std::uint64_t received = 0;  ///< samples
        std::uint64_t sent = 0;
        std::uint64_t dropped = 0;                            ///< never to be sent
        std::uint64_t heard = 0;                              ///< of segments that are settled
        boost::container::small_vector<Segment, 2> segments;  ///< not settled yet
        bool ended = false;                                   ///< nothing will be added
        bool told = false;
        SpeechOutcome outcome = SpeechOutcome::pending;
    };

    Utterance* find(UtteranceId id);
    const Utterance* find(UtteranceId id) const;
    static std::uint64_t heard_of(const Utterance& one, std::uint64_t position);
    static Heard describe(const Utterance& one, std::uint64_t position);

    boost::circular_buffer<Utterance> utterances_{64};
    UtteranceId last_ = 0;
};

}  // namespace bridge::call
