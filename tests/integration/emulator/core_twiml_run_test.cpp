// What the verbs do.

#include <algorithm>
#include <map>
#include <thread>

#include "emulator/signature.hpp"
#include "tests/integration/emulator/emulator_house.hpp"

namespace bridge::emulator::test {
namespace {

using Codes = std::vector<int>;

/// A script of one document for each path.
EmulatorHouse::Script pages(std::map<std::string, std::string> verbs) {
    return [verbs = std::move(verbs)](const Hook& hook) {
        const auto found = verbs.find(hook.path);
        return found == verbs.end() ? net::HttpResponse{204, {}, {}} : twiml(found->second);
    };
}

TEST(EmulatorTwiml, RunsVerbAfterVerbAndHangsUp) {
    EmulatorHouse house;
    house.answer_with_twiml("<Say>Hello</Say><Play digits='1w2'/><Pause/><Say loop='2'>Bye</Say>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_TRUE(house.debugger_codes().empty());
    const auto wav = house.control("GET", "calls/" + sid + "/heard.wav");
    ASSERT_EQ(wav.status, 200);
    EXPECT_EQ(wav.body.substr(0, 4), "RIFF");
    // Three times 200 ms of speech, which the fake voice makes of 0x80.
    const auto spoken = std::count(wav.body.begin() + 58, wav.body.end(), static_cast<char>(0x80));
    EXPECT_GE(spoken, 4800);
}

TEST(EmulatorTwiml, TakesInlineTwiml) {
    EmulatorHouse house;
    const auto sid = house.call("+12025550108", {{"Twiml", "<Response><Say>Hi</Say></Response>"}});
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.status_of(sid), "completed");
    EXPECT_TRUE(house.hooks("/voice").empty());
}

TEST(EmulatorTwiml, FollowsRedirectsRelativeToTheDocument) {
    EmulatorHouse house;
    house.answer_with(pages({{"/voice", "<Redirect>voice/two?x=1</Redirect><Say>never</Say>"},
                             {"/voice/two", "<Redirect method='GET'>/voice/three</Redirect>"},
                             {"/voice/three", ""}}));
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_EQ(house.hooks("/voice/two").at(0).target, "/voice/two?x=1");
    EXPECT_EQ(house.hooks("/voice/three").at(0).method, "GET");
}

TEST(EmulatorTwiml, FollowsHttpRedirectsAndSignsAnew) {
    EmulatorHouse house;
    house.answer_with([&](const Hook& hook) {
        if (hook.path != "/voice") return twiml("");
        auto response = net::HttpResponse{307, {}, {}};
        response.headers.add("Location", "/moved");
        return response;
    });
    ASSERT_TRUE(house.ends(house.call("+12025550108", {{"StatusCallback", house.hook_url("/x")}})));
    const auto moved = house.hooks("/moved");
    ASSERT_EQ(moved.size(), 1U);
    EXPECT_EQ(moved[0].method, "POST");
    EXPECT_NE(moved[0].headers.find("X-Twilio-Signature"),
              house.hooks("/voice")[0].headers.find("X-Twilio-Signature"));
}

TEST(EmulatorTwiml, AsksTheFallbackWhenTheDocumentIsBad) {
    struct Case {
        net::HttpResponse response;
        int code;
    };
    const Case cases[] = {
        {net::respond(200, "text/xml", "<Response><Say>"), 12100},
        {net::respond(200, "text/xml", "<Other/>"), 12100},
        {net::respond(200, "application/json", "{}"), 12300},
        {net::respond(500, "text/xml", "<Response/>"), 11217},
        {net::respond(200, "text/xml", "<Response>" + std::string(70'000, ' ') + "</Response>"),
         11750},
    };
    for (const auto& one : cases) {
        EmulatorHouse house;
        house.answer_with(
            [&](const Hook& hook) { return hook.path == "/voice" ? one.response : twiml(""); });
        const auto sid = house.call("+12025550108", {{"FallbackUrl", house.hook_url("/fallback")}});
        ASSERT_TRUE(house.ends(sid));
        const auto fallback = house.hooks("/fallback");
        ASSERT_EQ(fallback.size(), 1U) << one.code;
        EXPECT_EQ(fallback[0].field("ErrorCode"), std::to_string(one.code));
        EXPECT_EQ(fallback[0].field("ErrorUrl"), house.hook_url("/voice"));
        EXPECT_EQ(house.debugger_codes(), Codes{one.code});
    }
}

TEST(EmulatorTwiml, EndsACallThatNobodyInstructs) {
    EmulatorHouse house;
    const auto sid = house.call("+12025550108", {{"Url", "http://127.0.0.1:1/voice"}});
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.status_of(sid), "completed");
    EXPECT_EQ(house.debugger_codes(), Codes{11205});
}

TEST(EmulatorTwiml, GivesUpOnASlowServer) {
    EmulatorHouse house(
        [](EmulatorOptions& options) { options.webhook_timeout = std::chrono::milliseconds(200); });
    house.answer_with([](const Hook& hook) {
        if (hook.path == "/voice") std::this_thread::sleep_for(std::chrono::milliseconds(600));
        return twiml("");
    });
    const auto sid = house.call("+12025550108", {{"StatusCallback", ""}});
    ASSERT_TRUE(eventually([&] { return house.debugger_codes() == Codes{11200}; }));
    ASSERT_TRUE(house.ends(sid));
}

TEST(EmulatorTwiml, GathersDigits) {
    EmulatorHouse house;
    house.control("PUT", "personas/+12025550120", R"({"persona": "keys:12#,delay=200ms"})");
    house.answer_with(pages(
        {{"/voice", "<Gather action='/digits' timeout='600'><Say loop='0'>Press</Say></Gather>"},
         {"/digits", ""}}));
    ASSERT_TRUE(house.ends(house.call("+12025550120")));
    ASSERT_EQ(house.hooks("/digits").size(), 1U);
    EXPECT_EQ(house.hooks("/digits")[0].field("Digits"), "12");
}

TEST(EmulatorTwiml, GathersUpToTheNumberOfDigits) {
    EmulatorHouse house;
    house.control("PUT", "personas/+12025550120", R"({"persona": "keys:1234,delay=200ms"})");
    house.answer_with(pages(
        {{"/voice", "<Gather action='/digits' numDigits='3' timeout='600'/>"}, {"/digits", ""}}));
    ASSERT_TRUE(house.ends(house.call("+12025550120")));
    ASSERT_EQ(house.hooks("/digits").size(), 1U);
    EXPECT_EQ(house.hooks("/digits")[0].field("Digits"), "123");
}

TEST(EmulatorTwiml, GoesOnWhenNobodyPressesAnything) {
    EmulatorHouse house;
    house.answer_with(pages({{"/voice",
                              "<Gather action='/never' timeout='2'><Say>Press</Say></Gather>"
                              "<Gather action='/empty' timeout='2' actionOnEmptyResult='true'/>"},
                             {"/empty", ""}}));
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_TRUE(house.hooks("/never").empty());
    EXPECT_EQ(house.hooks("/empty").size(), 1U);
}

TEST(EmulatorTwiml, IsReplacedByRest) {
    EmulatorHouse house;
    house.answer_with(
        pages({{"/voice", "<Pause length='600'/>"}, {"/voice/new", "<Pause length='600'/>"}}));
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(eventually([&] { return !house.hooks("/voice").empty(); }));
    const auto path = "/Calls/" + sid + ".json";
    EXPECT_EQ(house.account("POST", path, {{"Url", house.hook_url("/voice/new")}}).status, 200);
    ASSERT_TRUE(eventually([&] { return !house.hooks("/voice/new").empty(); }));
    EXPECT_EQ(house.status_of(sid), "in-progress");
    house.account("POST", path, {{"Twiml", "<Response><Hangup/></Response>"}});
    ASSERT_TRUE(house.ends(sid));
}

TEST(EmulatorTwiml, DialsAnotherPhone) {
    EmulatorHouse house;
    house.control("PUT", "personas/+12025550120", R"({"persona": "silence,hangup=yes,max=500ms"})");
    house.answer_with(pages({{"/voice",
                              "<Dial action='/dialed'><Number statusCallback='/leg' "
                              "statusCallbackEvent='initiated ringing answered completed'>"
                              "+1 202 555 0120</Number></Dial><Say>never</Say>"},
                             {"/dialed", ""}}));
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    ASSERT_EQ(house.hooks("/dialed").size(), 1U);
    const auto dialed = house.hooks("/dialed")[0];
    EXPECT_EQ(dialed.field("DialCallStatus"), "completed");
    EXPECT_EQ(dialed.field("DialBridged"), "true");
    EXPECT_EQ(dialed.field("DialCallDuration"), "1");
    ASSERT_TRUE(eventually([&] { return house.hooks("/leg").size() == 4; }));
    const auto leg = house.hooks("/leg")[0];
    EXPECT_EQ(leg.field("ParentCallSid"), sid);
    EXPECT_EQ(leg.field("Direction"), "outbound-dial");
    EXPECT_EQ(leg.field("CallSid"), dialed.field("DialCallSid"));
    const auto children = house.account("GET", "/Calls.json?ParentCallSid=" + sid);
    EXPECT_EQ(children.json.at("calls").as_array().size(), 1U);
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST(EmulatorTwiml, SaysWhyADialCameToNothing) {
    EmulatorHouse house;
    house.control("PUT", "personas/client:bob", R"({"persona": "busy"})");
    house.control("PUT", "personas/sip:bob@example.com", R"({"persona": "no-answer"})");
    const std::pair<const char*, const char*> table[] = {
        {"<Number>+12025550103</Number>", "busy"},   {"<Number>+12025550104</Number>", "no-answer"},
        {"<Number>+12025550106</Number>", "failed"}, {"12345", "failed"},
        {"<Client>bob</Client>", "busy"},            {"<Sip>sip:bob@example.com</Sip>", "no-answer"},
        {"<Sip>sip:nobody</Sip>", "failed"},         {"<Queue>q</Queue>", "failed"},
    };
    for (const auto& [noun, status] : table) {
        const auto before = house.hooks("/dialed").size();
        house.answer_with(pages(
            {{"/voice", std::string("<Dial action='/dialed' timeout='5'>") + noun + "</Dial>"},
             {"/dialed", ""}}));
        ASSERT_TRUE(house.ends(house.call("+12025550108")));
        ASSERT_EQ(house.hooks("/dialed").size(), before + 1) << noun;
        EXPECT_EQ(house.hooks("/dialed").back().field("DialCallStatus"), status) << noun;
    }
}

TEST(EmulatorTwiml, RingsSeveralPhonesAndTakesTheFirst) {
    EmulatorHouse house;
    house.control("PUT", "personas/+12025550120",
                  R"({"persona": "silence,ring=100ms,hangup=yes,max=300ms"})");
    house.answer_with(pages({{"/voice",
                              "<Dial action='/dialed'><Number>+12025550104</Number>"
                              "<Number>+12025550120</Number></Dial>"},
                             {"/dialed", ""}}));
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.hooks("/dialed").at(0).field("DialCallStatus"), "completed");
    const auto canceled = house.account("GET", "/Calls.json?Status=canceled&ParentCallSid=" + sid);
    EXPECT_EQ(canceled.json.at("calls").as_array().size(), 1U);
}

TEST(EmulatorTwiml, HangsUpTheLegsOfACallThatEnds) {
    EmulatorHouse house;
    house.answer_with(pages({{"/voice", "<Dial><Number>+12025550118</Number></Dial>"}}));
    const auto sid = house.call("+12025550108");
    const auto talking = "/Calls.json?Status=in-progress&ParentCallSid=" + sid;
    ASSERT_TRUE(eventually(
        [&] { return house.account("GET", talking).json.at("calls").as_array().size() == 1; }));
    house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}});
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST(EmulatorTwiml, SaysWhatItDoesNotRun) {
    EmulatorHouse house;
    house.answer_with_twiml(
        "<Record/><Connect><ConversationRelay url='wss://h'/></Connect>"
        "<Gather input='speech'/><say>x</say><Say/>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.status_of(sid), "completed");
    // The lower-case verb first: the schema is looked at before anything runs.
    EXPECT_EQ(house.debugger_codes(), (Codes{12200, 12200, 12200, 12200, 13520}));
}

TEST(EmulatorTwiml, ReportsAStreamThatCannotBeOpened) {
    EmulatorHouse house;
    house.answer_with([&](const Hook& hook) {
        if (hook.path != "/voice") return net::HttpResponse{204, {}, {}};
        return twiml(
            "<Connect action='/after'><Stream url='/media?token=1' statusCallback='/stream'>"
            "<Parameter name='a' value='b'/></Stream></Connect>");
    });
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(eventually(
        [&] { return !house.hooks("/stream").empty() && !house.hooks("/media").empty(); }));
    const auto report = house.hooks("/stream")[0];
    EXPECT_EQ(report.field("StreamEvent"), "stream-error");
    EXPECT_EQ(report.field("CallSid"), sid);
    EXPECT_EQ(report.field("StreamName"), report.field("StreamSid"));
    EXPECT_EQ(report.field("Timestamp").back(), 'Z');
    EXPECT_EQ(house.hooks("/media")[0].target, "/media") << "the query is dropped";
    ASSERT_TRUE(eventually([&] { return !house.hooks("/after").empty(); }));
    const auto token = house.emulator().auth_token();
    auto url = house.hook_url("/media");
    url.replace(0, 4, "ws");
    EXPECT_EQ(house.hooks("/media")[0].headers.find("X-Twilio-Signature"), sign(url, {}, token));
    EXPECT_EQ(house.debugger_codes().front(), 31920);
}

TEST(EmulatorTwiml, RefusesAnUnprotectedStreamToAnotherHost) {
    EmulatorHouse house;
    house.answer_with_twiml("<Connect><Stream url='ws://bridge.example.com/media'/></Connect>");
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_EQ(house.debugger_codes(), Codes{31922});
}

TEST(EmulatorTwiml, RefusesAStreamOfTheWrongTrack) {
    EmulatorHouse house;
    house.answer_with_twiml("<Connect><Stream url='wss://h/m' track='both_tracks'/></Connect>");
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_EQ(house.debugger_codes(), Codes{31941});
}

TEST(EmulatorTwiml, SpeaksOfStreamsOnATrialAccountInsteadOfOpeningThem) {
    EmulatorHouse house([](EmulatorOptions& options) { options.trial = true; });
    house.answer_with_twiml("<Connect><Stream url='wss://h/m'/></Connect>");
    const auto answer = house.account(
        "POST", "/Calls.json",
        {{"To", "+12025550108"}, {"From", "+15005550006"}, {"Url", house.hook_url("/voice")}});
    ASSERT_TRUE(house.ends(answer.text("sid")));
    EXPECT_EQ(house.debugger_codes(), Codes{10002});
}

TEST(EmulatorTwiml, StopsADocumentThatRedirectsToItself) {
    EmulatorHouse house;
    house.answer_with_twiml("<Redirect>/voice</Redirect>");
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_EQ(house.debugger_codes(), Codes{11215});
}

}  // namespace
}  // namespace bridge::emulator::test
