#include "net/http_message.hpp"

#include <gtest/gtest.h>

namespace bridge::net {
namespace {

TEST(Headers, FindsTheFirstFieldOfANameInAnyCase) {
    Headers headers;
    headers.add("X-Twilio-Signature", "one");
    headers.add("x-twilio-signature", "two");
    EXPECT_EQ(headers.find("X-TWILIO-SIGNATURE"), "one");
    EXPECT_FALSE(headers.find("X-Twilio"));
}

TEST(Headers, SetReplacesEveryFieldOfTheNameAndKeepsTheOrder) {
    Headers headers;
    headers.add("A", "1");
    headers.add("B", "2");
    headers.add("a", "3");
    headers.add("C", "4");
    headers.set("A", "5");
    ASSERT_EQ(headers.fields().size(), 3U);
    EXPECT_EQ(headers.fields()[0].second, "5");
    EXPECT_EQ(headers.fields()[1].second, "2");
    EXPECT_EQ(headers.fields()[2].second, "4");
    headers.set("D", "6");
    EXPECT_EQ(headers.find("d"), "6");
}

TEST(Headers, FindsATokenInListsWithBlanksAndInAnyCase) {
    Headers headers;
    headers.add("Connection", "keep-alive,\t Upgrade ");
    headers.add("Connection", "x");
    EXPECT_TRUE(headers.has_token("connection", "upgrade"));
    EXPECT_TRUE(headers.has_token("connection", "KEEP-ALIVE"));
    EXPECT_TRUE(headers.has_token("connection", "x"));
    EXPECT_FALSE(headers.has_token("connection", "grade"));
    EXPECT_FALSE(headers.has_token("connection", "upgrade x"));
    EXPECT_FALSE(headers.has_token("upgrade", "websocket"));
}

TEST(HttpRequest, CutsItsTargetIntoPathAndQuery) {
    HttpRequest request;
    request.target = "/twilio/voice?call=c_1?x";
    EXPECT_EQ(request.path(), "/twilio/voice");
    EXPECT_EQ(request.query(), "call=c_1?x");
    request.target = "/plain";
    EXPECT_EQ(request.path(), "/plain");
    EXPECT_EQ(request.query(), "");
}

TEST(Respond, CarriesItsTypeAndBody) {
    const auto response = respond(404, "application/json", "{}");
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.headers.find("content-type"), "application/json");
    EXPECT_EQ(response.body, "{}");
}

}  // namespace
}  // namespace bridge::net
