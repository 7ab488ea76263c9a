// Bots that speak Twilio Media Streams, one for each call of a bridge under measurement, as light
// as the driver beside which they run: what they hear is counted and timed, what they say runs
// ahead.
//
//      bench_agents --table FILE      prints "port N", ends when its standard input does
//
// A bot says one to two seconds in one go, in messages of 200 ms and a mark, and is silent for one
// and a half times as long: it speaks two fifths of the time. The first frame of each burst carries
// the time at which it was sent.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/bench/shared_table.hpp"
#include "tests/bench/sink.hpp"
#include "tests/bench/speech.hpp"
#include "tests/bench/wire.hpp"

namespace bench {
namespace {

constexpr std::size_t kBuffer = 16384, kFrameBytes = 160, kFramesInMessage = 10;
constexpr std::uint64_t kFrameNs = 20'000'000;

struct Bot {
    explicit Bot(Table& table, std::uint64_t seed) : sink(table), random(seed * 2 + 1) {}
    bool upgraded = false;
    std::vector<char> buffer = std::vector<char>(kBuffer);
    std::size_t filled = 0;
    Sink sink;
    std::string stream_sid;  ///< empty: the phone is not there yet
    std::uint32_t said = 0;  ///< frames
    std::uint64_t random;
};

std::uint64_t ns_of(const timespec& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(time.tv_nsec);
}

/// The kernel stamps what comes with the time of day: that clock less the monotonic one.
std::uint64_t realtime_ahead() {
    timespec day{};
    ::clock_gettime(CLOCK_REALTIME, &day);
    const auto now = monotonic_ns();
    return ns_of(day) - now;
}

void append(std::string_view text, std::string& out) {
    out.push_back(static_cast<char>(0x81));
    if (text.size() < 126) {
        out.push_back(static_cast<char>(text.size()));
    } else {
        out.push_back(126);
        out.push_back(static_cast<char>(text.size() >> 8U));
        out.push_back(static_cast<char>(text.size() & 0xFFU));
    }
    out.append(text);
}

class AgentServer {
public:
    explicit AgentServer(Table& table) : table_(table), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    /// Listens; the port, 0 if it cannot.
    int listen();
    void run();

private:
    using Due = std::pair<std::uint64_t, int>;  ///< a bot begins to speak

    void watch(int descriptor);
    void accept();
    bool read_some(int descriptor, Bot& bot, std::uint64_t offset);
    bool answer(int descriptor, Bot& bot);
    bool take_messages(int descriptor, Bot& bot, std::uint64_t at_ns);
    void take_text(int descriptor, Bot& bot, std::string_view text, std::uint64_t at_ns);
    void speak(int descriptor, Bot& bot, std::uint64_t now);
    void forget(int descriptor);
    int wait_ms(std::uint64_t now) const;

    Table& table_;
    int epoll_, listener_ = -1;
    std::unordered_map<int, std::unique_ptr<Bot>> bots_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    std::uint64_t accepted_ = 0;
    std::string out_, text_;
    std::vector<unsigned char> mulaw_, payload_;
};

int AgentServer::listen() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 1024) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return 0;
    }
    watch(listener_);
    watch(STDIN_FILENO);
    return ntohs(address.sin_port);
}

void AgentServer::watch(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

int AgentServer::wait_ms(std::uint64_t now) const {
    if (due_.empty()) return -1;
    const auto due = due_.top().first;
    return due <= now ? 0 : static_cast<int>((due - now) / 1'000'000) + 1;
}

void AgentServer::run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                       wait_ms(monotonic_ns()));
        const auto offset = realtime_ahead();
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (descriptor == STDIN_FILENO) return;
            if (descriptor == listener_) {
                accept();
                continue;
            }
            const auto found = bots_.find(descriptor);
            if (found != bots_.end() && !read_some(descriptor, *found->second, offset))
                forget(descriptor);
        }
        for (auto now = monotonic_ns(); !due_.empty() && due_.top().first <= now;
             now = monotonic_ns()) {
            const int descriptor = due_.top().second;
            due_.pop();
            if (const auto found = bots_.find(descriptor); found != bots_.end())
                speak(descriptor, *found->second, now);
        }
    }
}

