#include "tests/bench/player.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#include "tests/bench/stamp.hpp"

namespace bench {
namespace {

constexpr const char* kAccount = "ACbe9c0000000000000000000000000000";
constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";

std::string base64(const unsigned char* bytes, std::size_t size) {
    std::string out((size + 2) / 3 * 4 + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes,
                                       static_cast<int>(size));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::string sign(const std::string& token, const std::string& url, const Fields& fields) {
    std::string text = url;
    std::map<std::string, std::string> sorted(fields.begin(), fields.end());
    for (const auto& [name, value] : sorted) text += name + value;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha1(), token.data(), static_cast<int>(token.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
    return base64(digest.data(), size);
}

std::string encoded(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || std::strchr("-._~", c) != nullptr;
        std::array<char, 4> hex{};
        std::snprintf(hex.data(), hex.size(), "%%%02X", static_cast<unsigned>(c) & 0xFFU);
        out += plain ? std::string(1, c) : std::string(hex.data());
    }
    return out;
}

std::string origin(const Target& target, const char* scheme) {
    return std::string(scheme) + "://" + target.host + ":" + std::to_string(target.port);
}

/// The last part of every payload: 124 bytes of a tone, 41 × 3 + 1.
const std::string& tail() {
    static const std::string text = [] {
        std::array<unsigned char, 160 - kStampBytes> sound{};
        for (std::size_t i = 0; i < sound.size(); ++i)
            sound[i] = static_cast<unsigned char>(0x90U + i % 32);
        return base64(sound.data(), sound.size());
    }();
    return text;
}

}  // namespace

// --- sockets

Socket::Socket(const std::string& host, int port) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        throw PlayerError{"cannot connect to " + host + ":" + std::to_string(port) + ": " +
                          std::strerror(errno)};
    }
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const timeval limit{10, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

Socket& Socket::operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

Socket::~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Socket::send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
        const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) throw PlayerError{std::string("cannot send: ") + std::strerror(errno)};
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::string Socket::receive_until(std::string_view end) const {
    std::string text;
    std::array<char, 4096> piece{};
    while (text.find(end) == std::string::npos) {
        const auto got = ::recv(descriptor_, piece.data(), piece.size(), 0);
        if (got <= 0) throw PlayerError{"the server hung up or fell silent after: " + text};
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
}

void Socket::receive_more(std::string& into, std::size_t bytes) const {
    std::array<char, 4096> piece{};
    while (bytes > 0) {
        const auto got = ::recv(descriptor_, piece.data(), std::min(bytes, piece.size()), 0);
        if (got <= 0) throw PlayerError{"the server hung up in the middle of an answer"};
        into.append(piece.data(), static_cast<std::size_t>(got));
        bytes -= static_cast<std::size_t>(got);
    }
}

// --- webhooks

std::string Webhooks::post(const std::string& path, const Fields& fields) {
    // The server closes a connection that has been idle for some seconds.
    const auto now = monotonic_ns();
    if (socket_.get() < 0 || now - last_used_ns_ > 3'000'000'000ULL)
        socket_ = Socket(target_.host, target_.port);
    last_used_ns_ = now;
    std::string body;
    for (const auto& [name, value] : fields) {
        body += (body.empty() ? "" : "&") + encoded(name) + "=" + encoded(value);
    }
    const auto url = origin(target_, "http") + path;
    socket_.send_all("POST " + path + " HTTP/1.1\r\nHost: " + target_.host + ":" +
                     std::to_string(target_.port) +
                     "\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: " +
                     sign(target_.token, url, fields) +
                     "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    auto answer = socket_.receive_until("\r\n\r\n");
    const auto head = answer.find("\r\n\r\n") + 4;
    const auto length = answer.find("Content-Length: ");
    if (length != std::string::npos && length < head) {
        const auto wanted = head + std::stoul(answer.substr(length + 16));
        if (answer.size() < wanted) socket_.receive_more(answer, wanted - answer.size());
    }
    if (answer.compare(9, 1, "2") != 0) throw PlayerError{path + " was answered: " + answer};
    return answer.substr(head);
}

std::string call_sid(std::uint32_t number) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "CA%032x", number);
    return text.data();
}

Stream place_call(const Target& target, Webhooks& webhooks, std::uint32_t number) {
    if (target.token.empty()) return {target, number, "/", {}};
    const auto twiml = webhooks.post("/twilio/voice", {{"AccountSid", kAccount},
                                                       {"ApiVersion", "2010-04-01"},
                                                       {"CallSid", call_sid(number)},
                                                       {"CallStatus", "ringing"},
                                                       {"Direction", "inbound"},
                                                       {"From", "+12025550199"},
                                                       {"To", "+15005550006"}});
    const auto begin = twiml.find("url=\"ws://");
    const auto end = begin == std::string::npos ? begin : twiml.find('"', begin + 5);
    if (end == std::string::npos) throw PlayerError{"no stream in the answer: " + twiml};
    const auto url = twiml.substr(begin + 5, end - begin - 5);
    return {target, number, url.substr(url.find('/', 5)), sign(target.token, url, {})};
}

void report_end(const Target& target, Webhooks& webhooks, const std::string& sid) {
    if (target.token.empty()) return;
    webhooks.post("/twilio/status", {{"AccountSid", kAccount},
                                     {"ApiVersion", "2010-04-01"},
                                     {"CallDuration", "1"},
                                     {"CallSid", sid},
                                     {"CallStatus", "completed"},
                                     {"Direction", "inbound"}});
}

// --- streams

Stream::Stream(const Target& target, std::uint32_t number, const std::string& path,
               const std::string& signature)
    : socket_(target.host, target.port),
      number_(number),
      random_(0x9E3779B97F4A7C15ULL * (number + 1)),
      call_sid_(bench::call_sid(number)),
      stream_sid_("MZ" + call_sid_.substr(2)) {
    socket_.send_all(
        "GET " + path + " HTTP/1.1\r\nHost: " + target.host + ":" + std::to_string(target.port) +
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
        "\r\nSec-WebSocket-Key: " +
        kKey + (signature.empty() ? "" : "\r\nX-Twilio-Signature: " + signature) + "\r\n\r\n");
    const auto answer = socket_.receive_until("\r\n\r\n");
    if (answer.compare(0, 12, "HTTP/1.1 101") != 0)
        throw PlayerError{"the upgrade was answered: " + answer};
    std::string out;
    append(R"({"event":"connected","protocol":"Call","version":"1.0.0"})", 1, out);
    append(R"({"event":"start","sequenceNumber":"1","start":{"accountSid":")" +
               std::string(kAccount) + R"(","streamSid":")" + stream_sid_ + R"(","callSid":")" +
               call_sid_ +
               R"(","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw",)"
               R"("sampleRate":8000,"channels":1},"customParameters":{}},"streamSid":")" +
               stream_sid_ + "\"}",
           1, out);
    socket_.send_all(out);
}

