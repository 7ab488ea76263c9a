#include "audio/sound_reader.hpp"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

#include "audio/frame.hpp"
#include "audio/resample.hpp"

namespace bridge::audio {

struct SoundReader::File {
    SNDFILE* handle = nullptr;
    SF_INFO info{};
    std::array<Resampler, 2> resamplers;
    ~File() {
        if (handle != nullptr) sf_close(handle);
    }
    std::size_t channels() const { return static_cast<std::size_t>(info.channels); }
};

namespace {

constexpr std::size_t kBlock = 1024;  // of the file's samples

std::int16_t clipped(float value) {
    return static_cast<std::int16_t>(std::lrint(std::clamp(value, -32768.0F, 32767.0F)));
}

}  // namespace

SoundReader::SoundReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
SoundReader::~SoundReader() = default;

Result<std::unique_ptr<SoundReader>> SoundReader::open(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        return fail(Errc::not_found, fmt::format("{}: there is no such file", path.string()));
    auto file = std::make_unique<File>();
    file->handle = sf_open(path.c_str(), SFM_READ, &file->info);
    if (file->handle == nullptr)
        return fail(Errc::bad_field, fmt::format("{}: is not a sound file that can be read ({})",
                                                 path.string(), sf_strerror(nullptr)));
    const auto& info = file->info;
    if (info.channels < 1 || info.channels > 2 || info.samplerate < 1000 ||
        info.samplerate > 768000)
        return fail(Errc::bad_field, fmt::format("{}: {} channels at {} Hz cannot be used; one or "
                                                 "two channels can",
                                                 path.string(), info.channels, info.samplerate));
    sf_command(file->handle, SFC_SET_SCALE_FLOAT_INT_READ, nullptr, SF_TRUE);
    if (info.samplerate != kSampleRate) {
        for (auto& resampler : file->resamplers)
            resampler.prepare(info.samplerate, kSampleRate, 2 * kBlock);
    }
    return std::unique_ptr<SoundReader>(new SoundReader(std::move(file)));
}

std::size_t SoundReader::channels() const noexcept {
    return file_->channels();
}

std::uint64_t SoundReader::samples() const noexcept {
    const auto& info = file_->info;
    if (info.frames <= 0 || info.frames == SF_COUNT_MAX) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(info.frames) * kSampleRate /
                                      info.samplerate);
}

std::vector<std::vector<std::int16_t>> SoundReader::read(std::size_t samples) {
    const auto count = channels();
    std::vector<std::vector<std::int16_t>> out(count);
    std::vector<float> block(kBlock * count), one(kBlock), narrow(kBlock);
    while (out[0].size() < samples) {
        const auto got = sf_readf_float(file_->handle, block.data(), sf_count_t{kBlock});
        if (got <= 0) break;
        const auto part = static_cast<std::size_t>(got);
        for (std::size_t channel = 0; channel < count; ++channel) {
            for (std::size_t i = 0; i < part; ++i) one[i] = block[i * count + channel] * 32768.0F;
            if (file_->info.samplerate == kSampleRate) {
                std::transform(one.begin(), one.begin() + got, std::back_inserter(out[channel]),
                               clipped);
                continue;
            }
            auto& resampler = file_->resamplers[channel];
            resampler.push(std::span(one).first(part));
            while (const auto made = resampler.pull(narrow))
                std::transform(narrow.begin(), narrow.begin() + static_cast<std::ptrdiff_t>(made),
                               std::back_inserter(out[channel]), clipped);
        }
    }
    if (out[0].empty()) return {};
    return out;
}

}  // namespace bridge::audio
