// The REST API over HTTP.

#include "tests/integration/emulator/emulator_house.hpp"

namespace bridge::emulator::test {
namespace {

int code_of(const Answer& answer) {
    const auto* object = answer.json.if_object();
    const auto* code = object != nullptr ? object->if_contains("code") : nullptr;
    return code != nullptr && code->is_int64() ? static_cast<int>(code->as_int64()) : 0;
}

TEST(EmulatorRest, AsksForTheAccountsCredentials) {
    EmulatorHouse house;
    const auto path = "/2010-04-01/Accounts/" + house.emulator().account_sid() + ".json";
    const auto sid = house.emulator().account_sid();
    const auto token = house.emulator().auth_token().reveal();
    EXPECT_EQ(house.raw("GET", path, {}, {}, sid, token).status, 200);
    for (const auto& [user, password] : {std::pair<std::string, std::string>{sid, "wrong"},
                                         std::pair<std::string, std::string>{"AC1", token},
                                         std::pair<std::string, std::string>{"", ""}}) {
        const auto answer = house.raw("GET", path, {}, {}, user, password);
        EXPECT_EQ(answer.status, 401);
        EXPECT_EQ(code_of(answer), 20003);
        EXPECT_EQ(answer.text("message"), "Authenticate");
        EXPECT_EQ(answer.text("more_info"), "https://www.twilio.com/docs/errors/20003");
        EXPECT_TRUE(answer.headers.find("WWW-Authenticate"));
    }
    const auto other =
        house.rest("GET", "/2010-04-01/Accounts/AC00000000000000000000000000000000.json");
    EXPECT_EQ(other.status, 401);
}

TEST(EmulatorRest, TakesAnApiKey) {
    EmulatorHouse house([](EmulatorOptions& options) { options.api_keys["SK1"] = Secret("word"); });
    const auto path = "/2010-04-01/Accounts/" + house.emulator().account_sid() + "/Calls.json";
    EXPECT_EQ(house.raw("GET", path, {}, {}, "SK1", "word").status, 200);
    EXPECT_EQ(house.raw("GET", path, {}, {}, "SK1", "wrong").status, 401);
}

TEST(EmulatorRest, ShowsTheAccount) {
    EmulatorHouse full;
    EXPECT_EQ(full.account("GET", ".json").text("type"), "Full");
    EXPECT_EQ(full.account("GET", ".json").text("status"), "active");
    EmulatorHouse trial([](EmulatorOptions& options) { options.trial = true; });
    EXPECT_EQ(trial.account("GET", ".json").text("type"), "Trial");
}

TEST(EmulatorRest, AnswersAFreshCallAsTwilioDoes) {
    EmulatorHouse house;
    house.answer_with_twiml("");
    const auto answer = house.account(
        "POST", "/Calls.json",
        {{"To", "+12025550155"}, {"From", "+15005550006"}, {"Url", house.hook_url("/voice")}});
    ASSERT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(answer.text("status"), "queued");
    EXPECT_EQ(answer.text("direction"), "outbound-api");
    EXPECT_EQ(answer.text("to_formatted"), "(202) 555-0155");
    EXPECT_EQ(answer.text("api_version"), "2010-04-01");
    EXPECT_EQ(answer.text("queue_time"), "0");
    EXPECT_EQ(answer.text("uri"), "/2010-04-01/Accounts/" + house.emulator().account_sid() +
                                      "/Calls/" + answer.text("sid") + ".json");
    for (const auto* name :
         {"start_time", "end_time", "duration", "price", "answered_by", "parent_call_sid"}) {
        EXPECT_TRUE(answer.json.at(name).is_null()) << name;
    }
    EXPECT_TRUE(answer.json.at("subresource_uris").at("streams").is_string());
    ASSERT_TRUE(house.ends(answer.text("sid")));
    const auto ended = house.account("GET", "/Calls/" + answer.text("sid") + ".json");
    EXPECT_TRUE(ended.json.at("duration").is_string());
    EXPECT_NE(ended.text("end_time").find("+0000"), std::string::npos);
}

TEST(EmulatorRest, RefusesABadCreateWithTwiliosCode) {
    EmulatorHouse house;
    const auto url = house.hook_url("/voice");
    const std::pair<Fields, int> table[] = {
        {{{"From", "+15005550006"}, {"Url", url}}, 21201},
        {{{"To", "5551234"}, {"From", "+15005550006"}, {"Url", url}}, 21211},
        {{{"To", "+12025550155"}, {"Url", url}}, 21213},
        {{{"To", "+12025550155"}, {"From", "+12025550199"}, {"Url", url}}, 21210},
        {{{"To", "+12025550155"}, {"From", "+15005550006"}}, 21205},
    };
    for (const auto& [form, code] : table) {
        const auto answer = house.account("POST", "/Calls.json", form);
        EXPECT_EQ(answer.status, 400);
        EXPECT_EQ(code_of(answer), code) << answer.body;
        EXPECT_EQ(answer.json.at("status").as_int64(), 400);
    }
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST(EmulatorRest, LetsAnybodyCallFromAnyNumberIfToldSo) {
    EmulatorHouse house([](EmulatorOptions& options) { options.any_from = true; });
    house.answer_with_twiml("");
    const auto answer = house.account(
        "POST", "/Calls.json",
        {{"To", "+12025550155"}, {"From", "+12025550199"}, {"Url", house.hook_url("/voice")}});
    EXPECT_EQ(answer.status, 201);
}

TEST(EmulatorRest, KnowsWhatIsNotThere) {
    EmulatorHouse house;
    const auto root = "/2010-04-01/Accounts/" + house.emulator().account_sid();
    for (const auto& path : {std::string("/"), std::string("/2010-04-01"), root + "/Messages.json",
                             root + "/Calls/CA00000000000000000000000000000000.json",
                             root + "/IncomingPhoneNumbers/PN0.json"}) {
        const auto answer = house.rest("GET", path);
        EXPECT_EQ(answer.status, 404) << path;
        EXPECT_EQ(code_of(answer), 20404) << path;
    }
    EXPECT_EQ(house.account("PUT", "/Calls.json").status, 405);
}

TEST(EmulatorRest, PagesThroughCallsAndFilters) {
    EmulatorHouse house;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(house.ends(house.call("+12025550103")));
    ASSERT_TRUE(house.ends(house.call("+12025550106")));
    std::size_t seen = 0;
    auto path = "/2010-04-01/Accounts/" + house.emulator().account_sid() +
                "/Calls.json?PageSize=2&To=%2B12025550103";
    for (int pages = 0; !path.empty() && pages < 9; ++pages) {
        const auto page = house.rest("GET", path);
        ASSERT_EQ(page.status, 200) << page.body;
        seen += page.json.at("calls").as_array().size();
        EXPECT_LE(page.json.at("calls").as_array().size(), 2U);
        path = page.text("next_page_uri");
    }
    EXPECT_EQ(seen, 5U);
    const auto count = [&](const char* query) {
        return house.account("GET", std::string("/Calls.json?") + query)
            .json.at("calls")
            .as_array()
            .size();
    };
    EXPECT_EQ(count("Status=failed"), 1U);
    EXPECT_EQ(count("Status=busy&From=%2B15005550006"), 5U);
    EXPECT_EQ(count("StartTime%3E=2020-01-01"), 6U);
    EXPECT_EQ(count("StartTime%3C=2020-01-01"), 0U);
    EXPECT_EQ(count("ParentCallSid=CA1"), 0U);
}

TEST(EmulatorRest, DeletesOnlyCallsThatHaveEnded) {
    EmulatorHouse house;
    house.answer_with_twiml("<Pause length='600'/>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; }));
    EXPECT_EQ(code_of(house.account("DELETE", "/Calls/" + sid + ".json")), 20009);
    EXPECT_EQ(house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}}).status,
              200);
    EXPECT_EQ(house.account("DELETE", "/Calls/" + sid + ".json").status, 204);
    EXPECT_EQ(house.account("GET", "/Calls/" + sid + ".json").status, 404);
}

TEST(EmulatorRest, ListsAndChangesItsNumbers) {
    EmulatorHouse house([](EmulatorOptions& options) {
        options.numbers = {"+14155550100"};
        options.voice_url = "http://127.0.0.1:1/first";
    });
    const auto found =
        house.account("GET", "/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550100");
    ASSERT_EQ(found.json.at("incoming_phone_numbers").as_array().size(), 1U) << found.body;
    const auto& number = found.json.at("incoming_phone_numbers").at(0);
    EXPECT_EQ(number.at("voice_url").as_string(), "http://127.0.0.1:1/first");
    const auto path =
        "/IncomingPhoneNumbers/" + std::string(number.at("sid").as_string()) + ".json";
    EXPECT_EQ(
        house.account("POST", path, {{"VoiceUrl", "http://127.0.0.1:1/n"}, {"VoiceMethod", "GET"}})
            .status,
        200);
    EXPECT_EQ(house.account("GET", path).text("voice_url"), "http://127.0.0.1:1/n");
    EXPECT_EQ(house.account("GET", path).text("voice_method"), "GET");
    EXPECT_EQ(house.account("POST", path, {{"VoiceUrl", "nonsense"}}).status, 400);
    EXPECT_EQ(house.account("POST", path, {{"VoiceUrl", ""}}).text("voice_url"), "");
    EXPECT_EQ(house.account("GET", "/IncomingPhoneNumbers.json")
                  .json.at("incoming_phone_numbers")
                  .as_array()
                  .size(),
              2U);
}

TEST(EmulatorRest, RecordsNoCallThatIsNotAnswered) {
    EmulatorHouse house;
    EXPECT_EQ(house.account("GET", "/Recordings.json").json.at("recordings").as_array().size(), 0U);
    const auto sid = house.call("+12025550103");
    EXPECT_EQ(house.account("GET", "/Calls/" + sid + "/Recordings.json").status, 200);
    const auto create = house.account("POST", "/Calls/" + sid + "/Recordings.json");
    EXPECT_EQ(create.status, 400);
    EXPECT_EQ(code_of(create), 21220);
    EXPECT_EQ(house.account("GET", "/Recordings/RE0.json").status, 404);
}

TEST(EmulatorRest, RecordsBothSidesOfACallAndTellsWhenItIsDone) {
    EmulatorHouse house;
    house.answer_with_twiml("<Pause length='6000'/>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; }));
    const auto of_call = "/Calls/" + sid + "/Recordings";
    const auto made = house.account("POST", of_call + ".json",
                                    {{"RecordingChannels", "dual"},
                                     {"RecordingStatusCallback", house.hook_url("/recorded")},
                                     {"RecordingStatusCallbackEvent", "in-progress completed"}});
    ASSERT_EQ(made.status, 201) << made.body;
    const auto recording = made.text("sid");
    EXPECT_EQ(made.text("status"), "in-progress");
    EXPECT_EQ(made.text("call_sid"), sid);
    EXPECT_EQ(made.json.at("channels"), 2);
    const auto change = [&](const char* status) {
        return house.account("POST", of_call + "/Twilio.CURRENT.json", {{"Status", status}});
    };
    EXPECT_EQ(change("paused").text("status"), "paused");
    EXPECT_EQ(change("in-progress").text("status"), "in-progress");
    EXPECT_EQ(change("nonsense").status, 400);
    EXPECT_EQ(house.account("GET", "/Recordings/" + recording + ".wav").status, 404);
    EXPECT_EQ(house.account("DELETE", "/Recordings/" + recording + ".json").status, 400);
    ASSERT_TRUE(eventually(
        [&] { return house.control("GET", "calls/" + sid + "/said.wav").body.size() > 9000; }));
    house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}});

    ASSERT_TRUE(eventually([&] { return house.hooks("/recorded").size() == 2; }));
    EXPECT_EQ(house.hooks("/recorded")[0].field("RecordingStatus"), "in-progress");
    const auto told = house.hooks("/recorded")[1];
    EXPECT_EQ(told.field("RecordingStatus"), "completed");
    EXPECT_EQ(told.field("RecordingSid"), recording);
    EXPECT_EQ(told.field("CallSid"), sid);
    EXPECT_EQ(told.field("RecordingChannels"), "2");
    EXPECT_TRUE(told.headers.find("X-Twilio-Signature"));
    EXPECT_TRUE(told.field("RecordingUrl").ends_with("/Recordings/" + recording));
    const auto sound =
        house.account("GET", "/Recordings/" + recording + ".wav?RequestedChannels=2");
    ASSERT_EQ(sound.status, 200);
    EXPECT_EQ(sound.body.substr(0, 4), "RIFF");
    EXPECT_EQ(sound.body[22], 2);
    const auto mixed = house.account("GET", "/Recordings/" + recording + ".wav");
    EXPECT_EQ(mixed.body[22], 1);
    EXPECT_EQ(sound.body.size() - 44, 2 * (mixed.body.size() - 44));
    EXPECT_EQ(house.account("GET", "/Recordings.json?CallSid=" + sid)
                  .json.at("recordings")
                  .as_array()
                  .size(),
              1U);
    EXPECT_EQ(house.account("DELETE", "/Recordings/" + recording + ".json").status, 204);
    EXPECT_EQ(house.account("GET", "/Recordings/" + recording + ".json").status, 404);
    const auto row = house.control("GET", "ledger").json.at("calls").at(0).at("recordings").at(0);
    EXPECT_EQ(row.at("sid").as_string(), recording);
    EXPECT_EQ(row.at("fetched"), 2);
    EXPECT_EQ(row.at("deleted"), true);
}

