#pragma once
// WebRTC's echo canceller, where the system has it (webrtc-audio-processing 0.3).

#include <memory>

#include "audio/echo_canceller.hpp"

namespace bridge::audio {

/// Errors: internal (the library refuses our format).
Result<std::unique_ptr<EchoCanceller>> make_webrtc_echo();

}  // namespace bridge::audio
