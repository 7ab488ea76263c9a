// Scripting the emulator: incoming calls, personas, faults, the ledger.

#include "tests/integration/emulator/emulator_house.hpp"

namespace bridge::emulator::test {
namespace {

EmulatorHouse& with_voice_url(EmulatorHouse& house, const std::string& callback = {}) {
    const auto list = house.account("GET", "/IncomingPhoneNumbers.json");
    const auto sid =
        std::string(list.json.at("incoming_phone_numbers").at(0).at("sid").as_string());
    Fields form{{"VoiceUrl", house.hook_url("/voice")}};
    if (!callback.empty()) form.emplace_back("StatusCallback", house.hook_url(callback));
    EXPECT_EQ(house.account("POST", "/IncomingPhoneNumbers/" + sid + ".json", form).status, 200);
    return house;
}

TEST(EmulatorControl, RingsTheNumbersVoiceUrl) {
    EmulatorHouse house;
    with_voice_url(house, "/status").answer_with_twiml("<Say>Hi</Say>");
    const auto answer = house.control("POST", "incoming-call", R"({"from": "+12025550108"})");
    ASSERT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(answer.text("to"), "+15005550006");
    ASSERT_TRUE(house.ends(answer.text("sid")));
    const auto voice = house.hooks("/voice");
    ASSERT_EQ(voice.size(), 1U);
    EXPECT_EQ(voice[0].field("CallStatus"), "ringing");
    EXPECT_EQ(voice[0].field("Direction"), "inbound");
    EXPECT_EQ(voice[0].field("From"), "+12025550108");
    EXPECT_FALSE(voice[0].field("CallToken").empty());
    ASSERT_TRUE(eventually([&] { return !house.hooks("/status").empty(); }));
    ASSERT_EQ(house.hooks("/status").size(), 1U);
    EXPECT_EQ(house.hooks("/status")[0].field("CallStatus"), "completed");
}

TEST(EmulatorControl, LetsACallBeRejected) {
    EmulatorHouse house;
    with_voice_url(house);
    const std::pair<const char*, const char*> table[] = {{"<Reject reason='busy'/>", "busy"},
                                                         {"<Reject/>", "no-answer"}};
    for (const auto& [verb, status] : table) {
        house.answer_with_twiml(verb);
        const auto sid = house.control("POST", "incoming-call").text("sid");
        ASSERT_TRUE(house.ends(sid));
        EXPECT_EQ(house.status_of(sid), status);
        const auto ledger = house.control("GET", "ledger");
        EXPECT_TRUE(ledger.json.at("calls").as_array().back().at("answered").is_null());
    }
}

TEST(EmulatorControl, RefusesAnIncomingCallThatCannotBe) {
    EmulatorHouse house;
    EXPECT_EQ(house.control("POST", "incoming-call").status, 409);
    with_voice_url(house);
    EXPECT_EQ(house.control("POST", "incoming-call", R"({"to": "+12025550199"})").status, 404);
    EXPECT_EQ(house.control("POST", "incoming-call", R"({"from": "me"})").status, 400);
    EXPECT_EQ(house.control("POST", "incoming-call", R"({"persona": "nobody"})").status, 400);
    EXPECT_EQ(house.control("POST", "incoming-call", R"({"form": "+12025550100"})").status, 400);
    EXPECT_EQ(house.control("POST", "incoming-call", "[1]").status, 400);
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST(EmulatorControl, ShowsAndChangesPersonas) {
    EmulatorHouse house;
    EXPECT_EQ(house.control("GET", "personas").json.at("personas").at("+12025550101").as_string(),
              "echo");
    EXPECT_EQ(house.control("PUT", "personas/%2B12025550101", R"({"persona": "busy"})").status,
              200);
    EXPECT_EQ(house.control("GET", "personas").json.at("personas").at("+12025550101").as_string(),
              "busy");
    EXPECT_EQ(house.control("PUT", "personas/default", R"({"persona": "nobody"})").status, 400);
    EXPECT_EQ(house.control("PUT", "personas/me", R"({"persona": "busy"})").status, 400);
    EXPECT_EQ(house.control("PUT", "personas/default", "{}").status, 400);
}

TEST(EmulatorControl, ChecksFaults) {
    EmulatorHouse house;
    EXPECT_EQ(house.control("GET", "faults").text("signature"), "ok");
    const auto wrong = house.control("PUT", "faults", R"({"signature": "maybe"})");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_NE(wrong.text("message").find("trailing_slash"), std::string::npos);
    EXPECT_EQ(house.control("PUT", "faults", R"({"callbacks": "reverse"})").text("callbacks"),
              "reverse");
    const auto unknown = R"({"calls": {"CA00000000000000000000000000000000": {"socket": "drop"}}})";
    EXPECT_EQ(house.control("PUT", "faults", unknown).status, 404);
    const auto all = house.control("GET", "faults").body;
    EXPECT_EQ(house.control("PUT", "faults", all).body, all) << "the whole of it can be put back";
    EXPECT_EQ(house.control("DELETE", "faults").text("callbacks"), "ok");
}

TEST(EmulatorControl, KeepsTheLedger) {
    EmulatorHouse house;
    house.answer_with_twiml("<Pause length='600'/>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; }));
    auto ledger = house.control("GET", "ledger");
    EXPECT_EQ(ledger.json.at("open").as_int64(), 1);
    EXPECT_TRUE(ledger.json.at("calls").at(0).at("ended").is_null());
    house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}});
    ledger = house.control("GET", "ledger");
    EXPECT_EQ(ledger.json.at("open").as_int64(), 0);
    EXPECT_EQ(ledger.json.at("calls").at(0).at("billed_seconds").as_int64(), 60);
    EXPECT_GT(ledger.json.at("call_seconds").to_number<double>(), 0);
}

TEST(EmulatorControl, AnswersNoForeignWebPage) {
    EmulatorHouse house;
    const auto status = [&](const char* origin) {
        net::Headers headers;
        headers.add("Origin", origin);
        return house.raw("GET", "/emulator/v1/ledger", headers, {}, {}, {}).status;
    };
    EXPECT_EQ(status("http://localhost:8080"), 200);
    EXPECT_EQ(status("http://127.0.0.1:8080"), 200);
    EXPECT_EQ(status("https://evil.example"), 403);
    EXPECT_EQ(status("null"), 403);
}

TEST(EmulatorControl, SaysWhatItDoesNotKnow) {
    EmulatorHouse house;
    EXPECT_EQ(house.control("GET", "nothing").status, 404);
    EXPECT_EQ(house.control("GET", "calls/CA1/heard.wav").status, 404);
    EXPECT_EQ(house.control("POST", "ledger").status, 405);
    EXPECT_EQ(house.control("GET", "incoming-call").status, 405);
}

TEST(EmulatorControl, RefusesToStartOnBadOptions) {
    EmulatorOptions options;
    options.port = 0;
    options.numbers = {"5551234"};
    EXPECT_FALSE(EmulatorThread::start(options));
    options.numbers = {};
    options.account_sid = "AC123";
    EXPECT_FALSE(EmulatorThread::start(options));
    options.account_sid.clear();
    options.ledger_file = "/nowhere/at/all/ledger";
    EXPECT_FALSE(EmulatorThread::start(options));
    options.ledger_file.clear();
    auto first = EmulatorThread::start(options);
    ASSERT_TRUE(first);
    options.port = (*first)->port();
    const auto second = EmulatorThread::start(options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::exists);
}

}  // namespace
}  // namespace bridge::emulator::test
