// Webhooks and media sockets on real sockets, with calls on two io threads: what Twilio does is
// done here by an HTTP client and a WebSocket client that sign as it does.

#include "twilio/media_endpoint.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "net/beast_websocket.hpp"
#include "net/http_client.hpp"
#include "net/shards.hpp"
#include "twilio/webhooks.hpp"
#include "twilio/wire/signature.hpp"

namespace bridge::twilio {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Client = std::shared_ptr<net::BeastWebSocket>;

const Secret kToken{"12345"};
constexpr auto kPatience = 10s;

std::string seed(std::string_view name) {
    std::ifstream file(fmt::format("{}/twilio/messages/{}.json", AGENTBRIDGE_TEST_DATA, name));
    return {std::istreambuf_iterator<char>(file), {}};
}

/// `start` for a call, with everything else as documented.
std::string start_of(std::string_view sid) {
    auto text = seed("start");
    const std::string_view documented = "CAc5e3d4ab8c1f4b6d9a7e0f1234567890";
    return text.replace(text.find(documented), documented.size(), sid);
}

class BridgeTest : public testing::Test {
protected:
    BridgeTest() {
        log::Options to_here;
        to_here.write = [this](std::string_view line) {
            const std::lock_guard lock(mutex);
            log_text += line;
        };
        log::start(to_here);
        open_doors(StreamSignature::required);
        subscription = bus.subscribe(shards[0].executor(), 10000,
                                     [this](const call::CallEvent& event, std::uint64_t) {
                                         const std::lock_guard lock(mutex);
                                         events.push_back(event);
                                     });
        shards.start();
        for (std::size_t i = 0; i < 2; ++i) shards.run_on(i, [this, i] { servers[i]->start(); });
    }

    ~BridgeTest() override {
        for (const auto& client : clients) client->abort();
        for (const auto& id : registry.ids()) {
            registry.post(
                id, call::input::StatusReported{CallSid{}, "completed", 99, {}, {}, {}, {}, {}});
        }
        EXPECT_TRUE(eventually([this] { return registry.size() == 0; })) << "a call is left";
        clients.clear();
        for (std::size_t i = 0; i < 2; ++i) {
            shards.run_on(i, [this, i] {
                servers[i]->stop();
                subscription.reset();
            });
        }
        log::stop();
    }

    /// One listener for each shard; PUBLIC_URL is the first.
    void open_doors(StreamSignature signature) {
        servers.clear();
        std::vector<std::uint16_t> ports;
        for (std::size_t i = 0; i < 2; ++i) {
            auto server = net::HttpServer::listen(
                shards[i].executor(), {},
                [this](net::HttpRequest request) {
                    return webhooks->handler()(std::move(request));
                },
                [this](net::Upgrade upgrade) { endpoint->handler()(std::move(upgrade)); });
            if (!server) throw std::runtime_error(server.error().message);
            servers.push_back(*server);
        }
        url = *PublicUrl::parse(fmt::format("http://127.0.0.1:{}", servers[0]->port()));
        WebhookOptions web;
        web.url = url;
        web.auth_tokens = {kToken};
        web.now = [this] { return now(); };
        webhooks = std::make_shared<Webhooks>(registry, tokens, web);
        MediaEndpointOptions media;
        media.url = url;
        media.auth_tokens = {kToken};
        media.signature = signature;
        media.now = [this] { return now(); };
        endpoint = std::make_shared<MediaEndpoint>(registry, tokens, media);
    }

    Clock::Time now() const { return Clock::Time(std::chrono::steady_clock::now()) + ahead.load(); }

