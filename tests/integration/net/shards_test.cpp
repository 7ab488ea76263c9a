#include "net/shards.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#endif

namespace bridge::net {
namespace {

TEST(Shards, RunWorkOnAThreadOfTheirOwnEach) {
    Shards shards(3);
    shards.start();
    std::set<std::thread::id> threads{std::this_thread::get_id()};
    for (std::size_t i = 0; i < shards.size(); ++i) {
        EXPECT_EQ(shards[i].name(), "io-" + std::to_string(i));
        std::thread::id first;
        shards.run_on(i, [&] { first = std::this_thread::get_id(); });
        shards.run_on(i, [&] { EXPECT_EQ(std::this_thread::get_id(), first); });
        threads.insert(first);
    }
    EXPECT_EQ(threads.size(), 4U);
}

TEST(Shards, RunOnHandsAnExceptionBack) {
    Shards shards(1);
    shards.start();
    EXPECT_THROW(shards.run_on(0, [] { throw std::runtime_error("from there"); }),
                 std::runtime_error);
    bool alive = false;
    shards.run_on(0, [&] { alive = true; });
    EXPECT_TRUE(alive);
}

TEST(Shards, StopLetsTheWorkInHandFinish) {
    Shards shards(2);
    shards.start();
    bool fired = false;
    shards.run_on(
        1, [&] { shards[1].clock().after(std::chrono::milliseconds(20), [&] { fired = true; }); });
    shards.stop();
    EXPECT_TRUE(fired);
    EXPECT_THROW(shards.run_on(0, [] {}), std::logic_error);
}

TEST(Shards, DestructionDoesNotWaitForTimersThatAreFarAway) {
    bool fired = false;
    const auto start = std::chrono::steady_clock::now();
    {
        Shards shards(1);
        shards.start();
        shards.run_on(
            0, [&] { shards[0].clock().after(std::chrono::hours(1), [&] { fired = true; }); });
    }
    EXPECT_FALSE(fired);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

/// Like a call that waits in its loop at exit and cancels its timer as it goes.
struct Waiting {
    explicit Waiting(LoopClock& clock_of_shard, bool& gone_flag)
        : clock(clock_of_shard),
          timer(clock.after(std::chrono::hours(1), [] {})),
          gone(gone_flag) {}
    ~Waiting() {
        clock.cancel(timer);
        gone = true;
    }
    LoopClock& clock;
    Clock::TimerId timer;
    bool& gone;
};

TEST(Shards, WhatStillWaitsIsDestroyedWhileTheClocksAreAlive) {
    bool gone = false;
    {
        Shards shards(2);
        shards.start();
        std::shared_ptr<Waiting> waiting;
        shards.run_on(1, [&] { waiting = std::make_shared<Waiting>(shards[1].clock(), gone); });
        // Held by one shard's loop, it belongs to another's clock.
        shards.run_on(0, [&shards, waiting = std::move(waiting)] {
            auto timer = std::make_shared<boost::asio::steady_timer>(shards[0].context(),
                                                                     std::chrono::hours(1));
            timer->async_wait([timer, waiting](const boost::system::error_code&) {});
        });
    }
    EXPECT_TRUE(gone);
}

TEST(Shards, AThrowingCallbackDoesNotEndItsLoop) {
    Shards shards(1);
    shards.start();
    boost::asio::post(shards[0].context(), [] { throw std::runtime_error("a bug"); });
    bool alive = false;
    shards.run_on(0, [&] { alive = true; });
    EXPECT_TRUE(alive);
}

TEST(Shards, ThereIsAtLeastOne) {
    EXPECT_THROW(Shards(0), std::logic_error);
}

#if defined(__linux__)
TEST(Shards, TheirThreadsHaveNames) {
    Shards shards(2);
    shards.start();
    std::string name(32, '\0');
    shards.run_on(1, [&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
    EXPECT_STREQ(name.c_str(), "io-1");
    Shards named(std::vector<std::string>{"desk"});
    named.start();
    named.run_on(0, [&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
    EXPECT_STREQ(name.c_str(), "desk");
}
#endif

}  // namespace
}  // namespace bridge::net
