#include "app/numbers.hpp"

#include <gtest/gtest.h>

namespace bridge::app {
namespace {

using Target = NumberRow::Target;

call::NumberRouting routing(std::string voice_url) {
    call::NumberRouting out;
    out.voice_url = std::move(voice_url);
    return out;
}

TEST(Numbers, TellWhereTheirCallsGo) {
    const std::vector<std::string> bases{"https://Here.example/below"};
    const auto target = [&](const call::NumberRouting& of, bool left = false) {
        return target_of(of, bases, left);
    };
    EXPECT_EQ(target(routing("")), Target::nowhere);
    EXPECT_EQ(target(routing("https://here.EXAMPLE/below/twilio/voice")), Target::here);
    EXPECT_EQ(target(routing("https://here.example/below/twilio/voice"), true), Target::left);
    EXPECT_EQ(target(routing("https://here.example/Below/twilio/voice")), Target::elsewhere);
    EXPECT_EQ(target(routing("https://here.example/below/twilio/fallback")), Target::elsewhere);
    auto overridden = routing("https://here.example/below/twilio/voice");
    overridden.application = "AP1";
    EXPECT_EQ(target(overridden), Target::application) << "their webhook is not asked";
    overridden.trunk = "TK1";
    EXPECT_EQ(target(overridden), Target::trunk);
}

TEST(Numbers, AnAddressIsShownWithoutWhatMayBeSecret) {
    EXPECT_EQ(shown_url("https://user:pass@their.example/voice?key=1#x"),
              "https://***@their.example/voice?…");
    EXPECT_EQ(shown_url("https://their.example/a@b"), "https://their.example/a@b");
    EXPECT_EQ(shown_url("https://their.example/\x1b[2J\n"), "https://their.example/?[2J?");
    EXPECT_EQ(shown_url(""), "");
}

TEST(Numbers, OnlyTwiliosGreetingIsNobodysWebhook) {
    EXPECT_TRUE(is_demo_url("https://demo.twilio.com/welcome/voice/"));
    EXPECT_TRUE(is_demo_url("HTTPS://Demo.Twilio.com/docs/voice.xml"));
    EXPECT_FALSE(is_demo_url("https://demo.twilio.com.evil.example/"));
    EXPECT_FALSE(is_demo_url("https://demo.twilio.com"));
    EXPECT_FALSE(is_demo_url("http://demo.twilio.com/welcome"));
}

TEST(Numbers, WhatBecameOfOneIsASentence) {
    const auto sentence = [](ReturnedNumber::What what, std::string detail = {}) {
        return format_returned(
            {what, "+1555", routing("https://their.example/voice"), "12-ab", std::move(detail)});
    };
    EXPECT_EQ(sentence(ReturnedNumber::What::returned),
              "inbound calls of +1555 go to https://their.example/voice again");
    EXPECT_EQ(sentence(ReturnedNumber::What::changed, "to the SIP trunk TK1"),
              "somebody else has changed +1555 meanwhile: its calls go to the SIP trunk TK1, which "
              "was left so");
    EXPECT_NE(sentence(ReturnedNumber::What::held).find("process 12"), std::string::npos);
    EXPECT_NE(sentence(ReturnedNumber::What::failed, "no route").find("no route"),
              std::string::npos);
    ReturnedNumber nowhere{ReturnedNumber::What::returned, "+1555", {}, "12-ab", {}};
    EXPECT_EQ(format_returned(nowhere), "inbound calls of +1555 go nowhere again");
}

TEST(Numbers, AnAnswerOfTheApiHasItsFields) {
    EXPECT_EQ(format_used_json({"+1555", "PN1", "https://here.example/twilio/voice",
                                routing("https://u:p@their.example/voice"), false}),
              R"({"number":"+1555","sid":"PN1","voice_url":"https://here.example/twilio/voice",)"
              R"("former_voice_url":"https://***@their.example/voice","former_application":"",)"
              R"("former_trunk":"","already":false})");
}

}  // namespace
}  // namespace bridge::app
