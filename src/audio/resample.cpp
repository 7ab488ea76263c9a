#include "audio/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numbers>

namespace bridge::audio {
namespace {

using Filter = std::vector<float>;

double bessel_i0(double x) {
    double sum = 1;
    double term = 1;
    for (int k = 1; k < 60; ++k) {
        term *= (x / (2.0 * k)) * (x / (2.0 * k));
        sum += term;
        if (term < 1e-14 * sum) break;
    }
    return sum;
}

// Row p holds the taps for an output that lies p / kPhases of a sample after the middle tap. One
// row more than there are phases, so that neighbouring rows can be interpolated without a special
// case. Each row is scaled to a sum of one: a constant comes out as the same constant in every
// phase.
std::shared_ptr<const Filter> make_filter(std::size_t taps, double cutoff) {
    constexpr double kBeta = 8.0;  // Kaiser: side lobes near -80 dB
    const auto half = static_cast<double>(taps) / 2.0;
    auto filter = std::make_shared<Filter>((Resampler::kPhases + 1) * taps);
    for (std::size_t phase = 0; phase <= Resampler::kPhases; ++phase) {
        const auto fraction = static_cast<double>(phase) / Resampler::kPhases;
        std::vector<double> row(taps);
        double sum = 0;
        for (std::size_t tap = 0; tap < taps; ++tap) {
            const auto t = static_cast<double>(tap) - (half - 1.0) - fraction;  // -half … half
            const auto x = t / half;
            const auto window =
                std::abs(x) >= 1 ? 0.0 : bessel_i0(kBeta * std::sqrt(1 - x * x)) / bessel_i0(kBeta);
            const auto angle = std::numbers::pi * t * cutoff;
            const auto sinc = std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle;
            row[tap] = window * sinc;
            sum += row[tap];
        }
        for (std::size_t tap = 0; tap < taps; ++tap)
            (*filter)[phase * taps + tap] = static_cast<float>(row[tap] / sum);
    }
    return filter;
}

// Every line to a sound card uses the same filter (40 kB). The lock is for preparing only.
std::shared_ptr<const Filter> filter_for(std::size_t taps, double cutoff) {
    if (cutoff < 1.0 || taps != Resampler::kTaps) return make_filter(taps, cutoff);
    static const auto upsampling = make_filter(Resampler::kTaps, 1.0);
    return upsampling;
}

}  // namespace

Resampler::Resampler() = default;
Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

void Resampler::prepare(int in_rate, int out_rate, std::size_t max_input) {
    in_rate_ = in_rate;
    const auto ratio = static_cast<double>(out_rate) / in_rate;
    taps_ = kTaps;
    double cutoff = 1.0;  // half the input rate: the first image of 3.4 kHz lies as far above it
    if (ratio < 1.0) {
        // Going down, the band above half the output rate must be gone: a little lower, and wider.
        taps_ = static_cast<std::size_t>(std::ceil(static_cast<double>(kTaps) / ratio / 2.0)) * 2;
        cutoff = 0.94 * ratio;
    }
    filter_ = filter_for(taps_, cutoff);
    input_.assign(max_input + taps_ + 8, 0.0F);
    set_out_rate(out_rate);
    reset();
}

void Resampler::set_out_rate(int out_rate) noexcept {
    out_rate_ = out_rate;
    nominal_step_ = static_cast<double>(in_rate_) / out_rate;
}

void Resampler::reset() noexcept {
    std::fill(input_.begin(), input_.end(), 0.0F);
    held_ = taps_ > 0 ? taps_ - 1 : 0;  // silence before the first sample
    position_ = 0;
    correction_ = 1;
}

void Resampler::align() noexcept {
    reset();
    held_ = taps_ / 2 - 1;
}

std::size_t Resampler::needed(std::size_t out) const noexcept {
    if (out == 0) return 0;
    const auto last = position_ + static_cast<double>(out - 1) * step();
    // A hair more than the last position, so that rounding in pull's running sum cannot ask for
    // more.
    const auto end = static_cast<std::size_t>(last + 1e-6) + taps_;
    return end > held_ ? end - held_ : 0;
}

std::size_t Resampler::push(std::span<const float> in) noexcept {
    const auto taken = std::min(in.size(), input_.size() - held_);
    std::copy_n(in.begin(), taken, input_.begin() + static_cast<std::ptrdiff_t>(held_));
    held_ += taken;
    return taken;
}

// The value that lies `fraction` of a sample after the middle one of the taps_ samples from `x` on.
float Resampler::interpolate(const float* x, double fraction) const noexcept {
    const auto exact = fraction * kPhases;
    const auto phase = static_cast<std::size_t>(exact);
    const auto between = static_cast<float>(exact - static_cast<double>(phase));
    const auto* row = filter_->data() + phase * taps_;
    const auto* next = row + taps_;
    // Four sums each, so that the compiler may use the vector unit without reordering one sum.
    float a[4] = {0, 0, 0, 0};
    float b[4] = {0, 0, 0, 0};
    std::size_t tap = 0;
    for (; tap + 4 <= taps_; tap += 4) {
        for (std::size_t k = 0; k < 4; ++k) {
            a[k] += row[tap + k] * x[tap + k];
            b[k] += next[tap + k] * x[tap + k];
        }
    }
    for (; tap < taps_; ++tap) {
        a[0] += row[tap] * x[tap];
        b[0] += next[tap] * x[tap];
    }
    const auto low = (a[0] + a[1]) + (a[2] + a[3]);
    const auto high = (b[0] + b[1]) + (b[2] + b[3]);
    return low + (high - low) * between;
}

void Resampler::sample(std::span<const float> input, double position, double step,
                       std::span<float> out) const noexcept {
    for (std::size_t k = 0; k < out.size(); ++k) {
        const auto place = position + static_cast<double>(k) * step;
        const auto middle = static_cast<std::size_t>(place);
        out[k] = interpolate(input.data() + (middle + 1 - taps_ / 2),
                             place - static_cast<double>(middle));
    }
}

std::size_t Resampler::pull(std::span<float> out) noexcept {
    std::size_t made = 0;
    const auto advance = step();
    for (; made < out.size(); ++made) {
        const auto first = static_cast<std::size_t>(position_);
        if (first + taps_ > held_) break;
        out[made] = interpolate(input_.data() + first, position_ - static_cast<double>(first));
        position_ += advance;
    }
    drop_used();
    return made;
}

std::size_t Resampler::skip(std::size_t out) noexcept {
    std::size_t made = 0;
    const auto advance = step();
    // Step by step, so that the position is to the last bit what `pull` would have made of it.
    for (; made < out && static_cast<std::size_t>(position_) + taps_ <= held_; ++made)
        position_ += advance;
    drop_used();
    return made;
}

// Keeps what later outputs still need; the rest has had its turn.
void Resampler::drop_used() noexcept {
    const auto used = std::min(static_cast<std::size_t>(position_), held_);
    if (used == 0) return;
    std::memmove(input_.data(), input_.data() + used, (held_ - used) * sizeof(float));
    held_ -= used;
    position_ -= static_cast<double>(used);
}

std::vector<std::int16_t> resample(std::span<const std::int16_t> in, int in_rate, int out_rate) {
    if (in_rate == out_rate) return {in.begin(), in.end()};
    constexpr std::size_t kBlock = 1024;
    Resampler resampler;
    resampler.prepare(in_rate, out_rate, kBlock);
    const auto wanted =
        static_cast<std::size_t>(std::llround(static_cast<double>(in.size()) * out_rate / in_rate));
    std::vector<std::int16_t> out;
    out.reserve(wanted);

    resampler.align();
    std::vector<float> block(kBlock);
    std::vector<float> made(kBlock);
    std::size_t at = 0;
    while (out.size() < wanted) {
        const auto count =
            std::min(kBlock / 2, std::max<std::size_t>(in.size() - std::min(at, in.size()), 1));
        for (std::size_t i = 0; i < count; ++i)
            block[i] = at + i < in.size() ? static_cast<float>(in[at + i]) : 0.0F;
        at += resampler.push(std::span(block).first(count));
        for (;;) {
            const auto got = resampler.pull(made);
            if (got == 0) break;
            for (std::size_t i = 0; i < got && out.size() < wanted; ++i) {
                out.push_back(
                    static_cast<std::int16_t>(std::clamp(std::lrint(made[i]), -32768L, 32767L)));
            }
        }
    }
    return out;
}

}  // namespace bridge::audio
