#include <gtest/gtest.h>

#include "net/server_websocket.hpp"

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

}  // namespace
}  // namespace bridge::net
