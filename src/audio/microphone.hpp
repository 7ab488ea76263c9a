#pragma once
// Seam: where sound comes in. Implementations live in devices/: the sound card's microphone with
// echo cancellation, a WAV file, and silence. One for the program; calls take turns with it.
//
//   input callback ──▶ DuplexTap ──▶ MicPath (own thread): steer, resample to 8 kHz, clean ──▶
//   output callback ─▶ (what was played: the echo's reference)         MicTrack
//                                              MicLine of each call ◀──┘  ──▶ Call

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "audio/mic_line.hpp"
#include "base/result.hpp"

namespace bridge::audio {

/// What is done to the captured sound before a call gets it.
struct MicOptions {
    bool high_pass = true;          ///< 100 Hz and below is taken away
    bool echo_cancellation = true;  ///< what the loudspeaker plays is taken out
    bool noise_suppression = true;
    bool gain_control = true;  ///< quiet and loud voices are brought to one level
    enum class EchoEngine { speex, webrtc } engine = EchoEngine::speex;
};

/// A snapshot for people and events; counters only grow.
struct MicStats {
    bool running = false;
    std::string device;                 ///< for people
    int sample_rate = 0;                ///< Hz, the rate the device captures at
    double reported_latency_ms = 0;     ///< of the device's input, as it says
    float level_dbfs = -96.0F;          ///< of the last 100 ms, after cleaning
    float raw_level_dbfs = -96.0F;      ///< as captured
    std::uint64_t clipped_samples = 0;  ///< captured samples at full scale
    std::uint64_t captured_ms = 0;
    std::uint64_t gaps = 0;  ///< times capture stopped and went on (device lost, reopened)
    double gap_ms = 0;       ///< all of them
    std::uint64_t dropped_samples = 0;  ///< 8 kHz samples dropped because nobody took them in time
    double steering_ppm = 0;   ///< how much faster than nominal the card's samples are used
    double echo_delay_ms = 0;  ///< bulk delay the canceller is aligned to; 0: not known yet
    double erle_db = 0;        ///< echo return loss enhancement of the last seconds of echo
};

/// Thread: any, for every member.
class Microphone {
public:
    virtual ~Microphone() = default;
    /// "portaudio: default (pulse)", "file: speech.wav", "null": for people.
    virtual std::string name() const = 0;
    /// The line follows what is captured from now on. Adding a line twice changes nothing.
    virtual void attach(std::shared_ptr<MicLine> line) = 0;
    /// Nothing more comes on the line.
    virtual void detach(const std::shared_ptr<MicLine>& line) = 0;
    virtual MicStats stats() const = 0;
};

}  // namespace bridge::audio
