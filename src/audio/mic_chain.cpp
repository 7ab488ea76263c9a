#include "audio/mic_chain.hpp"

#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "audio/level.hpp"

namespace bridge::audio {
namespace {

using Mono = std::array<std::int16_t, kFrameSamples>;

constexpr spx_int32_t kNoiseDb = -15;       // more takes quiet voices with it
constexpr spx_int32_t kEchoDb = -40;        // of what is left of the echo
constexpr spx_int32_t kEchoActiveDb = -15;  // … while somebody speaks here
constexpr float kFarDbfs = -50;             // what is played so loud may be heard back …
constexpr int kEchoFor = 10;                // … for 200 ms
constexpr double kErleMemory = 0.99;        // a frame: two seconds
constexpr double kLeastEnergy = kFrameSamples * 30.0 * 30.0;  // of a frame with echo in it

float energy(std::span<const std::int16_t> samples) noexcept {
    float sum = 0;
    for (const auto x : samples) sum += static_cast<float>(x) * static_cast<float>(x);
    return sum;
}

// From one way of making a frame to another, over the frame.
void blend(std::span<std::int16_t> to, std::span<const std::int16_t> from) noexcept {
    const auto count = static_cast<int>(to.size());
    for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        to[at] = static_cast<std::int16_t>((int{from[at]} * (count - i) + int{to[at]} * i) / count);
    }
}

}  // namespace

// Butterworth of the fourth order, 130 Hz: 100 Hz falls by 10 dB, mains hum by 33, 300 Hz not at
// all.
struct MicChain::HighPass {
    struct Section {
        double b0, b1, b2, a1, a2;
        double z1 = 0, z2 = 0;
        double run(double x) noexcept {
            const auto y = b0 * x + z1;
            z1 = b1 * x - a1 * y + z2;
            z2 = b2 * x - a2 * y;
            return y;
        }
    };
    static Section section(double q) {
        const auto k = std::tan(3.14159265358979323846 * 130 / kSampleRate);
        const auto norm = 1 / (1 + k / q + k * k);
        return {norm, -2 * norm, norm, 2 * (k * k - 1) * norm, (1 - k / q + k * k) * norm};
    }
    std::array<Section, 2> sections{section(0.54119610), section(1.30656296)};

    void run(std::span<std::int16_t> frame) noexcept {
        for (auto& x : frame) {
            double y = x;
            for (auto& one : sections) y = one.run(y);
            x = static_cast<std::int16_t>(std::lrint(std::clamp(y, -32768.0, 32767.0)));
        }
    }
};

// Speex' preprocessor: takes noise out, and what is left of the echo.
struct MicChain::Suppressor {
    Suppressor()
        : state(speex_preprocess_state_init(static_cast<int>(kFrameSamples), kSampleRate)) {
        set(SPEEX_PREPROCESS_SET_DENOISE, 1);
        set(SPEEX_PREPROCESS_SET_ECHO_SUPPRESS, kEchoDb);
        set(SPEEX_PREPROCESS_SET_ECHO_SUPPRESS_ACTIVE, kEchoActiveDb);
    }
    ~Suppressor() { speex_preprocess_state_destroy(state); }
    Suppressor(const Suppressor&) = delete;
    Suppressor& operator=(const Suppressor&) = delete;

    void set(int what, spx_int32_t value) noexcept { speex_preprocess_ctl(state, what, &value); }
    void tie(SpeexEchoState* echo) noexcept {
        speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_ECHO_STATE, echo);
    }
    void run(std::span<std::int16_t> frame) noexcept { speex_preprocess_run(state, frame.data()); }

    SpeexPreprocessState* state;
};

MicChain::MicChain(const MicOptions& options) {
    set_options(options);
    suppressing_ = wants_suppressor();
    high_passing_ = options_.high_pass;
    cancelling_ = options_.echo_cancellation;
    gaining_ = options_.gain_control;
}

MicChain::~MicChain() = default;

bool MicChain::wants_suppressor() const noexcept {
    return options_.noise_suppression ||
           (options_.echo_cancellation && echo_ && echo_->speex() != nullptr);
}

