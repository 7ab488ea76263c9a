// Receiving, answering and sending frames takes nothing from the heap once everything has its size.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <new>

#include "net/server_websocket.hpp"
#include "net/websocket_client.hpp"
#include "net/websocket_frames.hpp"
#include "tests/integration/net/net_fixture.hpp"

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

// Asio takes memory for its operations from aligned_alloc, which operator new does not see.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t size);
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++allocations;
    return __libc_memalign(alignment, size);
}
#endif

namespace bridge::net::test {
namespace {

asio::awaitable<HttpResponse> nothing(HttpRequest) {
    co_return respond(404, "text/plain", "");
}

class AllocationTest : public LoopTest {};

TEST_F(AllocationTest, AThousandFramesHeardAndAnsweredAllocateNothing) {
    constexpr int kFrames = 1000;
    std::shared_ptr<ServerWebSocket> socket;
    std::atomic<int> heard{0};
    std::promise<void> ended;
    const auto server = serve({}, &nothing, [&](Upgrade upgrade) {
        socket = ServerWebSocket::accept(std::move(upgrade), {});
        socket->start(
            [&](std::span<const WebSocketMessage> batch) {
                for (const auto& message : batch) socket->send(message.payload);
                heard += static_cast<int>(batch.size());
            },
            [&](const WebSocketEnd&) {
                socket.reset();
                ended.set_value();
            });
    });
    RawSocket client(server->port());
    client.send(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    client.receive_until("\r\n\r\n");

    std::string frame;
    append_masked_frame(frame, Opcode::text, std::string(380, 'm'), MaskKey{9, 8, 7, 6});
    const std::size_t answer_bytes = 380 + 4;
    std::array<char, 4096> answer{};
    // The test's own side of the exchange allocates nothing either: it counts for the whole
    // process.
    const auto exchange = [&] {
        std::size_t sent = 0;
        while (sent < frame.size()) {
            const auto n =
                ::send(client.fd(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) return false;
            sent += static_cast<std::size_t>(n);
        }
        std::size_t got = 0;
        while (got < answer_bytes) {
            const auto n = ::recv(client.fd(), answer.data(), answer_bytes - got, 0);
            if (n <= 0) return false;
            got += static_cast<std::size_t>(n);
        }
        return true;
    };
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(exchange());
    ASSERT_EQ(heard, 50);
    const long before = allocations;
    EXPECT_GT(before, 0);
    for (int i = 0; i < kFrames; ++i) ASSERT_TRUE(exchange());
    EXPECT_EQ(allocations - before, 0) << "in " << kFrames << " frames";
    EXPECT_EQ(heard, 50 + kFrames);
    client.close();
    // Its last callback uses what is on this stack.
    EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST_F(AllocationTest, AClientsMessagesByCallbackAllocateNothing) {
    constexpr int kWarm = 600, kRounds = 1000;  // more than one supply of masks
    const auto server = serve({}, &nothing, [](Upgrade upgrade) {
        auto socket = ServerWebSocket::accept(std::move(upgrade), {});
        auto* const raw = socket.get();
        raw->start(
            [raw](std::span<const WebSocketMessage> batch) {
                for (const auto& message : batch) raw->send(message.payload);
            },
            [socket](const WebSocketEnd&) {});
    });
    WebSocketTarget target;
    target.url = "ws://127.0.0.1:" + std::to_string(server->port()) + "/";
    auto connected = run(WebSocketClient::connect(executor(), target));
    ASSERT_TRUE(connected) << connected.error().message;
    const std::string message(220, 'm');
    std::atomic<int> rounds{0};
    std::atomic<long> before{0}, after{0};
    on_loop([&] {
        auto* const client = connected->get();
        client->start(
            [&, client](std::span<const WebSocketMessage>) {
                ++rounds;
                if (rounds == kWarm) before = allocations.load();
                if (rounds == kWarm + kRounds) after = allocations.load();
                if (rounds < kWarm + kRounds) client->send(message);
            },
            [](const WebSocketEnd&) {});
        client->send(message);
    });
    EXPECT_TRUE(eventually([&] { return after != 0; }));
    EXPECT_EQ(after - before, 0) << "in " << kRounds << " messages sent and heard";
    on_loop([&] { connected->reset(); });
}

}  // namespace
}  // namespace bridge::net::test
