// What an agent's socket costs the io thread that has its call: so many sockets, each sending 50
// messages of 220 bytes a second and hearing 10 of 1.1 kB, as an agent's do.
//
//      bench_clients [SOCKETS [SECONDS]]
//
// One table, every way in the same run: the agents' client by callback and by `receive`, the
// emulator's (Beast), and the least there is, a send and a recv by hand. A row is CPU of the
// client's thread alone; the server is another thread.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/spawn.hpp"
#include "net/beast_websocket.hpp"
#include "net/http_server.hpp"
#include "net/server_websocket.hpp"
#include "net/shards.hpp"
#include "net/websocket_client.hpp"
#include "net/websocket_frames.hpp"
#include "tests/bench/counted_heap.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
namespace net = bridge::net;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kSentBytes = 220;
constexpr std::size_t kHeardBytes = 1100;
/// A socket's turn comes every 20 ms; in each millisecond it is a twentieth of them.
constexpr std::size_t kSlots = 20;
/// The server speaks every so many messages it has heard.
constexpr std::uint64_t kHeardForOne = 5;

double thread_cpu() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Result {
    double cpu = 0;
    std::uint64_t sent = 0, heard = 0;
    std::uint64_t allocations = 0;
};

/// Answers every fifth message of a socket.
class Server {
public:
    Server() : shards_(1) {
        auto made =
            net::HttpServer::listen(shards_[0].executor(), {}, &nothing,
                                    [](net::Upgrade upgrade) { serve(std::move(upgrade)); });
        if (!made) throw std::runtime_error(made.error().message);
        server_ = *made;
        shards_.start();
        shards_.run_on(0, [&] { server_->start(); });
    }
    ~Server() {
        shards_.run_on(0, [&] { server_->stop(); });
    }
    std::uint16_t port() const { return server_->port(); }

private:
    static asio::awaitable<net::HttpResponse> nothing(net::HttpRequest) {
        co_return net::respond(404, "text/plain", "");
    }
    static void serve(net::Upgrade upgrade) {
        auto socket = net::ServerWebSocket::accept(std::move(upgrade), {});
        auto* const raw = socket.get();
        raw->start(
            [raw, count = std::uint64_t{0}, answer = std::string(kHeardBytes, 'a')](
                std::span<const net::WebSocketMessage> batch) mutable {
                for (std::size_t i = 0; i < batch.size(); ++i) {
                    if (++count % kHeardForOne == 0) raw->send(answer);
                }
            },
            [socket](const net::WebSocketEnd&) {});
    }

    net::Shards shards_;
    std::shared_ptr<net::HttpServer> server_;
};

// ---- on our event loop

template <class Client>
struct Sockets {
    std::vector<std::shared_ptr<Client>> all;
    std::uint64_t sent = 0, heard = 0;
    const std::string message = std::string(kSentBytes, 'm');

    void speak(std::size_t slot) {
        for (std::size_t i = slot; i < all.size(); i += kSlots) {
            if (all[i]->send(message)) ++sent;
        }
    }
};

template <class Client>
asio::awaitable<void> listen(std::shared_ptr<Client> client, Sockets<Client>* sockets) {
    for (;;) {
        const auto message = co_await client->receive();
        if (!message) co_return;
        ++sockets->heard;
    }
}

template <class Client>
asio::awaitable<Result> talk(Sockets<Client>* sockets, std::string url, std::size_t count,
                             bool by_callback, std::chrono::seconds time) {
    const auto executor = co_await asio::this_coro::executor;
    for (std::size_t i = 0; i < count; ++i) {
        net::WebSocketTarget target;
        target.url = url;
        auto connected = co_await Client::connect(executor, target);
        if (!connected) throw std::runtime_error(connected.error().message);
        const auto client = *connected;
        sockets->all.push_back(client);
        if constexpr (std::is_same_v<Client, net::WebSocketClient>) {
            if (by_callback) {
                client->start(
                    [sockets](std::span<const net::WebSocketMessage> batch) {
                        sockets->heard += batch.size();
                    },
                    [](const net::WebSocketEnd&) {});
                continue;
            }
        }
        bridge::spawn(executor, "bench", listen(client, sockets));
    }
    asio::steady_timer timer(executor);
    auto next = Clock::now();
    const auto measured = next + std::chrono::seconds(1);
    const auto end = measured + time;
    Result begin;
    bool measuring = false;
    for (std::size_t slot = 0; next < end; slot = (slot + 1) % kSlots) {
        if (!measuring && next >= measured) {
            measuring = true;
            begin = {thread_cpu(), sockets->sent, sockets->heard, heap_counter->load()};
        }
        sockets->speak(slot);
        next += milliseconds(1);
        timer.expires_at(next);
        co_await timer.async_wait(asio::use_awaitable);
    }
    const Result done{thread_cpu() - begin.cpu, sockets->sent - begin.sent,
                      sockets->heard - begin.heard, heap_counter->load() - begin.allocations};
    for (const auto& client : sockets->all) client->abort();
    sockets->all.clear();
    co_return done;
}

