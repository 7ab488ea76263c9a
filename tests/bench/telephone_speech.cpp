// Writes what a recognizer hears of a phone call: spoken sentences, or sound files, through mu-law
// and with noise, as WAV files. bench_telephone_speech OUT SNR_DB TEXT_FILE [RATE]; a line of the
// text file is "NAME<tab>WORDS" (spoken by Flite) or "NAME<tab>WORDS<tab>SOUND_FILE".

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "audio/mulaw.hpp"
#include "audio/resample.hpp"
#include "audio/wav.hpp"
#include "speech/flite_voice.hpp"

namespace {

using Samples = std::vector<std::int16_t>;

bridge::Result<Samples> sound_of(const std::string& words, const std::string& file) {
    if (file.empty()) return bridge::speech::synthesize(words);
    auto sound = bridge::audio::read_sound(file);
    if (!sound) return tl::unexpected(sound.error());
    return bridge::audio::resample(sound->samples, sound->sample_rate, 8000);
}

/// White noise so much below the speech, and mu-law there and back.
void make_telephone(Samples& samples, double snr_db, std::uint32_t seed) {
    double energy = 0;
    for (const auto sample : samples) energy += static_cast<double>(sample) * sample;
    const double speech =
        std::sqrt(energy / static_cast<double>(std::max<std::size_t>(1, samples.size())));
    std::mt19937 random(seed);
    std::normal_distribution<double> noise(0, speech * std::pow(10, -snr_db / 20));
    for (auto& sample : samples) {
        const auto noisy = std::clamp(sample + noise(random), -32768.0, 32767.0);
        const auto code = bridge::audio::encode_mulaw(static_cast<std::int16_t>(noisy));
        sample = bridge::audio::decode_mulaw(code);
    }
}

}  // namespace

int main(int count, char** words) {
    if (count < 4) {
        std::fputs("usage: bench_telephone_speech OUT SNR_DB TEXT_FILE [RATE]\n", stderr);
        return 2;
    }
    const std::filesystem::path out(words[1]);
    const double snr_db = std::stod(words[2]);
    const int rate = count > 4 ? std::stoi(words[4]) : 8000;
    std::ifstream in(words[3]);
    std::uint32_t seed = 1;
    for (std::string line; std::getline(in, line);) {
        std::istringstream fields(line);
        std::string name, text, file;
        std::getline(fields, name, '\t');
        std::getline(fields, text, '\t');
        std::getline(fields, file, '\t');
        auto sound = sound_of(text, file);
        if (!sound) {
            fmt::print(stderr, "{}\n", sound.error().message);
            return 1;
        }
        // A moment of the line before and after, as in a call.
        Samples samples(4000);
        samples.insert(samples.end(), sound->begin(), sound->end());
        samples.resize(samples.size() + 12'000);
        make_telephone(samples, snr_db, seed++);
        if (rate != 8000) samples = bridge::audio::resample(samples, 8000, rate);
        auto writer = bridge::audio::WavWriter::create(out / (name + ".wav"), rate);
        if (!writer || !(*writer)->write(samples)) return 1;
    }
    return 0;
}
