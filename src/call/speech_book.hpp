#pragma once
// What became of every utterance of a call: how much of it was written, sent and heard, and when it
// began. Who keeps the book says up to which place on the line the phone has heard.
//
//   lane of a voice    [ 7: 960 ][ 8: 1600 ]      [ 8: 480 ][ 9: 70 ]      sent, not settled
//   line            ───┴─────────┴────────────────┴─────────┴─────────▶ samples sent

#include <boost/circular_buffer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/clock.hpp"
#include "base/hot_lines.hpp"
#include "call/voice_sink.hpp"

namespace bridge::call {

/// Positions are PlayoutEstimate's. Thread: one. No allocation in steady state; what it costs to
/// settle follows from what is settled, not from what is remembered.
class SpeechBook {
public:
    /// Utterances that are not over; one more, and the oldest is told as lost.
    static constexpr std::size_t kMostUnfinished = 4096;
    /// Those that are over are remembered so long.
    static constexpr std::size_t kRemembered = 64;

    /// A stretch of an utterance that lies without a gap on the line.
    struct Segment {
        UtteranceId id;
        std::uint64_t at;      ///< samples sent on the line before it
        std::uint64_t length;  ///< samples, without padding
    };
    /// What one voice has sent and what is not settled, in order.
    struct Lane {
        boost::circular_buffer<Segment> segments{8};
        std::uint64_t unsettled = 0;  ///< samples in them
        bool open = true;             ///< its voice is there
    };
    struct Stretch {
        UtteranceId id = 0;
        std::uint64_t samples = 0;
    };
    struct News {
        enum class What { began, heard_first, finished };
        What what;
        UtteranceId id;
        Clock::Time when{};  ///< of began and heard_first
        Heard heard{};       ///< of finished
    };

    Lane& open_lane();
    /// Its voice is gone: what it has sent may be heard yet.
    void close_lane(Lane& lane);

    UtteranceId begin(const Lane& lane);
    void received(UtteranceId id, std::uint64_t samples);
    /// `samples` of it are put into a message, at `at` on the line, where they should be heard at
    /// `due`, network aside.
    void sent(Lane& lane, UtteranceId id, std::uint64_t at, std::uint64_t samples, Clock::Time due);
    /// The message has left …
    void gave(Clock::Time now);
    /// … or not: nothing of it, from `position` on, will be heard.
    void unsend(std::uint64_t position);
    /// These will never be sent.
    void dropped(UtteranceId id, std::uint64_t samples);
    /// Nothing more will be sent of it: `waiting` samples are forgotten.
    void forgotten(UtteranceId id, std::uint64_t waiting);
    void ended(UtteranceId id);

    /// Everything up to `position` was played, as a mark tells that took `way` from there to here.
    void settle(std::uint64_t position, Clock::Duration way);
    /// Nothing that was sent and not played by `position` will be.
    void cut(std::uint64_t position, SpeechOutcome outcome);
    /// The newest of what the lane has beyond `position`, of one utterance and at most `most`, is
    /// not sent any more. No samples: there is nothing.
    Stretch take_back(Lane& lane, std::uint64_t position, std::uint64_t most);

    /// Nothing for one that is not remembered.
    std::optional<Heard> heard(UtteranceId id, std::uint64_t position) const;
    bool has_news() const { return !news_.empty(); }
    /// The oldest of what is to be told, once; has_news().
    News take_news(std::uint64_t position);
    /// Utterances told as lost because there were too many.
    std::uint64_t overflowed() const { return overflowed_; }
    void list_hot(HotLines& lines) const {
        if (found_ != nullptr) lines.add(found_, sizeof(*found_));
    }

private:
    struct Utterance {
        const Lane* lane = nullptr;  ///< there while anything is unsettled
        std::uint64_t received = 0;  ///< samples
        std::uint64_t sent = 0;
        std::uint64_t dropped = 0;    ///< never to be sent
        std::uint64_t heard = 0;      ///< of what is settled
        std::uint64_t unsettled = 0;  ///< of what was sent
        Clock::Time first_due{};      ///< when its first sample should be heard, network aside
        bool ended = false;           ///< nothing will be added
        bool begun = false, heard_first = false, finished = false;  ///< are told, or will be
        SpeechOutcome outcome = SpeechOutcome::pending;
    };

    /// Spreads consecutive numbers evenly, so that no group of the table overflows and it is never
    /// built anew for utterances that come and go.
    struct HashOfNumber {
        using is_avalanching = std::true_type;
        std::size_t operator()(UtteranceId id) const { return id * 0x9E3779B97F4A7C15U; }
    };

    Utterance* find(UtteranceId id);
    void settle_lane(Lane& lane, std::uint64_t position, std::optional<Clock::Duration> way);
    void credit(const Segment& part, std::optional<Clock::Duration> way);
    void finish_if_over(UtteranceId id, Utterance& one, bool gone = false);
    void lose_oldest();
    void drop_spent_lanes();
    void tell(News news);
    std::uint64_t heard_of(UtteranceId id, const Utterance& one, std::uint64_t position) const;
    Heard describe(UtteranceId id, const Utterance& one, std::uint64_t position) const;

    UtteranceId found_id_ = 0;
    Utterance* found_ = nullptr;  ///< the one asked for last; null since the table changed
    std::vector<std::unique_ptr<Lane>> lanes_;
    boost::unordered_flat_map<UtteranceId, Utterance, HashOfNumber> utterances_;
    std::size_t unfinished_ = 0;
    boost::circular_buffer<UtteranceId> remembered_{kRemembered};  ///< finished, and told
    boost::circular_buffer<UtteranceId> beginning_{8};  ///< in the message that is put together
    boost::circular_buffer<News> news_{16};
    UtteranceId last_ = 0;
    std::uint64_t overflowed_ = 0;
};

}  // namespace bridge::call
