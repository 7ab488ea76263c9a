#pragma once
// Inside Replay, for its own files and no others: what stands around a call that is replayed.

#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "capture/replay.hpp"

namespace bridge::capture {

/// Stands still, and fires what the capture says.
class ReplayClock final : public Clock {
public:
    Time now() const override { return now_; }
    TimerId at(Time when, std::function<void()> fire) override {
        timers_.push_back({++last_, when, std::move(fire)});
        return last_;
    }
    void cancel(TimerId timer) override {
        std::erase_if(timers_, [&](const auto& one) { return one.id == timer; });
    }

    void set(Time now) { now_ = now; }
    /// False: there is no such timer.
    bool fire(TimerId id) {
        const auto found = std::find_if(timers_.begin(), timers_.end(),
                                        [&](const auto& one) { return one.id == id; });
        if (found == timers_.end()) return false;
        const auto fire = std::move(found->fire);
        timers_.erase(found);
        fire();
        return true;
    }
    /// The one that is due first, by then at the latest; kNoTimer: none is.
    TimerId due(Time then) const {
        const auto first =
            std::min_element(timers_.begin(), timers_.end(),
                             [](const auto& a, const auto& b) { return a.when < b.when; });
        return first != timers_.end() && first->when <= then ? first->id : kNoTimer;
    }
    Time when(TimerId id) const {
        const auto found = std::find_if(timers_.begin(), timers_.end(),
                                        [&](const auto& one) { return one.id == id; });
        return found == timers_.end() ? Time{} : found->when;
    }

private:
    struct Timer {
        TimerId id;
        Time when;
        std::function<void()> fire;
    };
    Time now_{};
    TimerId last_ = kNoTimer;
    std::vector<Timer> timers_;
};

/// SHA-256 of all that leaves the call.
class OutputHash {
public:
    OutputHash() : context_(EVP_MD_CTX_new()) {
        EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
    }
    ~OutputHash() { EVP_MD_CTX_free(context_); }
    OutputHash(const OutputHash&) = delete;
    OutputHash& operator=(const OutputHash&) = delete;
    void take(std::span<const std::uint8_t> bytes) {
        EVP_DigestUpdate(context_, bytes.data(), bytes.size());
    }
    std::string hex() const;

private:
    EVP_MD_CTX* const context_;
};

/// The call's side of the capture in a replay, and all its services. Thread: one.
class Replay::Stage final : public call::CallCapture, public call::CaptureShelf {
public:
    Stage(CaptureReader capture, ReplayOptions options);
    ~Stage() override;

    bool step();

    // --- as the call sees it
    std::shared_ptr<call::CallCapture> begin(const call::CallSpec& spec,
                                             call::CallServices& services) override;
    void enter() override {}
    void leave() override {}
    void took(const call::CallInput& taken) override;
    void opened_stream() override {}
    std::shared_ptr<call::PhoneLine> line(std::shared_ptr<call::PhoneLine> line) override {
        return line;
    }
    void asked(std::string_view what, std::string_view detail) override {
        output(note::Asked{std::string(what), std::string(detail)});
    }
    void looks_for_microphone(audio::MicLine& line) override;
    void made_speaker_line(audio::SpeakerLine& line) override;

    // --- as its services do (replay_services.cpp)

    /// The call has gone out of itself: what came back in then comes back now.
    void call_out();
    void output(What what, std::span<const audio::AudioFrame> frames = {});
    /// Whether the connection took what the call is about to give it.
    template <class Note>
    bool taken() const {
        for (auto at = next_output_; at < turn_.size(); ++at) {
            if (const auto* note = std::get_if<Note>(&turn_[at].what)) return note->taken;
        }
        return true;
    }
    /// The next note of this kind that this turn was told and that `fits`; null: it was told none.
    template <class Note, class Fits>
    Note* told(Fits fits) {
        for (std::size_t at = 0; at < turn_.size(); ++at) {
            auto* note = std::get_if<Note>(&turn_[at].what);
            if (!note || used_[at] || !fits(*note)) continue;
            used_[at] = true;
            return note;
        }
        return nullptr;
    }
    Result<std::string> answer(Service service);
    audio::DeviceStats device_stats() const;
    void keep_line(std::shared_ptr<audio::SpeakerLine> line) { speaker_line_ = std::move(line); }
    void drop_line() { speaker_line_.reset(); }
    const note::Stocked* stocked(Stock what) const;
    std::uint64_t add_run(call::ToolContext context, std::function<void(call::ToolResult)> done) {
        runs_.push_back({std::move(context), std::move(done)});
        return runs_.size();
    }
    void add_message(std::function<void(Result<std::string>)> done) {
        messages_.push_back(std::move(done));
    }
    bool next_agent_has_tools() const;
    /// Nothing can be sent into that stream any more.
    bool stopped(std::uint64_t stream) const { return stopped_.contains(stream); }
    /// A turn is being played.
    bool playing() const { return playing_; }

    CaptureReader capture_;
    const ReplayOptions options_;
    ReplayClock clock_;
    Clock::Time began_;
    std::vector<Difference> differences_;
    std::uint64_t difference_count_ = 0, turns_ = 0, lost_pulls_ = 0;
    Micros at_{0};
    OutputHash hash_;
    std::string damage_;
    const std::shared_ptr<audio::MicTrack> mic_track_ = std::make_shared<audio::MicTrack>();
    std::shared_ptr<call::Call> call_;

private:
    struct Run {
        call::ToolContext context;
        std::function<void(call::ToolResult)> done;
    };

    void look_through();
    call::CallServices services();
    bool read_turn();
    void play(Record& record);
    void play_input(HeldInput& held);
    void end_turn();
    void render_until(Clock::Time moment);
    void render(const audio::Pull& pull);
    void fire_overdue(Clock::Time moment);
    void compare_playout(const audio::PlayoutStats& captured, const audio::PlayoutStats& replayed);
    void differ(std::string captured, std::string replayed);

    boost::asio::io_context news_;  ///< of the bus
    call::EventBus bus_;
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    std::shared_ptr<Stage> self_;  ///< owns nothing: for the call

    std::optional<Record> ahead_;
    /// Its first record is what began it. Records never move: their inputs point into them.
    std::deque<Record> turn_;
    std::deque<Record> late_turn_;  ///< empty: of a timer that the capture does not have
    std::vector<bool> used_;
    std::size_t next_output_ = 0, next_input_ = 0;
    std::uint64_t call_outs_ = 0;
    bool playing_ = false;
    std::set<std::uint64_t> stopped_;  ///< streams

    std::vector<note::Stocked> stock_;
    std::vector<Run> runs_;
    std::vector<std::function<void(Result<std::string>)>> messages_;

    std::deque<audio::Pull> pulls_;
    std::shared_ptr<audio::SpeakerLine> speaker_line_;
    std::uint64_t noted_ = 0, rendered_ = 0;  ///< pulls, from the beginning
    int unlike_ = 0;                          ///< looks at the speaker in a row that were not alike
    std::vector<float> left_, right_;
    Bytes scratch_;
    /// Last: holds coroutines of the call that never run, and goes first.
    std::unique_ptr<boost::asio::io_context> never_ = std::make_unique<boost::asio::io_context>();
};

bool is_output(const What& what);

}  // namespace bridge::capture
