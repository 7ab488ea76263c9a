#include "call/outbound_line.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "call/line_voice.hpp"
#include "call/outbound_state.hpp"

namespace bridge::call {

using namespace std::chrono_literals;
using audio::AudioFrame;
using audio::kFrameSamples;
using audio::kFrameTime;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kLongestMessage = 5;  // frames

/// What a message is put together in: the lines of a thread take turns with it, so that a thousand
/// of them share a few warm lines of the cache.
std::array<AudioFrame, kLongestMessage>& message_in_hand() {
    static thread_local std::array<AudioFrame, kLongestMessage> frames;
    return frames;
}

/// Where the live voices' frames of a slot lie: they leave in it, as a rule.
constexpr std::size_t kHands = 4;
std::array<AudioFrame, kHands>& frames_in_hand() {
    static thread_local std::array<AudioFrame, kHands> frames;
    return frames;
}

/// With a live voice, more than this at the far end is waited out before anything is sent.
constexpr auto kLiveLead = kFrameTime * 3 / 2;

}  // namespace

void OutboundLine::State::pump(bool in_slot) {
    const auto now = clock.now();
    const bool is_live = live();
    if (is_live && in_slot && hooks.pull_live) {
        hands_free = kHands;
        hooks.pull_live(now);
        hands_free = 0;
    }
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
        mark_end(now);
    }
    if (is_live && in_slot) {
        for (auto* voice : voices) voice->put_down();
    }
    schedule(now);
}

std::span<const std::int16_t> OutboundLine::State::take_in_hand(
    std::span<const std::int16_t, kFrameSamples> samples) {
    if (hands_free == 0) return {};
    auto& frame = frames_in_hand()[--hands_free];
    std::copy(samples.begin(), samples.end(), frame.pcm.begin());
    return frame.pcm;
}

/// The end of what was said is worth a mark of its own; so is the place from which on nothing came
/// in time.
void OutboundLine::State::mark_end(Clock::Time now) {
    const bool more = std::any_of(voices.begin(), voices.end(),
                                  [](const Voice* voice) { return voice->speaks(); });
    const bool dry = far_end.dry_at() + kFrameTime <= now;
    if (far_end.unmarked() > 0 && (!more || dry)) {
        ran_dry = more;
        set_mark(now);
    } else if (!more) {
        ran_dry = false;
    }
}

/// One frame a slot, and no lead: what the microphone says is not to wait behind an agent's speech.
void OutboundLine::State::pump_live(Clock::Time now) {
    if (far_end.dry_at() > now + kLiveLead) return;
    auto& message = message_in_hand();
    if (mix(1, true, now) == 0) {
        if (!options.send_silence) return;
        message[0].pcm.fill(0);
    }
    mark_if_due(1, now);
    give(std::span(message).first(1), now);
}

void OutboundLine::State::pump_ahead(Clock::Time now) {
    if (far_end.dry_at() > now + options.lead_low + kFrameTime) return;
    const bool begins = far_end.silent_for(now) >= options.mark_every;
    bool first = true;
    for (;;) {
        const auto lead = far_end.dry_at() > now ? far_end.dry_at() - now : Clock::Duration::zero();
        const auto room = (options.lead_high - lead) / kFrameTime;
        if (room <= 0) return;
        const auto most = std::min({static_cast<std::size_t>(room), kLongestMessage,
                                    static_cast<std::size_t>(options.message / kFrameTime)});
        const auto count = mix(most, false, now);
        if (count == 0) return;
        if (first && lead == Clock::Duration::zero() && (far_end.unmarked() > 0 || ran_dry))
            ++stats.starved;
        ran_dry = false;
        mark_if_due(count, now);
        give(std::span(message_in_hand()).first(count), now);
        // What comes after a silence is marked at once: how long it takes until it is heard is soon
        // known then.
        if (first && begins) set_mark(now);
        first = false;
    }
}