template <class Client>
Result on_loop(const Server& server, std::size_t count, bool by_callback,
               std::chrono::seconds time) {
    net::Shards shards(1);
    shards.start();
    Sockets<Client> sockets;
    const auto url = "ws://127.0.0.1:" + std::to_string(server.port()) + "/";
    auto task = talk<Client>(&sockets, url, count, by_callback, time);
    auto future = asio::co_spawn(shards[0].executor(), std::move(task), asio::use_future);
    const auto result = future.get();
    shards.stop();
    return result;
}

// ---- by hand

int dial_by_hand(std::uint16_t port) {
    const int made = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Sockets' own API takes every address family through one pointer type.
    if (::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("cannot connect");
    }
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    static constexpr std::string_view kRequest =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    std::array<char, 4096> answer{};
    if (::send(made, kRequest.data(), kRequest.size(), 0) < 0 ||
        ::recv(made, answer.data(), answer.size(), 0) <= 0) {
        throw std::runtime_error("no handshake");
    }
    return made;
}

Result by_hand(const Server& server, std::size_t count, std::chrono::seconds time) {
    const int watch = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<int> sockets;
    for (std::size_t i = 0; i < count; ++i) {
        sockets.push_back(dial_by_hand(server.port()));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = sockets.back();
        ::epoll_ctl(watch, EPOLL_CTL_ADD, sockets.back(), &event);
    }
    std::string frame;
    net::append_masked_frame(frame, net::Opcode::text, std::string(kSentBytes, 'm'),
                             net::MaskKey{1, 2, 3, 4});
    std::array<epoll_event, 64> events{};
    std::array<char, 8192> bytes{};
    auto next = Clock::now();
    const auto measured = next + std::chrono::seconds(1);
    const auto end = measured + time;
    Result now, begin;
    bool measuring = false;
    for (std::size_t slot = 0; next < end; slot = (slot + 1) % kSlots) {
        if (!measuring && next >= measured) {
            measuring = true;
            begin = now;
            begin.cpu = thread_cpu();
        }
        for (std::size_t i = slot; i < count; i += kSlots) {
            if (::send(sockets[i], frame.data(), frame.size(), MSG_NOSIGNAL) > 0) ++now.sent;
        }
        next += milliseconds(1);
        for (;;) {
            const auto left =
                std::chrono::duration_cast<milliseconds>(next - Clock::now() + milliseconds(1));
            const int wait = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
            const int found = ::epoll_wait(watch, events.data(), 64, wait);
            for (int i = 0; i < found; ++i) {
                const auto fd = events[static_cast<std::size_t>(i)].data.fd;
                const auto got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
                now.heard +=
                    got > 0 ? (static_cast<std::uint64_t>(got) + 4) / (kHeardBytes + 4) : 0;
            }
            if (Clock::now() >= next) break;
        }
    }
    const Result done{thread_cpu() - begin.cpu, now.sent - begin.sent, now.heard - begin.heard, 0};
    for (const int one : sockets) ::close(one);
    ::close(watch);
    return done;
}

void print(const char* way, const Result& result, double least) {
    const auto messages = static_cast<double>(result.sent + result.heard);
    const auto each = result.cpu * 1e6 / messages;
    std::printf("%-22s %9llu %9llu %10.2f %7.2f %12.4f\n", way,
                static_cast<unsigned long long>(result.sent),
                static_cast<unsigned long long>(result.heard), each, least > 0 ? each / least : 1.0,
                static_cast<double>(result.allocations) / messages);
    std::fflush(stdout);
}

int run(std::size_t count, std::chrono::seconds time) {
    const Server server;
    std::printf("%zu sockets\n%-22s %9s %9s %10s %7s %12s\n", count, "way", "sent", "heard",
                "us/message", "ratio", "alloc/message");
    const auto hand = by_hand(server, count, time);
    const auto least = hand.cpu * 1e6 / static_cast<double>(hand.sent + hand.heard);
    print("by hand", hand, 0);
    print("client, callback", on_loop<net::WebSocketClient>(server, count, true, time), least);
    print("client, receive", on_loop<net::WebSocketClient>(server, count, false, time), least);
    print("Beast", on_loop<net::BeastWebSocket>(server, count, false, time), least);
    return 0;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    const auto number = [&](int index, long otherwise) {
        return count > index ? std::strtol(arguments[index], nullptr, 10) : otherwise;
    };
    return bench::run(static_cast<std::size_t>(number(1, 200)), std::chrono::seconds(number(2, 4)));
}
