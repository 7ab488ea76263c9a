#pragma once
// How long the loudspeaker's sound takes to come back through the microphone: sound server's
// buffers, air, and the way in. Found by comparing the two while the far end speaks.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "audio/frame.hpp"

namespace bridge::audio {

/// Both streams at 8 kHz, sample n of the one captured when sample n of the other was handed to the
/// card. Delays in samples. One thread; no allocation after construction.
class EchoAligner {
public:
    static constexpr int kMostDelay = 500 * 8;
    /// Callback times are off by up to 20 ms, so echo may seem to come before its cause.
    static constexpr int kLeastDelay = -40 * 8;
    static constexpr int kGuard = 12 * 8;  ///< the reference is put this much before the echo
    /// So late behind it the echo may be, and is well taken; and before anything was measured.
    static constexpr int kReach = 100 * 8;
    static constexpr int kFirstReach = 30 * 8;

    EchoAligner();

    /// Starts anew with what the cards report: the sum of their latencies.
    void reset(int reported) noexcept;
    /// The next 20 ms captured; `near()` frames before the reference that belongs to them are fine.
    void near(std::span<const float, kFrameSamples> samples) noexcept;
    /// The next 20 ms played.
    void reference(std::span<const float, kFrameSamples> samples) noexcept;
    /// The reference for a frame had not been played yet when it was wanted: the output's callbacks
    /// are late, and the reference is to be delayed by more if the echo allows it.
    void starved() noexcept { starved_ = true; }

    /// What the reference is delayed by.
    int alignment() const noexcept { return alignment_; }
    /// Goes up when `alignment` changes: what the canceller learned is of no use then.
    int changes() const noexcept { return changes_; }
    /// The delay last measured with confidence.
    std::optional<int> measured() const noexcept { return measured_; }

private:
    void compare() noexcept;
    void decide() noexcept;
    void take(int delay) noexcept;

    std::vector<float> near_;    ///< ring of sums of two samples, pre-emphasised
    std::vector<float> played_;  ///< the same of the reference
    std::vector<float> window_;
    std::vector<float> likeness_;  ///< for each delay, by twos
    std::uint64_t near_end_ = 0;
    std::uint64_t reference_end_ = 0;
    std::uint64_t compared_ = 0;
    float near_last_ = 0;
    float played_last_ = 0;
    int active_ = 0;  ///< frames compared with the far end speaking
    int since_decided_ = 0;
    int candidate_ = 0;
    int agreed_ = 0;
    int alignment_ = 0;
    int changes_ = 0;
    bool starved_ = false;
    std::optional<int> measured_;
};

}  // namespace bridge::audio
