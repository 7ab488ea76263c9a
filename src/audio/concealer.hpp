#pragma once
// What is played when the next sound is not there yet: the last pitch period again and again,
// fading away (the idea of ITU-T G.711 Appendix I). Voices go on, and nothing clicks.

#include <array>
#include <cstddef>
#include <span>

namespace bridge::audio {

/// Works at 8 kHz on floats in -1..1. Realtime-safe.
class Concealer {
public:
    static constexpr std::size_t kHistory = 480;  ///< 60 ms
    static constexpr std::size_t kMinPeriod =
        40;  ///< 5 ms: 200 Hz; a higher voice repeats several periods
    static constexpr std::size_t kMaxPeriod = 160;    ///< 20 ms: 50 Hz
    static constexpr std::size_t kHold = 80;          ///< full level for 10 ms …
    static constexpr std::size_t kSilentAfter = 480;  ///< … and gone after 60 ms
    static constexpr std::size_t kShortFade = 40;     ///< at the end of a stream: gone after 5 ms

    /// Everything that is played, real or made up, in order.
    void hear(std::span<const float> played) noexcept;
    /// Starts a run of concealment; `brief`: nothing is going to follow, fade within 5 ms.
    void start(bool brief) noexcept;
    /// The next samples of the run; zeros once it has faded. Returns how many were not yet silent.
    std::size_t conceal(std::span<float> out) noexcept;
    bool faded() const noexcept { return made_ >= hold_ + fade_; }

private:
    std::array<float, kHistory> history_{};
    std::array<float, kMaxPeriod> period_{};
    std::size_t length_ = kMinPeriod;  ///< of the period
    std::size_t made_ = 0;             ///< samples of this run so far
    std::size_t hold_ = 0;
    std::size_t fade_ = 0;
    float step_ = 0;  ///< between the last real sample and the first made one
};

}  // namespace bridge::audio
