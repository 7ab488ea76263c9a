#pragma once
// What all calls of the program count together. A call hands over what is new when its statistics
// timer fires and when it ends, so the media path itself touches none of this.

#include <array>
#include <cstdint>
#include <memory>

#include "audio/speaker_line.hpp"
#include "base/metrics.hpp"
#include "call/event.hpp"
#include "call/turn_latency.hpp"

namespace bridge::call {

/// Thread: any.
class CallMetrics {
public:
    explicit CallMetrics(std::shared_ptr<metrics::Registry> registry);

    void opened(Direction direction);
    /// A call is in a state from `entered` to `left`; a final one is counted and never left.
    void entered(CallState state);
    void left(CallState state);

    /// What of a call's figures has been handed over, in the order of the implementation's tables.
    using Media = std::array<std::uint64_t, 9>;
    using Playout = std::array<std::uint64_t, 4>;
    using Outbound = std::array<std::uint64_t, 13>;
    /// Adds what is new in `now` and remembers it in `told`.
    void take(const MediaStats& now, Media& told);
    void take(const audio::PlayoutStats& now, Playout& told);
    void take(const OutboundStats& now, Outbound& told);

    /// A turn of the caller's whose answer was measured (TurnBook::Measured); no greetings.
    void turned(const TurnLatency& latency);
    /// What the caller did to an agent's speech: cut it off, or paused it with a cough.
    void interrupted() { interruptions_->add(); }
    void resumed() { false_interruptions_->add(); }

private:
    std::shared_ptr<metrics::Registry> registry_;
    metrics::Counter lost_ms_;  ///< shown in seconds, as all times are
    metrics::Registry::Reading lost_;
    std::array<metrics::Counter*, 2> opened_{};
    std::array<metrics::Gauge*, 4> states_{};
    std::array<metrics::Counter*, 5> ends_{};
    std::array<metrics::Counter*, 9> media_{};
    std::array<metrics::Counter*, 4> playout_{};
    std::array<metrics::Counter*, 13> outbound_{};
    std::array<metrics::Histogram*, kTurnLegs> turn_{};
    metrics::Counter* interruptions_ = nullptr;
    metrics::Counter* false_interruptions_ = nullptr;
};

}  // namespace bridge::call
