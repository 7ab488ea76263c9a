#include "audio/speaker_line.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <span>

#include "audio/concealer.hpp"
#include "audio/level.hpp"
#include "audio/playout_buffer.hpp"
#include "audio/resample.hpp"
#include "audio/spsc_ring.hpp"
#include "audio/time_cut.hpp"

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kSamples = static_cast<std::int64_t>(kFrameSamples);
constexpr double kPerMs = static_cast<double>(kSamplesPerMs);

constexpr milliseconds kRingSlack{100};
constexpr std::size_t kChunk = 512;         // device samples made at a time
constexpr std::size_t kInput = 2048;        // 8 kHz samples a chunk may need (device ≥ 2 kHz)
constexpr std::size_t kBlend = kCutBlend;   // 5 ms: into real sound, and across a cut
constexpr std::size_t kAhead = 1600;        // a cut looks at most 200 ms ahead
constexpr std::int64_t kRounding = 5 * 8;   // a timestamp off by less is no hole
constexpr std::int64_t kRestart = 500 * 8;  // … off by more, with no time gone by: a new clock
constexpr std::int64_t kRefill = 60 * 8;    // waited at most for the target after running dry
constexpr double kTrimFromMs = 30;          // an excess that is cut away wherever we are
constexpr double kTrimToMs = 6;
constexpr double kTrimQuietMs = 12;        // an excess that is cut away in pauses only
constexpr std::size_t kBetweenCuts = 240;  // 30 ms of sound stay between two cuts
constexpr double kSettleMs = 1000;
constexpr std::size_t kLatencyBins = 512;  // ms

constexpr double ms_of(std::int64_t samples) {
    return static_cast<double>(samples) / kPerMs;
}

struct Entry {
    std::array<std::int16_t, kFrameSamples> pcm{};
    std::int64_t at_ms = 0;
    Clock::Time arrival{};
    // The reader's own, filled in when it first sees the entry:
    std::int64_t media = 0;  ///< place on the unbroken media timeline, in samples
};

}  // namespace

struct SpeakerLine::State {
    State(const Clock& with_clock, PlayoutOptions options)
        : clock(with_clock),
          ring(static_cast<std::size_t>((options.ceiling * 2 + kRingSlack) / kFrameTime) + 1),
          buffer(static_cast<double>(options.ceiling.count())) {}

    // --- device callback
    void look_at_new() noexcept;
    std::size_t visible() const noexcept {
        return std::min<std::size_t>(ring.size(), sees_only - std::min(sees_only, taken));
    }
    void produce(std::span<float> out, double now_ms, double made_ms, double block_ms) noexcept;
    std::size_t play(std::span<float> out, Clock::Time now) noexcept;
    std::size_t wait(std::span<float> out, double now_ms, double block_ms) noexcept;
    void begin_blend() noexcept;
    void trim(double block_ms) noexcept;
    void cut(std::size_t distance) noexcept;
    std::size_t look_ahead() noexcept;
    void took_first_sample(Entry& entry, Clock::Time now) noexcept;
    void next_entry() noexcept;
    double to_ms(Clock::Time time) const noexcept {
        return std::chrono::duration<double, std::milli>(time - origin).count();
    }
    std::int64_t cursor_media() noexcept {
        return ring.peek(0).media + static_cast<std::int64_t>(offset);
    }

    const Clock& clock;
    SpscRing<Entry> ring;

    // io thread
    LevelMeter level;

    // device callback
    enum class Mode { idle, waiting, playing };
    Mode mode = Mode::idle;
    PlayoutBuffer buffer;
    Concealer concealer;
    Resampler resampler;
    Clock::Time origin{};
    Clock::Time render_now{};
    /// Entries in the ring that were looked at. What comes during a render waits for the next one.
    std::size_t seen = 0;
    std::uint64_t taken = 0;  ///< entries that were in the ring and are not any more
    std::uint64_t sees_only = std::numeric_limits<std::uint64_t>::max();
    std::shared_ptr<PullLog> pulls;
    bool silent = false;  ///< nobody listens
    bool any_seen = false;
    std::int64_t media_shift = 0;  ///< media place − at, in samples
    std::int64_t media_end = 0;    ///< where the last entry looked at ends
    double last_transit = 0;
    std::size_t offset = 0;     ///< samples of the front entry that were taken
    std::int64_t expected = 0;  ///< media place that follows what was played
    std::int64_t may_wait = 0;  ///< samples that may still be waited for the target
    bool bridged = false;  ///< concealment runs (or has faded), not the silence before a stream
    std::array<float, kBlend> tail{};
    std::size_t tail_left = 0;  ///< samples of `tail` still to be blended in
    std::size_t since_cut = kBetweenCuts;
    bool trimming = false;
    float loudness = 0;  ///< RMS of what was played, over half a second or so (mean square)
    float gain_now = 1;
    float pan_left_now = 1;
    float pan_right_now = 1;
    double first_played_ms = -1;
    std::uint64_t first_samples = 0;
    std::array<std::uint32_t, kLatencyBins> latency_bins{};
    std::array<float, kInput> input{};
    std::array<float, kChunk> output{};
    std::array<float, kAhead> ahead{};

