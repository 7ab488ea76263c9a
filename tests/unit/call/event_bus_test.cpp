#include "call/event_bus.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

namespace bridge::call {
namespace {

CallEvent warning(int number) {
    CallEvent event;
    event.number = static_cast<std::uint64_t>(number);
    event.what = event::Warning{std::to_string(number)};
    return event;
}

TEST(EventBus, TellsEverySubscriberInOrder) {
    EventBus bus;
    boost::asio::io_context loop;
    std::vector<std::uint64_t> first, second;
    const auto a = bus.subscribe(loop.get_executor(), 10, [&](const CallEvent& e, std::uint64_t) {
        first.push_back(e.number);
    });
    const auto b = bus.subscribe(loop.get_executor(), 10, [&](const CallEvent& e, std::uint64_t) {
        second.push_back(e.number);
    });
    for (int i = 1; i <= 3; ++i) bus.publish(warning(i));
    loop.run();
    EXPECT_EQ(first, (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(second, first);
}

TEST(EventBus, ASlowSubscriberLosesItsOldestEventsAndIsToldHowMany) {
    EventBus bus;
    boost::asio::io_context loop;
    std::vector<std::uint64_t> got;
    std::uint64_t missed_in_all = 0;
    const auto slow =
        bus.subscribe(loop.get_executor(), 4, [&](const CallEvent& e, std::uint64_t missed) {
            got.push_back(e.number);
            missed_in_all += missed;
        });
    for (int i = 1; i <= 10; ++i) bus.publish(warning(i));
    loop.run();
    EXPECT_EQ(got, (std::vector<std::uint64_t>{7, 8, 9, 10}));
    EXPECT_EQ(missed_in_all, 6U);
}

TEST(EventBus, SparesStatisticsThoseWhoDoNotTakeThem) {
    EventBus bus;
    boost::asio::io_context loop;
    const auto count = [](int& into) {
        return [&into](const CallEvent&, std::uint64_t) { ++into; };
    };
    int all = 0, most = 0;
    const auto b = bus.subscribe(loop.get_executor(), 4, count(most), "most",
                                 EventBus::Take::all_but_statistics);
    EXPECT_FALSE(bus.statistics_wanted());
    auto a = bus.subscribe(loop.get_executor(), 4, count(all), "all");
    EXPECT_TRUE(bus.statistics_wanted());
    CallEvent event;
    event.what = event::Statistics{};
    bus.publish(event);
    bus.publish(warning(1));
    loop.run();
    EXPECT_EQ(all, 2);
    EXPECT_EQ(most, 1);
    a.reset();
    EXPECT_FALSE(bus.statistics_wanted());
}

TEST(EventBus, ShowsWhatWaitsAndWhatItDropped) {
    const auto registry = std::make_shared<metrics::Registry>();
    EventBus bus(registry);
    boost::asio::io_context loop;
    const auto slow = bus.subscribe(
        loop.get_executor(), 4, [](const CallEvent&, std::uint64_t) {}, "slow");
    for (int i = 1; i <= 6; ++i) bus.publish(warning(i));
    const auto shows = [&](const std::string& line) {
        EXPECT_NE(render_metrics(*registry).find(line + "\n"), std::string::npos) << line;
    };
    shows("agentbridge_queue_depth{queue=\"events:slow\"} 4");
    shows("agentbridge_queue_dropped_total{queue=\"events:slow\"} 2");
    loop.run();
    shows("agentbridge_queue_depth{queue=\"events:slow\"} 0");
}

TEST(EventBus, ForgetsASubscriberThatIsGone) {
    EventBus bus;
    boost::asio::io_context loop;
    int calls = 0;
    auto gone =
        bus.subscribe(loop.get_executor(), 4, [&](const CallEvent&, std::uint64_t) { ++calls; });
    bus.publish(warning(1));
    gone.reset();
    bus.publish(warning(2));
    loop.run();
    EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace bridge::call
