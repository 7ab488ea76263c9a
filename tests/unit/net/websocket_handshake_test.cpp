#include <gtest/gtest.h>

#include <string>

#include "net/server_websocket.hpp"
#include "net/websocket_handshake.hpp"

namespace bridge::net {
namespace {

HttpRequest good_head() {
    HttpRequest head;
    head.method = "GET";
    head.target = "/twilio/media/abc";
    head.headers.add("Host", "example.com");
    head.headers.add("Upgrade", "websocket");
    head.headers.add("Connection", "Upgrade");
    head.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    head.headers.add("Sec-WebSocket-Version", "13");
    return head;
}

TEST(WebSocketHandshake, TakesTheExampleOfTheRfc) {
    EXPECT_TRUE(ServerWebSocket::check(good_head()));
}

TEST(WebSocketHandshake, TakesTokensInListsAndOtherCases) {
    auto head = good_head();
    head.headers.set("Connection", "keep-alive, upgrade");
    head.headers.set("Upgrade", "WebSocket");
    head.headers.add("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
    EXPECT_TRUE(ServerWebSocket::check(head));
}

struct BadHead {
    const char* name;
    const char* field;
    const char* value;  ///< nullptr: the field is taken away
    int status;
};

class BadHandshake : public testing::TestWithParam<BadHead> {};

TEST_P(BadHandshake, IsRefusedWithTheRightStatus) {
    const auto& bad = GetParam();
    auto head = good_head();
    if (std::string(bad.field) == "method") {
        head.method = bad.value;
    } else if (std::string(bad.field) == "version") {
        head.version = 10;
    } else if (bad.value != nullptr) {
        head.headers.set(bad.field, bad.value);
    } else {
        Headers rest;
        for (const auto& [name, value] : head.headers.fields()) {
            if (name != bad.field) rest.add(name, value);
        }
        head.headers = rest;
    }
    const auto verdict = ServerWebSocket::check(head);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code, Errc::protocol);
    EXPECT_FALSE(verdict.error().message.empty());
    const auto answer = ServerWebSocket::refusal(head);
    EXPECT_EQ(answer.status, bad.status);
    EXPECT_EQ(answer.headers.find("Sec-WebSocket-Version").has_value(), bad.status == 426);
}

INSTANTIATE_TEST_SUITE_P(
    Heads, BadHandshake,
    testing::Values(BadHead{"Post", "method", "POST", 400}, BadHead{"Http10", "version", "", 400},
                    BadHead{"NoHost", "Host", nullptr, 400},
                    BadHead{"NoUpgrade", "Upgrade", nullptr, 400},
                    BadHead{"OtherUpgrade", "Upgrade", "h2c", 400},
                    BadHead{"NoConnection", "Connection", nullptr, 400},
                    BadHead{"ConnectionClose", "Connection", "close", 400},
                    BadHead{"NoKey", "Sec-WebSocket-Key", nullptr, 400},
                    BadHead{"ShortKey", "Sec-WebSocket-Key", "c2hvcnQ=", 400},
                    BadHead{"LongKey", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSB4eA==", 400},
                    BadHead{"KeyNotBase64", "Sec-WebSocket-Key", "dGhlIHNhbXBs*SBub25jZQ==", 400},
                    BadHead{"NoVersion", "Sec-WebSocket-Version", nullptr, 426},
                    BadHead{"OldVersion", "Sec-WebSocket-Version", "8", 426}),
    [](const auto& one) { return one.param.name; });

// ---- the client's side

const std::string kHandshakeKey = "dGhlIHNhbXBsZSBub25jZQ==";
using Verdict = UpgradeAnswer::Verdict;

std::string good_answer(const std::string& more = {}) {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
           more + "\r\n";
}

TEST(UpgradeRequest, CarriesTheTargetTheKeyAndFieldsOfItsOwn) {
    Headers more;
    more.add("Authorization", "Token t");
    EXPECT_EQ(upgrade_request("example.com:81", "/a?b=c", more, kHandshakeKey),
              "GET /a?b=c HTTP/1.1\r\nHost: example.com:81\r\nUpgrade: websocket\r\n"
              "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Version: 13\r\nAuthorization: Token t\r\n\r\n");
}

TEST(UpgradeRequest, KeysAreOfTheRightShapeAndDiffer) {
    auto head = good_head();
    const auto key = make_websocket_key();
    head.headers.set("Sec-WebSocket-Key", key);
    EXPECT_TRUE(ServerWebSocket::check(head)) << key;
    EXPECT_NE(key, make_websocket_key());
}

TEST(UpgradeAnswerTest, TheRfcsExampleIsAcceptedOnceItIsWhole) {
    const auto whole = good_answer();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const auto part =
            judge_upgrade_answer(std::string_view(whole).substr(0, i), kHandshakeKey, {});
        ASSERT_EQ(part.verdict, Verdict::unfinished) << i;
    }
    const auto answer = judge_upgrade_answer(whole + "\x81\x01x", kHandshakeKey, {});
    EXPECT_EQ(answer.verdict, Verdict::accepted) << answer.why;
    EXPECT_EQ(answer.head_bytes, whole.size());
}

TEST(UpgradeAnswerTest, AnotherStatusIsTold) {
    const auto answer = judge_upgrade_answer(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nkey?", kHandshakeKey, {});
    EXPECT_EQ(answer.verdict, Verdict::declined);
    EXPECT_EQ(answer.status, 401);
}

TEST(UpgradeAnswerTest, WhatWasNotOfferedIsRefused) {
    const auto verdict = [](const std::string& field, const Headers& asked) {
        return judge_upgrade_answer(good_answer(field), kHandshakeKey, asked).verdict;
    };
    EXPECT_EQ(verdict("Sec-WebSocket-Extensions: permessage-deflate\r\n", {}), Verdict::bad);
    EXPECT_EQ(verdict("Sec-WebSocket-Protocol: convai\r\n", {}), Verdict::bad);
    Headers asked;
    asked.add("Sec-WebSocket-Protocol", "realtime, convai");
    EXPECT_EQ(verdict("Sec-WebSocket-Protocol: convai\r\n", asked), Verdict::accepted);
    EXPECT_EQ(verdict("Sec-WebSocket-Protocol: other\r\n", asked), Verdict::bad);
}

TEST(UpgradeAnswerTest, WhatIsNoHttpOrTooLongIsBad) {
    EXPECT_EQ(judge_upgrade_answer("SSH-2.0", kHandshakeKey, {}).verdict, Verdict::bad);
    EXPECT_EQ(judge_upgrade_answer("HTTP/1.1 abc\r\n\r\n", kHandshakeKey, {}).verdict,
              Verdict::bad);
    const auto longest = "HTTP/1.1 101 x\r\nX: " + std::string(17 * 1024, 'x');
    EXPECT_EQ(judge_upgrade_answer(longest, kHandshakeKey, {}).verdict, Verdict::bad);
    EXPECT_EQ(judge_upgrade_answer(good_answer(longest), kHandshakeKey, {}).verdict, Verdict::bad);
}

}  // namespace
}  // namespace bridge::net
