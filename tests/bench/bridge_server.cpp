// The bridge as `agentbridge serve` runs it, inbound calls answered, with one more ear on each call
// that keeps the sound and notes when it came. Statistics, gap detection, metrics and the log are
// on.
//
//      bench_bridge --table FILE --token T [--workers N] [--speak none|ahead|live] [--agent URL]
//                   [--control TOKEN]
//
// Prints "port N" (and, with --control, "control N") and, at the end of its standard input, its
// metrics on stderr. With --speak every call speaks all the time: sound that runs ahead, or a live
// microphone. With --agent each call has an agent there, a bot that speaks Media Streams, and the
// agent is the ear that counts.

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "agents/stream_bot/stream_bot_agent.hpp"
#include "app/bridge.hpp"
#include "base/log.hpp"
#include "tests/bench/bench_microphone.hpp"
#include "tests/bench/counted_heap.hpp"
#include "tests/bench/shared_table.hpp"
#include "tests/bench/sink.hpp"
#include "tests/bench/talker.hpp"

namespace bench {
namespace {

class Ear final : public bridge::audio::AudioSink {
public:
    explicit Ear(Table& table) : sink_(table) {}
    void write(const bridge::audio::AudioFrame& frame) override { sink_.take(frame.pcm); }

private:
    Sink sink_;
};

class Bots final : public bridge::call::AgentShelf {
public:
    explicit Bots(std::string url) { options_.url = std::move(url); }
    bridge::Result<std::shared_ptr<bridge::call::Agent>> agent(
        const std::string&, const bridge::call::AgentHome& home) override {
        return std::make_shared<bridge::agents::StreamBotAgent>(home.executor, options_);
    }
    std::shared_ptr<bridge::call::AgentTools> tools(const bridge::call::AgentHome&) override {
        return nullptr;
    }

private:
    bridge::agents::StreamBotOptions options_;
};

int run(Table& table, const std::string& token, std::size_t workers, const std::string& speak,
        const std::string& agent, const std::string& control) {
    bridge::log::Options to_nowhere;
    to_nowhere.write = [](std::string_view) {};
    bridge::log::start(to_nowhere);

    // As in the program: the terminal follows what happens, on the main thread.
    boost::asio::io_context main_loop;
    const auto metrics = std::make_shared<bridge::metrics::Registry>();
    bridge::call::EventBus events(metrics);
    auto terminal = events.subscribe(
        main_loop.get_executor(), 4096, [](const bridge::call::CallEvent&, std::uint64_t) {},
        "terminal", bridge::call::EventBus::Take::all_but_statistics);
    auto work = boost::asio::make_work_guard(main_loop);
    std::thread terminal_thread([&main_loop] { main_loop.run(); });

    bridge::app::BridgeOptions options;
    options.workers = workers;
    options.auth_tokens = {bridge::Secret{token}};
    options.rest.base_url = "http://127.0.0.1:9";  // nothing is there, and nothing is asked
    options.rest.account_sid = "ACbe9c0000000000000000000000000000";
    options.metrics = metrics;
    if (agent.empty()) {
        options.listener = [&table](const bridge::CallId&) { return std::make_shared<Ear>(table); };
    } else {
        options.agents = std::make_shared<Bots>(agent);
        options.inbound_call.agent = agent;
    }
    options.control.token = bridge::Secret{control};
    if (speak == "live") options.microphone = std::make_shared<BenchMicrophone>();
    auto made = bridge::app::Bridge::start(std::move(options), events);
    int result = 0;
    if (!made) {
        std::fprintf(stderr, "bench_bridge: %s\n", made.error().message.c_str());
        result = 2;
    } else {
        std::unique_ptr<Talker> talker;
        std::shared_ptr<bridge::call::EventBus::Subscription> talking;
        if (speak != "none") {
            const auto way = speak == "live" ? Talker::Way::live : Talker::Way::ahead;
            talker = std::make_unique<Talker>(table, (*made)->calls(), way);
            talking = events.subscribe(
                main_loop.get_executor(), 4096,
                [&](const bridge::call::CallEvent& event, std::uint64_t) { talker->take(event); },
                "talker", bridge::call::EventBus::Take::all_but_statistics);
        }
        std::printf("port %d\n", static_cast<int>((*made)->port()));
        const auto url = (*made)->control_url();
        if (!url.empty()) std::printf("control %s\n", url.c_str() + url.rfind(':') + 1);
        std::fflush(stdout);
        char byte = 0;
        while (::read(STDIN_FILENO, &byte, 1) > 0) {
        }
        std::fputs(bridge::render_metrics(*metrics).c_str(), stderr);
        (*made)->stop();
        // Nobody may be told any more when the talker goes.
        talking.reset();
        work.reset();
        terminal.reset();
        terminal_thread.join();
    }
    terminal.reset();
    work.reset();
    if (terminal_thread.joinable()) terminal_thread.join();
    bridge::log::stop();
    return result;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    std::string file, token, workers = "1", speak = "none", agent, control;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string_view name = arguments[i];
        if (name == "--table") file = arguments[i + 1];
        if (name == "--token") token = arguments[i + 1];
        if (name == "--workers") workers = arguments[i + 1];
        if (name == "--speak") speak = arguments[i + 1];
        if (name == "--agent") agent = arguments[i + 1];
        if (name == "--control") control = arguments[i + 1];
    }
    if (file.empty() || token.empty() || (speak != "none" && speak != "ahead" && speak != "live")) {
        std::fprintf(stderr,
                     "usage: bench_bridge --table FILE --token T [--workers N]\n"
                     "                    [--speak none|ahead|live] [--agent URL]\n"
                     "                    [--control TOKEN]\n");
        return 2;
    }
    auto* const table = bench::map_table(file);
    bench::heap_counter = &table->allocations;
    return bench::run(*table, token, std::stoul(workers), speak, agent, control);
}
