#include "audio/echo_aligner.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::audio {
namespace {

constexpr std::uint64_t kRing = 16384;  // samples: 2 s
constexpr std::uint64_t kHalfRing = kRing / 2;
constexpr std::size_t kPairs = kFrameSamples / 2;
constexpr int kLeast = EchoAligner::kLeastDelay / 2;
constexpr int kMost = EchoAligner::kMostDelay / 2;
constexpr std::size_t kDelays = static_cast<std::size_t>(kMost - kLeast);
constexpr float kEmphasis = 0.8F;
constexpr float kMemory = 0.993F;      // a frame: three seconds
constexpr float kLeastPlayed = 1e-7F;  // mean square: -70 dBFS after the emphasis
constexpr int kFirstDecision = 40;     // frames with the far end speaking
constexpr int kDecideEvery = 10;
constexpr int kAgree = 3;
constexpr int kSame = 12;         // 3 ms, in pairs
constexpr float kClear = 6.0F;    // peak to RMS; speech against other speech stays under 5
constexpr int kTooEarly = 2 * 8;  // the echo has to come this much after the reference

}  // namespace

EchoAligner::EchoAligner()
    : near_(kHalfRing), played_(kHalfRing), window_(kPairs + kDelays), likeness_(kDelays) {}

void EchoAligner::reset(int reported) noexcept {
    std::fill(near_.begin(), near_.end(), 0.0F);
    std::fill(played_.begin(), played_.end(), 0.0F);
    std::fill(likeness_.begin(), likeness_.end(), 0.0F);
    near_end_ = reference_end_ = compared_ = 0;
    near_last_ = played_last_ = 0;
    active_ = since_decided_ = agreed_ = 0;
    measured_.reset();
    starved_ = false;
    // What is reported may be too long; the canceller's tail takes what it is too short.
    alignment_ = std::clamp(reported - 40 * 8, 0, kMostDelay);
    ++changes_;
}

namespace {

// Sums of two samples after the emphasis: the band of speech that matters, at half the cost.
void halve(std::span<const float, kFrameSamples> in, float& last, std::vector<float>& ring,
           std::uint64_t end) noexcept {
    for (std::size_t i = 0; i < kFrameSamples; i += 2) {
        const auto one = in[i] - kEmphasis * last;
        const auto two = in[i + 1] - kEmphasis * in[i];
        last = in[i + 1];
        ring[(end + i) / 2 % kHalfRing] = one + two;
    }
}

}  // namespace

void EchoAligner::near(std::span<const float, kFrameSamples> samples) noexcept {
    halve(samples, near_last_, near_, near_end_);
    near_end_ += kFrameSamples;
    compare();
}

void EchoAligner::reference(std::span<const float, kFrameSamples> samples) noexcept {
    halve(samples, played_last_, played_, reference_end_);
    reference_end_ += kFrameSamples;
    compare();
}

// Each frame of the microphone, as soon as all that may echo in it is there.
void EchoAligner::compare() noexcept {
    while (compared_ + kFrameSamples <= near_end_ &&
           compared_ + kFrameSamples + static_cast<std::uint64_t>(-kLeastDelay) <= reference_end_) {
        if (near_end_ - compared_ > kRing / 2) {  // the reference stood still: nothing to compare
            compared_ += kFrameSamples;
            continue;
        }
        // window_[j] is what was played kMost − j pairs before the frame's first.
        const auto first = static_cast<std::int64_t>(compared_ / 2) - kMost + 1;
        float played = 0;
        for (std::size_t j = 0; j < window_.size(); ++j) {
            const auto at = first + static_cast<std::int64_t>(j);
            window_[j] = at >= 0 ? played_[static_cast<std::uint64_t>(at) % kHalfRing] : 0.0F;
            played += window_[j] * window_[j];
        }
        float heard[kPairs];
        float captured = 0;
        for (std::size_t i = 0; i < kPairs; ++i) {
            heard[i] = near_[(compared_ / 2 + i) % kHalfRing];
            captured += heard[i] * heard[i];
        }
        compared_ += kFrameSamples;
        const auto mean = played / static_cast<float>(window_.size());
        if (mean < kLeastPlayed || captured < kLeastPlayed * kPairs * 0.1F) continue;
        // A loud frame counts as much as a soft one, else one vowel would decide.
        const auto weight = 1.0F / std::sqrt(captured * mean * static_cast<float>(kPairs));
        for (auto& x : heard) x *= weight;
        for (std::size_t d = 0; d < kDelays; ++d) {
            // Delay kMost − 1 − d.
            const auto* from = window_.data() + d;
            float sums[4] = {0, 0, 0, 0};
            for (std::size_t i = 0; i < kPairs; i += 4)
                for (std::size_t k = 0; k < 4; ++k) sums[k] += heard[i + k] * from[i + k];
            likeness_[d] = likeness_[d] * kMemory + (sums[0] + sums[1]) + (sums[2] + sums[3]);
        }
        ++active_;
        if (active_ >= kFirstDecision && ++since_decided_ >= kDecideEvery) {
            since_decided_ = 0;
            decide();
        }
    }
}

void EchoAligner::decide() noexcept {
    float most = 0, sum = 0;
    std::size_t best = 0;
    for (std::size_t d = 0; d < kDelays; ++d) {
        const auto size = std::abs(likeness_[d]);
        sum += size * size;
        if (size > most) {
            most = size;
            best = d;
        }
    }
    const auto rms = std::sqrt(sum / static_cast<float>(kDelays));
    if (rms <= 0 || most < kClear * rms) {
        agreed_ = 0;
        return;
    }
    const auto delay = kMost - 1 - static_cast<int>(best);
    agreed_ = agreed_ > 0 && std::abs(delay - candidate_) <= kSame ? agreed_ + 1 : 1;
    candidate_ = delay;
    if (agreed_ >= kAgree) take(2 * delay);
}

// The canceller need not learn anew as long as the echo is where its tail takes it.
void EchoAligner::take(int delay) noexcept {
    const auto reach = !measured_ || starved_ ? kFirstReach : kReach;
    measured_ = delay;
    starved_ = false;
    if (delay >= alignment_ + kTooEarly && delay <= alignment_ + reach) return;
    alignment_ = delay - kGuard;
    ++changes_;
}

}  // namespace bridge::audio
