// The user's own tools against a real HTTP server.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <mutex>
#include <set>

#include "agents/tools/tool_box.hpp"
#include "base/loop_clock.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;
using net::test::eventually;
using std::chrono::milliseconds;

/// What a service of the user's does, by path.
struct Service {
    std::mutex mutex;  // guards `seen` and `peers`: the test reads them on its own thread
    std::vector<net::HttpRequest> seen;
    std::set<std::string> peers;
    std::atomic<int> at_once{0}, most_at_once{0}, asked{0}, waiting{0};
};

asio::awaitable<net::HttpResponse> answer(std::shared_ptr<Service> service,
                                          net::HttpRequest request) {
    ++service->asked;
    {
        const std::lock_guard lock(service->mutex);
        service->seen.push_back(request);
    }
    const auto path = request.path();
    if (path == "/slow") {
        asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(60));
        service->most_at_once = std::max(service->most_at_once.load(), ++service->at_once);
        co_await timer.async_wait(asio::use_awaitable);
        --service->at_once;
        co_return net::respond(200, "text/plain", "slow");
    }
    if (path == "/never") {
        asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(600));
        ++service->waiting;
        co_await timer.async_wait(asio::use_awaitable);
        co_return net::respond(200, "text/plain", "at last");
    }
    if (path == "/large") co_return net::respond(200, "text/plain", std::string(1001, 'x'));
    if (path == "/fits") co_return net::respond(200, "text/plain", std::string(1000, 'x'));
    if (path == "/empty") co_return net::respond(204, "text/plain", "");
    if (path == "/broken")
        co_return net::respond(500, "text/plain", "no \xff good " + std::string(500, 'y'));
    if (path == "/moved") {
        auto moved = net::respond(307, "text/plain", "");
        moved.headers.add("Location", "/elsewhere");
        co_return moved;
    }
    co_return net::respond(200, "application/json", R"({"status": "shipped"})");
}

class ToolBoxHttpTest : public net::test::LoopTest {
protected:
    ToolBoxHttpTest() {
        net::HttpServerOptions options;
        server_ = serve(options, [service = service](net::HttpRequest request) {
            return answer(service, std::move(request));
        });
        make_box(server_->port());
    }

    void make_box(std::uint16_t port) {
        json::array tools;
        for (const auto* name :
             {"ok", "slow", "never", "large", "fits", "empty", "broken", "moved"}) {
            json::object tool{
                {"name", name},
                {"description", "a test's"},
                {"url", "http://127.0.0.1:" + std::to_string(port) + "/" + name},
                {"headers", {{"Authorization", "Bearer ${TOKEN}"}}},
                {"parameters",
                 {{"type", "object"},
                  {"properties", {{"order", {{"type", "string"}, {"maxLength", 10}}}}}}},
                {"response_bytes", 1000}};
            if (std::string(name) == "never") tool["timeout_s"] = 0.2;
            tools.push_back(tool);
        }
        ToolBookOptions options;
        options.file = folder_.write("tools.json", json::serialize(tools));
        options.check_target = [](std::string_view text) { return Result<std::string>(text); };
        options.variable = [](std::string_view) { return Secret("s3cret-token"); };
        auto book = ToolBook::make(options);
        ASSERT_TRUE(book) << book.error().message;
        on_loop([&] {
            if (!clock_) clock_ = std::make_unique<LoopClock>(executor());
            if (!http_) http_ = net::HttpClient::make(executor(), {});
            box_ = std::make_unique<ToolBox>(*book, ToolServices{*clock_, executor(), http_});
        });
    }

    void TearDown() override {
        on_loop([this] {
            box_.reset();
            http_.reset();
            clock_.reset();
        });
        LoopTest::TearDown();
    }

    void start(const std::string& name, const std::string& arguments = "{}",
               const std::string& id = {}) {
        on_loop([&] { begin(name, arguments, id); });
    }
    /// So that none is over before all have begun.
    void start_at_once(const std::string& name, std::size_t count) {
        on_loop([&] {
            for (std::size_t i = 0; i < count; ++i) begin(name, "{}", {});
        });
    }
    /// Thread: the loop's.
    void begin(const std::string& name, const std::string& arguments, const std::string& id) {
        call::ToolContext context;
        context.call = CallId{"c_1"};
        context.sid = CallSid{"CA1"};
        context.from = "+15550001111";
        context.to = "+15550002222";
        const auto own = id.empty() ? std::to_string(++ids_) : id;
        box_->run({own, name, arguments}, std::move(context),
                  [this](const call::ToolResult& result) {
                      const std::lock_guard lock(mutex_);
                      results_.push_back(result);
                  });
    }
    std::vector<call::ToolResult> results() {
        const std::lock_guard lock(mutex_);
        return results_;
    }
    /// The result of one run.
    call::ToolResult run(const std::string& name, const std::string& arguments = "{}") {
        const auto before = results().size();
        start(name, arguments);
        if (!eventually([&] { return results().size() > before; })) return {"", "nothing", true};
        return results().back();
    }

    std::shared_ptr<Service> service = std::make_shared<Service>();
    app::TemporaryFolder folder_;
    std::shared_ptr<net::HttpServer> server_;
    std::unique_ptr<LoopClock> clock_;
    std::shared_ptr<net::HttpClient> http_;
    std::unique_ptr<ToolBox> box_;
    int ids_ = 0;
    std::mutex mutex_;  // guards results_, which the loop writes and the test reads
    std::vector<call::ToolResult> results_;
};

