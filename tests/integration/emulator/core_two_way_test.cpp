// What two-way calls need: live calls that get other TwiML, keys that are played, and the account
// of what was heard.

#include <algorithm>

#include "emulator/form.hpp"
#include "tests/integration/emulator/emulator_house.hpp"

namespace bridge::emulator::test {
namespace {

class TwoWay : public ::testing::Test {
protected:
    TwoWay() { house.accept_streams(); }
    std::string stream(const std::string& more = {}) const {
        return "<Connect><Stream url='ws://127.0.0.1:" + std::to_string(house.hook_port()) +
               "/media'>" + more + "</Stream></Connect>";
    }
    std::string document(const std::string& verbs) const {
        return "<Response>" + verbs + "</Response>";
    }
    /// A call that runs `verbs`, once it is up.
    std::string live_call(const std::string& verbs, const std::string& to = "+12025550108") {
        house.answer_with_twiml(verbs);
        const auto sid = house.call(to);
        EXPECT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; }));
        return sid;
    }
    Answer redirect(const std::string& sid, const std::string& verbs) {
        return house.account("POST", "/Calls/" + sid + ".json", {{"Twiml", document(verbs)}});
    }
    bool has(const std::string& event, std::size_t count) {
        return eventually([&] { return house.stream_messages(event).size() >= count; });
    }
    json::value about(const std::string& sid) { return house.control("GET", "calls/" + sid).json; }
    std::string digits_heard(const std::string& sid) {
        return std::string(about(sid).at("digits_heard").as_string());
    }
    void hang_up(const std::string& sid) {
        house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}});
        EXPECT_TRUE(house.ends(sid));
    }
    std::vector<std::string> legs_of(const std::string& sid) {
        std::vector<std::string> sids;
        const auto all = house.account("GET", "/Calls.json?ParentCallSid=" + sid);
        for (const auto& one : all.json.at("calls").as_array()) {
            sids.emplace_back(one.at("sid").as_string());
        }
        return sids;
    }
    /// The one leg of a <Dial> that has been answered.
    std::string talking_leg(const std::string& sid) {
        EXPECT_TRUE(eventually([&] {
            const auto legs = legs_of(sid);
            return legs.size() == 1 && house.status_of(legs[0]) == "in-progress";
        }));
        const auto legs = legs_of(sid);
        return legs.empty() ? std::string{} : legs[0];
    }
    EmulatorHouse house;
};

TEST_F(TwoWay, PlaysDigitsByARedirectAndComesBackIntoAStreamOfItsOwn) {
    const auto sid = live_call(stream());
    ASSERT_TRUE(has("media", 5));
    const auto first = house.stream_messages("start").at(0);
    ASSERT_EQ(redirect(sid, "<Play digits='w1w#'/>" + stream()).status, 200);
    ASSERT_TRUE(has("start", 2));
    EXPECT_EQ(house.stream_messages("stop").size(), 1U);
    EXPECT_EQ(digits_heard(sid), "1#");
    const auto second = house.stream_messages("start").at(1);
    EXPECT_NE(first.at("streamSid"), second.at("streamSid"));
    EXPECT_EQ(second.at("sequenceNumber").as_string(), "1");
    EXPECT_EQ(first.at("start").at("callSid"), second.at("start").at("callSid"));
    const auto all = about(sid);
    ASSERT_EQ(all.at("streams").as_array().size(), 2U);
    EXPECT_FALSE(all.at("streams").at(0).at("open").as_bool());
    EXPECT_TRUE(all.at("streams").at(1).at("open").as_bool());
    // A digit takes 200 ms with its pause, a w half a second.
    const auto at = all.at("digits_heard_at_ms").as_array();
    ASSERT_EQ(at.size(), 2U);
    EXPECT_NEAR(static_cast<double>(at[1].as_int64() - at[0].as_int64()), 700, 21);
    hang_up(sid);
}

TEST_F(TwoWay, PlaysDigitsAndRedirects) {
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/voice") return twiml("<Play digits='5w9'/><Redirect>/again</Redirect>");
        return hook.path == "/again" ? twiml(stream()) : net::HttpResponse{204, {}, {}};
    });
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(has("start", 1));
    EXPECT_EQ(digits_heard(sid), "59");
    hang_up(sid);
}