    template <class T>
    T run(asio::awaitable<T> task) {
        std::promise<T> promise;
        auto future = promise.get_future();
        asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T value) {
            if (error) {
                promise.set_exception(error);
            } else {
                promise.set_value(std::move(value));
            }
        });
        context.restart();
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (future.wait_for(0s) != std::future_status::ready) {
            if (std::chrono::steady_clock::now() > deadline)
                throw std::runtime_error("no answer in time");
            context.run_one_for(100ms);
        }
        return future.get();
    }

    /// Waits until `done`, which is asked again and again.
    bool eventually(const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            context.restart();
            context.run_for(2ms);
        }
        return true;
    }
    template <class What>
    std::size_t count(const CallId& id) {
        const std::lock_guard lock(mutex);
        std::size_t out = 0;
        for (const auto& event : events)
            out += event.call == id && std::holds_alternative<What>(event.what) ? 1U : 0U;
        return out;
    }
    bool logged(std::string_view words) {
        log::flush();
        const std::lock_guard lock(mutex);
        return log_text.find(words) != std::string::npos;
    }
    call::CallSnapshot snapshot(const CallId& id) {
        std::promise<call::CallSnapshot> promise;
        auto future = promise.get_future();
        if (!registry.snapshot(
                id, [&](call::CallSnapshot taken) { promise.set_value(std::move(taken)); }))
            return {};
        return future.get();
    }

    CallId dial() {
        call::CallSpec spec;
        spec.to = "+15551234567";
        spec.from = "+15005550006";
        spec.play_locally = false;
        return registry.open(spec);
    }
    /// Asks for instructions as Twilio does, and returns the media address in them.
    std::string ask_for_stream(const CallId& id, const std::string& sid) {
        Form form;
        form.add("CallSid", sid);
        form.add("CallStatus", "in-progress");
        net::HttpCall call;
        call.method = "POST";
        call.url = url.url("/twilio/voice?call=" + id.str());
        call.headers.add("Content-Type", "application/x-www-form-urlencoded");
        call.headers.add("X-Twilio-Signature", compute_signature(kToken, call.url, form));
        call.body = format_form(form);
        auto http = net::HttpClient::make(context.get_executor(), {});
        const auto answer = run(http->request(std::move(call)));
        if (!answer) throw std::runtime_error(answer.error().error.message);
        const auto at = answer->body.find("<Stream url=\"") + 13;
        return answer->body.substr(at, answer->body.find('"', at) - at);
    }
    /// Connects to the listener of shard `door` as if a balancer had chosen it. The status, or 101.
    int connect(const std::string& media_url, std::size_t door,
                std::optional<std::string> signature = std::nullopt) {
        net::WebSocketTarget target;
        target.url =
            fmt::format("ws://127.0.0.1:{}{}", servers[door]->port(), split_url(media_url)->target);
        if (!signature) signature = compute_signature(kToken, media_url, {});
        if (!signature->empty()) target.headers.add("x-twilio-signature", *signature);
        auto client = run(net::BeastWebSocket::connect(context.get_executor(), target));
        if (!client) return client.error().http_status;
        clients.push_back(*client);
        return 101;
    }
    /// How the newest connection ends.
    net::WebSocketEnd end_of(const Client& client) {
        while (run(client->receive())) {
        }
        return client->end();
    }
    void expect_no_call_left(const CallId& id) {
        registry.post(id,
                      call::input::StatusReported{CallSid{}, "completed", 9, {}, {}, {}, {}, {}});
        EXPECT_TRUE(eventually([&] { return !registry.find(id.str()); }));
    }

    std::mutex mutex;
    std::string log_text;
    std::vector<call::CallEvent> events;
    std::atomic<Clock::Duration> ahead{Clock::Duration(0)};
    call::EventBus bus;
    net::Shards shards{2};
    call::CallRegistry registry{{call::CallHome{shards[0].executor(), &shards[0].clock()},
                                 call::CallHome{shards[1].executor(), &shards[1].clock()}},
                                {bus, nullptr, nullptr, {}}};
    std::shared_ptr<MediaTokens> tokens = std::make_shared<MediaTokens>();
    std::shared_ptr<Webhooks> webhooks;
    std::shared_ptr<MediaEndpoint> endpoint;
    std::vector<std::shared_ptr<net::HttpServer>> servers;
    PublicUrl url;
    std::shared_ptr<call::EventBus::Subscription> subscription;
    asio::io_context context;
    std::vector<Client> clients;
};