TEST(EmulatorRest, LimitsATrialAccount) {
    EmulatorHouse house([](EmulatorOptions& options) { options.trial = true; });
    const Fields plain{
        {"To", "+12025550103"}, {"From", "+15005550006"}, {"Url", house.hook_url("/voice")}};
    EXPECT_EQ(house.account("POST", "/Calls.json", plain).status, 201);
    auto more = plain;
    more.emplace_back("Timeout", "30");
    const auto answer = house.account("POST", "/Calls.json", more);
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.text("message").find("trial accounts have limited parameter access"),
              std::string::npos);
}

class FaultyRest : public ::testing::Test {
protected:
    FaultyRest() { house.answers_may_be_lost = true; }
    Answer create(const std::string& to = "+12025550103") {
        return house.account(
            "POST", "/Calls.json",
            {{"To", to}, {"From", "+15005550006"}, {"Url", house.hook_url("/voice")}});
    }
    std::size_t calls() {
        return house.control("GET", "ledger").json.at("calls").as_array().size();
    }
    void fault(const std::string& change) {
        const auto answer = house.control("PUT", "faults", change);
        EXPECT_EQ(answer.status, 200) << answer.body;
    }
    EmulatorHouse house;
};

TEST_F(FaultyRest, FailsToCreateOnDemand) {
    fault(R"({"create": "429:2s*1"})");
    const auto refused = create();
    EXPECT_EQ(code_of(refused), 20429);
    EXPECT_EQ(refused.headers.find("Retry-After"), "2");
    EXPECT_EQ(calls(), 0U);
    EXPECT_EQ(create().status, 201);
    EXPECT_EQ(calls(), 1U);
    fault(R"({"create": "429_date"})");
    const auto with_date = create();
    const auto dated = with_date.headers.find("Retry-After").value_or("");
    EXPECT_NE(dated.find(" GMT"), std::string_view::npos) << dated;
    fault(R"({"create": "500_before"})");
    EXPECT_EQ(create().status, 500);
    fault(R"({"create": "502_html"})");
    EXPECT_EQ(create().status, 502);
    EXPECT_EQ(calls(), 1U);
    fault(R"({"create": "500_after"})");
    EXPECT_EQ(create().status, 500);
    EXPECT_EQ(calls(), 2U);
}

