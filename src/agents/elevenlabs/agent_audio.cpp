#include "agents/elevenlabs/agent_audio.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "audio/mulaw.hpp"

namespace bridge::agents::elevenlabs {
namespace {

constexpr std::array kRates{8000, 16000, 22050, 24000, 44100, 48000};

std::int16_t to_sample(float value) {
    return static_cast<std::int16_t>(std::lround(std::clamp(value, -32768.0F, 32767.0F)));
}

void append_sample(std::vector<std::uint8_t>& bytes, std::int16_t sample) {
    const auto bits = static_cast<std::uint16_t>(sample);
    bytes.push_back(static_cast<std::uint8_t>(bits & 0xFFU));
    bytes.push_back(static_cast<std::uint8_t>(bits >> 8U));
}

}  // namespace

std::optional<AudioFormat> parse_audio_format(std::string_view name) {
    if (name == "ulaw_8000") return AudioFormat{};
    for (const int rate : kRates) {
        if (name == "pcm_" + std::to_string(rate)) {
            return AudioFormat{AudioFormat::Coding::pcm, rate};
        }
    }
    return std::nullopt;
}

ToAgent::ToAgent(AudioFormat format) : format_(format) {
    if (format_.coding == AudioFormat::Coding::mulaw) {
        bytes_.resize(audio::kFrameSamples);
        return;
    }
    // A frame at the agent's rate, and what the filter held back before.
    const auto most = 2 * audio::kFrameSamples * static_cast<std::size_t>(format_.rate) /
                      static_cast<std::size_t>(audio::kSampleRate);
    samples_.resize(most);
    bytes_.reserve(2 * most);
    if (format_.rate != audio::kSampleRate) {
        resampler_.prepare(audio::kSampleRate, format_.rate);
    }
}

std::span<const std::uint8_t> ToAgent::convert(const audio::AudioFrame& frame) {
    if (format_.coding == AudioFormat::Coding::mulaw) {
        audio::encode_mulaw(frame.pcm, bytes_);
        return bytes_;
    }
    bytes_.clear();
    if (format_.rate == audio::kSampleRate) {
        for (const auto sample : frame.pcm) append_sample(bytes_, sample);
        return bytes_;
    }
    std::array<float, audio::kFrameSamples> in;
    std::copy(frame.pcm.begin(), frame.pcm.end(), in.begin());
    resampler_.push(in);
    const auto got = resampler_.pull(samples_);
    for (std::size_t i = 0; i < got; ++i) append_sample(bytes_, to_sample(samples_[i]));
    return bytes_;
}

FromAgent::FromAgent(AudioFormat format) : format_(format) {
    if (format_.rate != audio::kSampleRate) {
        resampler_.prepare(format_.rate, audio::kSampleRate);
    }
}

std::span<const std::int16_t> FromAgent::convert(std::span<const std::uint8_t> bytes) {
    samples_.clear();
    if (format_.coding == AudioFormat::Coding::mulaw) {
        samples_.resize(bytes.size());
        audio::decode_mulaw(bytes, samples_);
    } else {
        convert_pcm(bytes);
    }
    return samples_;
}

void FromAgent::convert_pcm(std::span<const std::uint8_t> bytes) {
    std::size_t filled = 0;
    for (const auto byte : bytes) {
        if (!half_) {
            half_ = byte;
            continue;
        }
        const auto low = static_cast<unsigned>(*std::exchange(half_, std::nullopt));
        const auto sample = static_cast<std::int16_t>(
            static_cast<std::uint16_t>(low | static_cast<unsigned>(byte) << 8U));
        if (format_.rate == audio::kSampleRate) {
            samples_.push_back(sample);
            continue;
        }
        block_[filled++] = sample;
        if (filled < block_.size()) continue;
        resampler_.push(block_);
        pull();
        filled = 0;
    }
    if (filled > 0) {
        resampler_.push(std::span(block_).first(filled));
        pull();
    }
}

void FromAgent::pull() {
    std::array<float, 512> out;
    for (;;) {
        const auto got = resampler_.pull(out);
        for (std::size_t i = 0; i < got; ++i) samples_.push_back(to_sample(out[i]));
        if (got < out.size()) return;
    }
}

void FromAgent::reset() {
    half_.reset();
    if (format_.rate != audio::kSampleRate) resampler_.reset();
}

}  // namespace bridge::agents::elevenlabs
