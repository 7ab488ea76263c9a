#include "emulator/resample.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {
namespace {

constexpr int kTelephoneRate = 8000;
constexpr int kQuality = 8;  // a clean edge just under 4 kHz; costs nothing that matters here

}  // namespace

struct ToTelephoneRate::Filter {
    SpeexResamplerState* state;

    explicit Filter(int rate) {
        int error = RESAMPLER_ERR_SUCCESS;
        state = speex_resampler_init(1, static_cast<spx_uint32_t>(rate), kTelephoneRate, kQuality,
                                     &error);
        if (state == nullptr || error != RESAMPLER_ERR_SUCCESS) {
            throw std::logic_error("speex_resampler_init refused a sample rate");
        }
        speex_resampler_skip_zeros(state);
    }
    ~Filter() { speex_resampler_destroy(state); }
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;
};

ToTelephoneRate::ToTelephoneRate(int rate) : rate_(rate) {
    if (rate != kTelephoneRate) filter_ = std::make_unique<Filter>(rate);
}

ToTelephoneRate::~ToTelephoneRate() = default;

void ToTelephoneRate::write(std::span<const float> samples, std::vector<float>& out) {
    taken_ += samples.size();
    if (!filter_) {
        out.insert(out.end(), samples.begin(), samples.end());
        given_ += samples.size();
        return;
    }
    std::array<float, 2048> block{};
    while (!samples.empty()) {
        auto in_size = static_cast<spx_uint32_t>(std::min<std::size_t>(samples.size(), 4096));
        auto out_size = static_cast<spx_uint32_t>(block.size());
        speex_resampler_process_float(filter_->state, 0, samples.data(), &in_size, block.data(),
                                      &out_size);
        out.insert(out.end(), block.begin(), block.begin() + out_size);
        given_ += out_size;
        samples = samples.subspan(in_size);
    }
}

void ToTelephoneRate::finish(std::vector<float>& out) {
    const auto rate = static_cast<std::uint64_t>(rate_);
    const std::uint64_t wanted = (taken_ * kTelephoneRate + rate / 2) / rate;
    const std::uint64_t spoken = taken_;
    const std::array<float, 512> silence{};
    while (filter_ && given_ < wanted) write(silence, out);
    taken_ = spoken;
    if (given_ > wanted) {
        out.resize(out.size() - static_cast<std::size_t>(given_ - wanted));
        given_ = wanted;
    }
}

std::vector<std::uint8_t> mulaw_from_float(std::span<const float> samples) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(samples.size());
    for (const float sample : samples) {
        const float kept = std::isfinite(sample) ? std::clamp(sample, -32768.0F, 32767.0F) : 0.0F;
        bytes.push_back(mulaw_encode(static_cast<std::int16_t>(std::lrint(kept))));
    }
    return bytes;
}

}  // namespace bridge::emulator
