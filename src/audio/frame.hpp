#pragma once
// The one audio format inside the program. Edges convert; the core never does.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bridge::audio {

inline constexpr int kSampleRate = 8000;                       ///< Hz
inline constexpr std::size_t kFrameSamples = 160;              ///< 20 ms
inline constexpr std::chrono::milliseconds kFrameTime{20};
inline constexpr std::size_t kSamplesPerMs = kSampleRate / 1000;

/// One 20 ms slice of a call: mono, 16-bit linear PCM, 8000 Hz, native byte order.
struct AudioFrame {
    std::array<std::int16_t, kFrameSamples> pcm{};  ///< 160 samples
    std::chrono::milliseconds at{0};                ///< media time since the stream started
};

/// Takes frames in order, one at a time.
/// Thread: io. Does not block or throw, and does not call back into the tee that feeds it.
class AudioSink {
public:
    virtual ~AudioSink() = default;
    virtual void write(const AudioFrame& frame) = 0;
};

}  // namespace bridge::audio
