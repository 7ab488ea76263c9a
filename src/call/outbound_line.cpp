#include "call/outbound_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/circular_buffer.hpp>
#include <boost/container/small_vector.hpp>
#include <charconv>
#include <utility>

#include "audio/level.hpp"
#include "call/sample_queue.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using audio::AudioFrame;
using audio::kFrameSamples;
using audio::kFrameTime;
using audio::kSamplesPerMs;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kRemembered = 64;     // utterances
constexpr std::size_t kLongestMessage = 5;  // frames
constexpr std::size_t kMostMarks =
    4096;  // unanswered; a far end that answers none is no reason to grow
constexpr auto kLongestRoundTrip = 5s;

/// What a message is put together in: the lines of a thread take turns with it, so that a thousand
/// of them share a few warm lines of the cache.
std::array<AudioFrame, kLongestMessage>& message_in_hand() {
    static thread_local std::array<AudioFrame, kLongestMessage> frames;
    return frames;
}

/// With a live voice, more than this at the far end is waited out before anything is sent.
constexpr auto kLiveLead = kFrameTime * 3 / 2;

std::uint64_t samples_of(Clock::Duration time) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return micros <= 0 ? 0 : static_cast<std::uint64_t>(micros) * kSamplesPerMs / 1000;
}

Clock::Duration time_of(std::uint64_t samples) {
    return std::chrono::microseconds(samples * 1000 / kSamplesPerMs);
}

milliseconds whole_ms(std::uint64_t samples) {
    return milliseconds(samples / kSamplesPerMs);
}

/// A stretch of an utterance that lies without a gap on the line.
struct Segment {
    std::uint64_t at;      ///< samples sent on the line before it
    std::uint64_t length;  ///< samples, without padding
};

struct Utterance {
    UtteranceId id = 0;
    std::uint64_t received = 0;  ///< samples
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;                            ///< never to be sent
    std::uint64_t heard = 0;                              ///< of segments that are settled
    boost::container::small_vector<Segment, 2> segments;  ///< not settled yet
    bool ended = false;                                   ///< nothing will be added
    bool told = false;                                    ///< `finished` was called
    SpeechOutcome outcome = SpeechOutcome::pending;
};

struct Mark {
    std::uint32_t generation;
    std::uint32_t number;
    std::uint64_t at;  ///< samples sent before it
    Clock::Time due;   ///< when these should have been played
};

/// "g3:17"
std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_mark(std::string_view name) {
    if (!name.starts_with('g')) return std::nullopt;
    const auto* const end = name.data() + name.size();
    std::pair<std::uint32_t, std::uint32_t> out;
    const auto first = std::from_chars(name.data() + 1, end, out.first);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return std::nullopt;
    const auto second = std::from_chars(first.ptr + 1, end, out.second);
    if (second.ec != std::errc{} || second.ptr != end) return std::nullopt;
    return out;
}

}  // namespace

struct OutboundLine::State : std::enable_shared_from_this<OutboundLine::State> {
    class Voice;

    State(Clock& the_clock, milliseconds the_phase, OutboundOptions with, Hooks the_hooks)
        : clock(the_clock),
          phase(the_phase % kFrameTime),
          options(with),
          hooks(std::move(the_hooks)) {}

    Clock& clock;
    milliseconds phase;
    const OutboundOptions options;
    Hooks hooks;
    bool gone = false;  ///< the line is; its voices may still be held

    std::shared_ptr<PhoneLine> phone;
    std::vector<Voice*> voices;
    std::size_t voices_made = 0;
    std::size_t live_voices = 0;
    Clock::TimerId timer = Clock::kNoTimer;
    Clock::Time timer_at{};

    // --- what the far end has
    std::uint64_t sent = 0;    ///< samples given to streams
    std::uint64_t played = 0;  ///< of these, known to be played (or thrown away)
    Clock::Time dry_at{};      ///< when the far end's queue runs dry, network aside
    Clock::Duration lag{0};    ///< from there to the echo of a mark
    bool lag_known = false;
    std::uint32_t generation = 1;  ///< counts clears and streams
    std::uint32_t mark_number = 0;
    std::uint64_t marked = 0;  ///< samples sent when the last mark was set
    boost::circular_buffer<Mark> marks{64};
    boost::circular_buffer<Utterance> utterances{kRemembered};
    UtteranceId last_utterance = 0;