TEST_F(BridgeTest, ASocketAcceptedOnEitherThreadIsServedByTheCallsOwn) {
    for (int round = 0; round < 4; ++round) {
        const auto id = dial();
        const auto home = registry.home_of(id).value();
        const auto sid = fmt::format("CA{}", round);
        ASSERT_EQ(connect(ask_for_stream(id, sid), round < 2 ? 1 - home : home), 101);
        const auto client = clients.back();
        ASSERT_TRUE(client->send(seed("connected")));
        ASSERT_TRUE(client->send(start_of(sid)));
        for (int i = 2; i < 12; ++i) {
            ASSERT_TRUE(client->send(fmt::format(
                R"({{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"//////8="}},"streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0"}})",
                i, i - 1, i * 20)));
        }
        ASSERT_TRUE(eventually([&] { return snapshot(id).media.messages == 10; }));
        const auto seen = snapshot(id);
        EXPECT_TRUE(seen.streaming);
        EXPECT_EQ(seen.sid.str(), sid);
        EXPECT_EQ(seen.stream_sid.str(), "MZ18ad3ab5a668481ce02b83e7395059f0");
        EXPECT_EQ(seen.media.missed_messages, 0u);
        EXPECT_EQ(seen.media.malformed, 0u);
        EXPECT_TRUE(eventually([&] { return count<call::event::StreamUp>(id) == 1; }));
        client->close(1000, "");
        ASSERT_TRUE(eventually([&] { return count<call::event::StreamDown>(id) == 1; }));
        expect_no_call_left(id);
    }
    EXPECT_TRUE(logged("the upgrade's signature is right, made for ws://"));
}

TEST_F(BridgeTest, ASecondSocketIsRefusedAndTheFirstNeverNotices) {
    const auto id = dial();
    const auto first = ask_for_stream(id, "CA1"), second = ask_for_stream(id, "CA1");
    ASSERT_NE(first, second);
    ASSERT_EQ(connect(first, 0), 101);
    const auto client = clients.back();
    client->send(start_of("CA1"));
    ASSERT_TRUE(eventually([&] { return count<call::event::StreamUp>(id) == 1; }));
    EXPECT_EQ(connect(second, 1), 409);
    EXPECT_EQ(connect(second, 1), 403) << "its token is spent";
    client->send(seed("media"));
    EXPECT_TRUE(eventually([&] { return snapshot(id).media.messages == 1; }));
    EXPECT_EQ(count<call::event::StreamDown>(id), 0u);
}

TEST_F(BridgeTest, ACallMayHaveOneStreamAfterAnother) {
    const auto id = dial();
    for (std::size_t i = 1; i <= 3; ++i) {
        ASSERT_EQ(connect(ask_for_stream(id, "CA1"), i % 2), 101);
        clients.back()->send(start_of("CA1"));
        ASSERT_TRUE(eventually([&] { return count<call::event::StreamUp>(id) == i; }));
        clients.back()->close(1000, "");
        ASSERT_TRUE(eventually([&] { return count<call::event::StreamDown>(id) == i; }));
    }
}

TEST_F(BridgeTest, ATokenServesOnceAndForAMinute) {
    const auto id = dial();
    const auto used = ask_for_stream(id, "CA1");
    ASSERT_EQ(connect(used, 0), 101);
    clients.back()->close(1000, "");
    ASSERT_TRUE(eventually([&] { return !snapshot(id).streaming && logged("socket ended"); }));
    EXPECT_EQ(connect(used, 0), 403);
    const auto late = ask_for_stream(id, "CA1");
    ahead = 61s;
    EXPECT_EQ(connect(late, 0), 403);
    EXPECT_EQ(connect(url.media_url("0123456789abcdefghjkmnpqrstvwxyz"), 0), 403);
    EXPECT_TRUE(logged("unknown, spent or over 60 s old"));
}

