// The least a WebSocket server can do for a received media frame: one thread, epoll, framing by
// hand; JSON, base64, mu-law, keep it. Nothing is checked, counted or limited that is not needed
// for this. What the bridge costs more than this is what its features cost.
//
//      bench_baseline --table FILE [--echo 1]    prints "port N", ends when its standard input does
//
// With --echo every frame is encoded again and sent back at once, in a message of its own.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <simdjson.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audio/mulaw.hpp"
#include "tests/bench/counted_heap.hpp"
#include "tests/bench/shared_table.hpp"
#include "tests/bench/sink.hpp"
#include "base/base64.hpp"

namespace bench {
namespace {

constexpr std::size_t kBuffer = 4096;

struct Connection {
    explicit Connection(Table& table) : buffer(kBuffer + simdjson::SIMDJSON_PADDING), sink(table) {}
    bool upgraded = false;
    std::vector<char> buffer;
    std::size_t filled = 0;
    Sink sink;
    std::string reply_head;  ///< of every reply's text, once the stream is known
};

constexpr std::string_view kReplyTail = R"("}})";

/// A frame on its way back. Replies leave when every socket that was ready has been read.
struct Reply {
    int descriptor = -1;
    std::size_t size = 0;
    std::array<char, 512> bytes{};
};

bool echo = false;
std::vector<Reply> replies;
std::size_t replies_waiting = 0;

simdjson::ondemand::parser parser;
std::array<std::uint8_t, 4096> mulaw;
std::array<std::int16_t, 4096> pcm;

void reply(int descriptor, const Connection& connection) {
    std::array<std::uint8_t, 160> bytes{};
    bridge::audio::encode_mulaw(std::span(pcm).first(bytes.size()), bytes);
    const auto payload = bridge::base64_length(bytes.size());
    const auto& head = connection.reply_head;
    const auto size = head.size() + payload + kReplyTail.size();
    if (replies_waiting == replies.size()) replies.emplace_back();
    auto& out = replies[replies_waiting];
    if (head.empty() || size + 4 > out.bytes.size()) return;
    ++replies_waiting;
    out.descriptor = descriptor;
    out.size = size + 4;
    auto* at = out.bytes.data();
    *at++ = static_cast<char>(0x81);
    *at++ = 126;
    *at++ = static_cast<char>(size >> 8U);
    *at++ = static_cast<char>(size & 0xFFU);
    at = static_cast<char*>(std::memcpy(at, head.data(), head.size())) + head.size();
    at = bridge::encode_base64(bytes, at);
    std::memcpy(at, kReplyTail.data(), kReplyTail.size());
}