/// Fills message_in_hand() with the sum of the voices. Returns how many frames there are; a voice
/// that has less than the others is silent in the rest.
std::size_t OutboundLine::State::mix(std::size_t most, bool with_live, Clock::Time now) {
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
    const auto due = std::max(far_end.dry_at(), now);
    if (!alone) {
        for (std::size_t i = 0; i < count; ++i) sum[i].fill(0);
    }
    for (auto* voice : voices) {
        if (!with_live && voice->kind() == Kind::live) continue;
        for (std::size_t i = 0; i < voice->ready; ++i) {
            auto& frame = message[i];
            const auto at = far_end.sent() + i * kFrameSamples;
            const auto heard_at = due + i * kFrameTime;
            voice->take(frame, at, heard_at);
            frame.at = whole_ms(at);
            if (!alone) {
                for (std::size_t k = 0; k < kFrameSamples; ++k) sum[i][k] += frame.pcm[k];
            }
            if (hooks.sent) hooks.sent(voice->tag(), frame, heard_at);
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

void OutboundLine::State::give(std::span<const AudioFrame> frames, Clock::Time now) {
    const auto samples = frames.size() * kFrameSamples;
    if (!phone->send(frames)) {
        book.unsend(far_end.sent());
        for (auto* voice : voices) voice->refused();
        far_end.passed(samples, now);
        stats.refused_frames += frames.size();
        return;
    }
    auto heard_at = std::max(far_end.dry_at(), now);
    auto at = far_end.sent();
    far_end.gave(samples, now);
    book.gave(now);
    stats.frames += frames.size();
    ++stats.messages;
    for (const auto& frame : frames) {
        meter.write(frame);
        if (levels) levels->near(heard_at, frame);
        if (track) track->sent(at, frame, heard_at, now);
        at += kFrameSamples;
        heard_at += kFrameTime;
    }
}

/// Before a message of `next_frames`: marks lie no further apart than asked for.
void OutboundLine::State::mark_if_due(std::size_t next_frames, Clock::Time now) {
    const auto unmarked = far_end.unmarked();
    if (unmarked > 0 && unmarked + next_frames * kFrameSamples > samples_of(options.mark_every))
        set_mark(now);
}

void OutboundLine::State::set_mark(Clock::Time now) {
    if (far_end.unmarked() == 0) return;
    if (!phone->mark(far_end.next_mark())) return;  // the next one tells as much
    if (track) track->marked(far_end.sent(), now < far_end.dry_at() + kFrameTime);
    if (!far_end.set_mark(now)) ++stats.marks_lost;
    ++stats.marks;
}

/// The call's first slot after `then`.
Clock::Time OutboundLine::State::slot_after(Clock::Time then) const {
    const auto since = then.time_since_epoch() - phase;
    const auto frames = since / kFrameTime;
    return Clock::Time(phase + (frames + 1) * kFrameTime);
}

/// When something will be due, if nothing is written until then.
std::optional<Clock::Time> OutboundLine::State::next_turn(Clock::Time now) {
    if (!can_send()) return std::nullopt;
    if (live()) return slot_after(now);
    const bool ready = std::any_of(voices.begin(), voices.end(),
                                   [](Voice* voice) { return voice->frames_ready(1) > 0; });
    // The last slot in which the lead is not below its floor.
    if (ready)
        return std::max(slot_after(far_end.dry_at() - options.lead_low - kFrameTime),
                        slot_after(now));
    mark_end(now);  // a source has run dry right behind the last frame that was sent
    std::optional<Clock::Time> when;
    if (far_end.unmarked() > 0) when = slot_after(std::max(far_end.dry_at(), now) + kFrameTime);
    for (const auto* voice : voices) {
        const auto rest = voice->rest_waits_until();
        if (rest && (!when || *rest < *when)) when = rest;
    }
    return when;
}

void OutboundLine::State::schedule(Clock::Time now) {
    const auto when = next_turn(now);
    if (when && timer != Clock::kNoTimer && *when == timer_at) return;
    arm(when);
}

void OutboundLine::State::arm(std::optional<Clock::Time> when) {
    clock.cancel(std::exchange(timer, Clock::kNoTimer));
    if (!when) return;
    timer_at = *when;
    timer = clock.at(*when, [this] {
        const auto keep = shared_from_this();
        timer = Clock::kNoTimer;
        pump(true);
        if (!gone) tell();
    });
}

void OutboundLine::State::clear_far_end() {
    // The far end is up to so much behind the clock, and our `clear` is under way for a part of
    // that: it may play a little more. Rather that is heard twice than something never.
    const auto heard_until = clock.now() - far_end.behind(clock.now());
    const auto position = far_end.played_by(heard_until);
    const bool anything = can_send() && far_end.dry_at() > heard_until;
    if (anything) {
        phone->clear();
        ++stats.clears;
    }
    if (anything && track) track->cleared(clock.now());
    far_end.next_generation();
    for (auto* voice : voices) voice->rewind(position);
    cut(position, SpeechOutcome::cleared);
    if (anything && levels) levels->forget_near(heard_until);
    if (anything && hooks.cleared) hooks.cleared(heard_until);
}

void OutboundLine::State::cut(std::uint64_t position, SpeechOutcome outcome) {
    book.cut(position, outcome);
    far_end.cut(clock.now());
}

void OutboundLine::State::tell() {
    // A hook may begin the next utterance.
    while (book.has_news()) {
        const auto news = book.take_news(played_now());
        using What = SpeechBook::News::What;
        if (news.what == What::finished) {
            if (hooks.finished) hooks.finished(news.id, news.heard);
        } else if (news.what == What::began) {
            if (hooks.began) hooks.began(news.id, news.when);
        } else if (hooks.heard_first) {
            hooks.heard_first(news.id, news.when);
        }
    }
}

// --- the line itself

OutboundLine::OutboundLine(Clock& clock, milliseconds phase, OutboundOptions options, Hooks hooks)
    : state_(std::make_shared<State>(clock, phase, options, std::move(hooks))) {}

OutboundLine::~OutboundLine() {
    state_->gone = true;
    state_->clock.cancel(std::exchange(state_->timer, Clock::kNoTimer));
    state_->phone.reset();
    state_->track.reset();
    state_->hooks = {};
}

std::shared_ptr<VoiceSink> OutboundLine::add_voice(Kind kind, std::size_t tag) {
    auto voice = std::make_shared<State::Voice>(state_, kind, tag);
    state_->schedule(state_->clock.now());
    return voice;
}

void OutboundLine::measure(std::shared_ptr<LevelTap> levels) {
    state_->levels = std::move(levels);
}

void OutboundLine::follow(std::shared_ptr<HeardTrack> track) {
    state_->track = std::move(track);
}

void OutboundLine::set_phase(milliseconds phase) {
    auto& state = *state_;
    if (state.phase == phase % kFrameTime) return;
    state.phase = phase % kFrameTime;
    if (state.live() && state.can_send()) {
        // A slot too early, not too late: what the microphone brings meanwhile would be too much.
        state.arm(state.clock.now());
    } else {
        state.schedule(state.clock.now());
    }
}

void OutboundLine::attach(std::shared_ptr<PhoneLine> phone) {
    if (state_->phone) detach();
    state_->phone = std::move(phone);
    state_->far_end.begin(state_->clock.now());
    state_->pump(false);
}

void OutboundLine::detach() {
    auto& state = *state_;
    if (!state.phone) return;
    state.phone.reset();
    if (state.track) state.track->stream_ended(state.clock.now());
    const auto position = state.played_now();
    state.stats.marks_lost += state.far_end.forget_marks();
    state.far_end.next_generation();
    state.cut(position, SpeechOutcome::lost);
    state.schedule(state.clock.now());
    state.tell();
}

void OutboundLine::mark_echoed(std::string_view name) {
    auto& state = *state_;
    const auto echo = state.far_end.echoed(name, state.clock.now());
    if (!echo) return;
    if (state.track) state.track->echoed(echo->at, state.clock.now());
    if (!echo->played) {
        state.stats.marks_cleared += echo->answered;
        return;
    }
    state.stats.marks_played += echo->answered;
    state.far_end.settle(echo->at);
    state.book.settle(echo->at, echo->late / 2);
    state.tell();
}

void OutboundLine::clear() {
    for (auto* voice : state_->voices) voice->forget();
    state_->clear_far_end();
    state_->schedule(state_->clock.now());
    state_->tell();
}

bool OutboundLine::speaking() const {
    const auto& state = *state_;
    if (state.far_end.dry_at() > state.clock.now() && state.phone) return true;
    const bool waiting =
        std::any_of(state.voices.begin(), state.voices.end(), [](const State::Voice* voice) {
            return voice->kind() == Kind::ahead && (voice->waiting() > 0 || voice->open());
        });
    return waiting || state.far_end.mark_waits();
}

std::optional<Heard> OutboundLine::heard(UtteranceId utterance) const {
    return state_->book.heard(utterance, state_->played_now());
}

void OutboundLine::list_hot(HotLines& lines) const {
    lines.add_shared(state_.get(), 0);
    lines.add_between(state_.get(), &state_->hooks.cleared);
    lines.add_between(&state_->phone, state_.get() + 1);
    lines.add(state_->voices.data(), state_->voices.size() * sizeof(State::Voice*));
    for (const auto* voice : state_->voices) voice->list_hot(lines);
    state_->book.list_hot(lines);
}

OutboundStats OutboundLine::stats() const {
    const auto& state = *state_;
    auto out = state.stats;
    out.lost_utterances = state.book.overflowed();
    const auto now = state.clock.now();
    out.lead_ms =
        state.far_end.dry_at() > now
            ? std::chrono::duration<double, std::milli>(state.far_end.dry_at() - now).count()
            : 0;
    out.round_trip_ms = std::chrono::duration<double, std::milli>(state.far_end.lag()).count();
    const bool quiet = out.lead_ms == 0.0 && now - state.far_end.dry_at() > 100ms;
    out.level_dbfs = quiet ? audio::kSilenceDbfs : state.meter.rms_dbfs();
    out.peak_dbfs = quiet ? audio::kSilenceDbfs : state.meter.peak_dbfs();
    return out;
}

}  // namespace bridge::call