void MicChain::set_options(const MicOptions& options) {
    const bool other_engine = options.engine != options_.engine;
    options_ = options;
    if (options.echo_cancellation && (!echo_ || other_engine || !cancelling_)) {
        auto made = make_echo_canceller(options.engine);
        if (!made) made = make_echo_canceller(MicOptions::EchoEngine::speex);
        if (suppressor_) suppressor_->tie(nullptr);
        echo_ = std::move(*made);
    }
    if (options.high_pass && !high_passing_) high_pass_ = std::make_unique<HighPass>();
    if (wants_suppressor() && !suppressing_) suppressor_ = std::make_unique<Suppressor>();
    if (!suppressor_) return;
    suppressor_->tie(options.echo_cancellation ? echo_->speex() : nullptr);
    // With 0 dB noise stays as it is, and the echo that is left is still taken out.
    suppressor_->set(SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, options.noise_suppression ? kNoiseDb : 0);
}

void MicChain::process(Frame frame, EchoCanceller::Frame reference) noexcept {
    Mono before;
    const auto keep = [&] { std::copy(frame.begin(), frame.end(), before.begin()); };

    if (options_.high_pass || high_passing_) {
        keep();
        high_pass_->run(frame);
        if (!options_.high_pass) {
            Mono passed;
            std::copy(frame.begin(), frame.end(), passed.begin());
            std::copy(before.begin(), before.end(), frame.begin());
            blend(frame, passed);
        } else if (!high_passing_) {
            blend(frame, before);
        }
        high_passing_ = options_.high_pass;
    }

    Mono near;
    std::copy(frame.begin(), frame.end(), near.begin());
    if (options_.echo_cancellation) {
        echo_->cancel(near, reference, frame);
        if (!cancelling_) blend(frame, near);
    }
    cancelling_ = options_.echo_cancellation;

    const bool suppress = wants_suppressor();
    if (suppress || suppressing_) {
        keep();
        suppressor_->run(frame);
        if (!suppress) {
            Mono suppressed;
            std::copy(frame.begin(), frame.end(), suppressed.begin());
            std::copy(before.begin(), before.end(), frame.begin());
            blend(frame, suppressed);
        } else if (!suppressing_) {
            blend(frame, before);
        }
        suppressing_ = suppress;
    }
    if (options_.echo_cancellation) measure(near, frame, reference);

    if (options_.gain_control || gaining_) {
        keep();
        gain_.apply(frame, options_.echo_cancellation && echo_frames_ > 0);
        if (!options_.gain_control) {
            Mono gained;
            std::copy(frame.begin(), frame.end(), gained.begin());
            std::copy(before.begin(), before.end(), frame.begin());
            blend(frame, gained);
            gain_ = AutoGain{};
        } else if (!gaining_) {
            blend(frame, before);
        }
        gaining_ = options_.gain_control;
    }
}

void MicChain::measure(EchoCanceller::Frame in, EchoCanceller::Frame out,
                       EchoCanceller::Frame reference) noexcept {
    if (rms_dbfs(reference) > kFarDbfs)
        echo_frames_ = kEchoFor;
    else if (echo_frames_ > 0)
        --echo_frames_;
    const auto now = energy(in);
    const bool has_echo = echo_frames_ > 0 && now > kLeastEnergy;
    const bool counts = suppressing_ ? last_had_echo_ : has_echo;
    if (counts) {
        in_energy_ = in_energy_ * kErleMemory + (suppressing_ ? last_in_ : now);
        out_energy_ = out_energy_ * kErleMemory + energy(out);
    }
    last_in_ = now;
    last_had_echo_ = has_echo;
}

double MicChain::erle_db() const noexcept {
    if (in_energy_ <= 0) return 0;
    return std::max(0.0, 10 * std::log10(in_energy_ / (out_energy_ + 1)));
}

void MicChain::reset_echo() noexcept {
    if (echo_) echo_->reset();
    in_energy_ = out_energy_ = 0;
}

}  // namespace bridge::audio