TEST_F(TwoWay, LeavesWhateverItDoesForOtherTwiml) {
    const std::string tone(1600, '\x35');
    for (const char* doing :
         {"<Play loop='0'>/tone.ulaw</Play>", "<Say loop='0'>on and on</Say>",
          "<Pause length='6000'/>", "<Gather timeout='6000'><Pause length='6000'/></Gather>",
          "<Dial><Number>+12025550104</Number></Dial>",
          "<Dial><Conference>alone</Conference></Dial>"}) {
        house.answer_with([&](const Hook& hook) {
            if (hook.path == "/tone.ulaw") return net::respond(200, "audio/basic", tone);
            return hook.path == "/voice" ? twiml(doing) : net::HttpResponse{204, {}, {}};
        });
        const auto sid = house.call("+12025550108");
        ASSERT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; })) << doing;
        const auto before = house.stream_messages("start").size();
        ASSERT_EQ(redirect(sid, stream()).status, 200) << doing;
        ASSERT_TRUE(has("start", before + 1)) << doing;
        EXPECT_EQ(house.status_of(sid), "in-progress") << doing;
        hang_up(sid);
        EXPECT_EQ(house.emulator().open_calls(), 0U) << doing;
    }
}

TEST_F(TwoWay, EndsADialWhoseCallerGetsOtherTwiml) {
    const auto sid = live_call("<Dial><Number>+12025550118</Number></Dial>");
    const auto leg = talking_leg(sid);
    ASSERT_EQ(redirect(sid, stream()).status, 200);
    ASSERT_TRUE(house.ends(leg));
    EXPECT_EQ(house.status_of(leg), "completed");
    ASSERT_TRUE(has("start", 1));
    hang_up(sid);
}

TEST_F(TwoWay, KeepsALegThatGetsOtherTwimlAndGoesOnAfterTheDial) {
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/voice") {
            return twiml("<Dial action='/dialed'><Number>+12025550118</Number></Dial>");
        }
        return hook.path == "/dialed" ? twiml("<Pause length='6000'/>")
                                      : net::HttpResponse{204, {}, {}};
    });
    const auto sid = house.call("+12025550108");
    const auto leg = talking_leg(sid);
    ASSERT_EQ(redirect(leg, stream()).status, 200);
    ASSERT_TRUE(has("start", 1));
    ASSERT_TRUE(eventually([&] { return !house.hooks("/dialed").empty(); }));
    EXPECT_EQ(house.hooks("/dialed")[0].field("DialCallStatus"), "completed");
    hang_up(sid);
    EXPECT_EQ(house.status_of(leg), "in-progress") << "it lives on by itself";
    hang_up(leg);
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST_F(TwoWay, LetsALegLeaveItsWhisper) {
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/voice") {
            return twiml("<Dial><Number url='/whisper'>+12025550118</Number></Dial>");
        }
        return hook.path == "/whisper" ? twiml("<Pause length='6000'/>")
                                       : net::HttpResponse{204, {}, {}};
    });
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(eventually([&] { return !house.hooks("/whisper").empty(); }));
    const auto leg = talking_leg(sid);
    ASSERT_EQ(redirect(leg, stream()).status, 200);
    ASSERT_TRUE(has("start", 1));
    EXPECT_EQ(house.stream_messages("start")[0].at("start").at("callSid").as_string(), leg);
    ASSERT_TRUE(house.ends(sid)) << "nothing follows its <Dial>";
    hang_up(leg);
}

