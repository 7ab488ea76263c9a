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

TEST(Twiml, DialsWhateverKindOfAddressItIs) {
    const auto dialled = [](std::string to) {
        DialParameters parameters;
        parameters.to = std::move(to);
        parameters.action = "https://b.example/twilio/dial-result?call=c&x=1";
        parameters.status_callback = "https://b.example/twilio/participant?call=c&x=1";
        return dial(parameters);
    };
    const auto expected = [](const std::string& noun, const std::string& body) {
        return kHead +
               R"(<Dial timeout="30" timeLimit="14400" action="https://b.example/twilio/dial-result?call=c&amp;x=1" method="POST"><)" +
               noun +
               R"( statusCallback="https://b.example/twilio/participant?call=c&amp;x=1" statusCallbackMethod="POST" statusCallbackEvent="initiated ringing answered completed">)" +
               body + "</" + noun + "></Dial></Response>";
    };
    EXPECT_EQ(dialled("+15551234567"), expected("Number", "+15551234567"));
    EXPECT_EQ(dialled("sip:alice@example.com;transport=tls?X-A=1&X-B=<2>"),
              expected("Sip", "sip:alice@example.com;transport=tls?X-A=1&amp;X-B=&lt;2&gt;"));
    EXPECT_EQ(dialled("sips:alice@example.com"), expected("Sip", "sips:alice@example.com"));
    EXPECT_EQ(dialled("client:joey"), expected("Client", "joey"));
    EXPECT_EQ(dialled("5551234567").error().code, Errc::bad_field);
    EXPECT_EQ(dialled("").error().code, Errc::bad_field);
    EXPECT_EQ(dialled("sip:" + std::string(300, 'a')).error().code, Errc::bad_field);
    EXPECT_EQ(dialled("+1</Number><Hangup/>"),
              expected("Number", "+1&lt;/Number&gt;&lt;Hangup/&gt;"))
        << "nothing gets out of its element";
}

TEST(Twiml, GivesALiveCallSomethingElseToDo) {
    EXPECT_EQ(
        digits_then("1ww2#", "https://b.example/v?call=a&b=c"),
        kHead +
            R"(<Play digits="1ww2#"/><Redirect method="POST">https://b.example/v?call=a&amp;b=c</Redirect></Response>)");
    EXPECT_EQ(
        redirect_to("https://b.example/v?a&b"),
        kHead + R"(<Redirect method="POST">https://b.example/v?a&amp;b</Redirect></Response>)");
    EXPECT_EQ(
        conference("c_<1>", "https://b.example/c?call=a&b=c"),
        kHead +
            R"(<Dial><Conference beep="false" startConferenceOnEnter="true" endConferenceOnExit="true" statusCallback="https://b.example/c?call=a&amp;b=c" statusCallbackEvent="start end join leave">c_&lt;1&gt;</Conference></Dial></Response>)");
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