    OutboundStats stats;
    audio::LevelMeter meter;

    // --- utterances

    Utterance* find(UtteranceId id) {
        const auto found = std::find_if(utterances.begin(), utterances.end(),
                                        [&](const Utterance& one) { return one.id == id; });
        return found == utterances.end() ? nullptr : &*found;
    }

    UtteranceId new_utterance() {
        Utterance one;
        one.id = ++last_utterance;
        utterances.push_back(std::move(one));
        return last_utterance;
    }

    /// Samples the far end has played by `then`, as far as this side can tell.
    std::uint64_t played_by(Clock::Time then) const {
        const auto waiting = dry_at > then ? samples_of(dry_at - then) : 0;
        return std::max(played, sent - std::min(sent, waiting));
    }

    std::uint64_t played_now() const { return played_by(clock.now() - lag); }

    static std::uint64_t heard_of(const Utterance& one, std::uint64_t position) {
        auto heard = one.heard;
        for (const auto& segment : one.segments) {
            if (position <= segment.at) break;
            heard += std::min(segment.length, position - segment.at);
        }
        return heard;
    }

    /// Everything up to `position` was played; what lies behind it stays open.
    void settle(std::uint64_t position) {
        played = std::max(played, position);
        for (auto& one : utterances) {
            while (!one.segments.empty() &&
                   one.segments.front().at + one.segments.front().length <= position) {
                one.heard += one.segments.front().length;
                one.segments.erase(one.segments.begin());
            }
            if (one.outcome == SpeechOutcome::pending && one.ended && one.segments.empty() &&
                one.sent + one.dropped == one.received) {
                one.outcome = SpeechOutcome::played;
            }
        }
    }

    /// Nothing that was sent and not played by `position` will be.
    void cut(std::uint64_t position, SpeechOutcome outcome) {
        for (auto& one : utterances) {
            if (one.segments.empty()) continue;
            const auto heard = heard_of(one, position);
            const auto unheard = heard < one.sent;
            one.heard = heard;
            one.segments.clear();
            if (unheard) one.outcome = outcome;
        }
        settle(sent);
        dry_at = clock.now();
        marked = sent;
    }

    /// The message that began at `position` did not leave.
    void unsend(std::uint64_t position) {
        for (auto& one : utterances) {
            auto& segments = one.segments;
            while (!segments.empty() && segments.back().at + segments.back().length > position) {
                auto& last = segments.back();
                const auto kept = position > last.at ? position - last.at : 0;
                one.sent -= last.length - kept;
                one.dropped += last.length - kept;
                last.length = kept;
                if (one.outcome == SpeechOutcome::pending) one.outcome = SpeechOutcome::lost;
                if (kept == 0) segments.pop_back();
            }
        }
    }

    void tell_finished() {
        if (!hooks.finished) return;
        // A hook may begin the next utterance, and so move what is remembered.
        for (;;) {
            const auto found =
                std::find_if(utterances.begin(), utterances.end(), [](const Utterance& one) {
                    return one.ended && !one.told && one.segments.empty() &&
                           one.outcome != SpeechOutcome::pending;
                });
            if (found == utterances.end()) return;
            found->told = true;
            const auto id = found->id;
            const auto what = describe(*found);
            hooks.finished(id, what);
        }
    }

    Heard describe(const Utterance& one) const {
        Heard out;
        const auto position = played_now();
        out.received = whole_ms(one.received);
        out.sent = whole_ms(one.sent);
        out.heard = std::min(out.sent, whole_ms(heard_of(one, position)));
        out.outcome = one.outcome;
        return out;
    }

    // --- sending

    bool live() const { return options.send_silence || live_voices > 0; }
    bool can_send() const { return phone && phone->can_send(); }

    /// The call's first slot after `then`.
    Clock::Time slot_after(Clock::Time then) const {
        const auto since = then.time_since_epoch() - phase;
        const auto frames = since / kFrameTime;
        return Clock::Time(phase + (frames + 1) * kFrameTime);
    }

    void pump(bool in_slot);
    void pump_live(Clock::Time now);
    void pump_ahead(Clock::Time now);
    std::size_t mix(std::size_t most, bool with_live);
    void give(std::span<const AudioFrame> frames);
    void set_mark();
    void mark_if_due(std::size_t next_frames);
    void schedule();
    void clear_far_end();
};