TEST_F(TwoWay, KeepsTheWholeCallOnOneTimeline) {
    house.control("PUT", "personas/+12025550120", R"({"persona": "tone:440,repeat=yes,delay=0ms"})");
    const auto sid = live_call("<Say>one</Say><Pause length='25'/><Say>two</Say>" + stream(),
                               "+12025550120");
    ASSERT_TRUE(has("media", 5));
    hang_up(sid);
    const auto heard = house.control("GET", "calls/" + sid + "/heard.wav").body;
    const auto said = house.control("GET", "calls/" + sid + "/said.wav").body;
    ASSERT_EQ(said.substr(0, 4), "RIFF");
    EXPECT_EQ(heard.size(), said.size());
    const auto is_word = [](char c) { return c == static_cast<char>(0x80); };
    const auto first = std::find_if(heard.begin() + 58, heard.end(), is_word);
    const auto gap = std::find_if_not(first, heard.end(), is_word);
    const auto second = std::find_if(gap, heard.end(), is_word);
    // Half a second of real time, which is five of the call at ten times its pace.
    EXPECT_NEAR(static_cast<double>(second - gap), 5.0 * 8000, 8000);
    EXPECT_EQ(std::count_if(heard.begin() + 58, heard.end(), is_word), 3200);
    EXPECT_GT(std::count_if(said.begin() + 58, said.end(), [](char c) { return c != '\xff'; }),
              16'000);
}

TEST_F(TwoWay, GivesAnAccountOfThePlayout) {
    const auto sid = live_call(stream());
    ASSERT_TRUE(has("media", 2));
    const auto stream_sid =
        std::string(house.stream_messages("start").at(0).at("streamSid").as_string());
    EXPECT_EQ(house.control("GET", "calls/" + sid + "/playout?stream_sid=MZ1").status, 404);
    const auto playout = house.control("GET", "calls/" + sid + "/playout");
    ASSERT_EQ(playout.status, 200);
    EXPECT_EQ(playout.text("stream_sid"), stream_sid);
    EXPECT_TRUE(playout.json.at("open").as_bool());
    EXPECT_GT(playout.json.at("stream_ms").to_number<double>(), 0);
    EXPECT_EQ(playout.json.at("received_bytes").as_int64(), 0);
    hang_up(sid);
    const auto after = house.control("GET", "calls/" + sid + "/playout?stream_sid=" + stream_sid);
    ASSERT_EQ(after.status, 200) << "also when the call is over";
    EXPECT_FALSE(after.json.at("open").as_bool());
    const auto silent = live_call("<Pause length='6000'/>");
    EXPECT_EQ(house.control("GET", "calls/" + silent + "/playout").status, 404);
    EXPECT_EQ(house.control("GET", "calls/CA1").status, 404);
    hang_up(silent);
}

TEST_F(TwoWay, TellsWhichKeysWerePressed) {
    // Keys that are pressed before the stream is there are told to nobody: 30 s of the call for it.
    house.control("PUT", "personas/+12025550120", R"({"persona": "keys:1w2,delay=30s"})");
    const auto sid = live_call(stream(), "+12025550120");
    ASSERT_TRUE(has("start", 1));
    ASSERT_TRUE(eventually([&] { return about(sid).at("digits_pressed") == json::value("12"); }));
    EXPECT_EQ(digits_heard(sid), "");
    EXPECT_TRUE(has("dtmf", 2));
    hang_up(sid);
}

TEST_F(TwoWay, CallsSipAddresses) {
    house.control("PUT", "personas/sip:alice@example.com", R"({"persona": "busy"})");
    const Fields form{{"To", "sip:alice@example.com;transport=tls"},
                      {"From", "+15005550006"},
                      {"Url", house.hook_url("/voice")}};
    const auto answer = house.account("POST", "/Calls.json", form);
    ASSERT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(answer.text("to"), "sip:alice@example.com;transport=tls");
    ASSERT_TRUE(house.ends(answer.text("sid")));
    EXPECT_EQ(house.status_of(answer.text("sid")), "busy");
}

TEST_F(TwoWay, DialsSipAddressesAndTellsOfTheLeg) {
    house.control("PUT", "personas/sip:alice@example.com",
                  R"({"persona": "silence,hangup=yes,max=500ms"})");
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/voice") {
            return twiml(
                "<Dial action='/dialed' callerId='+12025559999'><Sip statusCallback='/leg' "
                "statusCallbackEvent='ringing answered completed'>sip:alice@example.com</Sip>"
                "</Dial>");
        }
        return hook.path == "/dialed" ? twiml("") : net::HttpResponse{204, {}, {}};
    });
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    ASSERT_EQ(house.hooks("/dialed").size(), 1U);
    const auto dialed = house.hooks("/dialed")[0];
    EXPECT_EQ(dialed.field("DialCallStatus"), "completed");
    EXPECT_EQ(dialed.field("DialSipResponseCode"), "200");
    EXPECT_EQ(dialed.field("DialBridged"), "true");
    ASSERT_TRUE(eventually([&] { return house.hooks("/leg").size() == 3; }));
    EXPECT_EQ(house.hooks("/leg")[0].field("ParentCallSid"), sid);
    EXPECT_EQ(house.hooks("/leg")[0].field("Direction"), "outbound-dial");
}

