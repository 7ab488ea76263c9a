#include "devices/supervised_device.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "audio/speaker_line.hpp"
#include "base/clock.hpp"
#include "devices/null_device.hpp"

namespace bridge::devices {
namespace {

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

// A sound card without sound: it renders only when it is told to, and dies when it is told to.
class TestCard final : public audio::AudioDevice {
public:
    explicit TestCard(std::string name, bool asks = true) : name_(std::move(name)), asks_(asks) {}

    std::string name() const override { return "portaudio: " + name_; }
    Result<> start() override { return {}; }
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
        audio::DeviceStats stats;
        stats.sample_rate = 44100;
        stats.running = !dead_ && !stopped_;
        if (asks_) ++callbacks_;
        stats.callbacks = callbacks_;
        return stats;
    }

    std::size_t lines() const {
        const std::lock_guard lock(mutex_);
        return lines_.size();
    }
    void die() { dead_ = true; }
    void fall_silent() { asks_ = false; }
    bool stopped() const { return stopped_; }

private:
    const std::string name_;
    std::atomic<bool> asks_, dead_{false}, stopped_{false};
    mutable std::atomic<std::uint64_t> callbacks_{0};
    mutable std::mutex mutex_;
    std::set<std::shared_ptr<audio::SpeakerLine>> lines_;
};

// What is plugged into the machine, and what the user was told.
class SupervisedDeviceTest : public testing::Test {
protected:
    SupervisedParts parts() {
        SupervisedParts made;
        made.open = [this]() -> Result<std::shared_ptr<audio::AudioDevice>> {
            const std::lock_guard lock(mutex_);
            ++attempts_;
            if (!plugged_in_) return fail(Errc::no_device, "there is no sound card");
            opened_.push_back(plugged_in_);
            return plugged_in_;
        };
        made.make_null = [] {
            auto null = std::make_shared<NullDevice>();
            null->start();
            return null;
        };
        made.default_output = [this] { return default_output_.load(); };
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
        return timing;
    }

    std::shared_ptr<TestCard> plug_in(const std::string& name, bool asks = true) {
        auto card = std::make_shared<TestCard>(name, asks);
        const std::lock_guard lock(mutex_);
        plugged_in_ = card;
        return card;
    }
    void unplug() {
        const std::lock_guard lock(mutex_);
        if (plugged_in_) plugged_in_->die();
        plugged_in_ = nullptr;
    }
    std::vector<std::string> told() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> texts;
        for (const auto& change : told_) texts.push_back(change.text);
        return texts;
    }
    int attempts() const {
        const std::lock_guard lock(mutex_);
        return attempts_;
    }
    std::shared_ptr<audio::SpeakerLine> make_line() {
        return std::make_shared<audio::SpeakerLine>(clock_, audio::PlayoutOptions{});
    }

    VirtualClock clock_;
    std::atomic<std::uint64_t> default_output_{7};

private:
    mutable std::mutex mutex_;
    std::shared_ptr<TestCard> plugged_in_;
    std::vector<std::shared_ptr<TestCard>> opened_;
    std::vector<DeviceChange> told_;
    int attempts_ = 0;
};

TEST_F(SupervisedDeviceTest, MovesItsLinesToANullDeviceAndBackWhenTheCardReturns) {
    const auto first = plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    const auto line = make_line();
    ASSERT_TRUE(device.attach(line));
    EXPECT_EQ(first->lines(), 1U);
    EXPECT_EQ(device.name(), "portaudio: speakers");

    unplug();
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0],
              "the sound card is gone (speakers): calls go on unheard until there is one again");
    EXPECT_EQ(first->lines(), 0U);
    EXPECT_TRUE(eventually([&] { return first->stopped(); }));
    EXPECT_EQ(device.name(), "null (no sound card)");
    EXPECT_TRUE(device.stats().running);
    // Time goes on for the line: what was written is taken, and the end comes.
    audio::AudioFrame frame;
    line->write(frame);
    line->end();
    EXPECT_TRUE(eventually([&] { return line->drained(); }));

    const auto second = plug_in("headset");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_EQ(told()[1].find("sound is back after "), 0U) << told()[1];
    EXPECT_NE(told()[1].find("on headset"), std::string::npos) << told()[1];
    EXPECT_EQ(second->lines(), 1U);
    EXPECT_EQ(device.stats().losses, 1U);
    EXPECT_GT(device.stats().unheard_ms, 0);
    EXPECT_LT(device.stats().unheard_ms, 5000);
    device.detach(line);
    EXPECT_EQ(second->lines(), 0U);
    device.stop();
    EXPECT_TRUE(second->stopped());
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(SupervisedDeviceTest, StartsWithoutACardAndTakesTheFirstThatComes) {
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    EXPECT_EQ(device.missing(), "there is no sound card");
    const auto line = make_line();
    ASSERT_TRUE(device.attach(line));
    const auto card = plug_in("speakers");
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "there is a sound card now: calls are heard on speakers");
    EXPECT_EQ(card->lines(), 1U);
    EXPECT_EQ(device.stats().losses, 0U);
}

TEST_F(SupervisedDeviceTest, RefusesToStartWithoutACardThatWasNamed) {
    auto named = parts();
    named.may_be_missing = false;
    SupervisedDevice device(std::move(named), fast());
    const auto started = device.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::no_device);
}

