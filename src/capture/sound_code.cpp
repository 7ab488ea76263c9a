#include "capture/sound_code.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "audio/mulaw.hpp"
#include "capture/number.hpp"

namespace bridge::capture {
namespace {

constexpr std::size_t kBlock = 160;
/// Longer runs of ones are followed by the value as it is.
constexpr unsigned kEscape = 24;
constexpr unsigned kEscapedBits = 18;
constexpr std::uint64_t kMostSamples = 16'000'000;  // half an hour: more than anybody says at once

bool take_number(std::span<const std::uint8_t>& in, std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 35 && !in.empty(); shift += 7) {
        const auto part = in.front();
        in = in.subspan(1);
        value |= static_cast<std::uint64_t>(part & 0x7FU) << shift;
        if ((part & 0x80U) == 0) return true;
    }
    return false;
}

/// What mu-law decodes to is, with its bias, six bits of which the first and the last are ones, and
/// zeros behind them; as a float (audio/mulaw.cpp) the first is implied. Four at a time, as they
/// come.
bool is_mulaw(std::span<const std::int16_t> samples) {
    constexpr std::uint32_t kBehindFifth = (1U << 19U) - 1U, kFifth = 1U << 18U;
    std::uint32_t wrong = 0;
    for (const int sample : samples) {
        const int biased = (sample < 0 ? -sample : sample) + 132;
        wrong |= (std::bit_cast<std::uint32_t>(static_cast<float>(biased)) & kBehindFifth) ^ kFifth;
    }
    return wrong == 0;
}

/// What the two samples before it lead to expect, in the middle between a constant and a line.
struct Predictor {
    std::int32_t last = 0, before_last = 0;
    std::int32_t next() const { return last + (last - before_last) / 2; }
    void saw(std::int32_t sample) {
        before_last = last;
        last = sample;
    }
};

std::uint32_t folded(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) << 1U) ^ (value < 0 ? ~std::uint32_t{0} : 0U);
}

std::int32_t unfolded(std::uint32_t bits) {
    return static_cast<std::int32_t>((bits >> 1U) ^ ((bits & 1U) != 0 ? ~std::uint32_t{0} : 0U));
}

class BitsOut {
public:
    explicit BitsOut(std::uint8_t* out) : out_(out) {}
    void put(std::uint32_t value, unsigned count) {
        bits_ = (bits_ << count) | value;
        held_ += count;
        while (held_ >= 8) {
            held_ -= 8;
            *out_++ = static_cast<std::uint8_t>(bits_ >> held_);
        }
    }
    std::uint8_t* finish() {
        if (held_ > 0) put(0, 8 - held_);
        return out_;
    }

private:
    std::uint8_t* out_;
    std::uint64_t bits_ = 0;
    unsigned held_ = 0;
};

class BitsIn {
public:
    explicit BitsIn(std::span<const std::uint8_t> in) : in_(in) {}
    std::uint32_t take(unsigned count) {
        while (held_ < count) {
            bits_ = (bits_ << 8U) | (at_ < in_.size() ? in_[at_] : 0U);
            ++at_;
            held_ += 8;
        }
        held_ -= count;
        return static_cast<std::uint32_t>(bits_ >> held_) & ((std::uint32_t{1} << count) - 1U);
    }
    bool beyond() const { return at_ > in_.size(); }

private:
    std::span<const std::uint8_t> in_;
    std::uint64_t bits_ = 0;
    std::size_t at_ = 0;
    unsigned held_ = 0;
};

std::uint8_t* put_block(std::span<const std::int16_t> samples, Predictor& predictor,
                        std::uint8_t* out) {
    std::array<std::uint32_t, kBlock> rest;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        rest[i] = folded(samples[i] - predictor.next());
        predictor.saw(samples[i]);
        sum += rest[i];
    }
    const auto mean = sum / samples.size();
    const auto parameter =
        mean == 0 ? 0U : static_cast<unsigned>(std::bit_width(mean * 2 / 3)) & 31U;
    *out++ = static_cast<std::uint8_t>(parameter);
    auto* const length_at = out;
    BitsOut bits(out + 2);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto run = rest[i] >> parameter;
        if (run >= kEscape) {
            bits.put((1U << kEscape) - 1U, kEscape);
            bits.put(rest[i], kEscapedBits);
            continue;
        }
        bits.put(((1U << run) - 1U) << 1U, run + 1);
        if (parameter > 0) bits.put(rest[i] & ((1U << parameter) - 1U), parameter);
    }
    out = bits.finish();
    const auto length = static_cast<std::size_t>(out - length_at) - 2;
    length_at[0] = static_cast<std::uint8_t>(length);
    length_at[1] = static_cast<std::uint8_t>(length >> 8U);
    return out;
}