TEST_F(BridgeTest, TheUpgradeMustBeSignedAndAWrongOneSpendsNoToken) {
    const auto id = dial();
    const auto media = ask_for_stream(id, "CA1");
    EXPECT_EQ(connect(media, 0, ""), 403);
    EXPECT_TRUE(logged("X-Twilio-Signature is missing"));
    EXPECT_EQ(connect(media, 0, compute_signature(Secret{"another"}, media, {})), 403);
    EXPECT_EQ(connect(media, 0, compute_signature(kToken, media + "x", {})), 403);
    EXPECT_EQ(connect(media, 0, "nonsense"), 403);
    EXPECT_FALSE(logged(media.substr(media.rfind('/') + 1))) << "a live token is in the log";
    EXPECT_EQ(connect(media, 0, compute_signature(kToken, media + "/", {})), 101)
        << "the form with a trailing slash";
}

TEST_F(BridgeTest, ASignatureMayBeMerelyLoggedButTheTokenDecides) {
    MediaEndpointOptions relaxed;
    relaxed.url = url;
    relaxed.auth_tokens = {kToken};
    relaxed.signature = StreamSignature::log;
    relaxed.now = [this] { return now(); };
    shards.run_on(0,
                  [&] { endpoint = std::make_shared<MediaEndpoint>(registry, tokens, relaxed); });
    const auto id = dial();
    const auto media = ask_for_stream(id, "CA1");
    EXPECT_EQ(connect(media + "x", 0, ""), 403);
    EXPECT_EQ(connect(media, 0, ""), 101);
    EXPECT_TRUE(logged("is not required"));
}

TEST_F(BridgeTest, AStartOfAnotherCallEndsTheSocketAndNotTheCall) {
    const auto id = dial();
    ASSERT_EQ(connect(ask_for_stream(id, "CA1"), 0), 101);
    clients.back()->send(start_of("CA2"));
    EXPECT_EQ(end_of(clients.back()).code, 1008);
    EXPECT_TRUE(eventually([&] { return logged("start names call"); }));
    EXPECT_EQ(count<call::event::StreamUp>(id), 0u);
    ASSERT_TRUE(registry.find(id.str()));
    ASSERT_TRUE(eventually([&] { return logged("socket ended"); }));
    EXPECT_EQ(connect(ask_for_stream(id, "CA1"), 0), 101) << "the right socket still may come";
}

TEST_F(BridgeTest, AnotherPathOrACallThatIsOverIsNotFound) {
    EXPECT_EQ(connect(url.media_base() + "/media/x", 0), 404);
    EXPECT_EQ(connect(url.media_base() + "/twilio/media/", 0), 404);
    EXPECT_EQ(connect(url.media_base() + "/twilio/media/a/b", 0), 404);
    const auto id = dial();
    const auto media = ask_for_stream(id, "CA1");
    expect_no_call_left(id);
    EXPECT_EQ(connect(media, 1), 404);
}

TEST_F(BridgeTest, ACutConnectionIsTold) {
    const auto id = dial();
    ASSERT_EQ(connect(ask_for_stream(id, "CA1"), 1), 101);
    clients.back()->send(start_of("CA1"));
    ASSERT_TRUE(eventually([&] { return count<call::event::StreamUp>(id) == 1; }));
    clients.back()->abort();
    ASSERT_TRUE(eventually([&] { return count<call::event::StreamDown>(id) == 1; }));
    const std::lock_guard lock(mutex);
    for (const auto& event : events) {
        const auto* down = std::get_if<call::event::StreamDown>(&event.what);
        EXPECT_TRUE(down == nullptr || !down->clean);
    }
}

}  // namespace
}  // namespace bridge::twilio
