#include "capture/replay.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "audio/mulaw.hpp"
#include "capture/replay_stage.hpp"
#include "capture/sound_code.hpp"

namespace bridge::capture {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kNews = 4096;

/// Inputs that the call gives itself, or takes where it looks for them.
bool is_own(const call::CallInput& input) {
    return std::holds_alternative<input::TimerFired>(input) ||
           std::holds_alternative<input::SpeakerReport>(input) ||
           std::holds_alternative<input::MicrophoneBlock>(input);
}

/// What comes from outside while the call is outside itself.
bool comes_in(const Record& record) {
    if (const auto* held = std::get_if<HeldInput>(&record.what)) return !is_own(held->input);
    return std::holds_alternative<note::ToolActed>(record.what) ||
           std::holds_alternative<note::ToolDone>(record.what) ||
           std::holds_alternative<note::MessageKept>(record.what) ||
           std::holds_alternative<note::StreamOpened>(record.what);
}

bool same_output(const What& a, const What& b) {
    if (a.index() != b.index()) return false;
    if (const auto* sent = std::get_if<note::Sent>(&a)) {
        const auto& other = std::get<note::Sent>(b);
        return sent->frames == other.frames && sent->hash == other.hash;
    }
    return describe_output(a) == describe_output(b);
}

std::string playout_text(const audio::PlayoutStats& stats) {
    return fmt::format(
        "speaker: depth {:.1f} ms, {} underruns, {} concealed, {} trimmed, {} dropped",
        stats.depth_ms, stats.underruns, stats.concealed_samples, stats.trimmed_samples,
        stats.dropped_samples);
}

}  // namespace

bool is_output(const What& what) {
    return std::holds_alternative<note::Sent>(what) || std::holds_alternative<note::Marked>(what) ||
           std::holds_alternative<note::Cleared>(what) ||
           std::holds_alternative<note::Closed>(what) ||
           std::holds_alternative<note::Asked>(what) ||
           std::holds_alternative<note::AgentCalled>(what);
}

std::string describe_output(const What& what) {
    if (const auto* sent = std::get_if<note::Sent>(&what))
        return fmt::format("{} frames sent, hash {:08x}", sent->frames, sent->hash);
    if (const auto* mark = std::get_if<note::Marked>(&what)) return "mark " + mark->name;
    if (std::holds_alternative<note::Cleared>(what)) return "clear";
    if (std::holds_alternative<note::Closed>(what)) return "stream closed";
    if (const auto* asked = std::get_if<note::Asked>(&what))
        return "carrier asked: " + asked->what + (asked->detail.empty() ? "" : " " + asked->detail);
    if (const auto* called = std::get_if<note::AgentCalled>(&what))
        return "agent " + called->what + (called->detail.empty() ? "" : ": " + called->detail);
    return "nothing that leaves a call";
}

