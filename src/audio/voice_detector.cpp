#include "audio/voice_detector.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

namespace bridge::audio {
namespace {

constexpr float kFullPower = 32768.0F * 32768.0F;
constexpr float kLeastDbfs = -50;  // of the band: telephone speech has −15 to −40
constexpr float kLeastPower = kFullPower * 1e-5F;  // the same
constexpr float kOnsetOver = 5;                    // times the noise: 7 dB
constexpr float kStayOver = 3;                     // 5 dB
constexpr float kHissOver = 5;                     // 7 dB
constexpr float kPitch = 0.55F;                    // noise has less, but for one frame of hundreds
// How much the likeness changes from frame to frame, and what two tones leave of a frame.
constexpr float kSteady = 0.035F;     // hum and tones change less
constexpr float kSlow = 0.09F;        // two tones that beat change less …
constexpr float kMaybeTones = 0.05F;  // … and leave less, in noise
constexpr float kTones = 0.01F;       // keys from their first frame on; one vowel in twenty
constexpr int kPitchLasts = 16;       // frames: no word goes longer than 300 ms without a vowel

float to_dbfs(float mean_square) noexcept {
    if (mean_square < 1e-3F) return kSilenceDbfs;
    return std::max(kSilenceDbfs, 10.0F * std::log10(mean_square / kFullPower));
}

/// Sums in eight lanes, which the compiler keeps in vectors: it may not reorder a plain sum.
template <std::size_t n>
float dot(const float* a, const float* b) noexcept {
    static_assert(n % 8 == 0);
    std::array<float, 8> lanes{};
    for (std::size_t i = 0; i < n; i += 8) {
        for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
    }
    return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
           ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

}  // namespace

void NoiseFloor::take(float energy) noexcept {
    constexpr float kSmooth = 0.3F;
    constexpr float kBias = 1.25F;  // 1 dB: a minimum lies below the mean
    if (!begun_) smooth_ = block_ = energy;
    begun_ = true;
    smooth_ += (energy - smooth_) * kSmooth;
    block_ = std::min(block_, smooth_);
    auto lowest = block_;
    for (std::size_t i = 0; i < filled_; ++i) lowest = std::min(lowest, blocks_[i]);
    floor_ = lowest * kBias;
    if (++in_block_ < kBlockFrames) return;
    blocks_[next_] = block_;
    next_ = (next_ + 1) % kBlocks;
    filled_ = std::min(filled_ + 1, kBlocks);
    block_ = smooth_;
    in_block_ = 0;
}

void VoiceDetector::take_low_band(const AudioFrame& frame) noexcept {
    // Low-pass to 900 Hz and one sample of four; then a high-pass at 180 Hz, which keeps hum out.
    static const auto taps = [] {
        std::array<float, kTaps> out{};
        double sum = 0;
        for (std::size_t i = 0; i < kTaps; ++i) {
            const auto x = (static_cast<double>(i) - (kTaps - 1) / 2.0);
            const auto w = 2 * std::numbers::pi * 850 / kSampleRate;
            const auto window =
                0.54 + 0.46 * std::cos(2 * std::numbers::pi * x / static_cast<double>(kTaps));
            out[i] = static_cast<float>(std::sin(w * x) / x * window);
            sum += static_cast<double>(out[i]);
        }
        for (auto& tap : out) tap = static_cast<float>(static_cast<double>(tap) / sum);
        return out;
    }();
    constexpr auto kPhase = kLow + kTaps / kDecimate - 1;
    std::array<std::array<float, kPhase>, kDecimate> phases;
    for (std::size_t i = 0; i < tail_.size(); ++i) phases[i % kDecimate][i / kDecimate] = tail_[i];
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
        const auto at = i + tail_.size();
        phases[at % kDecimate][at / kDecimate] = static_cast<float>(frame.pcm[i]);
    }
    for (std::size_t i = 0; i < tail_.size(); ++i)
        tail_[i] = static_cast<float>(frame.pcm[kFrameSamples - tail_.size() + i]);

    std::array<float, kLow> out{};
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
        const auto* from = phases[tap % kDecimate].data() + tap / kDecimate;
        for (std::size_t i = 0; i < kLow; ++i) out[i] += taps[tap] * from[i];
    }
    std::copy(low_.begin() + kLow, low_.end(), low_.begin());
    auto* to = low_.data() + (low_.size() - kLow);
    auto [a1, a2, b1, b2] = high_pass_;
    for (std::size_t i = 0; i < kLow; ++i) {
        // Butterworth, order 4, 180 Hz at 2 kHz.
        const auto x = out[i];
        const auto y = x + a1;
        a1 = -2 * x + 1.1295059F * y + a2;
        a2 = x - 0.3377574F * y;
        const auto z = y + b1;
        b1 = -2 * y + 1.4013136F * z + b2;
        b2 = y - 0.6596794F * z;
        to[i] = z * 0.4720F;
    }
    high_pass_ = {a1, a2, b1, b2};
    for (auto& state : high_pass_) {
        if (std::abs(state) < 1e-12F) state = 0;  // in silence it would fade into slow denormals
    }
}

