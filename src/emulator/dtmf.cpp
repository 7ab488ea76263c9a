#include "emulator/dtmf.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {
namespace {

constexpr std::array<double, 4> kRows{697, 770, 852, 941};
constexpr std::array<double, 4> kColumns{1209, 1336, 1477, 1633};
constexpr std::array<std::string_view, 4> kKeys{"123A", "456B", "789C", "*0#D"};
constexpr double kSampleRate = 8000;
constexpr double kToneAmplitude = 0.35 * 32768;

/// Mean power of the part of `samples` at `frequency`: A²/2 for a sine of amplitude A.
double power_at(std::span<const double, 160> samples, double frequency) noexcept {
    const double turn = 2.0 * std::cos(2.0 * std::numbers::pi * frequency / kSampleRate);
    double one = 0;
    double two = 0;
    for (const double sample : samples) {
        const double now = sample + turn * one - two;
        two = one;
        one = now;
    }
    const double size = static_cast<double>(samples.size());
    return 2.0 * (one * one + two * two - turn * one * two) / (size * size);
}

struct Strongest {
    std::size_t index = 0;
    double power = 0;
    double next = 0;  ///< the strongest of the others
};

Strongest strongest(std::span<const double, 160> samples,
                    const std::array<double, 4>& frequencies) noexcept {
    Strongest best;
    for (std::size_t k = 0; k < frequencies.size(); ++k) {
        const double power = power_at(samples, frequencies[k]);
        if (power > best.power) {
            best.next = best.power;
            best.power = power;
            best.index = k;
        } else {
            best.next = std::max(best.next, power);
        }
    }
    return best;
}

struct Place {
    std::size_t row, column;
};

std::optional<Place> place_of(char digit) noexcept {
    for (std::size_t row = 0; row < kKeys.size(); ++row) {
        const auto column = kKeys[row].find(digit);
        if (column != std::string_view::npos) return Place{row, column};
    }
    return std::nullopt;
}

}  // namespace

bool is_dtmf_digit(char digit) noexcept {
    return place_of(digit).has_value();
}

std::vector<std::uint8_t> dtmf_tone(char digit, std::chrono::milliseconds length) {
    const auto place = place_of(digit);
    if (!place) return {};
    std::vector<std::uint8_t> tone(static_cast<std::size_t>(length.count()) * 8);
    for (std::size_t k = 0; k < tone.size(); ++k) {
        const double phase = 2.0 * std::numbers::pi * static_cast<double>(k) / kSampleRate;
        const double value =
            std::sin(phase * kRows[place->row]) + std::sin(phase * kColumns[place->column]);
        tone[k] = mulaw_encode(static_cast<std::int16_t>(std::lrint(kToneAmplitude * value)));
    }
    return tone;
}

std::vector<std::uint8_t> dtmf_tones(std::string_view digits) {
    using std::chrono::milliseconds;
    std::vector<std::uint8_t> all;
    for (const char digit : digits) {
        if (digit == 'w') {
            all.insert(all.end(), 4000, kMulawSilence);
        } else if (const auto tone = dtmf_tone(digit, milliseconds(100)); !tone.empty()) {
            all.insert(all.end(), tone.begin(), tone.end());
            all.insert(all.end(), 800, kMulawSilence);
        }
    }
    return all;
}

std::optional<char> DtmfDetector::hear(std::span<const std::uint8_t, 160> frame) noexcept {
    std::copy(samples_.end() - 80, samples_.end(), samples_.begin());
    std::transform(frame.begin(), frame.end(), samples_.begin() + 80,
                   [](std::uint8_t byte) { return static_cast<double>(mulaw_decode(byte)); });
    const std::span<const double, 240> all(samples_);
    const auto first = step(window(all.first<160>()));
    const auto second = step(window(all.last<160>()));
    return first ? first : second;
}

void DtmfDetector::reset() noexcept {
    *this = DtmfDetector();
}

std::optional<char> DtmfDetector::window(std::span<const double, 160> samples) const noexcept {
    double energy = 0;
    for (const double sample : samples) energy += sample * sample;
    energy /= static_cast<double>(samples.size());
    constexpr double kQuiet = 300.0 * 300.0;  // about −40 dBFS: nobody plays digits that softly
    if (energy < kQuiet) return std::nullopt;

    const auto row = strongest(samples, kRows);
    const auto column = strongest(samples, kColumns);
    const double tones = row.power + column.power;
    if (tones < 0.8 * energy) return std::nullopt;
    if (row.power > 8 * column.power || column.power > 8 * row.power)
        return std::nullopt;  // twist: 9 dB
    // A neighbour 73 Hz away shows in a 20 ms window at about −4 dB at worst; speech fills both.
    if (row.next > 0.6 * row.power || column.next > 0.6 * column.power) return std::nullopt;
    return kKeys[row.index][column.index];
}

std::optional<char> DtmfDetector::step(std::optional<char> seen) noexcept {
    std::optional<char> found;
    if (sounding_) {
        if (seen == sounding_) {
            without_ = 0;
        } else if (++without_ >= 2) {
            sounding_.reset();
        }
    }
    if (seen && seen == candidate_ && seen != sounding_) {
        sounding_ = seen;
        without_ = 0;
        found = seen;
    }
    candidate_ = seen;
    return found;
}

}  // namespace bridge::emulator
