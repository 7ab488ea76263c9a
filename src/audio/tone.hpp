#pragma once
// Tones for tests of devices and lines: a sine, and the pairs of the telephone's keys.

#include <cstdint>
#include <optional>
#include <span>

#include "audio/frame.hpp"

namespace bridge::audio {

/// A sine whose phase runs on from one call to the next, also when the frequency changes.
/// Realtime-safe.
class Tone {
public:
    /// `amplitude` 0..1 of full scale; `sample_rate` Hz.
    Tone(double hz, double amplitude, int sample_rate = kSampleRate) noexcept;
    void set_frequency(double hz) noexcept;
    void set_amplitude(double amplitude) noexcept { amplitude_ = amplitude; }
    double next() noexcept;  ///< in -1..1
    void fill(std::span<std::int16_t> out) noexcept;
    void add(std::span<float> out) noexcept;

private:
    double phase_ = 0;  ///< turns, 0..1
    double step_ = 0;
    double amplitude_;
    int sample_rate_;
};

struct DtmfPair {
    double low_hz, high_hz;
};
/// ITU-T Q.23; '0'-'9', '*', '#', 'A'-'D' (either case). Nothing for another character.
std::optional<DtmfPair> dtmf_pair(char digit) noexcept;

/// A key's two tones, each at half of `amplitude`.
class DtmfTone {
public:
    DtmfTone(DtmfPair pair, double amplitude, int sample_rate = kSampleRate) noexcept;
    void fill(std::span<std::int16_t> out) noexcept;

private:
    Tone low_, high_;
};

}  // namespace bridge::audio