TEST_F(FaultyRest, LosesTheAnswerOfACreateThatWasOrWasNotCarriedOut) {
    struct Case {
        const char* fault;
        std::size_t made;
    };
    std::size_t before = 0;
    for (const auto& [what, made] :
         {Case{"drop_before", 0}, Case{"drop_after", 1}, Case{"cut_after", 1},
          Case{"timeout_before", 0}, Case{"timeout_after", 1}}) {
        fault(std::string(R"({"create": ")") + what + R"(*1"})");
        house.patience = std::chrono::milliseconds(300);
        const auto answer = create();
        house.patience = std::chrono::seconds(10);
        EXPECT_EQ(answer.status, 0) << what;
        EXPECT_EQ(calls() - before, made) << what;
        before = calls();
    }
    // What a program that lost an answer can look at.
    const auto list =
        house.account("GET", "/Calls.json?To=%2B12025550103&From=%2B15005550006&PageSize=1000");
    const auto& found = list.json.at("calls").as_array();
    ASSERT_EQ(found.size(), 3U);
    for (const auto& call : found) {
        EXPECT_EQ(call.at("direction").as_string(), "outbound-api");
        EXPECT_TRUE(call.at("date_created").is_string());
    }
}

TEST_F(FaultyRest, ConfinesAFaultToItsNumberAndItsPersona) {
    fault(R"({"numbers": {"+12025550106": {"create": "500_before"}}})");
    EXPECT_EQ(create("+12025550106").status, 500);
    EXPECT_EQ(create("+12025550103").status, 201);
    EXPECT_EQ(house.control("PUT", "personas/%2B12025550142", R"({"persona": "busy,create=429*1"})")
                  .status,
              200);
    EXPECT_EQ(create("+12025550142").status, 429);
    EXPECT_EQ(create("+12025550142").status, 201);
}

TEST_F(FaultyRest, FailsUpdatesAndAllTheRest) {
    house.answer_with_twiml("<Pause length='600'/>");
    const auto sid = create("+12025550108").text("sid");
    ASSERT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; }));
    const auto hang_up = [&] {
        return house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}}).status;
    };
    fault(R"({"calls": {")" + sid + R"(": {"update": "500_before*1"}}})");
    EXPECT_EQ(hang_up(), 500);
    EXPECT_EQ(house.status_of(sid), "in-progress");
    fault(R"({"rest": "drop_after*1"})");
    EXPECT_EQ(hang_up(), 0);
    EXPECT_EQ(house.status_of(sid), "completed");
    fault(R"({"rest": "429"})");
    EXPECT_EQ(house.account("GET", ".json").status, 429);
    EXPECT_EQ(house.control("DELETE", "faults").text("rest"), "ok");
    EXPECT_EQ(house.account("GET", ".json").status, 200);
}

TEST_F(FaultyRest, GoesDownAndComesBack) {
    fault(R"({"rest": "down:300ms*1"})");
    EXPECT_EQ(house.account("GET", ".json").status, 0);
    EXPECT_EQ(house.account("GET", ".json").status, 0) << "connections are refused";
    EXPECT_TRUE(eventually([&] { return house.account("GET", ".json").status == 200; }));
}

}  // namespace
}  // namespace bridge::emulator::test
