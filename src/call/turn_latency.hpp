#pragma once
// How long a caller waits for an agent's answer, turn by turn, and where the time goes:
//
//   last voice ─detect─▶ noticed ─agent─▶ first byte ─socket─▶ first frame ─heard─▶ at the ear
//   └──────────────────────────────── total ─────────────────────────────────────────┘
//
// The greeting is measured from the moment the phone is there.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "call/voice_sink.hpp"

namespace bridge::call {

enum class TurnLeg { detect, agent, socket, heard, total };
inline constexpr std::size_t kTurnLegs = 5;
std::string_view to_string(TurnLeg leg);

/// One turn's waiting. A leg is missing where its end never came: cut off, or lost.
struct TurnLatency {
    std::array<std::optional<Clock::Duration>, kTurnLegs> legs{};
    bool greeting = false;     ///< nobody had asked; `detect` and `agent` from the phone's answer
    bool interrupted = false;  ///< the caller cut the answer off
    const std::optional<Clock::Duration>& operator[](TurnLeg leg) const {
        return legs[static_cast<std::size_t>(leg)];
    }
};

/// Of the last `TurnBook::kKept` turns that have the leg.
struct LegStats {
    std::size_t count = 0;
    double p50_ms = 0, p95_ms = 0, p99_ms = 0, max_ms = 0;
};

struct TurnStats {
    std::uint64_t turns = 0;          ///< of the caller, that were answered; the greeting is none
    std::uint64_t unanswered = 0;     ///< the caller spoke again before anything came
    std::uint64_t interruptions = 0;  ///< answers cut off by the caller
    std::uint64_t resumes = 0;        ///< pauses that turned out to be a cough
    std::optional<TurnLatency> greeting, last;
    std::array<LegStats, kTurnLegs> legs{};
    const LegStats& operator[](TurnLeg leg) const { return legs[static_cast<std::size_t>(leg)]; }
};

/// Keeps the times of one call's turns. Pure: time comes with each member; what comes out of order
/// counts as no time at all, never as less. Memory does not grow.
class TurnBook {
public:
    static constexpr std::size_t kKept = 256;
    /// Told once for each turn, when all of it is known or nothing more will be; also for the
    /// greeting. From inside a member.
    using Measured = std::function<void(const TurnLatency&)>;

    explicit TurnBook(Measured measured = {}) : measured_(std::move(measured)) {}

    /// The phone is there. The first time counts.
    void answered(Clock::Time now);
    /// A frame of the caller's voice.
    void caller_spoke(Clock::Time now);
    /// Somebody noticed that the caller stopped: the first since the last voice counts.
    /// `certain`: if the caller speaks again, that is another turn.
    void noticed(Clock::Time now, bool certain);
    /// The agent's answer begins to arrive; once for each answer.
    void first_byte(Clock::Time now);
    void first_frame(UtteranceId utterance, Clock::Time now);
    /// `when`: the far end played the first of it. Later news of the same utterance do not count.
    void heard(UtteranceId utterance, Clock::Time when);
    /// The answer is cut off: nothing more is waited for.
    void interrupted();

    /// Sorts what is kept: for once a second, not for every frame. Interruptions and resumes are
    /// not known here.
    TurnStats stats() const;

private:
    struct Asked {
        Clock::Time spoke{};  ///< the last voice
        std::optional<Clock::Time> noticed;
        bool certain = false;
    };
    struct Answer {
        TurnLatency latency;
        Clock::Time begin{}, first_byte{}, first_frame{};
        UtteranceId utterance = 0;  ///< 0: no frame yet
    };

    void close();
    void keep(const TurnLatency& latency);

    Measured measured_;
    std::optional<Clock::Time> answered_;
    std::optional<Clock::Time> early_;  ///< first byte of the greeting, before the phone was there
    bool greeted_ = false;
    enum class Newest { unasked, greeting, turn } newest_ = Newest::unasked;  ///< of the answers
    std::optional<Asked> asked_;
    std::optional<Answer> answer_;
    std::optional<TurnLatency> greeting_, last_;
    std::uint64_t turns_ = 0, unanswered_ = 0;
    std::array<std::array<float, kTurnLegs>, kKept> kept_{};  ///< ms; below 0: no such leg
};

}  // namespace bridge::call
