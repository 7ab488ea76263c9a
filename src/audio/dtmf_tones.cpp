#include "audio/dtmf_tones.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "audio/frame.hpp"
#include "audio/tone.hpp"

namespace bridge::audio {
namespace {

constexpr std::size_t kOn = 100 * kSamplesPerMs;
constexpr std::size_t kOff = 100 * kSamplesPerMs;
constexpr std::size_t kPause = 500 * kSamplesPerMs;
constexpr std::size_t kEdge = 4 * kSamplesPerMs;  // no click: a click is heard as other tones
constexpr double kLow = 0.398;                    // −8 dBFS
constexpr double kHigh = 0.501;                   // −6 dBFS; both together stay below full scale

}  // namespace

bool is_dial_key(char key) noexcept {
    return key == 'w' || dtmf_pair(key).has_value();
}

std::vector<std::int16_t> dtmf_tones(std::string_view keys) {
    std::vector<std::int16_t> out;
    for (const auto key : keys) {
        if (key == 'w') {
            out.resize(out.size() + kPause);
            continue;
        }
        const auto pair = dtmf_pair(key);
        if (!pair) continue;
        Tone low(pair->low_hz, kLow);
        Tone high(pair->high_hz, kHigh);
        for (std::size_t i = 0; i < kOn; ++i) {
            const auto edge = std::min(i, kOn - 1 - i);
            const auto ramp =
                edge >= kEdge ? 1.0
                              : 0.5 - 0.5 * std::cos(std::numbers::pi * static_cast<double>(edge) /
                                                     static_cast<double>(kEdge));
            const auto value = (low.next() + high.next()) * ramp;
            out.push_back(static_cast<std::int16_t>(std::lrint(value * 32767.0)));
        }
        out.resize(out.size() + kOff);
    }
    return out;
}

}  // namespace bridge::audio
