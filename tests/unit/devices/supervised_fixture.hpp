#pragma once
// A sound card without sound for tests of its supervisor, and the machine it is plugged into.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "audio/speaker_line.hpp"
#include "base/clock.hpp"
#include "devices/null_device.hpp"
#include "devices/supervised_device.hpp"

namespace bridge::devices {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

template <class Condition>
bool eventually(Condition condition, milliseconds limit = 5s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

/// What is plugged into the machine: a loudspeaker, a microphone. Nothing: there is none.
struct Plugged {
    std::mutex mutex;
    std::string speaker, microphone;
    bool speaker_asks = true, microphone_brings = true;  ///< callbacks come
    /// A card sees only what was plugged in when it was started, as PortAudio does.
    std::uint64_t changes = 1;
};

/// Renders only when it is told to. A side dies when what it was opened on is unplugged.
class TestCard final : public Card {
public:
    TestCard(std::shared_ptr<Plugged> machine, bool output, bool input)
        : machine_(std::move(machine)), sides_{Way{output}, Way{input}} {}

    std::string name() const override { return "portaudio: " + opened(Side::output); }
    std::string input_name() const override { return "portaudio: " + opened(Side::input); }
    Result<> start() override {
        if (before_start) before_start();
        bool any = false;
        const std::lock_guard lock(machine_->mutex);
        seen_ = machine_->changes;
        for (const auto side : {Side::output, Side::input}) any = open(side) || any;
        if (any) return {};
        return fail(Errc::no_device,
                    way(Side::output).wanted ? "there is no sound card" : "there is no microphone");
    }
    void stop() override { stopped_ = true; }
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override {
        const std::lock_guard lock(mutex_);
        lines_.insert(std::move(line));
        return true;
    }
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override {
        const std::lock_guard lock(mutex_);
        lines_.erase(line);
    }
    audio::DeviceStats stats() const override {
        const std::lock_guard lock(machine_->mutex);
        audio::DeviceStats stats;
        stats.sample_rate = 44100;
        stats.running = runs(Side::output);
        if (stats.running && machine_->speaker_asks) ++callbacks_;
        stats.callbacks = callbacks_;
        stats.capture.wanted = way(Side::input).wanted;
        stats.capture.sample_rate = 16000;
        stats.capture.running = runs(Side::input);
        if (stats.capture.running && machine_->microphone_brings) ++captures_;
        stats.capture.callbacks = captures_;
        return stats;
    }
    std::optional<Error> trouble(Side side) const override {
        const std::lock_guard lock(machine_->mutex);
        const auto& mine = way(side);
        if (!mine.wanted || !mine.opened.empty()) return std::nullopt;
        return Error{Errc::no_device,
                     side == Side::output ? "there is no sound card" : "there is no microphone"};
    }
    void close(Side side) override {
        const std::lock_guard lock(machine_->mutex);
        way(side).opened.clear();
        ++closes;
    }
    Result<> reopen(Side side) override {
        const std::lock_guard lock(machine_->mutex);
        ++reopens;
        if (!stopped_ && seen_ == machine_->changes && open(side)) return {};
        return fail(Errc::no_device, "not in the list");
    }

    std::size_t lines() const {
        const std::lock_guard lock(mutex_);
        return lines_.size();
    }
    bool stopped() const { return stopped_; }

    std::function<void()> before_start;
    std::atomic<int> closes{0}, reopens{0};

private:
    struct Way {
        bool wanted = false;
        std::string opened{};
    };
    Way& way(Side side) { return sides_[side == Side::output ? 0 : 1]; }
    const Way& way(Side side) const { return sides_[side == Side::output ? 0 : 1]; }
    // With the machine's mutex held, as `runs` is.
    bool open(Side side) {
        auto& mine = way(side);
        mine.opened = side == Side::output ? machine_->speaker : machine_->microphone;
        return mine.wanted && !mine.opened.empty();
    }
    bool runs(Side side) const {
        const auto& there = side == Side::output ? machine_->speaker : machine_->microphone;
        const auto& mine = way(side);
        return !stopped_ && mine.wanted && !mine.opened.empty() && mine.opened == there;
    }
    std::string opened(Side side) const {
        const std::lock_guard lock(machine_->mutex);
        return way(side).opened;
    }

    const std::shared_ptr<Plugged> machine_;
    std::array<Way, 2> sides_;
    std::uint64_t seen_ = 0;
    std::atomic<bool> stopped_{false};
    mutable std::atomic<std::uint64_t> callbacks_{0}, captures_{0};
    mutable std::mutex mutex_;
    std::set<std::shared_ptr<audio::SpeakerLine>> lines_;
};

/// The machine, the cards that were made of it, and what the user was told.
class SupervisedDeviceTest : public testing::Test {
protected:
    SupervisedParts parts(bool output = true, bool input = false) {
        SupervisedParts made;
        made.output.wanted = output;
        made.input.wanted = input;
        made.make_card = [this, output, input] {
            const std::lock_guard lock(mutex_);
            cards_.push_back(std::make_shared<TestCard>(machine_, output, input));
            return cards_.back();
        };
        made.make_null = [] {
            auto null = std::make_shared<NullDevice>();
            null->start();
            return null;
        };
        made.default_device = [this](Side side) {
            return (side == Side::output ? default_output_ : default_input_).load();
        };
        made.plugged_in = [this] {
            const std::lock_guard lock(machine_->mutex);
            return machine_->changes;
        };
        made.input_is_monitor = [this] { return monitor_.load(); };
        made.on_change = [this](const DeviceChange& change) {
            const std::lock_guard lock(mutex_);
            told_.push_back(change);
        };
        return made;
    }
    static SupervisedTiming fast() {
        SupervisedTiming timing;
        timing.watch = 2ms;
        timing.silent = 40ms;
        timing.retry = 10ms;
        timing.retry_idle = 10ms;
        timing.first_block = 50ms;
        timing.together = 20ms;
        timing.monitor = 2ms;
        return timing;
    }

    /// Empty: unplugged.
    void plug_in(const std::string& speaker, bool asks = true) {
        const std::lock_guard lock(machine_->mutex);
        machine_->speaker = speaker;
        machine_->speaker_asks = asks;
    }
    void plug_in_microphone(const std::string& microphone, bool brings = true) {
        const std::lock_guard lock(machine_->mutex);
        machine_->microphone = microphone;
        machine_->microphone_brings = brings;
    }
    /// Of a kind that only a card that is started anew finds.
    void plug_in_unseen(const std::string& speaker, const std::string& microphone) {
        const std::lock_guard lock(machine_->mutex);
        machine_->speaker = speaker;
        machine_->microphone = microphone;
        ++machine_->changes;
    }
    void unplug() { plug_in(""); }
    void unplug_microphone() { plug_in_microphone(""); }
    std::vector<std::string> told() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> texts;
        for (const auto& change : told_) texts.push_back(change.text);
        return texts;
    }
    DeviceChange change(std::size_t index) const {
        const std::lock_guard lock(mutex_);
        return told_.at(index);
    }
    /// Cards that were made.
    std::size_t attempts() const {
        const std::lock_guard lock(mutex_);
        return cards_.size();
    }
    std::shared_ptr<TestCard> card(std::size_t index) const {
        const std::lock_guard lock(mutex_);
        return cards_.at(index);
    }
    std::shared_ptr<TestCard> last_card() const {
        const std::lock_guard lock(mutex_);
        return cards_.back();
    }
    std::shared_ptr<audio::SpeakerLine> make_line() {
        return std::make_shared<audio::SpeakerLine>(clock_, audio::PlayoutOptions{});
    }

    VirtualClock clock_;
    std::atomic<std::uint64_t> default_output_{7}, default_input_{11};
    std::atomic<bool> monitor_{false};
    const std::shared_ptr<Plugged> machine_ = std::make_shared<Plugged>();

private:
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<TestCard>> cards_;
    std::vector<DeviceChange> told_;
};

}  // namespace bridge::devices
