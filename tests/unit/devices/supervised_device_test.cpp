#include "devices/supervised_device.hpp"

#include <condition_variable>

#include "tests/unit/devices/supervised_fixture.hpp"

namespace bridge::devices {
namespace {

TEST_F(SupervisedDeviceTest, MovesItsLinesToANullDeviceAndBackWhenTheCardReturns) {
    plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    const auto first = card(0);
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

    plug_in("headset");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    const auto second = last_card();
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
    plug_in("speakers");
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "there is a sound card now: calls are heard on speakers");
    EXPECT_EQ(last_card()->lines(), 1U);
    EXPECT_EQ(device.stats().losses, 0U);
}

TEST_F(SupervisedDeviceTest, RefusesToStartWithoutACardThatWasNamed) {
    auto named = parts();
    named.output.may_be_missing = false;
    SupervisedDevice device(std::move(named), fast());
    const auto started = device.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::no_device);
}

TEST_F(SupervisedDeviceTest, TakesACardThatAsksForNothingForLost) {
    plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    EXPECT_TRUE(eventually([&] { return device.stats().callbacks > 10; }));
    EXPECT_TRUE(told().empty());
    plug_in("speakers", false);
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
    plug_in("speakers");
    SupervisedDevice device(parts(), fast());
    ASSERT_TRUE(device.start());
    const auto first = card(0);
    const auto line = make_line();
    ASSERT_TRUE(device.attach(line));
    default_output_ = 8;
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "the system's default output changed: calls are heard on speakers");
    EXPECT_TRUE(first->stopped());
    EXPECT_EQ(last_card()->lines(), 1U);
    EXPECT_NE(last_card(), first);
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
    for (std::size_t i = 0; i < 5; ++i) {
        unplug();
        ASSERT_TRUE(eventually([&] { return told().size() == 2 * i + 1; }));
        plug_in("loose");
        ASSERT_TRUE(eventually([&] { return told().size() == 2 * i + 2; }));
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
    EXPECT_GE(attempts(), 3U);
    EXPECT_LE(attempts(), 9U);
}

TEST_F(SupervisedDeviceTest, StopsInTimeWhileOpeningHangs) {
    std::mutex mutex;
    std::condition_variable released;
    bool let_go = false;
    std::atomic<bool> hangs{false};
    auto hanging = parts();
    hanging.make_card = [&, make = hanging.make_card, first = true]() mutable {
        auto made = make();
        if (!std::exchange(first, false)) {
            std::static_pointer_cast<TestCard>(made)->before_start = [&] {
                plug_in("late");
                std::unique_lock lock(mutex);
                hangs = true;
                released.wait(lock, [&] { return let_go; });
            };
        }
        return made;
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
    EXPECT_TRUE(eventually([&] { return last_card()->stopped(); }));
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
    const auto first = device.stats().callbacks;
    ASSERT_TRUE(device.start());
    EXPECT_EQ(last_card()->lines(), 1U);
    EXPECT_EQ(card(0)->lines(), 0U);
    EXPECT_TRUE(device.stats().running);
    EXPECT_GE(device.stats().callbacks, first);
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
