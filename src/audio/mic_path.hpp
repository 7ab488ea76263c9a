#pragma once
// The microphone's way from the card to the calls:
//
//   tap, captured ─▶ 8 kHz, steered ─▶ MicChain ─▶ MicTrack ◀─ each MicLine
//   tap, played ───▶ 8 kHz, in step ─▶ EchoAligner ─▶ (reference)
//
// Pure: it is stepped, and time comes with the step.

#include <memory>

#include "audio/duplex_tap.hpp"
#include "audio/mic_line.hpp"
#include "audio/microphone.hpp"
#include "base/clock.hpp"

namespace bridge::audio {

class MicPath {
public:
    /// How often it wants to be stepped.
    static constexpr std::chrono::milliseconds kStep{5};

    MicPath(std::shared_ptr<DuplexTap> tap, const MicOptions& options);
    ~MicPath();
    MicPath(const MicPath&) = delete;
    MicPath& operator=(const MicPath&) = delete;

    /// Takes what the tap has. It allocates when a card begins or changes its rate only. Thread:
    /// the microphone's.
    void step(Clock::Time now);

    /// As of Microphone. The line attached last is the one steered for. Thread: any.
    void attach(std::shared_ptr<MicLine> line);
    void detach(const std::shared_ptr<MicLine>& line);
    /// Stages go on or off with the next frame. Thread: any.
    void set_options(const MicOptions& options);
    /// All but `running` and `device`. Thread: any.
    MicStats stats() const;

private:
    struct State;
    const std::unique_ptr<State> state_;
};

}  // namespace bridge::audio
