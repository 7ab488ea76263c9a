#include "emulator/wav_file.hpp"

namespace bridge::emulator {
namespace {

constexpr std::size_t kRate = 8000;
constexpr std::size_t kPcm = 1, kMulaw = 7;  // WAVE_FORMAT_…

void little_endian(std::string& out, std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFFU);
}

/// Up to the end of what every `fmt ` chunk has. `rest`: bytes of the file that follow.
std::string wav_head(std::size_t format, std::size_t channels, std::size_t sample_bytes,
                     std::size_t fmt_bytes, std::size_t rest) {
    std::string out = "RIFF";
    little_endian(out, 4 + 8 + fmt_bytes + rest, 4);
    out += "WAVEfmt ";
    little_endian(out, fmt_bytes, 4);
    little_endian(out, format, 2);
    little_endian(out, channels, 2);
    little_endian(out, kRate, 4);
    little_endian(out, kRate * channels * sample_bytes, 4);
    little_endian(out, channels * sample_bytes, 2);
    little_endian(out, 8 * sample_bytes, 2);
    return out;
}

}  // namespace

std::string mulaw_wav(std::span<const std::uint8_t> audio) {
    const auto padded = audio.size() + audio.size() % 2;
    auto out = wav_head(kMulaw, 1, 1, 18, 8 + 4 + 8 + padded);
    little_endian(out, 0, 2);  // nothing more about the format
    out += "fact";
    little_endian(out, 4, 4);
    little_endian(out, audio.size(), 4);
    out += "data";
    little_endian(out, audio.size(), 4);
    out.append(audio.begin(), audio.end());
    out.append(padded - audio.size(), '\0');
    return out;
}

std::string pcm_wav(std::span<const std::int16_t> interleaved, std::size_t channels) {
    const auto bytes = interleaved.size() * 2;
    auto out = wav_head(kPcm, channels, 2, 16, 8 + bytes);
    out += "data";
    little_endian(out, bytes, 4);
    out.reserve(out.size() + bytes);
    for (const auto sample : interleaved) little_endian(out, static_cast<std::uint16_t>(sample), 2);
    return out;
}

}  // namespace bridge::emulator