    // both
    std::atomic<bool> ended{false};
    std::atomic<bool> finished{false};
    std::atomic<bool> touched{false};  ///< a sample was taken
    std::atomic<float> gain{1.0F};
    std::atomic<float> pan_left{1.0F}, pan_right{1.0F};  ///< the pan, as a factor for each channel
    std::atomic<std::size_t> offset_shown{0};
    std::atomic<double> target_ms{0}, jitter_ms{0}, latency_ms{0}, latency_max_ms{0},
        latency_p50_ms{0}, steering_ppm{0};
    std::atomic<std::uint64_t> frames{0}, underruns{0}, concealed{0}, trimmed{0}, dropped{0},
        rendered{0};
    std::atomic<float> level_dbfs{kSilenceDbfs};
};

SpeakerLine::SpeakerLine(const Clock& clock, PlayoutOptions options)
    : state_(std::make_unique<State>(clock, options)) {
    state_->target_ms = state_->buffer.target_ms();
    prepare(48000);
}

SpeakerLine::~SpeakerLine() = default;

void SpeakerLine::prepare(int sample_rate) {
    state_->resampler.prepare(kSampleRate, std::max(sample_rate, kSampleRate / 4), kInput);
}

void SpeakerLine::log_pulls(std::shared_ptr<PullLog> log) {
    state_->pulls = std::move(log);
}

void SpeakerLine::see_only(std::uint64_t frames) noexcept {
    state_->sees_only = frames;
}

void SpeakerLine::be_silent() noexcept {
    state_->silent = true;
}

void SpeakerLine::write(const AudioFrame& frame) {
    auto& s = *state_;
    s.level.write(frame);
    s.level_dbfs.store(s.level.rms_dbfs(), kRelaxed);
    s.frames.fetch_add(1, kRelaxed);
    Entry entry;
    entry.pcm = frame.pcm;
    entry.at_ms = frame.at.count();
    entry.arrival = s.clock.now();
    if (!s.ring.push(entry)) s.dropped.fetch_add(kFrameSamples, kRelaxed);
}

void SpeakerLine::end() {
    state_->ended.store(true, std::memory_order_release);
}

bool SpeakerLine::drained() const noexcept {
    const auto& s = *state_;
    if (!s.ended.load(std::memory_order_acquire)) return false;
    return s.finished.load(std::memory_order_acquire) ||
           (s.ring.size() == 0 && !s.touched.load(kRelaxed));
}

void SpeakerLine::set_gain(float gain) noexcept {
    state_->gain.store(std::clamp(gain, 0.0F, 1.0F), kRelaxed);
}

void SpeakerLine::set_pan(float pan) noexcept {
    constexpr auto kRoot2 = std::numbers::sqrt2_v<float>;
    const auto angle = (std::clamp(pan, -1.0F, 1.0F) + 1.0F) * std::numbers::pi_v<float> / 4.0F;
    // Exactly 1 in the middle, so that it can be told from a place beside it.
    state_->pan_left.store(pan == 0.0F ? 1.0F : kRoot2 * std::cos(angle), kRelaxed);
    state_->pan_right.store(pan == 0.0F ? 1.0F : kRoot2 * std::sin(angle), kRelaxed);
}

bool SpeakerLine::panned() const noexcept {
    const auto& s = *state_;
    return s.pan_left.load(kRelaxed) != 1.0F || s.pan_right.load(kRelaxed) != 1.0F ||
           s.pan_left_now != 1.0F || s.pan_right_now != 1.0F;
}

