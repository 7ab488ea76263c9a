#pragma once
// Seam: a place where sound comes out (and, with two-way audio, goes in). Implementations live in
// devices/: the system's sound cards, a WAV file, and a null device that keeps time and says nothing.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audio/speaker_line.hpp"
#include "base/result.hpp"

namespace bridge::audio {

/// What a device reports about itself while it runs. Thread: io.
struct DeviceStats {
    int sample_rate = 0;             ///< Hz, the rate the device runs at
    int block_samples = 0;           ///< samples it takes at a time
    int channels = 1;                ///< it was opened with; a call sounds on each
    double reported_latency_ms = 0;  ///< the sound server's own buffer, as it says
    std::uint64_t callbacks = 0;
    std::uint64_t underflows = 0;     ///< blocks the device says it ran dry on
    double longest_gap_ms = 0;        ///< longest time between two callbacks: shows a machine that stalled
    bool running = false;
    std::uint64_t losses = 0;  ///< times the device went away while it was in use
    double unheard_ms = 0;     ///< time without one, all in all; the calls went on

    /// The other direction, of a device that has a microphone.
    struct Capture {
        bool wanted = false;  ///< false: it was not asked for, the rest says nothing
        bool running = false;
        int sample_rate = 0;    ///< Hz
        int block_samples = 0;  ///< samples it brings at a time
        int channels = 1;       ///< it was opened with
        double reported_latency_ms = 0;
        std::uint64_t callbacks = 0;
        std::uint64_t overflows = 0;  ///< blocks before which the device says it lost some
        double longest_gap_ms = 0;    ///< longest time between two callbacks
        std::uint64_t losses = 0;     ///< times the microphone went away while it was in use
        double missing_ms = 0;        ///< time without one, all in all
    } capture;
};

/// Thread: any but the device's own, for every member (calls of several io threads share a device, so
/// attach and detach take a mutex that the callback never touches). The device's own thread only
/// calls SpeakerLine::render.
class AudioDevice {
public:
    virtual ~AudioDevice() = default;

    /// "portaudio: default (pulse)", "file: demo.wav", "null": for people.
    virtual std::string name() const = 0;
    /// Opens the device and starts its clock. Errors: no_device, device_failed, io.
    virtual Result<> start() = 0;
    /// Stops the clock and lets go of the device; returns within a second whatever the device does.
    virtual void stop() = 0;
    /// Prepares the line for the device's rate and mixes it into what is played until `detach`.
    /// False: all slots (64) are taken.
    virtual bool attach(std::shared_ptr<SpeakerLine> line) = 0;
    /// After this returns, the device's thread no longer touches the line.
    virtual void detach(const std::shared_ptr<SpeakerLine>& line) = 0;
    virtual DeviceStats stats() const = 0;
};

}  // namespace bridge::audio
