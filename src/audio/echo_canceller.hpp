#pragma once
// Seam: what takes the loudspeaker's sound out of the microphone's. Two of them: SpeexDSP's, which
// is always there, and WebRTC's, where the system has the library.

#include <cstdint>
#include <memory>
#include <span>

#include "audio/frame.hpp"
#include "audio/microphone.hpp"
#include "base/result.hpp"

struct SpeexEchoState_;

namespace bridge::audio {

/// One thread at a time. No allocation after construction.
class EchoCanceller {
public:
    using Frame = std::span<const std::int16_t, kFrameSamples>;

    virtual ~EchoCanceller() = default;
    /// 20 ms of the microphone, and of what was played: the echo may come up to 200 ms after it
    /// (WebRTC: 100 ms), but not before.
    virtual void cancel(Frame near, Frame reference,
                        std::span<std::int16_t, kFrameSamples> out) noexcept = 0;
    /// The echo's way has changed: learns it anew.
    virtual void reset() noexcept = 0;
    /// What Speex' noise suppression asks for the echo that is left; null: it is told nothing.
    virtual SpeexEchoState_* speex() noexcept { return nullptr; }
};

/// Whether WebRTC's canceller was built in.
bool has_webrtc() noexcept;

/// Errors: bad_config (WebRTC's is wanted and was not built in).
Result<std::unique_ptr<EchoCanceller>> make_echo_canceller(MicOptions::EchoEngine engine);

}  // namespace bridge::audio