/// Thread: io.
class OutboundLine::State::Voice final : public VoiceSink {
public:
    Voice(std::shared_ptr<State> line, Kind kind)
        : line_(std::move(line)), kind_(kind), index_(line_->voices_made++) {
        line_->voices.push_back(this);
        if (kind_ == Kind::live) ++line_->live_voices;
    }

    ~Voice() override {
        std::erase(line_->voices, this);
        if (kind_ == Kind::live) --line_->live_voices;
        finish_current(true);
        if (!line_->gone) line_->tell_finished();
    }

    UtteranceId begin() override {
        end();
        current_ = line_->new_utterance();
        if (runs_.full()) runs_.set_capacity(runs_.capacity() * 2);
        runs_.push_back({current_, 0, false});
        return current_;
    }

    std::size_t write(std::span<const std::int16_t> samples) override {
        if (line_->gone) return 0;
        if (current_ == 0) begin();
        auto taken = samples.size();
        if (kind_ == Kind::ahead) {
            const auto room = samples_of(line_->options.ahead_backlog);
            taken = std::min<std::size_t>(taken, room - std::min<std::size_t>(room, queue_.size()));
            line_->stats.dropped_ahead_samples += samples.size() - taken;
        }
        queue_.push(samples.first(taken));
        runs_.back().waiting += taken;
        if (auto* one = line_->find(current_)) one->received += taken;
        if (kind_ == Kind::ahead && !line_->live()) line_->pump(false);
        return taken;
    }

    void end() override {
        if (current_ == 0) return;
        finish_current(false);
        if (!line_->gone) {
            line_->pump(false);
            line_->tell_finished();
        }
    }

    UtteranceId play(std::unique_ptr<audio::SampleSource> source) override {
        end();
        const auto id = begin();
        source_ = std::move(source);
        if (!line_->gone) line_->pump(false);
        return id;
    }

    void cancel() override {
        if (line_->gone) return;
        const bool unplayed = spoke_until_ > line_->played_now();
        finish_current(true);
        if (unplayed) line_->clear_far_end();
        line_->tell_finished();
        line_->schedule();
    }

    std::size_t waiting() const override { return queue_.size(); }

    // --- for the line

    Kind kind() const { return kind_; }
    std::size_t index() const { return index_; }
    /// The utterance goes on, and so may have more in a moment.
    bool open() const { return current_ != 0; }

    /// Whole frames that may be taken now; an utterance that has ended gives its remainder too.
    std::size_t frames_ready(std::size_t most) {
        const auto wanted = most * kFrameSamples;
        while (source_ && queue_.size() < wanted) {
            std::array<std::int16_t, kFrameSamples> block;
            const auto got = source_->read(block);
            queue_.push(std::span(block).first(got));
            if (!runs_.empty()) runs_.back().waiting += got;
            if (auto* one = line_->find(current_)) one->received += got;
            if (got < block.size()) finish_current(false);
        }
        const auto whole = queue_.size() / kFrameSamples;
        const auto rest = queue_.size() % kFrameSamples;
        // A remainder waits for what follows it, unless nothing does.
        const auto frames = whole + (rest > 0 && current_ == 0 ? 1 : 0);
        return std::min(frames, most);
    }

    /// Takes the next frame, which begins at `at` on the line; padded with silence at the very end.
    void take(AudioFrame& frame, std::uint64_t at) {
        frame.pcm.fill(0);
        const auto got = queue_.pop(frame.pcm);
        auto left = got;
        auto offset = std::uint64_t{0};
        while (left > 0 && !runs_.empty()) {
            auto& run = runs_.front();
            const auto part = std::min<std::uint64_t>(left, run.waiting);
            if (auto* one = line_->find(run.id); one != nullptr && part > 0) {
                one->sent += part;
                auto& segments = one->segments;
                if (!segments.empty() &&
                    segments.back().at + segments.back().length == at + offset) {
                    segments.back().length += part;
                } else {
                    segments.push_back({at + offset, part});
                }
            }
            run.waiting -= part;
            offset += part;
            left -= part;
            drop_spent_runs();
        }
        spoke_until_ = at + kFrameSamples;
    }

