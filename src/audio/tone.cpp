#include "audio/tone.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

namespace bridge::audio {
namespace {

std::int16_t to_pcm(double value) noexcept {
    return static_cast<std::int16_t>(std::lrint(std::clamp(value, -1.0, 1.0) * 32767.0));
}

}  // namespace

Tone::Tone(double hz, double amplitude, int sample_rate) noexcept
    : amplitude_(amplitude), sample_rate_(sample_rate) {
    set_frequency(hz);
}

void Tone::set_frequency(double hz) noexcept {
    step_ = hz / sample_rate_;
}

double Tone::next() noexcept {
    const auto value = amplitude_ * std::sin(2.0 * std::numbers::pi * phase_);
    phase_ += step_;
    phase_ -= std::floor(phase_);
    return value;
}

void Tone::fill(std::span<std::int16_t> out) noexcept {
    for (auto& sample : out) sample = to_pcm(next());
}

void Tone::add(std::span<float> out) noexcept {
    for (auto& sample : out) sample += static_cast<float>(next());
}

std::optional<DtmfPair> dtmf_pair(char digit) noexcept {
    constexpr std::string_view kKeys = "123A456B789C*0#D";
    constexpr double kRows[] = {697, 770, 852, 941};
    constexpr double kColumns[] = {1209, 1336, 1477, 1633};
    if (digit >= 'a' && digit <= 'd') digit = static_cast<char>(digit - 'a' + 'A');
    const auto found = kKeys.find(digit);
    if (found == std::string_view::npos) return std::nullopt;
    return DtmfPair{kRows[found / 4], kColumns[found % 4]};
}

DtmfTone::DtmfTone(DtmfPair pair, double amplitude, int sample_rate) noexcept
    : low_(pair.low_hz, amplitude / 2, sample_rate),
      high_(pair.high_hz, amplitude / 2, sample_rate) {}

void DtmfTone::fill(std::span<std::int16_t> out) noexcept {
    for (auto& sample : out) sample = to_pcm(low_.next() + high_.next());
}

}  // namespace bridge::audio
