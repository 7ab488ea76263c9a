#pragma once
// Whether somebody speaks on a telephone line: the local voice activity detector that turns and
// barge-in are decided with.
//
//   frame ─▶ low band, 2 kHz ─▶ energy over its noise floor ┐
//        │                  └─▶ pitch, and no steady tone   ├─▶ carries voice? ─▶ onset, hangover
//        └─▶ hiss (first difference) over its noise floor ──┘
//
// Voice begins where several frames have a pitch that moves: noise, breath and clicks have none,
// and that of tones, keys and hum stands still. Once begun, hissing sounds count as well.

#include <array>
#include <cstddef>
#include <span>

#include "audio/frame.hpp"
#include "audio/level.hpp"

namespace bridge::audio {

/// What one frame of 20 ms was found to be.
struct Voice {
    bool voiced = false;  ///< somebody speaks: from the onset to the end of the hangover
    bool active = false;  ///< this frame itself carries voice; false in the hangover
    /// Frames of voice that became certain with this one: at an onset all that led to it, later 1
    /// for each that is active.
    int fresh = 0;
    float level_dbfs = kSilenceDbfs;  ///< RMS of the frame
    float noise_dbfs = kSilenceDbfs;  ///< what is always there
};

/// The quietest that a band was lately: its energy when nobody speaks. Follows a fall at once and
/// a rise within `kBlocks` blocks, since speech always has pauses and noise has none.
class NoiseFloor {
public:
    static constexpr std::size_t kBlockFrames = 10;
    static constexpr std::size_t kBlocks = 7;  ///< with the one that is filled: 1.4–1.6 s

    void take(float energy) noexcept;
    float energy() const noexcept { return floor_; }

private:
    float smooth_ = 0;
    float floor_ = 0;
    float block_ = 0;  ///< lowest of the block that is being filled
    std::array<float, kBlocks> blocks_{};
    std::size_t in_block_ = 0, next_ = 0, filled_ = 0;
    bool begun_ = false;
};

/// One line's. Pure; about 1 µs (tests/bench/voice_bench.cpp) and no allocation for a frame.
class VoiceDetector {
public:
    /// Frames with a pitch, of the last `kOnsetWindow`, that make an onset.
    static constexpr int kOnsetFrames = 3;
    static constexpr int kOnsetWindow = 5;
    /// Quiet frames until somebody no longer speaks: 240 ms, longer than the stop in "lucky".
    static constexpr int kHangover = 12;

    /// `least_dbfs`: what is not louder is not voice (the echo of our own speech).
    Voice hear(const AudioFrame& frame, float least_dbfs = kSilenceDbfs) noexcept;
    bool voiced() const noexcept { return voiced_; }
    /// Forgets the line: another one, or the same after a break.
    void reset() noexcept { *this = VoiceDetector{}; }

private:
    static constexpr std::size_t kDecimate = 4;
    static constexpr std::size_t kLow = kFrameSamples / kDecimate;  ///< 40 samples at 2 kHz
    static constexpr std::size_t kTaps = 32;
    static constexpr std::size_t kLags = 24;  ///< 5 … 28 at 2 kHz: 400 … 71 Hz
    static constexpr std::size_t kFirstLag = 5;
    static constexpr std::size_t kWindow = 64;  ///< 32 ms of it are compared
    static constexpr std::size_t kPast = kWindow + kFirstLag + kLags;

    struct Likeness {
        std::array<float, kLags> at{};  ///< -1..1 with itself, so much later
        float best = 0;
    };

    void take_low_band(const AudioFrame& frame) noexcept;
    Likeness likeness() const noexcept;
    float beside_two_tones() const noexcept;
    bool pitched(float low, float least) noexcept;
    void judge(bool pitch, bool sound, Voice& out) noexcept;

    std::array<float, kTaps - kDecimate> tail_{};  ///< of the last frame's samples
    std::array<float, kPast> low_{};               ///< the newest last
    std::array<float, 4> high_pass_{};             ///< two biquads' states
    float last_ = 0;                               ///< sample before this frame
    NoiseFloor low_floor_, hiss_floor_, floor_;    ///< floor_: of the whole band
    Likeness before_;
    bool loud_ = false;     ///< the last frame was
    unsigned pitches_ = 0;  ///< one bit for each frame, the newest lowest
    int since_pitch_ = 0;   ///< frames
    int run_ = 0;           ///< frames of sound on end, before an onset
    int quiet_ = 0;         ///< frames on end, after it
    bool voiced_ = false;
};

}  // namespace bridge::audio
