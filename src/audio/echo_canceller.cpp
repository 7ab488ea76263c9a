#include "audio/echo_canceller.hpp"

#include <speex/speex_echo.h>

#include <algorithm>
#if defined(AGENTBRIDGE_HAVE_WEBRTC)
#include "audio/webrtc_echo.hpp"
#endif

namespace bridge::audio {
namespace {

constexpr int kTail = 200 * static_cast<int>(kSamplesPerMs);
// Speex takes its step sizes and the notch against a constant offset from the rate it is told.
// Those for 8 kHz learn so fast that in double talk the near end loses 8 dB, and the notch turns
// the phase of everything under 300 Hz. With those for 16 kHz it loses 3 dB, and the first three
// seconds cancel up to 3 dB less (bench_echo).
constexpr spx_int32_t kToldRate = 16000;

class SpeexEcho final : public EchoCanceller {
public:
    SpeexEcho() : state_(speex_echo_state_init(static_cast<int>(kFrameSamples), kTail)) {
        auto rate = kToldRate;
        speex_echo_ctl(state_.get(), SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    }

    void cancel(Frame near, Frame reference,
                std::span<std::int16_t, kFrameSamples> out) noexcept override {
        speex_echo_cancellation(state_.get(), near.data(), reference.data(), out.data());
    }
    void reset() noexcept override { speex_echo_state_reset(state_.get()); }
    SpeexEchoState_* speex() noexcept override { return state_.get(); }

private:
    struct Closer {
        void operator()(SpeexEchoState* state) const noexcept { speex_echo_state_destroy(state); }
    };
    std::unique_ptr<SpeexEchoState, Closer> state_;
};

}  // namespace

bool has_webrtc() noexcept {
#if defined(AGENTBRIDGE_HAVE_WEBRTC)
    return true;
#else
    return false;
#endif
}

Result<std::unique_ptr<EchoCanceller>> make_echo_canceller(MicOptions::EchoEngine engine) {
    if (engine == MicOptions::EchoEngine::speex) return std::make_unique<SpeexEcho>();
#if defined(AGENTBRIDGE_HAVE_WEBRTC)
    return make_webrtc_echo();
#else
    return fail(Errc::bad_config,
                "this program was built without WebRTC's echo canceller; use Speex' "
                "(AGENTBRIDGE_ECHO_CANCELLATION=speex)");
#endif
}

}  // namespace bridge::audio