TEST_F(TwoWay, RefusesACallerIdThatIsNotOurs) {
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/voice") {
            return twiml(
                "<Dial action='/dialed' callerId='+12025559999'>"
                "<Number>+12025550118</Number></Dial>");
        }
        return hook.path == "/dialed" ? twiml("") : net::HttpResponse{204, {}, {}};
    });
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_EQ(house.hooks("/dialed").at(0).field("DialCallStatus"), "failed");
    EXPECT_EQ(house.debugger_codes(), std::vector<int>{13214});
}

TEST_F(TwoWay, EndsADialAtItsTimeLimit) {
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/voice") {
            return twiml(
                "<Dial action='/dialed' timeLimit='1' answerOnBridge='true'>"
                "<Number>+12025550118</Number></Dial>");
        }
        return hook.path == "/dialed" ? twiml("") : net::HttpResponse{204, {}, {}};
    });
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.hooks("/dialed").at(0).field("DialCallStatus"), "completed");
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST_F(TwoWay, LosesADialsActionOnDemand) {
    house.control("PUT", "personas/+12025550120", R"({"persona": "silence,hangup=yes,max=200ms"})");
    house.answer_with([&](const Hook& hook) {
        if (hook.path != "/voice") return twiml("");
        // What is asked for after this document is lost.
        house.control("PUT", "faults", R"({"voice": "lost*1"})");
        return twiml("<Dial action='/dialed'><Number>+12025550120</Number></Dial>");
    });
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_TRUE(house.hooks("/dialed").empty());
    EXPECT_EQ(house.debugger_codes(), std::vector<int>{11205});
}

TEST_F(TwoWay, LetsAClientUseAndRestoreANumber) {
    const auto list =
        house.account("GET", "/IncomingPhoneNumbers.json?PhoneNumber=%2B15005550006");
    ASSERT_EQ(list.json.at("incoming_phone_numbers").as_array().size(), 1U);
    const auto before = list.json.at("incoming_phone_numbers").at(0);
    const auto path = "/IncomingPhoneNumbers/" + std::string(before.at("sid").as_string()) + ".json";
    const auto used = house.account("POST", path,
                                    {{"VoiceUrl", house.hook_url("/voice")},
                                     {"VoiceMethod", "GET"},
                                     {"VoiceFallbackUrl", house.hook_url("/fallback")},
                                     {"StatusCallback", house.hook_url("/status")},
                                     {"StatusCallbackMethod", "POST"}});
    ASSERT_EQ(used.status, 200) << used.body;
    EXPECT_EQ(used.text("voice_method"), "GET");
    // What Twilio does: a number with an application does not look at its VoiceUrl.
    house.account("POST", path, {{"VoiceApplicationSid", "AP00000000000000000000000000000001"}});
    EXPECT_EQ(house.control("POST", "incoming-call").status, 409);
    house.account("POST", path, {{"VoiceApplicationSid", ""}});
    house.answer_with_twiml("<Reject reason='busy'/>");
    const auto sid = house.control("POST", "incoming-call").text("sid");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.hooks("/voice").at(0).method, "GET");
    EXPECT_EQ(house.status_of(sid), "busy");
    EXPECT_EQ(house.control("GET", "ledger").json.at("billed_seconds").as_int64(), 0);
    const auto restored = house.account("POST", path,
                                        {{"VoiceUrl", ""},
                                         {"VoiceMethod", "POST"},
                                         {"VoiceFallbackUrl", ""},
                                         {"StatusCallback", ""}});
    EXPECT_EQ(restored.text("voice_url"), before.at("voice_url").as_string());
    EXPECT_EQ(restored.text("voice_method"), before.at("voice_method").as_string());
}

}  // namespace
}  // namespace bridge::emulator::test