    /// A live voice keeps at most `samples`: its oldest go. Returns how many.
    std::size_t trim(std::size_t samples) {
        if (queue_.size() <= samples) return 0;
        const auto excess = queue_.size() - samples;
        queue_.drop(excess);
        auto left = static_cast<std::uint64_t>(excess);
        while (left > 0 && !runs_.empty()) {
            auto& run = runs_.front();
            const auto part = std::min(left, run.waiting);
            if (auto* one = line_->find(run.id)) one->dropped += part;
            run.waiting -= part;
            left -= part;
            drop_spent_runs();
        }
        return excess;
    }

    /// What waits is forgotten.
    void forget() { finish_current(true); }

    std::size_t ready = 0;  ///< frames of the message that is being put together

private:
    /// A stretch of the queue that is of one utterance.
    struct Run {
        UtteranceId id;
        std::uint64_t waiting;  ///< samples
        bool closed;
    };

    void drop_spent_runs() {
        while (!runs_.empty() && runs_.front().closed && runs_.front().waiting == 0)
            runs_.pop_front();
    }

    void finish_current(bool forget) {
        source_.reset();
        if (forget) {
            queue_.drop(queue_.size());
            for (auto& run : runs_) {
                if (auto* one = line_->find(run.id)) {
                    one->dropped += run.waiting;
                    if (run.waiting > 0) one->outcome = SpeechOutcome::cleared;
                    one->ended = true;
                }
                run.waiting = 0;
            }
        }
        if (current_ != 0) {
            if (!runs_.empty()) runs_.back().closed = true;
            if (auto* one = line_->find(current_)) one->ended = true;
            current_ = 0;
        }
        drop_spent_runs();
        line_->settle(line_->played);  // an utterance without a sound is over at once
    }

    const std::shared_ptr<State> line_;
    const Kind kind_;
    const std::size_t index_;
    SampleQueue queue_;
    boost::circular_buffer<Run> runs_{8};  ///< grows in begin()
    std::unique_ptr<audio::SampleSource> source_;
    UtteranceId current_ = 0;
    std::uint64_t spoke_until_ = 0;  ///< samples sent on the line up to this voice's last
};

/// What is due goes out, and the timer is set for the next time something will be.
void OutboundLine::State::pump(bool in_slot) {
    const auto now = clock.now();
    const bool is_live = live();
    if (is_live && in_slot && hooks.pull_live) hooks.pull_live();
    if (is_live) {
        const auto most = samples_of(options.live_backlog);
        for (auto* voice : voices) {
            if (voice->kind() == Kind::live) stats.dropped_live_samples += voice->trim(most);
        }
    }
    if (can_send()) {
        if (!is_live) {
            pump_ahead(now);
        } else if (in_slot) {
            pump_live(now);
        }
        // The end of what was said is worth a mark of its own.
        const bool more = std::any_of(voices.begin(), voices.end(), [](const Voice* voice) {
            return voice->waiting() > 0 || voice->open();
        });
        if (!more) set_mark();
    }
    schedule();
}

/// One frame a slot, and no lead: what the microphone says is not to wait behind an agent's speech.
void OutboundLine::State::pump_live(Clock::Time now) {
    if (dry_at > now + kLiveLead) return;
    auto& message = message_in_hand();
    if (mix(1, true) == 0) {
        if (!options.send_silence) return;
        message[0].pcm.fill(0);
    }
    mark_if_due(1);
    give(std::span(message).first(1));
}

void OutboundLine::State::pump_ahead(Clock::Time now) {
    if (dry_at > now + options.lead_low + kFrameTime) return;
    bool first = true;
    for (;;) {
        const auto lead = dry_at > now ? dry_at - now : Clock::Duration::zero();
        const auto room = (options.lead_high - lead) / kFrameTime;
        if (room <= 0) return;
        const auto most = std::min({static_cast<std::size_t>(room), kLongestMessage,
                                    static_cast<std::size_t>(options.message / kFrameTime)});
        const auto count = mix(most, false);
        if (count == 0) return;
        if (first && lead == Clock::Duration::zero() && sent > marked) ++stats.starved;
        first = false;
        mark_if_due(count);
        give(std::span(message_in_hand()).first(count));
    }
}