bool take_block(std::span<const std::uint8_t>& in, std::span<std::int16_t> samples,
                Predictor& predictor) {
    if (in.size() < 3) return false;
    const unsigned parameter = in[0];
    const std::size_t length = in[1] | (static_cast<std::size_t>(in[2]) << 8U);
    in = in.subspan(3);
    if (parameter > 18 || length > in.size()) return false;
    BitsIn bits(in.first(length));
    in = in.subspan(length);
    for (auto& sample : samples) {
        unsigned run = 0;
        while (run < kEscape && bits.take(1) == 1) ++run;
        const auto value = run == kEscape
                               ? bits.take(kEscapedBits)
                               : (run << parameter) | (parameter > 0 ? bits.take(parameter) : 0U);
        const auto made = predictor.next() + unfolded(value);
        if (bits.beyond() || made < -32768 || made > 32767) return false;
        sample = static_cast<std::int16_t>(made);
        predictor.saw(made);
    }
    return true;
}

}  // namespace

SoundForm sound_form(std::span<const std::int16_t> samples) noexcept {
    const auto same = [&](auto one) { return one == samples[0]; };
    if (!samples.empty() && std::all_of(samples.begin(), samples.end(), same))
        return SoundForm::constant;
    for (auto left = samples; !left.empty();) {
        const auto part = left.first(std::min(left.size(), kBlock));
        if (!is_mulaw(part)) return SoundForm::predicted;
        left = left.subspan(part.size());
    }
    return SoundForm::mulaw;
}

std::size_t most_sound_bytes(SoundForm form, std::size_t samples) noexcept {
    constexpr std::size_t kHead = 1 + kLongestNumber;
    constexpr std::size_t kMostOfBlock = 3 + (kBlock * (kEscape + kEscapedBits) + 7) / 8;
    if (form == SoundForm::constant) return kHead + 3;
    if (form == SoundForm::mulaw) return kHead + samples;
    return kHead + (samples + kBlock - 1) / kBlock * kMostOfBlock;
}

std::uint8_t* encode_sound(std::span<const std::int16_t> samples, SoundForm form,
                           std::uint8_t* out) noexcept {
    *out++ = static_cast<std::uint8_t>(form);
    out = put_number(samples.size(), out);
    if (form == SoundForm::constant) return put_number(folded(samples[0]), out);
    if (form == SoundForm::mulaw) {
        audio::encode_mulaw(samples, {out, samples.size()});
        return out + samples.size();
    }
    Predictor predictor;
    for (auto left = samples; !left.empty();) {
        const auto count = std::min(left.size(), kBlock);
        out = put_block(left.first(count), predictor, out);
        left = left.subspan(count);
    }
    return out;
}

bool decode_sound(std::span<const std::uint8_t>& in, std::vector<std::int16_t>& samples) {
    samples.clear();
    if (in.empty()) return false;
    const auto form = static_cast<SoundForm>(in.front());
    in = in.subspan(1);
    std::uint64_t count = 0;
    if (!take_number(in, count) || count > kMostSamples) return false;
    if (form == SoundForm::constant) {
        std::uint64_t value = 0;
        if (!take_number(in, value) || value > 0x1FFFF) return false;
        samples.assign(static_cast<std::size_t>(count),
                       static_cast<std::int16_t>(unfolded(static_cast<std::uint32_t>(value))));
        return true;
    }
    if (form == SoundForm::mulaw) {
        if (count > in.size()) return false;
        samples.resize(static_cast<std::size_t>(count));
        audio::decode_mulaw(in, samples);
        in = in.subspan(samples.size());
        return true;
    }
    // A block takes four bytes at the least.
    if (form != SoundForm::predicted || count > (in.size() / 4 + 1) * kBlock) return false;
    samples.resize(static_cast<std::size_t>(count));
    Predictor predictor;
    for (auto left = std::span(samples); !left.empty();) {
        const auto part = std::min(left.size(), kBlock);
        if (!take_block(in, left.first(part), predictor)) return false;
        left = left.subspan(part);
    }
    return true;
}

std::uint32_t sound_hash(std::span<const std::int16_t> samples, std::uint32_t before) noexcept {
    std::uint64_t hash = 0x9E3779B97F4A7C15U ^ before;
    std::size_t at = 0;
    const auto word = [&](std::size_t index) {
        return static_cast<std::uint64_t>(static_cast<std::uint16_t>(samples[index]));
    };
    const auto mix = [&](std::uint64_t value) {
        hash = (hash ^ value) * 0xD6E8FEB86659FD93U;
        hash ^= hash >> 32U;
    };
    for (; at + 4 <= samples.size(); at += 4)
        mix(word(at) | word(at + 1) << 16U | word(at + 2) << 32U | word(at + 3) << 48U);
    for (; at < samples.size(); ++at) mix(word(at));
    return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

}  // namespace bridge::capture