VoiceDetector::Likeness VoiceDetector::likeness() const noexcept {
    Likeness out;
    const auto* now = low_.data() + (kPast - kWindow);
    const auto energy = dot<kWindow>(now, now);
    if (energy < 1) return out;
    for (std::size_t i = 0; i < kLags; ++i) {
        const auto* then = now - (kFirstLag + i);
        const auto product = dot<kWindow>(now, then);
        const auto other = dot<kWindow>(then, then);
        out.at[i] = product / std::sqrt(energy * other + 1);
    }
    for (const auto x : out.at) out.best = std::max(out.best, x);
    return out;
}

float VoiceDetector::beside_two_tones() const noexcept {
    // Any sum of two sines has x[n-2] + x[n+2] = a (x[n-1] + x[n+1]) + b x[n]: what the best a and
    // b leave, as a share of x.
    const auto* x = low_.data() + (kPast - kLow);
    float oo = 0, oi = 0, om = 0, ii = 0, im = 0, mm = 0;
    for (std::size_t n = 2; n + 2 < kLow; ++n) {
        const auto outer = x[n - 2] + x[n + 2];
        const auto inner = x[n - 1] + x[n + 1];
        oo += outer * outer;
        oi += outer * inner;
        om += outer * x[n];
        ii += inner * inner;
        im += inner * x[n];
        mm += x[n] * x[n];
    }
    // One sine leaves a and b undetermined: the small addition picks the smallest.
    const auto more = 1e-5F * mm + 1e-3F;
    const auto determinant = (ii + more) * (mm + more) - im * im;
    const auto a = (oi * (mm + more) - om * im) / determinant;
    const auto b = (om * (ii + more) - oi * im) / determinant;
    return (oo - a * oi - b * om) / (mm + more);
}

bool VoiceDetector::pitched(float low, float least) noexcept {
    const auto threshold = std::max(low_floor_.energy() * kOnsetOver, least);
    const bool was_loud = std::exchange(loud_, low > threshold);
    if (!loud_) return false;
    const auto now = likeness();
    float moved = 0;
    for (std::size_t i = 0; i < kLags; ++i) moved += std::abs(now.at[i] - before_.at[i]);
    before_ = now;
    // The first frame of a sound has what was before it to be compared with: that tells nothing.
    if (!was_loud || now.best < kPitch || moved < kSteady * static_cast<float>(kLags)) return false;
    const auto rest = beside_two_tones();
    return rest > kTones && (moved > kSlow * static_cast<float>(kLags) || rest > kMaybeTones);
}

void VoiceDetector::judge(bool pitch, bool sound, Voice& out) noexcept {
    constexpr auto kWindowBits = (1U << kOnsetWindow) - 1;
    since_pitch_ = pitch ? 0 : std::min(since_pitch_ + 1, kPitchLasts);
    pitches_ = ((pitches_ << 1U) | (pitch ? 1U : 0U)) & kWindowBits;
    if (!voiced_) {
        run_ = sound ? std::min(run_ + 1, kOnsetWindow + 1) : 0;
        if (!pitch || std::popcount(pitches_) < kOnsetFrames) return;
        voiced_ = true;
        quiet_ = 0;
        out.fresh = std::max(run_, kOnsetFrames);
    } else if (sound && since_pitch_ < kPitchLasts) {
        quiet_ = 0;
        out.fresh = 1;
    } else if (++quiet_ >= kHangover) {
        voiced_ = false;
        pitches_ = 0;
        run_ = 0;
    }
    out.voiced = voiced_;
    out.active = voiced_ && quiet_ == 0;
}

Voice VoiceDetector::hear(const AudioFrame& frame, float least_dbfs) noexcept {
    take_low_band(frame);
    const auto* newest = low_.data() + (kPast - kLow);
    const auto low = dot<kLow>(newest, newest) / static_cast<float>(kLow);

    std::array<float, kFrameSamples + 1> samples;
    samples[0] = last_;
    for (std::size_t i = 0; i < kFrameSamples; ++i)
        samples[i + 1] = static_cast<float>(frame.pcm[i]);
    last_ = samples.back();
    std::array<float, kFrameSamples> change;
    for (std::size_t i = 0; i < kFrameSamples; ++i) change[i] = samples[i + 1] - samples[i];
    constexpr auto kCount = static_cast<float>(kFrameSamples);
    const auto all = dot<kFrameSamples>(samples.data() + 1, samples.data() + 1) / kCount;
    const auto hiss = dot<kFrameSamples>(change.data(), change.data()) / kCount;

    const auto least =
        least_dbfs > kLeastDbfs ? kFullPower * std::pow(10.0F, least_dbfs / 10) : kLeastPower;
    low_floor_.take(low);
    hiss_floor_.take(hiss);
    floor_.take(all);
    const bool pitch = pitched(low, least);
    const bool sound = low > std::max(low_floor_.energy() * kStayOver, least) ||
                       hiss > std::max(hiss_floor_.energy() * kHissOver, least);
    Voice out;
    out.level_dbfs = to_dbfs(all);
    out.noise_dbfs = to_dbfs(floor_.energy());
    judge(pitch, sound, out);
    return out;
}

}  // namespace bridge::audio
