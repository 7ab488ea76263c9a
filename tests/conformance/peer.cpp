// The program that the WebSocket conformance suite talks to: our server and our client, which say
// all they heard. It has no opinion; the judges are the Python scripts beside it.
//
//   websocket_peer serve      prints its port; each message comes back as "text:…" or "bin:<hex>",
//                             a text beginning with '!' is a command (see obey); how a connection
//                             with path /NAME ended is answered to GET /end/NAME
//   websocket_peer connect    reads one URL a line and prints one JSON line for each: what was
//                             received, how it ended
//   websocket_peer connect-beast      the same with the emulator's client

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <charconv>
#include <chrono>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/beast_websocket.hpp"
#include "net/http_server.hpp"
#include "net/server_websocket.hpp"
#include "net/shards.hpp"
#include "net/websocket_client.hpp"

namespace bridge::net {
namespace {

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\' || byte < 0x20) {
            out += fmt::format("\\u{:04x}", byte);
        } else {
            out.push_back(c);
        }
    }
    return out + "\"";
}

int number(std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// --- the server

struct Ends {
    std::mutex mutex;  // the answers are made on the same thread; a test may add threads one day
    std::map<std::string, std::string> known;
};

/// "!close 4000 why", "!burst COUNT SIZE" (COUNT messages, told how many were taken), "!ping".
void obey(ServerWebSocket& socket, std::string_view command) {
    const auto space = command.find(' ');
    const auto verb = command.substr(0, space);
    const auto rest = space == std::string_view::npos ? "" : command.substr(space + 1);
    const auto next = rest.find(' ');
    const auto second = next == std::string_view::npos ? "" : rest.substr(next + 1);
    if (verb == "!close") {
        socket.close(static_cast<std::uint16_t>(number(rest)), second);
    } else if (verb == "!ping") {
        socket.ping();
    } else if (verb == "!burst") {
        const std::string message(static_cast<std::size_t>(number(second)), 'b');
        int taken = 0;
        for (int i = 0; i < number(rest); ++i) taken += socket.send(message) ? 1 : 0;
        const auto told = fmt::format("taken:{}", taken);
        socket.send(told);
    }
}

void serve_socket(Upgrade upgrade, std::shared_ptr<Ends> ends) {
    if (!ServerWebSocket::check(upgrade.head)) {
        auto response = ServerWebSocket::refusal(upgrade.head);
        return refuse(std::move(upgrade), std::move(response));
    }
    WebSocketLimits limits;
    limits.message_bytes = 65536;
    limits.outbox_bytes = 256 * 1024;
    limits.close_time = std::chrono::milliseconds(400);
    const std::string name(upgrade.head.path());
    auto socket = ServerWebSocket::accept(std::move(upgrade), limits);
    socket->start(
        [socket](std::span<const WebSocketMessage> batch) {
            for (const auto& one : batch) {
                if (one.text && one.payload.starts_with('!')) {
                    obey(*socket, one.payload);
                } else {
                    socket->send(one.text ? "text:" + std::string(one.payload)
                                          : "bin:" + hex(one.payload));
                }
            }
        },
        [socket, ends, name](const WebSocketEnd& end) {
            const auto stats = socket->stats();
            const std::lock_guard lock(ends->mutex);
            ends->known[name] = fmt::format(
                R"({{"code":{},"reason":{},"by_peer":{},"fault":{},"messages":{},"refused":{}}})",
                end.code, in_quotes(end.reason), end.by_peer, in_quotes(end.fault), stats.messages_in,
                stats.refused_out);
        });
}

asio::awaitable<HttpResponse> tell_end(std::shared_ptr<Ends> ends, HttpRequest request) {
    const std::lock_guard lock(ends->mutex);
    const auto path = std::string(request.path());
    const auto found = ends->known.find(path.substr(0, 5) == "/end/" ? path.substr(4) : path);
    if (found == ends->known.end()) co_return respond(404, "text/plain", "not ended\n");
    co_return respond(200, "application/json", found->second);
}

int run_server() {
    Shards shards(1);
    const auto ends = std::make_shared<Ends>();
    HttpServerOptions options;
    options.limits.head_time = std::chrono::milliseconds(1000);
    auto server = HttpServer::listen(
        shards[0].executor(), options,
        [ends](HttpRequest request) { return tell_end(ends, std::move(request)); },
        [ends](Upgrade upgrade) { serve_socket(std::move(upgrade), ends); });
    if (!server) {
        std::cerr << server.error().message << "\n";
        return 1;
    }
    shards.start();
    shards.run_on(0, [&] { (*server)->start(); });
    std::cout << (*server)->port() << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
    }  // until the test lets go
    shards.run_on(0, [&] { (*server)->stop(); });
    return 0;
}

// --- the client

template <class Client>
asio::awaitable<std::string> visit(asio::any_io_executor executor, std::string url) {
    WebSocketTarget target;
    target.url = std::move(url);
    target.message_bytes = 65536;
    target.connect_timeout = std::chrono::seconds(2);
    target.handshake_timeout = std::chrono::milliseconds(600);
    auto connected = co_await Client::connect(executor, std::move(target));
    if (!connected) {
        co_return fmt::format(R"({{"connected":false,"stage":{},"status":{},"message":{}}})",
                              static_cast<int>(connected.error().stage),
                              connected.error().http_status, in_quotes(connected.error().message));
    }
    const auto client = *connected;
    client->send("hello");
    std::string received;
    std::string error;
    while (error.empty()) {
        const auto message = co_await client->receive();
        if (!message) {
            error = message.error().message;
            break;
        }
        if (!received.empty()) received += ",";
        received +=
            in_quotes(message->text ? "text:" + message->payload : "bin:" + hex(message->payload));
        if (message->text && message->payload.starts_with("close-")) {
            client->close(
                static_cast<std::uint16_t>(number(std::string_view(message->payload).substr(6))),
                "asked to");
        } else if (message->text && message->payload.starts_with("echo-")) {
            client->send(message->payload);
        }
    }
    const auto end = client->end();
    co_return fmt::format(
        R"({{"connected":true,"received":[{}],"code":{},"reason":{},"by_peer":{},"error":{}}})",
        received, end.code, in_quotes(end.reason), end.by_peer, in_quotes(error));
}

template <class Client>
int run_client() {
    Shards shards(1);
    shards.start();
    std::string url;
    while (std::getline(std::cin, url)) {
        auto task = visit<Client>(shards[0].executor(), url);
        auto future = asio::co_spawn(shards[0].executor(), std::move(task), asio::use_future);
        std::cout << future.get() << std::endl;
    }
    return 0;
}

}  // namespace
}  // namespace bridge::net

int main(int count, char** arguments) {
    const std::string_view mode = count == 2 ? arguments[1] : "";
    if (mode == "serve") return bridge::net::run_server();
    if (mode == "connect") return bridge::net::run_client<bridge::net::WebSocketClient>();
    if (mode == "connect-beast") return bridge::net::run_client<bridge::net::BeastWebSocket>();
    std::cerr << "usage: websocket_peer serve|connect|connect-beast\n";
    return 2;
}