PlayoutStats SpeakerLine::stats() const {
    const auto& s = *state_;
    PlayoutStats stats;
    const auto waiting = s.ring.size() * kFrameSamples;
    stats.depth_ms = ms_of(
        static_cast<std::int64_t>(waiting - std::min(waiting, s.offset_shown.load(kRelaxed))));
    stats.target_ms = s.target_ms.load(kRelaxed);
    stats.jitter_ms = s.jitter_ms.load(kRelaxed);
    stats.latency_ms = s.latency_ms.load(kRelaxed);
    stats.latency_max_ms = s.latency_max_ms.load(kRelaxed);
    stats.latency_p50_ms = s.latency_p50_ms.load(kRelaxed);
    stats.steering_ppm = s.steering_ppm.load(kRelaxed);
    stats.frames = s.frames.load(kRelaxed);
    stats.underruns = s.underruns.load(kRelaxed);
    stats.concealed_samples = s.concealed.load(kRelaxed);
    stats.trimmed_samples = s.trimmed.load(kRelaxed);
    stats.dropped_samples = s.dropped.load(kRelaxed);
    stats.rendered_samples = s.rendered.load(kRelaxed);
    stats.level_dbfs = s.level_dbfs.load(kRelaxed);
    return stats;
}

// `add` gets each sample's place, value, and what a factor may change by with it.
template <class Add>
void SpeakerLine::render_to(std::size_t frames, int sample_rate, Clock::Time now, bool stereo,
                            Add add) noexcept {
    auto& s = *state_;
    if (frames == 0 || sample_rate <= 0) return;
    if (s.resampler.out_rate() != sample_rate) s.resampler.set_out_rate(sample_rate);
    s.render_now = now;
    s.look_at_new();
    if (s.pulls) {
        s.pulls->push({now, s.taken + s.seen, static_cast<std::uint32_t>(frames), sample_rate,
                       stereo});
    }

    const auto block_ms = static_cast<double>(frames) * 1000.0 / sample_rate;
    const auto now_ms = s.to_ms(now);
    if (s.mode == State::Mode::playing && s.seen > 0) {
        s.buffer.played(ms_of(s.cursor_media()), now_ms, block_ms);
        s.trim(block_ms);
    }
    s.resampler.set_correction(s.buffer.correction());

    const auto gain_goal = s.gain.load(kRelaxed);
    const auto gain_step = 1.0F / (0.010F * static_cast<float>(sample_rate));
    std::size_t done = 0;
    while (done < frames) {
        auto count = std::min(frames - done, kChunk);
        auto wanted = s.resampler.needed(count);
        while (wanted > kInput && count > 1) {
            count /= 2;
            wanted = s.resampler.needed(count);
        }
        if (wanted > kInput) break;
        const std::span<float> input(s.input.data(), wanted);
        const auto made_ms = static_cast<double>(done) * 1000.0 / sample_rate;
        s.produce(input, now_ms, made_ms, block_ms);
        s.resampler.push(input);
        const auto got = s.silent ? s.resampler.skip(count)
                                  : s.resampler.pull(std::span(s.output).first(count));
        for (std::size_t i = 0; i < got && !s.silent; ++i) {
            s.gain_now += std::clamp(gain_goal - s.gain_now, -gain_step, gain_step);
            add(done + i, s.output[i] * s.gain_now, gain_step);
        }
        if (got == 0) break;
        done += got;
    }

    s.offset_shown.store(s.offset, kRelaxed);
    s.target_ms.store(s.buffer.target_ms(), kRelaxed);
    s.jitter_ms.store(s.buffer.jitter_ms(), kRelaxed);
    s.steering_ppm.store((s.buffer.correction() - 1) * 1e6, kRelaxed);
}

void SpeakerLine::render(float* out, std::size_t frames, int sample_rate,
                         Clock::Time now) noexcept {
    render_to(frames, sample_rate, now, false,
              [out](std::size_t at, float x, float) noexcept { out[at] += x; });
}

void SpeakerLine::render(float* left, float* right, std::size_t frames, int sample_rate,
                         Clock::Time now) noexcept {
    auto& s = *state_;
    const auto left_goal = s.pan_left.load(kRelaxed);
    const auto right_goal = s.pan_right.load(kRelaxed);
    render_to(
        frames, sample_rate, now, true,
        [&s, left, right, left_goal, right_goal](std::size_t at, float x, float step) noexcept {
            s.pan_left_now += std::clamp(left_goal - s.pan_left_now, -step, step);
            s.pan_right_now += std::clamp(right_goal - s.pan_right_now, -step, step);
            left[at] += x * s.pan_left_now;
            right[at] += x * s.pan_right_now;
        });
}

