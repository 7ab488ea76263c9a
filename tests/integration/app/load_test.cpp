// Many calls of the emulator on a bridge with several io threads: where they run, and what the load
// says of them.

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>

#include "app/bridge.hpp"
#include "base/spawn.hpp"
#include "emulator/emulator.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

const Secret kToken{"0123456789abcdef0123456789abcdef"};

asio::awaitable<void> run_and_stop(std::shared_ptr<emulator::Load> load,
                                   std::shared_ptr<emulator::Emulator> emulator) {
    co_await emulator::Load::run(load);
    emulator->stop();
}

class LoadOnABridge : public ::testing::Test {
protected:
    void start(std::size_t workers, std::size_t listeners = 0, const Secret& token = kToken) {
        emulator::EmulatorOptions options;
        options.port = 0;
        options.auth_token = token;
        options.record_heard = false;
        auto made = emulator::Emulator::start(loop_.get_executor(), std::move(options));
        ASSERT_TRUE(made) << made.error().message;
        emulator_ = *std::move(made);

        BridgeOptions bridge;
        bridge.workers = workers;
        bridge.listeners = listeners;
        bridge.rest.base_url = emulator_->base_url();
        bridge.rest.account_sid = emulator_->account_sid();
        bridge.rest.auth_token = kToken;
        bridge.auth_tokens = {kToken};
        auto started = Bridge::start(std::move(bridge), events_);
        ASSERT_TRUE(started) << started.error().message;
        bridge_ = std::move(*started);
    }

    emulator::LoadReport run(emulator::LoadPlan plan) {
        plan.url = bridge_->public_url();
        const auto load = emulator_->make_load(std::move(plan));
        spawn(loop_.get_executor(), "load", run_and_stop(load, emulator_));
        loop_.run_for(30s);
        EXPECT_TRUE(loop_.stopped()) << "the load has not ended";
        return load->report();
    }

    double metric(const std::string& name) const {
        const auto text = render_metrics(bridge_->metrics());
        const auto at = text.find("\n" + name + " ");
        return at == std::string::npos ? 0.0 : std::stod(text.substr(at + name.size() + 2));
    }
    double streams_on(int thread) const {
        return metric("agentbridge_media_streams_total{io_thread=\"" + std::to_string(thread) +
                      "\"}");
    }

    call::EventBus events_;
    asio::io_context loop_{1};
    std::shared_ptr<emulator::Emulator> emulator_;
    std::unique_ptr<Bridge> bridge_;
};

emulator::LoadPlan plan(std::size_t calls) {
    emulator::LoadPlan plan;
    plan.calls = calls;
    plan.length = 500ms;
    plan.apart = 5ms;
    return plan;
}

TEST_F(LoadOnABridge, CallsAreSharedOutBetweenTwoIoThreads) {
    start(2);
    const auto report = run(plan(40));
    EXPECT_EQ(report.started, 40U);
    EXPECT_EQ(report.failed, 0U);
    EXPECT_EQ(report.connect_ms.size(), 40U);
    EXPECT_GT(report.connect_percentile(0.5), 0.0);
    EXPECT_GE(report.frames, 40U * 20U);
    EXPECT_EQ(streams_on(0), 20);
    EXPECT_EQ(streams_on(1), 20);
    // The system chooses who accepts; with 40 connections never all of them are at home.
    EXPECT_GT(metric("agentbridge_media_handovers_total"), 0);
    EXPECT_LT(metric("agentbridge_media_handovers_total"), 40);
    EXPECT_EQ(metric("agentbridge_media_lost_seconds_total"), 0);
    EXPECT_EQ(metric("agentbridge_media_missed_messages_total"), 0);
}

TEST_F(LoadOnABridge, AreSharedOutEvenIfOneThreadAcceptsAll) {
    start(2, 1);
    const auto report = run(plan(20));
    EXPECT_EQ(report.started, 20U);
    EXPECT_EQ(report.failed, 0U);
    EXPECT_EQ(streams_on(0), 10);
    EXPECT_EQ(streams_on(1), 10);
    EXPECT_EQ(metric("agentbridge_media_handovers_total"), 10);
    EXPECT_EQ(metric("agentbridge_media_lost_seconds_total"), 0);
}

TEST_F(LoadOnABridge, CallsAsTheRestApiMakesThemAreStreamedToo) {
    start(1);
    auto outbound = plan(5);
    outbound.outbound = true;
    const auto report = run(outbound);
    EXPECT_EQ(report.started, 5U);
    EXPECT_EQ(report.failed, 0U);
}

TEST_F(LoadOnABridge, ALoadSaysWhyItsCallsFailed) {
    start(1, 0, Secret{"another0another0another0another0"});
    const auto report = run(plan(3));
    EXPECT_EQ(report.started, 0U);
    EXPECT_EQ(report.failed, 3U);
    ASSERT_EQ(report.reasons.size(), 1U);
    EXPECT_NE(report.reasons.begin()->first.find("403"), std::string::npos)
        << report.reasons.begin()->first;
}

TEST_F(LoadOnABridge, ALoadThatIsStoppedEndsEveryCall) {
    start(1);
    auto endless = plan(10);
    endless.length = 10min;
    endless.url = bridge_->public_url();
    const auto load = emulator_->make_load(endless);
    spawn(loop_.get_executor(), "load", run_and_stop(load, emulator_));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (load->report().up < 10 && std::chrono::steady_clock::now() < deadline)
        loop_.run_for(20ms);
    ASSERT_EQ(load->report().up, 10U);
    load->stop();
    loop_.run_for(10s);
    EXPECT_TRUE(loop_.stopped());
    EXPECT_EQ(load->report().up, 0U);
    EXPECT_EQ(load->report().failed, 0U);
    EXPECT_EQ(emulator_->open_calls(), 0U);
}

}  // namespace
}  // namespace bridge::app
