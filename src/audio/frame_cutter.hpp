#pragma once
// Sound of any length in, whole 20 ms frames out, each with its place on the source's timeline.
// Media Streams sends 20 ms in practice, but does not promise it.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "audio/frame.hpp"
#include "audio/mulaw.hpp"

namespace bridge::audio {

/// What does not fill a frame waits for the rest. A timestamp that is off by more than
/// `kJump` from where the samples say we are is a jump: what waits is then padded with silence (if
/// the hole is wide enough for that; else it is discarded) and cutting starts anew. Smaller
/// differences are the rounding of a timestamp to milliseconds. No allocation.
class FrameCutter {
public:
    static constexpr std::chrono::milliseconds kJump{10};

    /// `at`: media time of the first sample. `write` takes each frame that becomes complete.
    template <class Write>
    void write_mulaw(std::span<const std::uint8_t> bytes, std::chrono::milliseconds at,
                     Write&& write) {
        place(at, write);
        // A whole frame, as nearly all are, never touches the memory of the call.
        while (filled_ == 0 && bytes.size() >= kFrameSamples) {
            AudioFrame whole;
            decode_mulaw(bytes.first(kFrameSamples), whole.pcm);
            bytes = bytes.subspan(kFrameSamples);
            pass(whole, kFrameSamples, write);
        }
        while (!bytes.empty()) {
            const auto room = std::span(frame_.pcm).subspan(filled_);
            const auto taken = decode_mulaw(bytes, room);
            bytes = bytes.subspan(taken);
            advance(taken, write);
        }
    }

    /// The same for 16-bit PCM at 8 kHz.
    template <class Write>
    void write_pcm(std::span<const std::int16_t> samples, std::chrono::milliseconds at,
                   Write&& write) {
        place(at, write);
        while (!samples.empty()) {
            const auto taken = std::min(samples.size(), kFrameSamples - filled_);
            std::copy_n(samples.begin(), taken,
                        frame_.pcm.begin() + static_cast<std::ptrdiff_t>(filled_));
            samples = samples.subspan(taken);
            advance(taken, write);
        }
    }

    /// Pads what waits with silence and writes it; nothing if nothing waits.
    template <class Write>
    void flush(Write&& write) {
        if (filled_ == 0) return;
        std::fill(frame_.pcm.begin() + static_cast<std::ptrdiff_t>(filled_), frame_.pcm.end(),
                  std::int16_t{0});
        advance(kFrameSamples - filled_, write);
    }

    /// Forgets what waits and the timeline.
    void reset() noexcept;

    /// Samples that wait for the rest of their frame, 0 … 159.
    std::size_t waiting() const noexcept { return filled_; }
    std::uint64_t jumps() const noexcept { return jumps_; }
    /// Behind everything else of it; whole frames never touch it.
    const AudioFrame* own_frame() const noexcept { return &frame_; }
    /// Samples given up at a jump.
    std::uint64_t discarded() const noexcept { return discarded_; }

private:
    enum class Placed { goes_on, padded, anew };
    Placed judge(std::chrono::milliseconds at) noexcept;
    void start_at(std::chrono::milliseconds at) noexcept;

    template <class Write>
    void place(std::chrono::milliseconds at, Write&& write) {
        const auto placed = judge(at);
        if (placed == Placed::goes_on) return;
        if (placed == Placed::padded) flush(write);
        start_at(at);
    }

    template <class Write>
    void advance(std::size_t samples, Write&& write) {
        filled_ += samples;
        if (filled_ < kFrameSamples) {
            next_ += static_cast<std::int64_t>(samples);
            return;
        }
        filled_ = 0;
        pass(frame_, samples, write);
    }

    /// `samples` of it are new.
    template <class Write>
    void pass(AudioFrame& frame, std::size_t samples, Write& write) {
        next_ += static_cast<std::int64_t>(samples);
        frame.at = std::chrono::milliseconds((next_ - static_cast<std::int64_t>(kFrameSamples)) /
                                             static_cast<std::int64_t>(kSamplesPerMs));
        write(static_cast<const AudioFrame&>(frame));
    }

    std::size_t filled_ = 0;
    std::int64_t next_ = 0;  ///< media time of the next sample, in samples
    bool placed_ = false;
    std::uint64_t jumps_ = 0;
    std::uint64_t discarded_ = 0;
    AudioFrame frame_;
};

}  // namespace bridge::audio