// Entries that came since the last block are placed on the media timeline and tell their lateness.
void SpeakerLine::State::look_at_new() noexcept {
    const auto waiting = visible();
    for (; seen < waiting; ++seen) {
        auto& entry = ring.peek(seen);
        if (!any_seen) {
            any_seen = true;
            origin = entry.arrival;
            media_shift = -entry.at_ms * static_cast<std::int64_t>(kSamplesPerMs);
        }
        const auto arrival = to_ms(entry.arrival);
        entry.media = entry.at_ms * static_cast<std::int64_t>(kSamplesPerMs) + media_shift;
        const auto jump = entry.media - media_end;
        if (std::abs(jump) <= kRounding) {
            media_shift -= jump;
            entry.media = media_end;
        } else if (jump < -kRestart ||
                   (jump > kRestart &&
                    last_transit - (arrival - ms_of(entry.media)) > ms_of(kRestart))) {
            // The source started its clock anew, or set it on without the time having passed: what
            // comes now follows what came before.
            media_shift -= jump;
            entry.media = media_end;
            buffer.rebase();
        }
        last_transit = arrival - ms_of(entry.media);
        media_end = std::max(media_end, entry.media + kSamples);
        buffer.arrived(ms_of(entry.media), arrival);
    }
}

// Makes 8 kHz samples: real ones while there are any in time, else a bridge.
void SpeakerLine::State::produce(std::span<float> out, double now_ms, double made_ms,
                                 double block_ms) noexcept {
    const auto all = out;
    while (!out.empty()) {
        std::size_t made = 0;
        if (mode == Mode::playing) {
            made = play(out, render_now);
        } else {
            const auto gone = static_cast<double>(all.size() - out.size()) / kPerMs;
            made = wait(out, now_ms + made_ms + gone, block_ms);
        }
        concealer.hear(out.first(made));
        out = out.subspan(made);
    }
    float energy = 0;
    for (const auto x : all) energy += x * x;
    const auto weight = std::min(1.0F, static_cast<float>(all.size()) / 4000.0F);
    if (!all.empty()) loudness += (energy / static_cast<float>(all.size()) - loudness) * weight;
}

// Up to the end of the front entry. Leaves `playing` when nothing (in time) follows.
std::size_t SpeakerLine::State::play(std::span<float> out, Clock::Time now) noexcept {
    if (seen == 0) {
        const auto is_end = ended.load(std::memory_order_acquire) && visible() == 0;
        if (!is_end) underruns.fetch_add(1, kRelaxed);
        mode = Mode::waiting;
        bridged = true;
        may_wait = kRefill;
        concealer.start(is_end);
        return 0;
    }
    auto& entry = ring.peek(0);
    if (offset == 0) {
        const auto hole = entry.media - expected;
        if (hole > 0) {
            mode = Mode::waiting;
            bridged = true;
            may_wait = hole;
            concealer.start(false);
            return 0;
        }
        // What comes twice is played once.
        offset = static_cast<std::size_t>(std::min(-hole, kSamples));
        if (offset >= kFrameSamples) {
            next_entry();
            return 0;
        }
        took_first_sample(entry, now);
    }
    const auto count = std::min(out.size(), kFrameSamples - offset);
    for (std::size_t i = 0; i < count; ++i) {
        auto x = static_cast<float>(entry.pcm[offset + i]) * (1.0F / 32768.0F);
        if (tail_left > 0) {
            const auto g = static_cast<float>(tail_left) / static_cast<float>(kBlend + 1);
            x = x * (1.0F - g) + tail[kBlend - tail_left] * g;
            --tail_left;
        }
        out[i] = x;
    }
    offset += count;
    expected = entry.media + static_cast<std::int64_t>(offset);
    since_cut += count;
    rendered.fetch_add(count, kRelaxed);
    if (offset >= kFrameSamples) next_entry();
    return count;
}

// Bridges the time until the front entry is due. `now_ms`: of the first sample to be made.
std::size_t SpeakerLine::State::wait(std::span<float> out, double now_ms,
                                     double block_ms) noexcept {
    auto count = out.size();
    const bool over = ended.load(std::memory_order_acquire);
    if (seen > 0) {
        const auto& entry = ring.peek(0);
        if (mode == Mode::idle) may_wait = std::numeric_limits<std::int64_t>::max();
        mode = Mode::waiting;
        const auto media = ms_of(entry.media);
        const auto early_ms = buffer.target_ms() - buffer.delay_ms(media, now_ms);
        const auto due =
            std::min(static_cast<std::int64_t>(std::ceil(early_ms * kPerMs)), may_wait);
        if (due <= 0 || over) {
            begin_blend();
            mode = Mode::playing;
            expected = entry.media;
            trimming = false;
            buffer.resumed(media, now_ms, block_ms);
            if (first_played_ms < 0) first_played_ms = now_ms;
            return 0;
        }
        count = std::min(count, static_cast<std::size_t>(due));
        if (bridged) may_wait -= static_cast<std::int64_t>(count);
    }
    out = out.first(count);
    if (bridged) {
        concealed.fetch_add(concealer.conceal(out), kRelaxed);
    } else {
        std::fill(out.begin(), out.end(), 0.0F);
    }
    if (over && visible() == 0 && (!bridged || concealer.faded()))
        finished.store(true, std::memory_order_release);
    return count;
}

