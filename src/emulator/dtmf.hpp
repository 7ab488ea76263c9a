#pragma once
// Touch tones: made for <Play digits> and recognised in what a phone hears.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bridge::emulator {

/// 0-9 * # A-D.
bool is_dtmf_digit(char digit) noexcept;

/// A digit's two tones as mu-law, each at −9 dBFS (peak of their sum: −3 dBFS). Nothing for what is
/// no digit.
std::vector<std::uint8_t> dtmf_tone(char digit, std::chrono::milliseconds length);
/// A whole string: 100 ms tone and 100 ms silence for each digit; 'w' is half a second of silence.
std::vector<std::uint8_t> dtmf_tones(std::string_view digits);

/// Goertzel filters at the eight frequencies over windows of 20 ms, every 10 ms. A digit counts
/// when two windows in a row agree (tones of 40 ms are found) and again only after 20 ms without
/// it. Speech is told apart by how much of a window's energy lies in the two tones (ITU-T Q.24's
/// idea).
class DtmfDetector {
public:
    /// The next 20 ms. Returns the digit that was recognised in it, if any.
    std::optional<char> hear(std::span<const std::uint8_t, 160> frame) noexcept;
    void reset() noexcept;

private:
    std::optional<char> window(std::span<const double, 160> samples) const noexcept;
    std::optional<char> step(std::optional<char> seen) noexcept;

    std::array<double, 240> samples_{};  ///< the last 10 ms of before, then the frame
    std::optional<char> candidate_;      ///< seen in the window before
    std::optional<char> sounding_;       ///< already reported, still there
    int without_ = 0;                    ///< windows since `sounding_` was last seen
};

}  // namespace bridge::emulator
