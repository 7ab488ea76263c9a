#pragma once
// How fast the card's samples are used, so that a call finds a frame of the microphone in each of
// its slots and none waits long: the time that frames wait in the line is held at a target.

#include <cstddef>
#include <cstdint>

namespace bridge::audio {

/// Pure; times in ms on a timeline of the caller's choice.
class MicSteering {
public:
    /// Mean wait aimed at. A frame is made when the block with its last sample is looked at: on the
    /// card's 10 ms grid, up to 5 ms late. So waits differ by up to 10 ms, and 11 keeps the
    /// shortest above 3.
    static constexpr double kTargetMs = 11;
    static constexpr double kMostTargetMs = 60;       ///< for cards that bring much at a time
    static constexpr double kMaxCorrection = 0.003;   ///< 0.3 %: 5 cents, not heard
    static constexpr double kQuickCorrection = 0.01;  ///< for the first seconds of a line

    /// Another line is to be steered for, or capture began anew: its slots lie elsewhere.
    void begin(double now_ms) noexcept;
    /// Looks at the line, every 5 ms or so. `waiting`: its 8 kHz samples; `reads`, `misses`: its
    /// counters. `captured`: whether the card has brought anything lately.
    void look(double now_ms, std::size_t waiting, std::uint64_t reads, std::uint64_t misses,
              bool captured) noexcept;
    /// Nobody takes what is captured: the card's own speed is kept.
    void idle() noexcept;

    /// Card's samples used for each nominal one: above 1, frames come later and wait less.
    double correction() const noexcept { return 1 + drift_ + push_; }
    double target_ms() const noexcept { return kTargetMs + extra_; }
    double wait_ms() const noexcept { return wait_; }

private:
    double begun_ = 0;
    double last_ = 0;
    double read_at_ = -1e9;
    std::uint64_t reads_ = 0;
    std::uint64_t misses_ = 0;
    bool first_ = true;
    double wait_ = kTargetMs;  ///< smoothed
    double extra_ = 0;         ///< what misses have added to the target
    double drift_ = 0;         ///< the card's own error, learned
    double push_ = 0;          ///< what takes the error back
};

}  // namespace bridge::audio
