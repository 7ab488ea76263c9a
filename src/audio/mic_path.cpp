#include "audio/mic_path.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "audio/echo_aligner.hpp"
#include "audio/level.hpp"
#include "audio/mic_chain.hpp"
#include "audio/mic_steering.hpp"
#include "audio/sample_track.hpp"
#include "audio/spsc_ring.hpp"
#include "audio/stream_clock.hpp"

namespace bridge::audio {
namespace {

using std::chrono::milliseconds;
using Block = DuplexTap::Block;

// What is older than this when its turn comes was kept by a stall: it is cleaned, so that the
// canceller keeps step, and thrown away.
constexpr milliseconds kStale{40};
constexpr milliseconds kSilentFor{60};  // no block for so long: the card stands still
constexpr milliseconds kGap{500};       // … and for so long: it had stopped
constexpr std::size_t kPending = 25;    // frames that wait for their reference: 500 ms
constexpr double kFarKept = 0.6;        // s, for the longest alignment
constexpr std::size_t kBlockTimes = 256;
constexpr std::size_t kLevelOut = 40;     // 5 ms, over which a step in the sound is levelled out
constexpr double kLeastSlowness = 15e-6;  // two clocks that differ by less are taken for one
constexpr double kSure = 4;               // standard deviations
constexpr float kFullScale = 0.999F;

std::int16_t to_pcm(float x) noexcept {
    return static_cast<std::int16_t>(std::lrint(std::clamp(x * 32768.0F, -32768.0F, 32767.0F)));
}

}  // namespace

struct MicPath::State {
    State(std::shared_ptr<DuplexTap> from, const MicOptions& with)
        : tap(std::move(from)), chain(with) {}

    void take_played();
    void take_captured(Clock::Time now);
    void begin_captured(const Block& block);
    void make_frames(Clock::Time now);
    void make_frame(Clock::Time now);
    void pull_references();
    void read_reference(std::span<float> out);
    double far_place(double near_place) const noexcept {
        return far_zero + (near_place - near_zero) * ratio;
    }
    void anchor(double place);
    void follow_clocks();
    Clock::Time captured_at(double place) noexcept;
    void hand_out(const AudioFrame& frame, Clock::Time captured);
    void steer(Clock::Time now);
    void publish();
    double seconds(Clock::Time time) const noexcept {
        return std::chrono::duration<double>(time - origin).count();
    }

    const std::shared_ptr<DuplexTap> tap;

    // The stepping thread's own.
    Clock::Time origin{};
    bool begun = false;
    Block block;
    std::vector<float> samples;
    MicChain chain;
    EchoAligner aligner;
    int alignment_seen = 0;
    MicSteering steering;

    SampleTrack near;
    StreamClock near_clock;
    std::optional<Block> last_near;
    double next = 0;        ///< place of the next frame's first sample
    double correction = 1;  ///< of the frame being made
    struct BlockTime {
        double end = 0;  ///< place after the block
        Clock::Time now{};
    };
    SpscRing<BlockTime> block_times{kBlockTimes};  ///< of one thread, as the next

    SampleTrack far;
    StreamClock far_clock;
    std::optional<Block> last_far;
    struct Wanted {
        double place;  ///< of the near end
        double step;
    };
    SpscRing<Wanted> pending{kPending};  ///< near frames whose reference was not there yet
    // Place q of the far end belongs to place p of the near end: q = far_zero + (p − near_zero) *
    // ratio.
    bool anchored = false;
    double near_zero = 0;
    double far_zero = 0;
    double nominal_ratio = 1;
    double ratio = 1;
    std::uint64_t followed = 0;

    LevelMeter raw_level;
    LevelMeter level;
    float last_sample = 0;  ///< the last that was handed out
    bool broken = false;    ///< what comes next does not follow it
    MicStats counted;