void AgentServer::accept() {
    const int made = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (made < 0) return;
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ::setsockopt(made, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    bots_[made] = std::make_unique<Bot>(table_, ++accepted_);
    watch(made);
}

void AgentServer::forget(int descriptor) {
    bots_.erase(descriptor);
    ::close(descriptor);
    // Its place among those who will speak must not become another's.
    std::vector<Due> left;
    for (; !due_.empty(); due_.pop()) {
        if (due_.top().second != descriptor) left.push_back(due_.top());
    }
    due_ = decltype(due_)(std::greater<>(), std::move(left));
}

bool AgentServer::read_some(int descriptor, Bot& bot, std::uint64_t offset) {
    iovec piece{bot.buffer.data() + bot.filled, bot.buffer.size() - bot.filled};
    alignas(cmsghdr) std::array<char, 128> control;
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto got = ::recvmsg(descriptor, &message, MSG_DONTWAIT);
    if (got <= 0) return false;
    // When the last byte of it came, whenever this program looks.
    auto at = monotonic_ns();
    for (auto* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamped{};
        std::memcpy(&stamped, CMSG_DATA(one), sizeof(stamped));
        at = std::min(at, ns_of(stamped) - offset);
    }
    bot.filled += static_cast<std::size_t>(got);
    if (!bot.upgraded && !answer(descriptor, bot)) return false;
    return !bot.upgraded || take_messages(descriptor, bot, at);
}

bool AgentServer::answer(int descriptor, Bot& bot) {
    const std::string_view head(bot.buffer.data(), bot.filled);
    const auto end = head.find("\r\n\r\n");
    if (end == std::string_view::npos) return bot.filled < bot.buffer.size();
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
    bot.upgraded = true;
    bot.filled -= end + 4;
    std::memmove(bot.buffer.data(), bot.buffer.data() + end + 4, bot.filled);
    return true;
}

/// False: the connection is over.
bool AgentServer::take_messages(int descriptor, Bot& bot, std::uint64_t at_ns) {
    char* const data = bot.buffer.data();
    std::size_t used = 0;
    bool open = true;
    while (open && bot.filled - used >= 6) {
        const auto* const head = reinterpret_cast<const unsigned char*>(data + used);
        std::size_t size = head[1] & 0x7FU, at = 2;
        if (size == 126) {
            size = static_cast<std::size_t>(head[2]) << 8U | head[3];
            at = 4;
        }
        if (bot.filled - used < at + 4 + size) break;
        char* const text = data + used + at + 4;
        for (std::size_t i = 0; i < size; ++i)
            text[i] = static_cast<char>(text[i] ^ static_cast<char>(head[at + i % 4]));
        const auto opcode = head[0] & 15U;
        if (opcode == 1) take_text(descriptor, bot, {text, size}, at_ns);
        open = opcode != 8;
        used += at + 4 + size;
    }
    bot.filled -= used;
    std::memmove(data, data + used, bot.filled);
    return open;
}

void AgentServer::take_text(int descriptor, Bot& bot, std::string_view text, std::uint64_t at_ns) {
    const auto event = field(text, R"("event":")");
    if (event == "media") {
        std::array<std::uint8_t, kFrameBytes + 2> sound{};  // with base64's padding
        const auto size = decode_base64(field(text, R"("payload":")"), sound);
        if (size != kFrameBytes) {
            ++table_.wrong;
            return;
        }
        bot.sink.note(std::span<const std::uint8_t>(sound).first<kStampBytes>(), at_ns);
    } else if (event == "start") {
        bot.stream_sid = field(text, R"("streamSid":")");
        ++table_.agents;
        bot.random = bot.random * 6364136223846793005ULL + 1442695040888963407ULL;
        due_.push({monotonic_ns() + (bot.random >> 33U) % 1'000'000'000, descriptor});
    }
}

/// One burst, and when the next one is.
void AgentServer::speak(int descriptor, Bot& bot, std::uint64_t now) {
    bot.random = bot.random * 6364136223846793005ULL + 1442695040888963407ULL;
    // 1 to 2 s; the first is the longest, so that every queue has grown when the window begins.
    const auto messages = bot.said == 0 ? 10 : 5 + (bot.random >> 33U) % 6;
    out_.clear();
    mulaw_.resize(kFrameBytes * kFramesInMessage);
    payload_.resize(mulaw_.size() / 3 * 4 + 8);
    for (std::uint64_t i = 0; i < messages; ++i) {
        for (std::size_t k = 0; k < kFramesInMessage; ++k) {
            const bool first = i == 0 && k == 0;
            write_speech({kAgentVoice, bot.said++, first ? monotonic_ns() : 0},
                         std::span(mulaw_).subspan(k * kFrameBytes).first<kFrameBytes>());
        }
        const auto size =
            EVP_EncodeBlock(payload_.data(), mulaw_.data(), static_cast<int>(mulaw_.size()));
        text_ = R"({"event":"media","streamSid":")" + bot.stream_sid + R"(","media":{"payload":")";
        text_.append(reinterpret_cast<const char*>(payload_.data()),
                     static_cast<std::size_t>(size));
        text_ += R"("}})";
        append(text_, out_);
    }
    append(R"({"event":"mark","streamSid":")" + bot.stream_sid + R"(","mark":{"name":"said"}})",
           out_);
    if (::send(descriptor, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        static_cast<ssize_t>(out_.size())) {
        ++table_.wrong;  // a burst that did not fit would be taken for a fault of the bridge
    }
    due_.push({now + messages * kFramesInMessage * kFrameNs * 5 / 2, descriptor});
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    if (count != 3 || std::string_view(arguments[1]) != "--table") {
        std::fprintf(stderr, "usage: bench_agents --table FILE\n");
        return 2;
    }
    bench::AgentServer server(*bench::map_table(arguments[2]));
    const int port = server.listen();
    if (port == 0) {
        std::perror("bench_agents: cannot listen");
        return 2;
    }
    std::printf("port %d\n", port);
    std::fflush(stdout);
    server.run();
    return 0;
}
