#pragma once
// Which moment a sample belongs to, from the times of a sound card's callbacks. A callback is late
// by up to 20 ms, now more, now less, but never early, and samples do not jitter: so the earliest
// callback of each second counts, and the line through those of the last minutes.

#include <array>
#include <cstddef>
#include <cstdint>

namespace bridge::audio {

/// Times in seconds on a timeline of the caller's choice. One thread.
class StreamClock {
public:
    static constexpr std::size_t kWindows = 120;  ///< of a second each

    /// A new stream; nothing is known of it.
    void reset(int rate) noexcept;
    /// A callback ran at `now`, and by the card's clock its sample `place` belongs to that moment.
    void callback(std::uint64_t place, double now) noexcept;

    bool known() const noexcept { return seen_; }
    /// Thus far unreliable by the jitter of the callbacks, later by a fraction of it.
    double time_of(double place) const noexcept;
    double place_at(double time) const noexcept;

    /// How much slower than it says the card is, in parts of one: time passing for each second of
    /// samples, less one. 0 until there are ten seconds of it.
    double slowness() const noexcept { return slope_; }
    /// What the slowness may be wrong by (one standard deviation).
    double uncertainty() const noexcept { return uncertainty_; }
    /// Goes up with each second.
    std::uint64_t windows() const noexcept { return closed_; }

private:
    struct Point {
        double media = 0;  ///< seconds of samples
        double late = 0;   ///< time − media, the least of its second
    };
    void close_window() noexcept;
    void fit() noexcept;

    double rate_ = 0;
    bool seen_ = false;
    double window_begin_ = 0;  ///< seconds of samples
    Point least_;
    std::array<Point, kWindows> points_{};
    std::size_t held_ = 0;
    std::size_t next_ = 0;
    std::uint64_t closed_ = 0;
    int strays_ = 0;  ///< windows in a row that were off the line
    double slope_ = 0;
    double uncertainty_ = 1;
    double late_ = 0;  ///< of the line at media time base_
    double base_ = 0;
};

}  // namespace bridge::audio
