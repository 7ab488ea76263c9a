#pragma once
// Changing the sample rate: one polyphase windowed-sinc filter, for the way to a sound card
// (steered by parts in a thousand while it runs) and for whole files.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace bridge::audio {

/// Mono, streaming, any ratio. For 8 kHz to a sound card: flat (-1 dB) to 3.45 kHz, images of tones
/// up to 3.4 kHz below -70 dB, 2.5 ms of delay. After `prepare` every member is realtime-safe.
///
///   push(n samples in) … pull(out): out sample k sits at input time k * step, step = in/out *
///   correction
class Resampler {
public:
    /// Taps for each phase when going up; going down takes them wider by the ratio.
    static constexpr std::size_t kTaps = 40;
    static constexpr std::size_t kPhases = 256;

    Resampler();
    ~Resampler();
    Resampler(Resampler&&) noexcept;
    Resampler& operator=(Resampler&&) noexcept;

    /// Builds the filter and room for `max_input` samples waiting; starts from silence. Allocates.
    void prepare(int in_rate, int out_rate, std::size_t max_input = 2048);
    /// Another output rate with the filter as it is: for a device that changes its rate in
    /// mid-stream.
    void set_out_rate(int out_rate) noexcept;
    int out_rate() const noexcept { return out_rate_; }

    /// Input consumed faster (> 1) or slower (< 1) than the nominal ratio. Takes effect with the
    /// next sample.
    void set_correction(double correction) noexcept { correction_ = correction; }

    /// How many more input samples must be pushed before `out` samples can be pulled.
    std::size_t needed(std::size_t out) const noexcept;
    /// Returns how many were taken: all, unless the room is used up.
    std::size_t push(std::span<const float> in) noexcept;
    /// Fills as much of `out` as the input allows and returns how much that was.
    std::size_t pull(std::span<float> out) noexcept;
    /// The same for nobody who listens: uses the input up as `pull` would, and makes no sound.
    std::size_t skip(std::size_t out) noexcept;
    /// For a caller that keeps the input itself: `out` sample k is the sound at place
    /// `position + k * step` of `input`, without delay. Half of `taps` must lie on either side.
    void sample(std::span<const float> input, double position, double step,
                std::span<float> out) const noexcept;
    std::size_t taps() const noexcept { return taps_; }
    /// Filter delay in input samples.
    double delay_samples() const noexcept { return static_cast<double>(taps_) / 2.0; }
    /// Back to silence.
    void reset() noexcept;
    /// Instead of `reset`, for whole files: the first output sits on the first input sample, no
    /// delay.
    void align() noexcept;

private:
    void drop_used() noexcept;
    double step() const noexcept { return nominal_step_ * correction_; }
    float interpolate(const float* x, double fraction) const noexcept;

    std::shared_ptr<const std::vector<float>> filter_;  ///< (kPhases + 1) rows of taps_
    std::size_t taps_ = 0;
    std::vector<float> input_;
    std::size_t held_ = 0;  ///< samples in input_
    double position_ = 0;   ///< of the next output's first tap in input_
    double nominal_step_ = 1;
    double correction_ = 1;
    int in_rate_ = 0;
    int out_rate_ = 0;
};

/// A whole sound at another rate, its delay taken out: out[k] is the sound at time k / out_rate.
/// round(in.size() * out_rate / in_rate) samples. Rates in Hz, above 0.
std::vector<std::int16_t> resample(std::span<const std::int16_t> in, int in_rate, int out_rate);

}  // namespace bridge::audio
