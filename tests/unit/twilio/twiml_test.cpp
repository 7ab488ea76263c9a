#include "twilio/wire/twiml.hpp"

#include <gtest/gtest.h>

namespace bridge::twilio {
namespace {

const std::string kHead = R"(<?xml version="1.0" encoding="UTF-8"?><Response>)";

TEST(Twiml, ConnectsAStreamAndSaysNothingAfter) {
    EXPECT_EQ(
        connect_stream({"wss://b.example/twilio/media/t",
                        "https://b.example/s?call=a&b=c",
                        {{"who", "\"Zoë\" <x>"}}}),
        kHead +
            R"(<Connect><Stream url="wss://b.example/twilio/media/t" statusCallback="https://b.example/s?call=a&amp;b=c" statusCallbackMethod="POST"><Parameter name="who" value="&quot;Zoë&quot; &lt;x&gt;"/></Stream></Connect></Response>)");
    EXPECT_EQ(connect_stream({"wss://b.example/m", "", {}}),
              kHead + R"(<Connect><Stream url="wss://b.example/m"/></Connect></Response>)");
}

TEST(Twiml, ListensWithAPauseOfAnHourAndAsksForTheNext) {
    EXPECT_EQ(
        listen_only({"wss://b.example/m", "", {}}, "https://b.example/voice?call=c"),
        kHead +
            R"(<Start><Stream url="wss://b.example/m"/></Start><Pause length="3600"/><Redirect method="POST">https://b.example/voice?call=c</Redirect></Response>)");
    EXPECT_EQ(
        keep_listening("https://b.example/v"),
        kHead +
            R"(<Pause length="3600"/><Redirect method="POST">https://b.example/v</Redirect></Response>)");
}

TEST(Twiml, WritesTheShortAnswers) {
    EXPECT_EQ(hangup(), kHead + "<Hangup/></Response>");
    EXPECT_EQ(reject(RejectReason::rejected), kHead + R"(<Reject reason="rejected"/></Response>)");
    EXPECT_EQ(reject(RejectReason::busy), kHead + R"(<Reject reason="busy"/></Response>)");
    EXPECT_EQ(say_and_hangup("Good-bye & thanks"),
              kHead + "<Say>Good-bye &amp; thanks</Say><Hangup/></Response>");
    EXPECT_EQ(
        dial({"+15551234567", "+15557654321", "https://b.example/d", std::chrono::seconds(20),
              std::chrono::seconds(60)}),
        kHead +
            R"(<Dial timeout="20" timeLimit="60" callerId="+15557654321" action="https://b.example/d" method="POST"><Number>+15551234567</Number></Dial></Response>)");
}

TEST(Twiml, EscapesAndLeavesOutWhatXmlHasNoPlaceFor) {
    EXPECT_EQ(xml_escape(std::string_view("a\0b\x01\t\n\r\x1f\x7f", 9)), "ab\t\n\r\x7f");
    EXPECT_EQ(xml_escape("<&>\"'"), "&lt;&amp;&gt;&quot;'");
    EXPECT_EQ(xml_escape("é “x” 😀"), "é “x” 😀");
    EXPECT_EQ(xml_escape("a\xffz\xc3"), "a\xef\xbf\xbdz\xef\xbf\xbd");
    EXPECT_EQ(xml_escape("\xc0\x80\xed\xa0\x80"),
              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(xml_escape("\xef\xbf\xbf"), "");
}

TEST(Twiml, KeepsTwiliosLimits) {
    EXPECT_EQ(connect_stream({"wss://b", "", {{"n", std::string(499, 'x')}}}).error().code,
              Errc::bad_field);
    EXPECT_TRUE(connect_stream({"wss://b", "", {{"n", std::string(498, 'x')}}}));
    EXPECT_EQ(say_and_hangup(std::string(kTwimlLimit, 'x')).error().code, Errc::too_large);
}

}  // namespace
}  // namespace bridge::twilio
