#include "net/websocket_handshake.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <utility>

namespace bridge::net {
namespace {

/// Sixteen bytes in base64 are 22 letters, the last of which carries 2 bits, and "==".
bool is_websocket_key(std::string_view key) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.size() != 24 || key.substr(22) != "==") return false;
    return key.substr(0, 22).find_first_not_of(kAlphabet) == std::string_view::npos;
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

}  // namespace bridge::net