TEST_F(SupervisedDeviceTest, TakesACardThatAsksForNothingForLost) {
    const auto card = plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    EXPECT_TRUE(eventually([&] { return device.stats().callbacks > 10; }));
    EXPECT_TRUE(told().empty());
    card->fall_silent();
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    // One that can be opened but does not play is no card.
    plug_in("sleeping", false);
    const auto before = attempts();
    ASSERT_TRUE(eventually([&] { return attempts() > before + 2; }));
    EXPECT_EQ(told().size(), 1U);
    plug_in("awake");
    EXPECT_TRUE(eventually([&] { return told().size() == 2; }));
}

TEST_F(SupervisedDeviceTest, FollowsTheSystemsDefaultOutput) {
    const auto first = plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    const auto line = make_line();
    ASSERT_TRUE(device.attach(line));
    const auto second = plug_in("headset");
    default_output_ = 8;
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "the system's default output changed: calls are heard on headset");
    EXPECT_TRUE(first->stopped());
    EXPECT_EQ(second->lines(), 1U);
    EXPECT_EQ(device.stats().losses, 0U);
}

TEST_F(SupervisedDeviceTest, DoesNotTellEveryMomentOfALooseContact) {
    plug_in("loose");
    auto timing = fast();
    timing.retry = 5ms;
    SupervisedDevice device(parts(), timing);
    ASSERT_TRUE(device.start());
    const auto line = make_line();
    ASSERT_TRUE(device.attach(line));
    // Dies as soon as it plays, again and again: the pauses double.
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) {
        unplug();
        plug_in("loose");
        ASSERT_TRUE(
            eventually([&] { return told().size() == static_cast<std::size_t>(2 * i + 2); }));
    }
    EXPECT_GT(std::chrono::steady_clock::now() - begin, milliseconds(5 * (1 + 2 + 4 + 8 + 16)));
}

TEST_F(SupervisedDeviceTest, LooksForACardNoMoreOftenForManyCalls) {
    auto timing = fast();
    timing.retry = 50ms;
    timing.retry_idle = 10s;
    SupervisedDevice device(parts(), timing);
    ASSERT_TRUE(device.start());
    // None is attached: nobody is in a hurry. With the first call somebody is.
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < 300ms) {
        const auto line = make_line();
        ASSERT_TRUE(device.attach(line));
        std::this_thread::sleep_for(1ms);
        device.detach(line);
    }
    EXPECT_GE(attempts(), 3);
    EXPECT_LE(attempts(), 8);
}

TEST_F(SupervisedDeviceTest, StopsInTimeWhileOpeningHangs) {
    std::mutex mutex;
    std::condition_variable released;
    bool let_go = false;
    std::atomic<bool> hangs{false};
    const auto late = std::make_shared<TestCard>("late");
    auto hanging = parts();
    auto first = std::make_shared<std::atomic<bool>>(true);
    hanging.open = [&, first, late]() -> Result<std::shared_ptr<audio::AudioDevice>> {
        if (first->exchange(false)) return fail(Errc::no_device, "none");
        std::unique_lock lock(mutex);
        hangs = true;
        released.wait(lock, [&] { return let_go; });
        return late;
    };
    {
        SupervisedDevice device(std::move(hanging), fast());
        ASSERT_TRUE(device.start());
        ASSERT_TRUE(device.attach(make_line()));
        ASSERT_TRUE(eventually([&] { return hangs.load(); }));
        const auto begin = std::chrono::steady_clock::now();
        device.stop();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
        EXPECT_FALSE(device.stats().running);
    }
    {
        const std::lock_guard lock(mutex);
        let_go = true;
        released.notify_all();
    }
    // What it opens in the end is closed, and nobody hears of it.
    EXPECT_TRUE(eventually([&] { return late->stopped(); }));
    EXPECT_TRUE(told().empty());
}

TEST_F(SupervisedDeviceTest, StartsAgainAfterAStop) {
    plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    const auto line = make_line();
    ASSERT_TRUE(device.attach(line));
    device.stop();
    device.stop();
    const auto second = plug_in("speakers");
    ASSERT_TRUE(device.start());
    EXPECT_EQ(second->lines(), 1U);
    EXPECT_TRUE(device.stats().running);
}

TEST_F(SupervisedDeviceTest, SurvivesLinesThatComeAndGoWhileItsCardDoes) {
    plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    std::atomic<bool> over{false};
    std::vector<std::thread> calls;
    for (int i = 0; i < 3; ++i) {
        calls.emplace_back([&] {
            while (!over) {
                const auto line = make_line();
                ASSERT_TRUE(device.attach(line));
                device.stats();
                std::this_thread::sleep_for(1ms);
                device.detach(line);
            }
        });
    }
    for (std::size_t i = 0; i < 3; ++i) {
        const auto before = told().size();
        unplug();
        EXPECT_TRUE(eventually([&] { return told().size() > before; }));
        plug_in("speakers");
        EXPECT_TRUE(eventually([&] { return told().size() > before + 1; }));
    }
    over = true;
    for (auto& call : calls) call.join();
}

}  // namespace
}  // namespace bridge::devices