    // The io threads attach, detach and look while frames are handed out; held for microseconds.
    mutable std::mutex mutex;
    std::vector<std::shared_ptr<MicLine>> lines;
    const std::shared_ptr<MicTrack> track = std::make_shared<MicTrack>();
    bool other_line = false;
    std::optional<MicOptions> options;
    MicStats shown;
};

MicPath::MicPath(std::shared_ptr<DuplexTap> tap, const MicOptions& options)
    : state_(std::make_unique<State>(std::move(tap), options)) {}
MicPath::~MicPath() = default;

void MicPath::attach(std::shared_ptr<MicLine> line) {
    if (!line) return;
    const std::lock_guard lock(state_->mutex);
    auto& lines = state_->lines;
    if (std::find(lines.begin(), lines.end(), line) != lines.end()) return;
    line->follow(state_->track);
    lines.push_back(std::move(line));
    state_->other_line = true;
}

void MicPath::detach(const std::shared_ptr<MicLine>& line) {
    const std::lock_guard lock(state_->mutex);
    if (std::erase(state_->lines, line) == 0) return;
    line->leave();
    state_->other_line = true;
}

void MicPath::set_options(const MicOptions& options) {
    const std::lock_guard lock(state_->mutex);
    state_->options = options;
}

MicStats MicPath::stats() const {
    const std::lock_guard lock(state_->mutex);
    return state_->shown;
}

void MicPath::step(Clock::Time now) {
    auto& s = *state_;
    if (!s.begun) {
        s.begun = true;
        s.origin = now;
    }
    std::optional<MicOptions> options;
    {
        const std::lock_guard lock(s.mutex);
        options.swap(s.options);
    }
    if (options) s.chain.set_options(*options);
    s.steer(now);
    s.take_played();
    s.take_captured(now);
    s.publish();
}

void MicPath::State::take_played() {
    while (tap->next_played(block, samples)) {
        const bool anew = !last_far || last_far->opening != block.opening ||
                          last_far->sample_rate != block.sample_rate;
        if (anew) {
            far.start(block.sample_rate);
            far_clock.reset(block.sample_rate);
            anchored = false;
        }
        far.append(block.position, samples);
        far_clock.callback(block.position, seconds(block.now));
        last_far = block;
    }
}

void MicPath::State::take_captured(Clock::Time now) {
    while (tap->next_captured(block, samples)) {
        const auto rate = static_cast<double>(block.sample_rate);
        if (!last_near || last_near->opening != block.opening ||
            last_near->sample_rate != block.sample_rate || block.now - last_near->now > kGap ||
            block.position != last_near->position + last_near->samples)
            begin_captured(block);
        near.append(block.position, samples);
        const auto end = block.position + block.samples;
        near_clock.callback(end, seconds(block.now));
        if (block_times.size() == kBlockTimes) block_times.pop();
        block_times.push({static_cast<double>(end), block.now});
        last_near = block;

        counted.captured_ms += static_cast<std::uint64_t>(
            std::llround(static_cast<double>(block.samples) * 1000 / rate));
        for (const auto x : samples)
            if (std::abs(x) >= kFullScale) ++counted.clipped_samples;
        make_frames(now);
    }
    // Frames whose reference came since.
    pull_references();
}

// The first block, one after a restart, at another rate, or after a hole.
void MicPath::State::begin_captured(const Block& first) {
    const bool other = !last_near || last_near->opening != first.opening ||
                       last_near->sample_rate != first.sample_rate;
    if (last_near) {
        ++counted.gaps;
        const auto lasted = std::chrono::duration<double, std::milli>(first.now - last_near->now);
        const auto own = static_cast<double>(first.samples) * 1000 / first.sample_rate;
        counted.gap_ms += std::max(0.0, lasted.count() - own);
    }
    broken = true;
    if (other) {
        near.start(first.sample_rate);
        near_clock.reset(first.sample_rate);
        anchored = false;
        block_times.pop(block_times.size());
        const auto latency = first.latency + (last_far ? last_far->latency : Clock::Duration{});
        aligner.reset(static_cast<int>(
            std::chrono::duration_cast<std::chrono::microseconds>(latency).count() / 125));
        chain.reset_echo();
        alignment_seen = aligner.changes();
        pending.pop(pending.size());
        steering.begin(seconds(first.now) * 1000);
    }
    counted.sample_rate = first.sample_rate;
    counted.reported_latency_ms = std::chrono::duration<double, std::milli>(first.latency).count();
    next = static_cast<double>(first.position);
}

void MicPath::State::make_frames(Clock::Time now) {
    for (;;) {
        const auto advance = static_cast<double>(near.rate()) / kSampleRate * steering.correction();
        if (next + advance * static_cast<double>(kFrameSamples) >= near.end()) return;
        correction = advance;
        make_frame(now);
    }
}

void MicPath::State::make_frame(Clock::Time now) {
    std::array<float, kFrameSamples> captured;
    near.read(next, correction, captured);
    if (!anchored && far_clock.known() && !far.empty()) anchor(next);
    follow_clocks();
    if (pending.size() == kPending) {  // nothing is played any more
        const std::array<float, kFrameSamples> silence{};
        aligner.reference(silence);
        pending.pop();
    }
    pending.push({next, correction});
    const auto end = next + correction * static_cast<double>(kFrameSamples);
    pull_references();
    aligner.near(captured);
    if (alignment_seen != aligner.changes()) {
        alignment_seen = aligner.changes();
        chain.reset_echo();
    }
    std::array<float, kFrameSamples> played;
    read_reference(played);

    AudioFrame frame;
    std::array<std::int16_t, kFrameSamples> reference;
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
        frame.pcm[i] = to_pcm(captured[i]);
        reference[i] = to_pcm(played[i]);
    }
    raw_level.write(frame);
    chain.process(frame.pcm, reference);
    level.write(frame);

