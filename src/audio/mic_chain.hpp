#pragma once
// What is done to the microphone's sound, 20 ms at 8 kHz at a time:
//
//   high-pass ─▶ echo cancellation ─▶ suppression of noise and of echo that is left ─▶ gain,
//   limiter
//                     ▲ reference                    (20 ms of delay)

#include <cstdint>
#include <memory>
#include <span>

#include "audio/auto_gain.hpp"
#include "audio/echo_canceller.hpp"
#include "audio/frame.hpp"
#include "audio/microphone.hpp"

namespace bridge::audio {

/// One thread at a time. Does not allocate but in the constructor and `set_options`.
class MicChain {
public:
    using Frame = std::span<std::int16_t, kFrameSamples>;

    /// WebRTC's canceller where it was not built in: Speex' is taken.
    explicit MicChain(const MicOptions& options);
    ~MicChain();
    MicChain(const MicChain&) = delete;
    MicChain& operator=(const MicChain&) = delete;

    /// Stages go on and off with the next frame, without a click. Another engine learns anew.
    void set_options(const MicOptions& options);
    /// Changes the frame in place. `reference`: what was played, so much earlier that its echo
    /// comes after it by less than the canceller's tail.
    void process(Frame frame, EchoCanceller::Frame reference) noexcept;
    /// The echo takes another way now; what was learned of it is of no use.
    void reset_echo() noexcept;

    /// How much later the sound comes out than it went in, in samples: 160 or 0.
    std::size_t delay() const noexcept { return suppressing_ ? kFrameSamples : 0; }
    /// How much of the echo is gone, over the last seconds in which there was some.
    double erle_db() const noexcept;

private:
    struct Suppressor;
    struct HighPass;
    bool wants_suppressor() const noexcept;
    void measure(EchoCanceller::Frame in, EchoCanceller::Frame out,
                 EchoCanceller::Frame reference) noexcept;

    MicOptions options_;
    std::unique_ptr<HighPass> high_pass_;
    std::unique_ptr<EchoCanceller> echo_;
    std::unique_ptr<Suppressor> suppressor_;
    bool suppressing_ = false;  ///< what the last frame came from
    bool high_passing_ = false;
    bool cancelling_ = false;
    bool gaining_ = false;
    AutoGain gain_;
    double in_energy_ = 0;
    double out_energy_ = 0;
    int echo_frames_ = 0;  ///< frames for which what was played may still echo
    float last_in_ = 0;    ///< energy of the frame before, which comes out now
    bool last_had_echo_ = false;
};

}  // namespace bridge::audio
