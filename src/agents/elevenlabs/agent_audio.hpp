#pragma once
// The sound of an ElevenLabs agent. Its formats are a setting of the agent, not of the socket:
// mu-law at 8 kHz is what a phone speaks and passes as it is; PCM at other rates is converted.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "audio/frame.hpp"
#include "audio/resample.hpp"

namespace bridge::agents::elevenlabs {

struct AudioFormat {
    enum class Coding { mulaw, pcm } coding = Coding::mulaw;  ///< pcm: 16 bits, little-endian
    int rate = audio::kSampleRate;
    bool operator==(const AudioFormat&) const = default;
};

/// "ulaw_8000", "pcm_8000", …, "pcm_48000". Nothing for a format that we cannot speak.
std::optional<AudioFormat> parse_audio_format(std::string_view name);

/// From the phone to the agent. No allocation per frame.
class ToAgent {
public:
    explicit ToAgent(AudioFormat format);
    /// Valid until the next call.
    std::span<const std::uint8_t> convert(const audio::AudioFrame& frame);

private:
    AudioFormat format_;
    audio::Resampler resampler_;
    std::vector<float> samples_;
    std::vector<std::uint8_t> bytes_;
};

/// From the agent to the phone. Pieces may end in the middle of a sample.
class FromAgent {
public:
    explicit FromAgent(AudioFormat format);
    /// 8 kHz samples, valid until the next call.
    std::span<const std::int16_t> convert(std::span<const std::uint8_t> bytes);
    /// What comes next has nothing to do with what came before.
    void reset();

private:
    void convert_pcm(std::span<const std::uint8_t> bytes);
    void pull();

    AudioFormat format_;
    audio::Resampler resampler_;
    std::optional<std::uint8_t> half_;  ///< the first byte of a sample
    std::array<float, 1024> block_{};
    std::vector<std::int16_t> samples_;
};

}  // namespace bridge::agents::elevenlabs