std::string OutputHash::hex() const {
    // A copy is finished: there may be more to come.
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> copy(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
    EVP_MD_CTX_copy_ex(copy.get(), context_);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_DigestFinal_ex(copy.get(), digest.data(), &length);
    std::string out;
    for (unsigned i = 0; i < length; ++i) out += fmt::format("{:02x}", digest[i]);
    return out;
}

Replay::Stage::Stage(CaptureReader capture, ReplayOptions options)
    : capture_(std::move(capture)), options_(std::move(options)) {
    began_ = Clock::Time(Micros(capture_.opening().clock_us));
    clock_.set(began_);
    self_ = std::shared_ptr<Stage>(std::shared_ptr<Stage>(), this);
    if (options_.event) {
        subscription_ = bus_.subscribe(
            news_.get_executor(), kNews,
            [this](const call::CallEvent& event, std::uint64_t) { options_.event(event); });
    }
    look_through();
}

Replay::Stage::~Stage() {
    call_.reset();
    never_.reset();
}

/// What the call will need before it comes to it: sounds, and when the sound card took what.
void Replay::Stage::look_through() {
    Record record;
    while (capture_.next(record)) {
        if (auto* pulled = std::get_if<note::Pulled>(&record.what)) {
            pulls_.insert(pulls_.end(), pulled->pulls.begin(), pulled->pulls.end());
            lost_pulls_ = std::max(lost_pulls_, pulled->dropped);
        } else if (auto* stocked = std::get_if<note::Stocked>(&record.what)) {
            stock_.push_back(std::move(*stocked));
        }
    }
    capture_.rewind();
}

bool Replay::Stage::read_turn() {
    turn_.clear();
    if (!ahead_) {
        ahead_.emplace();
        if (!capture_.next(*ahead_)) {
            ahead_.reset();
            return false;
        }
    }
    turn_.push_back(std::move(*ahead_));
    for (;;) {
        ahead_.emplace();
        if (!capture_.next(*ahead_)) {
            ahead_.reset();
            break;
        }
        if (!ahead_->nested) break;
        ahead_->at = turn_.front().at;
        turn_.push_back(std::move(*ahead_));
    }
    if (options_.record) {
        for (const auto& record : turn_) options_.record(record);
    }
    return true;
}

bool Replay::Stage::step() {
    if (!damage_.empty() || !read_turn()) {
        if (damage_.empty()) damage_ = capture_.damage();
        return false;
    }
    auto& head = turn_.front();
    const auto moment = began_ + head.at;
    if (difference_count_ > 0) fire_overdue(moment);
    at_ = head.at;
    ++turns_;
    used_.assign(turn_.size(), false);
    next_output_ = next_input_ = 1;
    call_outs_ = 0;
    render_until(moment);
    clock_.set(moment);
    playing_ = true;
    play(head);
    end_turn();
    playing_ = false;
    if (subscription_) {
        news_.restart();
        news_.poll();
    }
    return true;
}

/// A timer that the captured call did not have fires when it is due.
void Replay::Stage::fire_overdue(Clock::Time moment) {
    turn_.swap(late_turn_);
    used_.clear();
    next_output_ = next_input_ = 0;
    // A captured timer is a little late, so what is due only just may still come.
    for (auto id = clock_.due(moment - 50ms); id != Clock::kNoTimer;
         id = clock_.due(moment - 50ms)) {
        clock_.set(std::max(clock_.now(), clock_.when(id)));
        clock_.fire(id);
    }
    turn_.swap(late_turn_);
}

void Replay::Stage::play(Record& record) {
    if (auto* held = std::get_if<HeldInput>(&record.what)) {
        play_input(*held);
    } else if (std::holds_alternative<note::Made>(record.what)) {
        auto spec = capture_.opening().spec;
        spec.capture = true;
        if (!call_) call_ = call::Call::make(std::move(spec), services());
    } else if (!call_) {
        differ("a call", "none: the capture does not begin with it");
    } else if (const auto* fired = std::get_if<note::Fired>(&record.what)) {
        if (!clock_.fire(fired->timer))
            differ(fmt::format("timer {} fired", fired->timer), "there is no such timer");
    } else if (std::holds_alternative<note::StreamOpened>(record.what)) {
        call_->open_stream();
    } else if (auto* acted = std::get_if<note::ToolActed>(&record.what)) {
        if (acted->run == 0 || acted->run > runs_.size())
            return differ("a tool acted", "it was not asked to");
        const auto act = runs_[acted->run - 1].context.act;
        if (act) act(std::move(acted->action), [this](const Result<std::string>&) { call_out(); });
    } else if (auto* done = std::get_if<note::ToolDone>(&record.what)) {
        if (done->run == 0 || done->run > runs_.size())
            return differ("a tool was done", "it was not asked to do anything");
        if (const auto tell = std::exchange(runs_[done->run - 1].done, nullptr))
            tell(std::move(done->result));
    } else if (auto* kept = std::get_if<note::MessageKept>(&record.what)) {
        if (kept->number == 0 || kept->number > messages_.size())
            return differ("a message was kept", "none was taken");
        if (const auto tell = std::exchange(messages_[kept->number - 1], nullptr))
            tell(std::move(kept->where));
    } else if (const auto* stopped = std::get_if<note::Stopped>(&record.what)) {
        damage_ = "the capture ended before its call: " + stopped->why;
    }
}

void Replay::Stage::call_out() {
    const auto number = ++call_outs_;
    for (;;) {
        while (next_input_ < turn_.size() && !comes_in(turn_[next_input_])) ++next_input_;
        if (next_input_ >= turn_.size() || turn_[next_input_].occasion != number) return;
        play(turn_[next_input_++]);
    }
}

void Replay::Stage::end_turn() {
    for (; next_input_ < turn_.size(); ++next_input_) {
        auto& record = turn_[next_input_];
        if (!comes_in(record)) continue;
        differ("something came in while the call asked for it", "the call did not ask");
        ++next_input_;
        play(record);
        --next_input_;
    }
    for (; next_output_ < turn_.size(); ++next_output_) {
        if (is_output(turn_[next_output_].what))
            differ(describe_output(turn_[next_output_].what), {});
    }
}

void Replay::Stage::took(const call::CallInput& taken) {
    const auto same_kind = [&](const HeldInput& held) {
        return held.input.index() == taken.index();
    };
    if (const auto* report = std::get_if<input::SpeakerReport>(&taken)) {
        const auto* held = told<HeldInput>(same_kind);
        if (!held) return differ({}, "the speaker was asked");
        compare_playout(std::get<input::SpeakerReport>(held->input).playout, report->playout);
    } else if (const auto* timer = std::get_if<input::TimerFired>(&taken)) {
        const auto* held = told<HeldInput>(same_kind);
        if (!held || std::get<input::TimerFired>(held->input).kind != timer->kind)
            differ(held ? "another timer" : "",
                   fmt::format("timer of kind {}", static_cast<int>(timer->kind)));
    }
}

/// A look at a line that the device has in hand right then may catch it between two states: what
/// lasts, or is no matter of one block, is a difference.
void Replay::Stage::compare_playout(const audio::PlayoutStats& captured,
                                    const audio::PlayoutStats& replayed) {
    constexpr double kBlockMs = 45;
    constexpr int kInARow = 3;
    const auto then = playout_text(captured), now = playout_text(replayed);
    unlike_ = then == now ? 0 : unlike_ + 1;
    const bool far = std::abs(captured.depth_ms - replayed.depth_ms) > kBlockMs;
    if (lost_pulls_ == 0 && (unlike_ == kInARow || (unlike_ > 0 && far))) differ(then, now);
}

void Replay::Stage::output(What what, std::span<const audio::AudioFrame> frames) {
    while (next_output_ < turn_.size() && !is_output(turn_[next_output_].what)) ++next_output_;
    const bool more = next_output_ < turn_.size();
    if (!more) {
        differ({}, describe_output(what));
    } else {
        const auto& expected = turn_[next_output_++].what;
        if (!same_output(expected, what)) differ(describe_output(expected), describe_output(what));
    }
    scratch_.clear();
    Encoder(scratch_).again({false, at_, 0, what});
    hash_.take(scratch_);
    for (const auto& frame : frames) {
        std::array<std::uint8_t, audio::kFrameSamples> mulaw;
        audio::encode_mulaw(std::span<const std::int16_t>(frame.pcm), std::span(mulaw));
        hash_.take(mulaw);
    }
    if (options_.output) options_.output({at_, what, frames});
}

void Replay::Stage::differ(std::string captured, std::string replayed) {
    ++difference_count_;
    if (differences_.size() < kMostDifferences)
        differences_.push_back({at_, std::move(captured), std::move(replayed)});
}

void Replay::Stage::looks_for_microphone(audio::MicLine& line) {
    const auto number = ++call_outs_;
    line.flush();
    for (std::size_t at = 0; at < turn_.size(); ++at) {
        const auto* held = std::get_if<HeldInput>(&turn_[at].what);
        const auto* block = held ? std::get_if<input::MicrophoneBlock>(&held->input) : nullptr;
        if (!block || turn_[at].occasion != number) continue;
        mic_track_->write(block->pcm, clock_.now() - block->age);
        return;
    }
}

// --- the sound card

void Replay::Stage::made_speaker_line(audio::SpeakerLine& line) {
    if (!options_.speaker) line.be_silent();
}

/// What the device took before the call's next turn, as far as it could see it.
void Replay::Stage::render_until(Clock::Time moment) {
    bool looks = false;
    for (const auto& record : turn_) {  // what was noted in this turn was before it
        if (const auto* pulled = std::get_if<note::Pulled>(&record.what))
            noted_ += pulled->pulls.size();
        const auto* held = std::get_if<HeldInput>(&record.what);
        looks |= held && std::holds_alternative<input::SpeakerReport>(held->input);
    }
    const auto written = speaker_line_ ? speaker_line_->stats().frames : 0;
    while (!pulls_.empty()) {
        const auto& pull = pulls_.front();
        // A turn that looks at the line has noted all that was before it.
        const bool seen = speaker_line_ && !looks && pull.now <= moment && pull.written <= written;
        if (rendered_ >= noted_ && !seen) return;
        if (speaker_line_) render(pull);  // else of a line that is gone
        pulls_.pop_front();
        ++rendered_;
    }
}

void Replay::Stage::render(const audio::Pull& pull) {
    constexpr std::uint32_t kMost = 1U << 16U;
    const auto frames = std::min(pull.frames, kMost);
    left_.assign(frames, 0.0F);
    speaker_line_->see_only(pull.written);
    if (pull.stereo) {
        right_.assign(frames, 0.0F);
        speaker_line_->render(left_.data(), right_.data(), frames, pull.sample_rate, pull.now);
    } else {
        speaker_line_->render(left_.data(), frames, pull.sample_rate, pull.now);
    }
    if (options_.speaker) options_.speaker(left_, pull.sample_rate);
}

// --- Replay

Replay::Replay(CaptureReader capture, ReplayOptions options)
    : stage_(std::make_unique<Stage>(std::move(capture), std::move(options))) {}
Replay::~Replay() = default;

const Opening& Replay::opening() const {
    return stage_->capture_.opening();
}
bool Replay::step() {
    return stage_->step();
}
void Replay::run() {
    while (stage_->step()) {
    }
}
Micros Replay::at() const {
    return stage_->at_;
}
std::uint64_t Replay::turns() const {
    return stage_->turns_;
}
const call::Call* Replay::call() const {
    return stage_->call_.get();
}
const std::vector<Difference>& Replay::differences() const {
    return stage_->differences_;
}
std::uint64_t Replay::difference_count() const {
    return stage_->difference_count_;
}
std::string Replay::hash() const {
    return stage_->hash_.hex();
}
const std::string& Replay::damage() const {
    return stage_->damage_;
}
std::uint64_t Replay::lost_pulls() const {
    return stage_->lost_pulls_;
}

}  // namespace bridge::capture