// The bridge goes on under the first 5 ms of the real sound, fading out as that fades in.
void SpeakerLine::State::begin_blend() noexcept {
    if (bridged) {
        concealer.conceal(tail);
    } else {
        tail.fill(0.0F);
    }
    tail_left = kBlend;
    since_cut = 0;
}

void SpeakerLine::State::took_first_sample(Entry& entry, Clock::Time now) noexcept {
    touched.store(true, kRelaxed);
    const auto latency =
        std::max(0.0, std::chrono::duration<double, std::milli>(now - entry.arrival).count());
    latency_ms.store(latency, kRelaxed);
    if (to_ms(now) - first_played_ms >= kSettleMs && latency > latency_max_ms.load(kRelaxed))
        latency_max_ms.store(latency, kRelaxed);
    ++latency_bins[std::min(static_cast<std::size_t>(latency), kLatencyBins - 1)];
    ++first_samples;
    if (first_samples % 25 != 1) return;
    std::uint64_t below = 0;
    for (std::size_t bin = 0; bin < kLatencyBins; ++bin) {
        below += latency_bins[bin];
        if (below * 2 < first_samples) continue;
        latency_p50_ms.store(static_cast<double>(bin) + 0.5, kRelaxed);
        break;
    }
}

void SpeakerLine::State::next_entry() noexcept {
    ring.pop();
    ++taken;
    --seen;
    offset = 0;
}

// Copies what waits without a hole, up to 200 ms, into `ahead` and says how much that is.
std::size_t SpeakerLine::State::look_ahead() noexcept {
    std::size_t count = 0;
    auto place = expected;
    for (std::size_t i = 0; i < seen && count < kAhead; ++i) {
        const auto& entry = ring.peek(i);
        const auto from = i == 0 ? offset : 0;
        if (entry.media + static_cast<std::int64_t>(from) != place) break;
        for (auto k = from; k < kFrameSamples && count < kAhead; ++k)
            ahead[count++] = static_cast<float>(entry.pcm[k]) * (1.0F / 32768.0F);
        place = entry.media + kSamples;
    }
    return count;
}

// Takes a backlog away: whole pauses, or steps of some pitch periods with 30 ms between them, which
// is at least 40 % faster than real time and hence a backlog of half a second in about one.
void SpeakerLine::State::trim(double block_ms) noexcept {
    const auto excess_ms = buffer.excess_ms();
    if (excess_ms > kTrimFromMs) trimming = true;
    if (excess_ms < kTrimToMs) trimming = false;
    if (!(trimming || excess_ms > kTrimQuietMs) || tail_left > 0) return;

    const auto here = look_ahead();
    const auto kept = static_cast<std::size_t>((block_ms + 5) * kPerMs) + kBlend;
    // More may wait behind a hole, or beyond what we look at; it is not ours to count on.
    if (here <= kept + kCutBlend) return;
    const auto limit = std::min(here - kept, static_cast<std::size_t>(excess_ms * kPerMs));
    const std::span<const float> x(ahead.data(), here);

    const auto quiet = quiet_run(x, std::sqrt(loudness));
    if (quiet >= 2 * kCutBlend) {
        const auto distance = std::min(limit, quiet - kCutBlend);
        if (distance >= kCutBlend) cut(distance);
        return;
    }
    if (!trimming || since_cut < kBetweenCuts) return;
    const auto far =
        std::min(limit, std::max<std::size_t>(160, static_cast<std::size_t>(excess_ms)));
    const auto near = std::max<std::size_t>(kCutBlend, far / 2);
    if (far >= near) cut(best_cut(x, near, far));
}

// `ahead` still holds what follows the cursor. The 5 ms here are blended into the 5 ms there.
void SpeakerLine::State::cut(std::size_t distance) noexcept {
    std::copy_n(ahead.begin(), kBlend, tail.begin());
    tail_left = kBlend;
    auto left = distance;
    while (left > 0) {
        const auto step = std::min(left, kFrameSamples - offset);
        offset += step;
        left -= step;
        if (offset < kFrameSamples) {
            if (left == 0 && offset == step) took_first_sample(ring.peek(0), render_now);
            break;
        }
        next_entry();
    }
    expected += static_cast<std::int64_t>(distance);
    buffer.skipped(ms_of(static_cast<std::int64_t>(distance)));
    trimmed.fetch_add(distance, kRelaxed);
    since_cut = 0;
}

}  // namespace bridge::audio