void send_replies() {
    for (std::size_t i = 0; i < replies_waiting; ++i) {
        const auto& one = replies[i];
        if (one.descriptor >= 0)
            ::send(one.descriptor, one.bytes.data(), one.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    replies_waiting = 0;
}

void take_start(Connection& connection, simdjson::ondemand::document& document) {
    std::string_view sid;
    if (document["streamSid"].get_string().get(sid)) return;
    connection.reply_head =
        R"({"event":"media","streamSid":")" + std::string(sid) + R"(","media":{"payload":")";
}

void take_text(int descriptor, Connection& connection, char* text, std::size_t size) {
    simdjson::ondemand::document document;
    std::string_view event, track, payload;
    if (parser.iterate(text, size, size + simdjson::SIMDJSON_PADDING).get(document) ||
        document["event"].get_string().get(event)) {
        return;
    }
    if (echo && event == "start") take_start(connection, document);
    if (event != "media") return;
    simdjson::ondemand::object media;
    if (document["media"].get_object().get(media) || media["track"].get_string().get(track) ||
        media["payload"].get_string().get(payload) || payload.size() > 2048) {
        return;
    }
    const auto bytes = bridge::decode_base64(payload, mulaw.data());
    if (!bytes || *bytes < 160) return;
    bridge::audio::decode_mulaw(std::span(mulaw.data(), *bytes), pcm);
    connection.sink.take(std::span<const std::int16_t, 160>(pcm.data(), 160));
    if (echo) reply(descriptor, connection);
}

bool answer(int descriptor, Connection& connection) {
    const std::string_view head(connection.buffer.data(), connection.filled);
    const auto end = head.find("\r\n\r\n");
    if (end == std::string_view::npos) return connection.filled < kBuffer;
    constexpr std::string_view kName = "Sec-WebSocket-Key: ";
    const auto key = head.find(kName);
    if (key == std::string_view::npos) return false;
    std::string text(head.substr(key + kName.size(), 24));
    text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 32> accept{};
    EVP_EncodeBlock(accept.data(), digest.data(), static_cast<int>(digest.size()));
    const auto out =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
        std::string(reinterpret_cast<const char*>(accept.data())) + "\r\n\r\n";
    if (::send(descriptor, out.data(), out.size(), MSG_NOSIGNAL) < 0) return false;
    connection.upgraded = true;
    connection.filled -= end + 4;
    std::memmove(connection.buffer.data(), connection.buffer.data() + end + 4, connection.filled);
    return true;
}

/// False: the connection is over.
bool take_frames(int descriptor, Connection& connection) {
    char* const data = connection.buffer.data();
    std::size_t used = 0;
    bool open = true;
    while (open && connection.filled - used >= 6) {
        const auto* const head = reinterpret_cast<const unsigned char*>(data + used);
        std::size_t size = head[1] & 0x7FU, at = 2;
        if (size == 126) {
            size = static_cast<std::size_t>(head[2]) << 8U | head[3];
            at = 4;
        }
        if (connection.filled - used < at + 4 + size) break;
        std::uint32_t mask = 0;
        std::memcpy(&mask, head + at, 4);
        const auto mask8 = static_cast<std::uint64_t>(mask) << 32U | mask;
        char* const text = data + used + at + 4;
        std::size_t i = 0;
        for (; i + 8 <= size; i += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, text + i, 8);
            word ^= mask8;
            std::memcpy(text + i, &word, 8);
        }
        for (; i < size; ++i)
            text[i] = static_cast<char>(text[i] ^ static_cast<char>(head[at + i % 4]));
        const auto opcode = head[0] & 15U;
        if (opcode == 1) take_text(descriptor, connection, text, size);
        open = opcode != 8;
        used += at + 4 + size;
    }
    connection.filled -= used;
    if (connection.filled > 0) std::memmove(data, data + used, connection.filled);
    return open;
}

bool read_some(int descriptor, Connection& connection) {
    const auto got = ::recv(descriptor, connection.buffer.data() + connection.filled,
                            kBuffer - connection.filled, 0);
    if (got <= 0) return false;
    connection.filled += static_cast<std::size_t>(got);
    if (!connection.upgraded && !answer(descriptor, connection)) return false;
    return !connection.upgraded || take_frames(descriptor, connection);
}

void watch(int epoll, int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int run(Table& table) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 1024) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        std::perror("bench_baseline: cannot listen");
        return 2;
    }
    std::printf("port %d\n", static_cast<int>(ntohs(address.sin_port)));
    std::fflush(stdout);

    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    watch(epoll, STDIN_FILENO);
    std::unordered_map<int, std::unique_ptr<Connection>> connections;
    std::array<epoll_event, 256> events{};
    for (;;) {
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (descriptor == STDIN_FILENO) return 0;
            if (descriptor == listener) {
                const int made = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
                if (made < 0) continue;
                const int on = 1;
                ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                connections[made] = std::make_unique<Connection>(table);
                watch(epoll, made);
                continue;
            }
            auto& connection = connections[descriptor];
            if (connection && !read_some(descriptor, *connection)) {
                for (auto& one : replies)
                    if (one.descriptor == descriptor) one.descriptor = -1;
                ::close(descriptor);
                connections.erase(descriptor);
            }
        }
        send_replies();
    }
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    const bool echoes = count == 5 && std::string_view(arguments[3]) == "--echo" &&
                        std::string_view(arguments[4]) == "1";
    if ((count != 3 && !echoes) || std::string_view(arguments[1]) != "--table") {
        std::fprintf(stderr, "usage: bench_baseline --table FILE [--echo 1]\n");
        return 2;
    }
    bench::echo = echoes;
    bench::replies.resize(1024);
    auto* const table = bench::map_table(arguments[2]);
    bench::heap_counter = &table->allocations;
    return bench::run(*table);
}