    const auto made = captured_at(end);
    const auto heard = captured_at(end - static_cast<double>(chain.delay()) * correction);
    next = end;
    near.forget(next - correction);
    if (now - made > kStale) {
        counted.dropped_samples += kFrameSamples;
        broken = true;
    } else {
        hand_out(frame, heard);
    }
}

// When the callback ran that brought the sample before this place.
Clock::Time MicPath::State::captured_at(double place) noexcept {
    auto found = last_near ? last_near->now : origin;
    for (auto i = block_times.size(); i-- > 0;) {
        const auto& one = block_times.peek(i);
        if (one.end < place) break;
        found = one.now;
    }
    return found;
}

// References of the frames that wait, as far as the far end's samples have come.
void MicPath::State::pull_references() {
    std::array<float, kFrameSamples> played;
    while (pending.size() > 0) {
        const auto& one = pending.peek(0);
        if (!anchored) {
            played.fill(0.0F);
        } else {
            const auto place = far_place(one.place);
            const auto step = one.step * ratio;
            const auto last = place + step * static_cast<double>(kFrameSamples);
            if (last >= far.end()) return;
            if (place < far.begin()) {
                played.fill(0.0F);
            } else {
                far.read(place, step, played);
                far.forget(place - kFarKept * far.rate());
            }
        }
        aligner.reference(played);
        pending.pop();
    }
}

// What was played so much earlier than this frame was captured that its echo comes just after it.
// The distance is one of time: steering does not move it.
void MicPath::State::read_reference(std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0F);
    if (!anchored) return;
    const auto place = far_place(next) - aligner.alignment() * (far.rate() / double{kSampleRate});
    const auto step = correction * ratio;
    if (place + step * static_cast<double>(kFrameSamples) >= far.end()) {
        aligner.starved();
        return;
    }
    if (place >= far.begin()) far.read(place, step, out);
}

void MicPath::State::anchor(double place) {
    anchored = true;
    near_zero = place;
    far_zero = far_clock.place_at(near_clock.time_of(place));
    nominal_ratio = static_cast<double>(far.rate()) / near.rate();
    ratio = nominal_ratio;
    followed = far_clock.windows();
}

// Two cards have two clocks: what the callbacks say about them is believed once it is certain.
void MicPath::State::follow_clocks() {
    if (!anchored || far_clock.windows() == followed) return;
    followed = far_clock.windows();
    const auto differ = near_clock.slowness() - far_clock.slowness();
    const auto unsure = std::hypot(near_clock.uncertainty(), far_clock.uncertainty());
    const auto now = ratio / nominal_ratio - 1;
    if (std::abs(differ) < std::max(kLeastSlowness, kSure * unsure) && now == 0) return;
    if (unsure > 50e-6) return;
    far_zero += (next - near_zero) * ratio;
    near_zero = next;
    ratio = nominal_ratio * (1 + differ);
}

void MicPath::State::hand_out(const AudioFrame& frame, Clock::Time captured) {
    auto pcm = frame.pcm;
    if (std::exchange(broken, false)) {
        const auto step = last_sample - static_cast<float>(pcm[0]);
        for (std::size_t i = 0; i < kLevelOut; ++i) {
            const auto left = step * (1 - static_cast<float>(i) / kLevelOut);
            pcm[i] = static_cast<std::int16_t>(
                std::lrint(std::clamp(static_cast<float>(pcm[i]) + left, -32768.0F, 32767.0F)));
        }
    }
    last_sample = pcm.back();
    track->write(pcm, captured);
}

void MicPath::State::steer(Clock::Time now) {
    const auto now_ms = seconds(now) * 1000;
    const std::lock_guard lock(mutex);
    if (std::exchange(other_line, false)) steering.begin(now_ms);
    if (lines.empty()) {
        steering.idle();
        return;
    }
    const auto& line = *lines.back();
    steering.look(now_ms, line.waiting(), line.reads(), line.misses(),
                  last_near && now - last_near->now < kSilentFor);
}

void MicPath::State::publish() {
    counted.level_dbfs = level.rms_dbfs();
    counted.raw_level_dbfs = raw_level.rms_dbfs();
    counted.steering_ppm = (steering.correction() - 1) * 1e6;
    counted.echo_delay_ms = aligner.measured() ? *aligner.measured() / 8.0 : 0;
    counted.erle_db = chain.erle_db();
    const std::lock_guard lock(mutex);
    shown = counted;
}

}  // namespace bridge::audio
