#include "audio/auto_gain.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "audio/level.hpp"

namespace bridge::audio {
namespace {

constexpr float kOverFloorDb = 9;  // speech stands out of the noise by this
constexpr float kLeastSpeechDbfs = -60;
constexpr float kFloorRiseDb = 0.06F;      // a frame: 3 dB a second
constexpr float kLouder = 0.1F;            // share of a frame in the level of speech: 0.2 s …
constexpr float kQuieter = 0.015F;         // … and 1.3 s
constexpr float kUpDb = 0.16F;             // a frame: 8 dB a second
constexpr float kDownDb = 0.8F;            // 40 dB a second
constexpr float kCeiling = 0.89F * 32768;  // -1 dBFS
constexpr std::size_t kQuick = 16;         // 2 ms: as fast as the limiter takes the gain back

float linear(float db) noexcept {
    return std::pow(10.0F, db / 20);
}

}  // namespace

void AutoGain::apply(std::span<std::int16_t, kFrameSamples> frame, bool echo) noexcept {
    const auto level = rms_dbfs(frame);
    floor_db_ = level < floor_db_ ? std::max(level, -90.0F) : floor_db_ + kFloorRiseDb;
    floor_db_ = std::min(floor_db_, -30.0F);
    const bool speech = !echo && level > floor_db_ + kOverFloorDb && level > kLeastSpeechDbfs;
    if (speech) {
        if (!heard_) speech_db_ = level;
        heard_ = true;
        speech_db_ += (level - speech_db_) * (level > speech_db_ ? kLouder : kQuieter);
        const auto wanted = std::clamp(kTargetDbfs - speech_db_, kLeastGainDb, kMostGainDb);
        gain_db_ += std::clamp(wanted - gain_db_, -kDownDb, kUpDb);
    }

    int peak = 0;
    for (const auto x : frame) peak = std::max(peak, std::abs(int{x}));
    auto goal = linear(gain_db_);
    std::size_t ramp = kFrameSamples;
    if (static_cast<float>(peak) * std::max(goal, gain_) > kCeiling) {
        goal = std::min(goal, kCeiling / static_cast<float>(peak));
        ramp = kQuick;
    }
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
        const auto share = std::min(1.0F, static_cast<float>(i + 1) / static_cast<float>(ramp));
        const auto x = static_cast<float>(frame[i]) * (gain_ + (goal - gain_) * share);
        frame[i] = static_cast<std::int16_t>(std::lrint(std::clamp(x, -32000.0F, 32000.0F)));
    }
    gain_ = goal;
}

}  // namespace bridge::audio
