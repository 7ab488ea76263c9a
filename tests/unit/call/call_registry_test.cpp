#include "call/call_registry.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "call_fixture.hpp"

namespace bridge::call {
namespace {

struct TwoHomes {
    boost::asio::io_context first, second;
    VirtualClock first_clock, second_clock;
    EventBus bus;
    std::shared_ptr<ScriptedCarrier> carrier = std::make_shared<ScriptedCarrier>();
    CallRegistry registry{
        {{first.get_executor(), &first_clock}, {second.get_executor(), &second_clock}},
        {bus, carrier, nullptr, {}}};

    void run() {
        for (auto* loop : {&first, &second}) {
            loop->restart();
            loop->poll();
        }
    }
};

TEST(CallRegistry, SharesCallsOutOverItsHomes) {
    TwoHomes t;
    const auto a = t.registry.open(CallFixture::outbound());
    const auto b = t.registry.open(CallFixture::outbound());
    EXPECT_NE(t.registry.home_of(a), t.registry.home_of(b));
    EXPECT_EQ(t.registry.size(), 2U);
}

TEST(CallRegistry, MakesACallAtOnceOnItsOwnThread) {
    TwoHomes t;
    bool there = false;
    boost::asio::post(t.first, [&] {
        const auto id = t.registry.open(CallFixture::outbound());
        ASSERT_EQ(t.registry.home_of(id), 0U);
        there = t.registry.here(id) != nullptr;
    });
    t.run();
    EXPECT_TRUE(there);
}

TEST(CallRegistry, FindsACallByEitherName) {
    TwoHomes t;
    const auto id = t.registry.open(CallFixture::outbound());
    EXPECT_EQ(t.registry.find(id.str()), id);
    EXPECT_FALSE(t.registry.find("CA1"));
    EXPECT_TRUE(t.registry.post(id, input::Dial{}));
    t.run();
    EXPECT_EQ(t.registry.find("CA1"), id);
}

TEST(CallRegistry, LetsACallGoWhenItIsOver) {
    TwoHomes t;
    const auto id = t.registry.open(CallFixture::outbound());
    t.registry.post(id, input::Dial{});
    t.run();
    bool empty = false;
    t.registry.when_empty([&] { empty = true; });
    input::StatusReported busy;
    busy.sid = CallSid{"CA1"};
    busy.status = "busy";
    EXPECT_TRUE(t.registry.post(id, busy));
    EXPECT_FALSE(empty);
    t.run();
    EXPECT_TRUE(empty);
    EXPECT_EQ(t.registry.size(), 0U);
    EXPECT_FALSE(t.registry.find("CA1"));
    EXPECT_FALSE(t.registry.post(id, input::HangUp{"late"}));
}

TEST(CallRegistry, ACallThatIsOverDoesNotCountWhileItsLastSoundIsPlayed) {
    TwoHomes t;
    const auto id = t.registry.open(CallFixture::outbound());
    t.registry.post(id, input::Dial{});
    t.run();
    const auto call = t.registry.here(id);
    const auto stream = call->open_stream();  // it outlives its call for a moment
    EXPECT_EQ(t.registry.outbound(), 1U);
    input::StatusReported completed;
    completed.sid = CallSid{"CA1"};
    completed.status = "completed";
    t.registry.post(id, completed);
    t.run();
    EXPECT_EQ(t.registry.size(), 1U);
    EXPECT_EQ(t.registry.outbound(), 0U);
    t.registry.post(id, input::StreamClosed{stream, true, {}});
    t.run();
    EXPECT_EQ(t.registry.size(), 0U);
}

}  // namespace
}  // namespace bridge::call
