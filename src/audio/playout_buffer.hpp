#pragma once
// The timing of playout: how far behind the carrier we have to play so that late frames are still
// in time, and how to get there without anyone noticing.
//
//   base    smallest (arrival − media time) of the last seconds: the fastest way a frame has come
//   delay   now − media time being played − base: how long after the fastest frame we play it
//   target  one device block + jitter of arrival + jitter of the device + a small reserve
//
// All in ms as double, on one timeline of the caller's choice (arrival and device time alike).

#include <array>
#include <cstddef>
#include <cstdint>

namespace bridge::audio {

/// Pure state, no clock of its own. Thread: the device callback. Realtime-safe, no allocation.
class PlayoutBuffer {
public:
    static constexpr double kFloorMs =
        30;  ///< the target is never smaller (but for a smaller ceiling)
    static constexpr double kReserveMs = 15;         ///< for what the last seconds have not shown
    static constexpr double kFirstJitterMs = 10;     ///< assumed until a second of frames was seen
    static constexpr double kMaxCorrection = 0.003;  ///< 0.3 %: 5 cents, not heard
    static constexpr double kSlewPerMs =
        0.003 / 1000;                            ///< the correction takes a second to its limit
    static constexpr std::size_t kWindow = 256;  ///< frames looked back on: 5 s

    explicit PlayoutBuffer(double ceiling_ms) noexcept;

    /// A frame of media time `at_ms` came in at `arrival_ms`.
    void arrived(double at_ms, double arrival_ms) noexcept;
    /// Forgets the arrivals so far: the source's clock was set anew.
    void rebase() noexcept;

    /// Delay of media time `media_ms` if it were played at `now_ms`.
    double delay_ms(double media_ms, double now_ms) const noexcept {
        return now_ms - media_ms - base_;
    }
    bool has_base() const noexcept { return seen_ > 0; }

    /// A block of `block_ms` beginning with `media_ms` is taken at `now_ms`: steers.
    void played(double media_ms, double now_ms, double block_ms) noexcept;
    /// Playing starts, or goes on after running dry: the delay is taken as it is.
    void resumed(double media_ms, double now_ms, double block_ms) noexcept;
    /// `ms` of media were left out (or, negative, put in).
    void skipped(double ms) noexcept { mean_ -= ms; }

    double target_ms() const noexcept;
    /// How much more than the target we are behind, smoothed over half a second.
    double excess_ms() const noexcept;
    /// Media consumed for each unit of device time, 0.997 … 1.003.
    double correction() const noexcept { return 1.0 + correction_; }
    /// p95 of how late frames came, compared to the fastest, over the last seconds.
    double jitter_ms() const noexcept { return p95_; }

private:
    struct Arrival {
        double transit = 0;   ///< arrival − media time
        bool counts = false;  ///< not one of a burst, whose first frame says it all
    };
    void measure() noexcept;
    void set_base(double base) noexcept;
    double wanted_margin() const noexcept;
    void hold_target(double block_ms) noexcept;

    double ceiling_;
    std::array<Arrival, kWindow> arrivals_{};
    std::size_t next_ = 0;
    std::size_t held_ = 0;
    std::uint64_t seen_ = 0;
    int far_ = 0;  ///< frames in a row that were later than any target could bear
    double last_arrival_ = 0;
    double base_ = 0;
    double p95_ = 0;
    double needed_ = kFirstJitterMs;  ///< p99 or so: what the target has to cover

    double held_needed_ = kFirstJitterMs;  ///< needed_, up at once and down late and slowly
    double block_ = 10;
    double mean_ = 0;        ///< of delay − block: what is left when a block has been taken
    double in_step_at_ = 0;  ///< when what is left was last near its mean
    double early_ = 0;       ///< how far below the mean the device's own timing takes it
    double correction_ = 0;
};

}  // namespace bridge::audio
