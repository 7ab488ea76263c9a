#include "net/websocket_handshake.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <utility>

#include "base/base64.hpp"
#include "base/ids.hpp"

namespace bridge::net {
namespace {

/// Sixteen bytes in base64 are 22 letters, the last of which carries 2 bits, and "==".
bool is_websocket_key(std::string_view key) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.size() != 24 || key.substr(22) != "==") return false;
    return key.substr(0, 22).find_first_not_of(kAlphabet) == std::string_view::npos;
}

constexpr std::size_t kAnswerHeadBytes = 16 * 1024;

UpgradeAnswer bad_answer(std::string why) {
    UpgradeAnswer answer;
    answer.verdict = UpgradeAnswer::Verdict::bad;
    answer.why = std::move(why);
    return answer;
}

}  // namespace

std::string accept_key(std::string_view key) {
    static constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::string text(key);
    text += kGuid;
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 32> out{};
    const int size = EVP_EncodeBlock(out.data(), digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(size)};
}

Result<> check_handshake(const HttpRequest& head) {
    const auto bad = [](std::string message) { return fail(Errc::protocol, std::move(message)); };
    if (head.method != "GET") return bad("WebSocket upgrade with method " + head.method);
    if (head.version < 11) return bad("WebSocket upgrade over HTTP/1.0");
    if (!head.headers.find("Host")) return bad("WebSocket upgrade without Host");
    if (!head.headers.has_token("Connection", "upgrade")) {
        return bad("WebSocket upgrade without 'Connection: Upgrade'");
    }
    if (!head.headers.has_token("Upgrade", "websocket")) {
        return bad("upgrade to something other than WebSocket");
    }
    if (!is_websocket_key(head.headers.find("Sec-WebSocket-Key").value_or(""))) {
        return bad("Sec-WebSocket-Key is not 16 bytes in base64");
    }
    const auto version = head.headers.find("Sec-WebSocket-Version").value_or("");
    if (version != "13") {
        return bad("WebSocket version '" + std::string(version) + "', only 13 is spoken here");
    }
    return {};
}

HttpResponse handshake_refusal(const HttpRequest& head) {
    const auto key = head.headers.find("Sec-WebSocket-Key").value_or("");
    const auto version = head.headers.find("Sec-WebSocket-Version").value_or("");
    const bool only_version = head.method == "GET" && head.version >= 11 &&
                              head.headers.find("Host") && is_websocket_key(key) && version != "13";
    auto response = respond(
        only_version ? 426 : 400, "text/plain",
        only_version ? "WebSocket version 13 is spoken here\n" : "not a WebSocket handshake\n");
    if (only_version) {
        response.headers.add("Upgrade", "websocket");
        response.headers.add("Sec-WebSocket-Version", "13");
    }
    return response;
}

std::string make_websocket_key() {
    const auto bytes = random_bytes(16);
    std::array<std::uint8_t, 16> key{};
    std::copy(bytes.begin(), bytes.end(), key.begin());
    return encode_base64(key);
}

std::string upgrade_request(std::string_view host, std::string_view target, const Headers& more,
                            std::string_view key) {
    std::string text = "GET ";
    text.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
    text += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ";
    text.append(key).append("\r\nSec-WebSocket-Version: 13\r\n");
    for (const auto& [name, value] : more.fields()) {
        text.append(name).append(": ").append(value).append("\r\n");
    }
    return text += "\r\n";
}

UpgradeAnswer judge_upgrade_answer(std::string_view bytes, std::string_view key,
                                   const Headers& asked) {
    namespace http = boost::beast::http;
    static constexpr std::string_view kBegins = "HTTP/1.1 ";
    const auto seen = std::min(bytes.size(), kBegins.size());
    if (bytes.substr(0, seen) != kBegins.substr(0, seen)) return bad_answer("no HTTP/1.1 answer");
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        if (bytes.size() > kAnswerHeadBytes) return bad_answer("the answer's head is too long");
        return {};
    }
    UpgradeAnswer answer;
    answer.head_bytes = end + 4;
    if (answer.head_bytes > kAnswerHeadBytes) return bad_answer("the answer's head is too long");
    http::response_parser<http::empty_body> parser;
    parser.skip(true);
    boost::system::error_code error;
    parser.put(boost::asio::buffer(bytes.data(), answer.head_bytes), error);
    if (error || !parser.is_header_done()) return bad_answer("bad HTTP: " + error.message());
    Headers fields;
    for (const auto& field : parser.get()) {
        fields.add(std::string(field.name_string()), std::string(field.value()));
    }
    answer.status = static_cast<int>(parser.get().result_int());
    if (answer.status != 101) {
        answer.verdict = UpgradeAnswer::Verdict::declined;
        return answer;
    }
    if (!fields.has_token("Upgrade", "websocket")) return bad_answer("101 without an upgrade");
    if (!fields.has_token("Connection", "upgrade")) {
        return bad_answer("101 without 'Connection: Upgrade'");
    }
    if (fields.find("Sec-WebSocket-Accept").value_or("") != accept_key(key)) {
        return bad_answer("Sec-WebSocket-Accept does not answer our key");
    }
    if (fields.find("Sec-WebSocket-Extensions").value_or("") != "") {
        return bad_answer("the server uses an extension that was not offered");
    }
    const auto spoken = fields.find("Sec-WebSocket-Protocol");
    if (spoken && !asked.has_token("Sec-WebSocket-Protocol", *spoken)) {
        return bad_answer("the server speaks a subprotocol that was not offered");
    }
    answer.verdict = UpgradeAnswer::Verdict::accepted;
    return answer;
}

}  // namespace bridge::net