/// Fills message_in_hand() with the sum of the voices. Returns how many frames there are; a voice
/// that has less than the others is silent in the rest.
std::size_t OutboundLine::State::mix(std::size_t most, bool with_live) {
    auto& message = message_in_hand();
    std::size_t count = 0;
    std::size_t speaking = 0;
    for (auto* voice : voices) {
        if (!with_live && voice->kind() == Kind::live) continue;
        voice->ready = voice->frames_ready(most);
        count = std::max(count, voice->ready);
        speaking += voice->ready > 0 ? 1 : 0;
    }
    if (count == 0) return 0;
    std::array<std::array<std::int32_t, kFrameSamples>, kLongestMessage> sum;
    const bool alone = speaking == 1;
    if (!alone) {
        for (std::size_t i = 0; i < count; ++i) sum[i].fill(0);
    }
    for (auto* voice : voices) {
        if (!with_live && voice->kind() == Kind::live) continue;
        for (std::size_t i = 0; i < voice->ready; ++i) {
            auto& frame = message[i];
            const auto at = sent + i * kFrameSamples;
            voice->take(frame, at);
            frame.at = whole_ms(at);
            if (!alone) {
                for (std::size_t k = 0; k < kFrameSamples; ++k) sum[i][k] += frame.pcm[k];
            }
            if (voice->kind() == Kind::ahead && hooks.sent) {
                const auto heard_at = std::max(dry_at, clock.now()) + time_of(i * kFrameSamples);
                hooks.sent(voice->index(), frame, heard_at);
            }
        }
    }
    for (std::size_t i = 0; !alone && i < count; ++i) {
        for (std::size_t k = 0; k < kFrameSamples; ++k) {
            const auto sample = std::clamp(sum[i][k], -32768, 32767);
            stats.clipped_samples += sample != sum[i][k] ? 1 : 0;
            message[i].pcm[k] = static_cast<std::int16_t>(sample);
        }
    }
    return count;
}

void OutboundLine::State::give(std::span<const AudioFrame> frames) {
    const auto now = clock.now();
    const auto samples = frames.size() * kFrameSamples;
    if (!phone->send(frames)) {
        unsend(sent);
        stats.refused_frames += frames.size();
    } else {
        sent += samples;
        stats.frames += frames.size();
        ++stats.messages;
        for (const auto& frame : frames) meter.write(frame);
    }
    // Refused or not: the time is over.
    dry_at = std::max(dry_at, now) + time_of(samples);
}

/// Before a message of `next_frames`: marks lie no further apart than asked for.
void OutboundLine::State::mark_if_due(std::size_t next_frames) {
    if (sent > marked &&
        sent - marked + next_frames * kFrameSamples > samples_of(options.mark_every))
        set_mark();
}

void OutboundLine::State::set_mark() {
    if (sent == marked) return;
    std::array<char, 32> name;
    const auto end = fmt::format_to_n(name.begin(), name.size(), "g{}:{}", generation, mark_number);
    if (!phone->mark({name.data(), end.size})) return;  // the next one tells as much
    if (marks.full()) {
        if (marks.capacity() < kMostMarks) {
            marks.set_capacity(marks.capacity() * 2);
        } else {
            ++stats.marks_lost;
        }
    }
    marks.push_back({generation, mark_number++, sent, std::max(dry_at, clock.now())});
    marked = sent;
    ++stats.marks;
}

void OutboundLine::State::schedule() {
    std::optional<Clock::Time> when;
    const auto now = clock.now();
    if (can_send()) {
        if (live()) {
            when = slot_after(now);
        } else {
            const bool more = std::any_of(voices.begin(), voices.end(),
                                          [](Voice* voice) { return voice->frames_ready(1) > 0; });
            // The last slot in which the lead is not below its floor.
            if (more) {
                when =
                    std::max(slot_after(dry_at - options.lead_low - kFrameTime), slot_after(now));
            } else if (std::none_of(voices.begin(), voices.end(),
                                    [](const Voice* voice) { return voice->open(); })) {
                set_mark();  // a source has run dry right behind the last frame that was sent
            }
        }
    }
    if (when && timer != Clock::kNoTimer && *when == timer_at) return;
    clock.cancel(std::exchange(timer, Clock::kNoTimer));
    if (!when) return;
    timer_at = *when;
    timer = clock.at(*when, [this] {
        const auto keep = shared_from_this();
        timer = Clock::kNoTimer;
        pump(true);
        if (!gone) tell_finished();
    });
}