TEST_F(ToolBoxHttpTest, AsksTheServiceAndTellsItsAnswer) {
    const auto result = run("ok", R"({"order": "17"})");
    EXPECT_FALSE(result.failed);
    EXPECT_EQ(result.output, R"({"status": "shipped"})");
    const std::lock_guard lock(service->mutex);
    ASSERT_EQ(service->seen.size(), 1U);
    const auto& request = service->seen.front();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/ok");
    EXPECT_EQ(request.headers.find("Authorization"), "Bearer s3cret-token");
    EXPECT_EQ(request.headers.find("Content-Type"), "application/json");
    EXPECT_EQ(json::parse(request.body),
              json::parse(R"({"tool": "ok", "arguments": {"order": "17"}, "call": {"id": "c_1",
                  "sid": "CA1", "from": "+15550001111", "to": "+15550002222"}})"));
}

TEST_F(ToolBoxHttpTest, AsksNobodyWhenTheArgumentsAreWrong) {
    const auto result = run("ok", R"({"order": 17})");
    EXPECT_TRUE(result.failed);
    EXPECT_EQ(result.output, "order: must be a string");
    EXPECT_EQ(service->asked, 0);
}

TEST_F(ToolBoxHttpTest, TellsWhatWentWrongWithoutTheAddress) {
    const auto broken = run("broken");
    EXPECT_TRUE(broken.failed);
    EXPECT_EQ(broken.output, "the service answered with status 500: no \uFFFD good " +
                                 std::string(200 - 10, 'y') + "…");
    const auto moved = run("moved");
    EXPECT_TRUE(moved.failed);
    EXPECT_EQ(moved.output, "the service answered with status 307 (redirects are not followed)");
    const auto large = run("large");
    EXPECT_TRUE(large.failed);
    EXPECT_EQ(large.output, "the answer is over 1000 bytes");
    EXPECT_EQ(run("fits").output, std::string(1000, 'x'));
    EXPECT_EQ(run("empty").output, "done");
    const std::lock_guard lock(service->mutex);
    for (const auto& request : service->seen) EXPECT_NE(request.path(), "/elsewhere");
}

TEST_F(ToolBoxHttpTest, GivesUpInTime) {
    const auto before = std::chrono::steady_clock::now();
    const auto result = run("never");
    EXPECT_TRUE(result.failed);
    EXPECT_EQ(result.output, "no answer within 0.2 s; it is not known whether it was done");
    EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(199));
    EXPECT_EQ(results().size(), 1U);
}

TEST_F(ToolBoxHttpTest, SaysThatNobodyIsThere) {
    const net::test::DeafPort deaf;
    make_box(deaf.port());
    const auto result = run("ok");
    EXPECT_TRUE(result.failed);
    EXPECT_EQ(result.output, "the service cannot be reached; nothing was done");
}

TEST_F(ToolBoxHttpTest, AsksForFourAtOnceAndKeepsTheOthersWaiting) {
    const auto all = ToolBox::kAtOnce + ToolBox::kWaiting;
    start_at_once("slow", all + 1);  // one too many
    ASSERT_TRUE(eventually([&] { return results().size() == all + 1; }));
    EXPECT_EQ(service->asked, static_cast<int>(all));
    EXPECT_LE(service->most_at_once, static_cast<int>(ToolBox::kAtOnce));
    EXPECT_GE(service->most_at_once, 2);
    const auto told = results();
    EXPECT_EQ(std::count_if(told.begin(), told.end(),
                            [](const call::ToolResult& one) { return one.failed; }),
              1);
    EXPECT_EQ(told.front().output, "too many tools are waiting already; nothing was done");
}

TEST_F(ToolBoxHttpTest, WaitingForItsTurnCountsAgainstATool) {
    start_at_once("never", ToolBox::kAtOnce + 1);
    ASSERT_TRUE(eventually([&] { return results().size() == ToolBox::kAtOnce + 1; }));
    // The last one may get its turn in the moment its own time is over.
    // not.
    EXPECT_LE(service->asked, static_cast<int>(ToolBox::kAtOnce + 1));
    for (const auto& one : results()) EXPECT_TRUE(one.failed);
}

TEST_F(ToolBoxHttpTest, RunsACallThatComesTwiceOnce) {
    on_loop([this] {
        begin("slow", "{}", "call_1");
        begin("slow", "{}", "call_1");
    });
    ASSERT_TRUE(eventually([&] { return results().size() == 2; }));
    start("slow", "{}", "call_1");
    EXPECT_EQ(results().size(), 3U);
    EXPECT_EQ(service->asked, 1);
    for (const auto& one : results()) EXPECT_EQ(one.output, "slow");
}

TEST_F(ToolBoxHttpTest, EndsWhatIsUnderWayWhenItGoesAndTellsNobody) {
    const net::test::RawListener listener;
    make_box(listener.port());
    start_at_once("ok", 6);
    std::vector<net::test::RawSocket> sockets;
    for (std::size_t i = 0; i < ToolBox::kAtOnce; ++i) {
        sockets.push_back(listener.accept());
        EXPECT_NE(sockets.back().receive_until("}}").find("POST /ok"), std::string::npos);
    }
    const auto before = std::chrono::steady_clock::now();
    on_loop([this] { box_.reset(); });
    for (auto& socket : sockets) EXPECT_EQ(socket.receive_some(), "");  // closed
    // The tools' own limit is five seconds: it was not that.
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(3));
    EXPECT_FALSE(listener.somebody_waits());
    EXPECT_TRUE(results().empty());
}

TEST_F(ToolBoxHttpTest, MayGoInTheMomentItIsAsked) {
    on_loop([this] {
        box_->run({"1", "ok", "{}"}, {}, [this](const call::ToolResult& result) {
            const std::lock_guard lock(mutex_);
            results_.push_back(result);
        });
        box_.reset();
    });
    on_loop([] {});  // what was spawned has had its turn
    EXPECT_TRUE(results().empty());
    EXPECT_EQ(service->asked, 0);
}

}  // namespace
}  // namespace bridge::agents
