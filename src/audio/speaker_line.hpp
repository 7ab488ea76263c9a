#pragma once
// One call's way to the loudspeaker: the io thread writes 20 ms frames in as they come from the
// network, the device's callback takes samples out at the sound card's own rate and clock.
//
//   write(frame) ──ring of 8 kHz samples──▶ render(): steer → conceal → resample → add
//
// In between sits the adaptive playout buffer: it waits for a target depth that follows the
// measured jitter, bridges short gaps with concealment, trims a backlog, and stretches time by
// parts in a thousand so that the depth stays at its target whatever the two clocks do.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "audio/frame.hpp"
#include "audio/spsc_ring.hpp"
#include "base/clock.hpp"

namespace bridge::audio {

struct PlayoutOptions {
    /// The adaptive target never exceeds this; AUDIO_BUFFER_SIZE at AUDIO_SAMPLE_RATE (seed: 1024
    /// samples = 128 ms).
    std::chrono::milliseconds ceiling{128};
};

/// A snapshot for people, logs and events; counters only grow.
struct PlayoutStats {
    double depth_ms = 0;    ///< what waits in the ring now
    double target_ms = 0;   ///< what the steering aims at
    double jitter_ms = 0;   ///< measured arrival jitter (p95 of the last seconds)
    double latency_ms = 0;  ///< frame received → callback that took its first sample: the last one
    double latency_max_ms = 0;  ///< and the largest one since the stream settled
    double latency_p50_ms = 0;
    double steering_ppm =
        0;  ///< played so much faster than the card's clock says; settled: how slow that clock is
    std::uint64_t frames = 0;     ///< frames written
    std::uint64_t underruns = 0;  ///< times the ring ran dry while the stream was live
    std::uint64_t concealed_samples = 0;
    std::uint64_t trimmed_samples = 0;   ///< thrown away because a backlog had built up
    std::uint64_t dropped_samples = 0;   ///< did not fit the ring (it holds twice the ceiling)
    std::uint64_t rendered_samples = 0;  ///< 8 kHz samples the device has taken
    float level_dbfs = -96.0F;           ///< of the last 100 ms written
};

/// What a device asked of a line once: enough to ask the same again (a replay does).
struct Pull {
    Clock::Time now{};          ///< as the device told it
    std::uint64_t written = 0;  ///< frames of the line that it could see
    std::uint32_t frames = 0;   ///< of the device's own rate
    std::int32_t sample_rate = 0;
    bool stereo = false;
};

/// The pulls of one line, for whoever wants to know. Writer: the device's callback; reader: io.
class PullLog {
public:
    PullLog() : ring_(kMost) {}
    /// Realtime-safe. What nobody takes in time is dropped and counted.
    void push(const Pull& pull) noexcept {
        if (!ring_.push(pull)) dropped_.fetch_add(1, std::memory_order_relaxed);
    }
    /// False: there is none.
    bool pop(Pull& pull) noexcept {
        if (ring_.size() == 0) return false;
        pull = ring_.peek(0);
        ring_.pop();
        return true;
    }
    std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t kMost = 512;  ///< five seconds of a card's usual blocks
    SpscRing<Pull> ring_;
    std::atomic<std::uint64_t> dropped_{0};
};

class SpeakerLine final : public AudioSink {
public:
    /// `clock` gives arrival times on the io thread; the callback brings its own time to `render`.
    SpeakerLine(const Clock& clock, PlayoutOptions options);
    ~SpeakerLine() override;
    SpeakerLine(const SpeakerLine&) = delete;
    SpeakerLine& operator=(const SpeakerLine&) = delete;

    /// Thread: io. Never blocks; what does not fit is dropped (newest first) and counted.
    void write(const AudioFrame& frame) override;
    /// Nothing more will come: what is buffered plays out, and running dry is no underrun. Thread:
    /// io.
    void end();
    /// True once `end` was called and every sample has been taken. Thread: any.
    bool drained() const noexcept;

    /// Loudness of this line, 0..1 (a change is ramped over 10 ms). Thread: any.
    void set_gain(float gain) noexcept;
    /// Where it sounds on a device with two channels: -1 left, 0 middle, 1 right, with the same
    /// power everywhere and in the middle as if it were not panned. Ramped as the gain is; a mono
    /// device does not know it. Thread: any.
    void set_pan(float pan) noexcept;
    /// It sounds, or still did in the last block, elsewhere than in the middle. Thread: device
    /// callback. Realtime-safe.
    bool panned() const noexcept;

    /// ADDS the next `frames` mono samples, in -1..1, at `sample_rate` Hz to `out`.
    /// Thread: device callback. Realtime-safe: no lock, no allocation, no system call, no log.
    void render(float* out, std::size_t frames, int sample_rate, Clock::Time now) noexcept;
    /// The same to two channels.
    void render(float* left, float* right, std::size_t frames, int sample_rate,
                Clock::Time now) noexcept;

    /// From now on every `render` is noted there. Thread: io, before `attach`.
    void log_pulls(std::shared_ptr<PullLog> log);
    /// What was written after the first `frames` frames is not there yet for `render`: it sees what
    /// it saw when it was noted. Thread: whoever renders.
    void see_only(std::uint64_t frames) noexcept;

    /// From now on `render` only counts: nobody listens. Thread: whoever renders.
    void be_silent() noexcept;

    /// Prepares the resampler for a device rate (allocates). Thread: io, before `attach`.
    void prepare(int sample_rate);

    /// Thread: any.
    PlayoutStats stats() const;

private:
    struct State;
    template <class Add>
    void render_to(std::size_t frames, int sample_rate, Clock::Time now, bool stereo,
                   Add add) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace bridge::audio