void OutboundLine::State::clear_far_end() {
    const auto now = clock.now();
    // What the far end had played when our `clear` reached it: half of the way of a mark is ours.
    const auto position = played_by(now - lag / 2);
    if (can_send() && dry_at > now - lag) {
        phone->clear();
        ++stats.clears;
    }
    ++generation;
    cut(position, SpeechOutcome::cleared);
}

// --- the line itself

OutboundLine::OutboundLine(Clock& clock, milliseconds phase, OutboundOptions options, Hooks hooks)
    : state_(std::make_shared<State>(clock, phase, options, std::move(hooks))) {}

OutboundLine::~OutboundLine() {
    state_->gone = true;
    state_->clock.cancel(std::exchange(state_->timer, Clock::kNoTimer));
    state_->phone.reset();
    state_->hooks = {};
}

std::shared_ptr<VoiceSink> OutboundLine::add_voice(Kind kind) {
    auto voice = std::make_shared<State::Voice>(state_, kind);
    state_->schedule();
    return voice;
}

void OutboundLine::set_phase(milliseconds phase) {
    state_->phase = phase % kFrameTime;
    state_->schedule();
}

void OutboundLine::attach(std::shared_ptr<PhoneLine> phone) {
    if (state_->phone) detach();
    state_->phone = std::move(phone);
    state_->dry_at = state_->clock.now();
    state_->pump(false);
}

void OutboundLine::detach() {
    auto& state = *state_;
    if (!state.phone) return;
    state.phone.reset();
    const auto position = state.played_now();
    state.stats.marks_lost += state.marks.size();
    state.marks.clear();
    ++state.generation;
    state.cut(position, SpeechOutcome::lost);
    state.schedule();
    state.tell_finished();
}

void OutboundLine::mark_echoed(std::string_view name) {
    auto& state = *state_;
    const auto numbers = parse_mark(name);
    if (!numbers || state.marks.empty()) return;
    const auto [generation, number] = *numbers;
    const auto found = std::find_if(state.marks.begin(), state.marks.end(), [&](const Mark& mark) {
        return mark.generation == generation && mark.number == number;
    });
    if (found == state.marks.end()) return;
    const auto mark = *found;
    // They come back in order: one that was passed over has had the same fate.
    const auto answered = static_cast<std::uint64_t>(found - state.marks.begin()) + 1;
    state.marks.erase_begin(answered);
    if (generation != state.generation) {
        state.stats.marks_cleared += answered;
        return;
    }
    state.stats.marks_played += answered;
    const auto late = std::clamp<Clock::Duration>(state.clock.now() - mark.due, Clock::Duration(0),
                                                  kLongestRoundTrip);
    state.lag = state.lag_known ? state.lag + (late - state.lag) / 4 : late;
    state.lag_known = true;
    state.settle(mark.at);
    state.tell_finished();
}

void OutboundLine::clear() {
    for (auto* voice : state_->voices) voice->forget();
    state_->clear_far_end();
    state_->schedule();
    state_->tell_finished();
}

bool OutboundLine::speaking() const {
    const auto& state = *state_;
    if (state.dry_at > state.clock.now() && state.phone) return true;
    const bool waiting =
        std::any_of(state.voices.begin(), state.voices.end(), [](const State::Voice* voice) {
            return voice->kind() == Kind::ahead && (voice->waiting() > 0 || voice->open());
        });
    return waiting || (!state.marks.empty() && state.marks.back().generation == state.generation);
}

std::optional<Heard> OutboundLine::heard(UtteranceId utterance) const {
    const auto* one = state_->find(utterance);
    if (one == nullptr) return std::nullopt;
    return state_->describe(*one);
}

OutboundStats OutboundLine::stats() const {
    const auto& state = *state_;
    auto out = state.stats;
    const auto now = state.clock.now();
    out.lead_ms = state.dry_at > now
                      ? std::chrono::duration<double, std::milli>(state.dry_at - now).count()
                      : 0;
    out.round_trip_ms = std::chrono::duration<double, std::milli>(state.lag).count();
    const bool quiet = out.lead_ms == 0.0 && now - state.dry_at > 100ms;
    out.level_dbfs = quiet ? audio::kSilenceDbfs : state.meter.rms_dbfs();
    out.peak_dbfs = quiet ? audio::kSilenceDbfs : state.meter.peak_dbfs();
    return out;
}

}  // namespace bridge::call