void Stream::append(std::string_view text, unsigned opcode, std::string& out) {
    out.push_back(static_cast<char>(0x80U | opcode));
    if (text.size() < 126) {
        out.push_back(static_cast<char>(0x80U | text.size()));
    } else {
        out.push_back(static_cast<char>(0x80U | 126U));
        out.push_back(static_cast<char>(text.size() >> 8U));
        out.push_back(static_cast<char>(text.size() & 0xFFU));
    }
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    std::array<char, 4> mask{};
    std::memcpy(mask.data(), &random_, mask.size());
    out.append(mask.data(), mask.size());
    const auto begin = out.size();
    out.append(text);
    for (std::size_t i = 0; i < text.size(); ++i)
        out[begin + i] = static_cast<char>(out[begin + i] ^ mask[i % 4]);
}

void Stream::write_frame(std::uint64_t now_ns, std::string& out) {
    std::array<std::uint8_t, kStampBytes> mark{};
    write_stamp({number_, next_, now_ns}, mark);
    std::array<unsigned char, kStampBytes / 3 * 4 + 1> head{};
    EVP_EncodeBlock(head.data(), mark.data(), static_cast<int>(mark.size()));
    ++sequence_;
    std::array<char, 512> text{};
    const int size = std::snprintf(
        text.data(), text.size(),
        R"({"event":"media","sequenceNumber":"%llu","media":{"track":"inbound","chunk":"%u",)"
        R"("timestamp":"%llu","payload":"%s%s"},"streamSid":"%s"})",
        static_cast<unsigned long long>(sequence_), next_ + 1,
        static_cast<unsigned long long>(next_) * 20, reinterpret_cast<const char*>(head.data()),
        tail().c_str(), stream_sid_.c_str());
    ++next_;
    append(std::string_view(text.data(), static_cast<std::size_t>(size)), 1, out);
}

void Stream::write_mark(std::string_view name, std::string& out) {
    ++sequence_;
    std::array<char, 256> text{};
    const int size = std::snprintf(
        text.data(), text.size(),
        R"({"event":"mark","sequenceNumber":"%llu","streamSid":"%s","mark":{"name":"%.*s"}})",
        static_cast<unsigned long long>(sequence_), stream_sid_.c_str(),
        static_cast<int>(name.size()), name.data());
    append(std::string_view(text.data(), static_cast<std::size_t>(size)), 1, out);
}

bool Stream::finish() {
    std::string out;
    ++sequence_;
    append(R"({"event":"stop","sequenceNumber":")" + std::to_string(sequence_) +
               R"(","stop":{"accountSid":")" + kAccount + R"(","callSid":")" + call_sid_ +
               R"("},"streamSid":")" + stream_sid_ + "\"}",
           1, out);
    append(std::string_view("\x03\xE8", 2), 8, out);
    socket_.send_all(out);
    std::array<char, 4096> rest{};
    pollfd wait{socket_.get(), POLLIN, 0};
    while (::poll(&wait, 1, 5000) > 0) {
        if (::recv(socket_.get(), rest.data(), rest.size(), 0) <= 0) return true;
    }
    return false;
}

}  // namespace bench
