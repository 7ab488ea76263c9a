// The life of a call: status callbacks, final statuses, limits, machine detection.

#include <algorithm>
#include <set>

#include "emulator/signature.hpp"
#include "tests/integration/emulator/emulator_house.hpp"

namespace bridge::emulator::test {
namespace {

std::vector<std::string> statuses(const std::vector<Hook>& hooks) {
    std::vector<std::string> out;
    for (const auto& hook : hooks) out.push_back(hook.field("CallStatus"));
    return out;
}

using Texts = std::vector<std::string>;

bool has_callbacks(EmulatorHouse& house, std::size_t count) {
    return eventually([&] { return house.hooks("/status").size() >= count; });
}

TEST(EmulatorCall, TellsItsLifeInOrder) {
    EmulatorHouse house;
    house.answer_with_twiml("<Say>Hello</Say>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(has_callbacks(house, 4));
    const auto callbacks = house.hooks("/status");
    EXPECT_EQ(statuses(callbacks), (Texts{"initiated", "ringing", "in-progress", "completed"}));
    for (std::size_t i = 0; i < callbacks.size(); ++i) {
        const auto& hook = callbacks[i];
        EXPECT_EQ(hook.field("SequenceNumber"), std::to_string(i));
        EXPECT_EQ(hook.field("CallbackSource"), "call-progress-events");
        EXPECT_EQ(hook.field("CallSid"), sid);
        EXPECT_EQ(hook.field("Direction"), "outbound-api");
        EXPECT_NE(hook.field("Timestamp").find("+0000"), std::string::npos);
        EXPECT_EQ(hook.field("CallDuration").empty(), i < 3);
    }
    EXPECT_EQ(callbacks[3].field("CallDuration"), "1");
    EXPECT_EQ(callbacks[3].field("Duration"), "1");
    EXPECT_EQ(callbacks[3].field("SipResponseCode"), "200");
    const auto voice = house.hooks("/voice");
    ASSERT_EQ(voice.size(), 1U);
    EXPECT_EQ(voice[0].field("CallStatus"), "in-progress");
    EXPECT_EQ(voice[0].field("From"), "+15005550006");
    EXPECT_EQ(voice[0].field("Caller"), "+15005550006");
    EXPECT_EQ(voice[0].field("ApiVersion"), "2010-04-01");
    EXPECT_TRUE(find_field(voice[0].fields, "FromCity"));
    EXPECT_EQ(voice[0].headers.find("User-Agent"), "TwilioProxy/1.1");
    EXPECT_TRUE(house.debugger_codes().empty());
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST(EmulatorCall, SignsWhatItSends) {
    EmulatorHouse house;
    house.answer_with_twiml("");
    house.call("+12025550108",
               {{"Url", house.hook_url("/voice?a=1&b=c%20d#rc=2")}, {"Method", "POST"}});
    house.call("+12025550108", {{"Url", house.hook_url("/voice/get?x=y")}, {"Method", "GET"}});
    ASSERT_TRUE(has_callbacks(house, 8));
    const auto token = house.emulator().auth_token();
    for (const auto& hook : house.hooks()) {
        const auto url = house.hook_url(hook.target);
        const auto signature = sign(url, hook.method == "GET" ? Fields{} : hook.fields, token);
        EXPECT_EQ(hook.headers.find("X-Twilio-Signature"), signature) << url;
    }
    EXPECT_EQ(house.hooks("/voice")[0].target, "/voice?a=1&b=c%20d");
    EXPECT_EQ(house.hooks("/voice/get")[0].target.rfind("/voice/get?x=y&CallSid=CA", 0), 0U);
}

TEST(EmulatorCall, BendsSignaturesOnDemand) {
    EmulatorHouse house;
    house.control("PUT", "faults", R"({"signature": "missing"})");
    ASSERT_TRUE(house.ends(house.call("+12025550103")));
    ASSERT_TRUE(has_callbacks(house, 3));
    EXPECT_FALSE(house.hooks("/status")[0].headers.find("X-Twilio-Signature"));
    house.control("PUT", "faults", R"({"signature": "wrong"})");
    ASSERT_TRUE(house.ends(house.call("+12025550103")));
    ASSERT_TRUE(has_callbacks(house, 6));
    const auto hook = house.hooks("/status")[3];
    EXPECT_TRUE(hook.headers.find("X-Twilio-Signature"));
    EXPECT_NE(hook.headers.find("X-Twilio-Signature"),
              sign(house.hook_url("/status"), hook.fields, house.emulator().auth_token()));
}

TEST(EmulatorCall, EndsAsThePhoneWants) {
    EmulatorHouse house;
    house.control("PUT", "personas/+12025550120", R"({"persona": "silence,ring=10m"})");
    struct Case {
        const char* to;
        const char* status;
        const char* sip;
        Texts states;
    };
    const Case cases[] = {
        {"+12025550103", "busy", "486", {"initiated", "ringing", "busy"}},
        {"+12025550104", "no-answer", "487", {"initiated", "ringing", "no-answer"}},
        {"+12025550120", "no-answer", "487", {"initiated", "ringing", "no-answer"}},
        {"+12025550106", "failed", "404", {"initiated", "failed"}},
        {"+12025550107", "busy", "603", {"initiated", "ringing", "busy"}},
    };
    std::size_t seen = 0;
    for (const auto& one : cases) {
        const auto sid = house.call(one.to, {{"Timeout", "5"}});
        ASSERT_TRUE(house.ends(sid));
        EXPECT_EQ(house.status_of(sid), one.status) << one.to;
        ASSERT_TRUE(has_callbacks(house, seen + one.states.size()));
        auto callbacks = house.hooks("/status");
        callbacks.erase(callbacks.begin(), callbacks.begin() + static_cast<std::ptrdiff_t>(seen));
        EXPECT_EQ(statuses(callbacks), one.states) << one.to;
        EXPECT_EQ(callbacks.back().field("SipResponseCode"), one.sip) << one.to;
        EXPECT_EQ(callbacks.back().field("CallDuration"), "0") << one.to;
        seen += one.states.size();
    }
    EXPECT_TRUE(house.hooks("/voice").empty());
    const auto ledger = house.control("GET", "ledger");
    EXPECT_EQ(ledger.json.at("open").as_int64(), 0);
    EXPECT_EQ(ledger.json.at("billed_seconds").as_int64(), 0);
}

TEST(EmulatorCall, TellsOnlyWhatWasAskedFor) {
    EmulatorHouse house;
    const auto answer = house.account("POST", "/Calls.json",
                                      {{"To", "+12025550103"},
                                       {"From", "+15005550006"},
                                       {"Url", house.hook_url("/voice")},
                                       {"StatusCallback", house.hook_url("/status")}});
    ASSERT_TRUE(house.ends(answer.text("sid")));
    ASSERT_TRUE(has_callbacks(house, 1));
    EXPECT_EQ(statuses(house.hooks("/status")), Texts{"busy"});
    EXPECT_EQ(house.hooks("/status")[0].field("SequenceNumber"), "0");
}

TEST(EmulatorCall, IsHungUpByRest) {
    EmulatorHouse house;
    house.answer_with_twiml("<Pause length='600'/>");
    const auto live = house.call("+12025550108");
    ASSERT_TRUE(eventually([&] { return house.status_of(live) == "in-progress"; }));
    const auto path = "/Calls/" + live + ".json";
    // Documented: it does not touch a call in progress.
    EXPECT_EQ(house.account("POST", path, {{"Status", "canceled"}}).text("status"), "in-progress");
    EXPECT_EQ(house.account("POST", path, {{"Status", "completed"}}).text("status"), "completed");
    const auto again = house.account("POST", path, {{"Status", "completed"}});
    EXPECT_EQ(again.status, 400);
    EXPECT_EQ(again.json.at("code").as_int64(), 21220);
    const auto ringing = house.call("+12025550104", {{"Timeout", "600"}});
    ASSERT_TRUE(eventually([&] { return house.status_of(ringing) == "ringing"; }));
    const auto redirect =
        house.account("POST", "/Calls/" + ringing + ".json", {{"Twiml", "<Response/>"}});
    EXPECT_EQ(redirect.json.at("code").as_int64(), 21220);
    EXPECT_EQ(house.account("POST", "/Calls/" + ringing + ".json", {{"Status", "canceled"}})
                  .text("status"),
              "canceled");
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST(EmulatorCall, EndsAtItsTimeLimit) {
    EmulatorHouse house;
    house.answer_with_twiml("<Pause length='600'/>");
    const auto sid = house.call("+12025550108", {{"TimeLimit", "10"}});  // 200 ms here
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.status_of(sid), "completed");
    const auto later = house.call("+12025550108", {{"TimeLimit", "3600"}});
    ASSERT_TRUE(eventually([&] { return house.status_of(later) == "in-progress"; }));
    house.account("POST", "/Calls/" + later + ".json", {{"TimeLimit", "5"}});
    ASSERT_TRUE(house.ends(later));
}

TEST(EmulatorCall, EndsWhenThePersonaHangsUp) {
    EmulatorHouse house;
    house.control("PUT", "personas/+12025550120", R"({"persona": "silence,hangup=yes,max=500ms"})");
    house.answer_with_twiml("<Pause length='600'/>");
    const auto sid = house.call("+12025550120");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.status_of(sid), "completed");
}

TEST(EmulatorCall, DetectsMachinesBeforeTheUrl) {
    EmulatorHouse house;
    house.answer_with_twiml("");
    const auto sid = house.call("+12025550105", {{"MachineDetection", "Enable"}});
    ASSERT_TRUE(house.ends(sid));
    const auto voice = house.hooks("/voice");
    ASSERT_EQ(voice.size(), 1U);
    EXPECT_EQ(voice[0].field("AnsweredBy"), "machine_start");
    EXPECT_EQ(voice[0].field("MachineDetectionDuration"), "2000");
    EXPECT_EQ(house.account("GET", "/Calls/" + sid + ".json").text("answered_by"), "machine_start");
}

TEST(EmulatorCall, DetectsMachinesBesideTheCallIfAsked) {
    EmulatorHouse house;
    house.answer_with_twiml("<Pause length='60'/>");
    house.call("+12025550108", {{"MachineDetection", "DetectMessageEnd"},
                                {"AsyncAmd", "true"},
                                {"AsyncAmdStatusCallback", house.hook_url("/amd")}});
    ASSERT_TRUE(eventually([&] { return !house.hooks("/amd").empty(); }));
    const auto amd = house.hooks("/amd")[0];
    EXPECT_EQ(amd.field("AnsweredBy"), "human");
    EXPECT_EQ(amd.field("MachineDetectionDuration"), "2000");
    EXPECT_TRUE(house.hooks("/voice")[0].field("AnsweredBy").empty());
}

TEST(EmulatorCall, RepeatsOrReversesCallbacksOnDemand) {
    EmulatorHouse house;
    house.control("PUT", "faults", R"({"callbacks": "duplicate"})");
    house.call("+12025550103");
    ASSERT_TRUE(has_callbacks(house, 6));
    EXPECT_EQ(statuses(house.hooks("/status")),
              (Texts{"initiated", "initiated", "ringing", "ringing", "busy", "busy"}));
    house.control("PUT", "faults", R"({"callbacks": "reverse"})");
    house.call("+12025550103");
    ASSERT_TRUE(has_callbacks(house, 9));
    auto callbacks = house.hooks("/status");
    callbacks.erase(callbacks.begin(), callbacks.begin() + 6);
    EXPECT_EQ(statuses(callbacks), (Texts{"busy", "ringing", "initiated"}));
}

TEST(EmulatorCall, LosesDelaysAndShufflesCallbacksOnDemand) {
    EmulatorHouse house;
    house.control("PUT", "faults", R"({"callbacks": "lost*2"})");
    house.call("+12025550103");
    ASSERT_TRUE(has_callbacks(house, 1));
    EXPECT_EQ(statuses(house.hooks("/status")), (Texts{"busy"}));
    house.control("PUT", "faults", R"({"callbacks": "delay:300ms*1"})");
    house.call("+12025550103");
    ASSERT_TRUE(has_callbacks(house, 4));
    auto callbacks = house.hooks("/status");
    callbacks.erase(callbacks.begin());
    EXPECT_EQ(statuses(callbacks), (Texts{"ringing", "busy", "initiated"})) << "overtaken";
    house.control("PUT", "faults", R"({"callbacks": "shuffle", "seed": 3})");
    house.call("+12025550103");
    ASSERT_TRUE(has_callbacks(house, 7));
    callbacks = house.hooks("/status");
    callbacks.erase(callbacks.begin(), callbacks.begin() + 4);
    auto shuffled = statuses(callbacks);
    std::sort(shuffled.begin(), shuffled.end());
    EXPECT_EQ(shuffled, (Texts{"busy", "initiated", "ringing"})) << "all of them, in some order";
}

TEST(EmulatorCall, AsksForInstructionsLateTwiceOrNotAtAll) {
    EmulatorHouse house;
    house.answer_with_twiml("<Hangup/>");
    house.control("PUT", "faults", R"({"voice": "twice*1"})");
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_EQ(house.hooks("/voice").size(), 2U);
    house.control("PUT", "faults", R"({"voice": "lost*1"})");
    ASSERT_TRUE(house.ends(
        house.call("+12025550108", {{"FallbackUrl", house.hook_url("/voice-fallback")}})));
    EXPECT_EQ(house.hooks("/voice").size(), 2U);
    ASSERT_EQ(house.hooks("/voice-fallback").size(), 1U);
    EXPECT_EQ(house.hooks("/voice-fallback")[0].field("ErrorCode"), "11205");
    house.control("PUT", "faults", R"({"voice": "delay:300ms*1"})");
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(house.ends(house.call("+12025550108")));
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(300));
}

TEST(EmulatorCall, RepeatsAWebhookAsItsAddressSays) {
    EmulatorHouse house;
    int asked = 0;
    house.answer_with([&asked](const Hook& hook) {
        if (hook.path != "/voice") return net::HttpResponse{204, {}, {}};
        return ++asked < 3 ? net::HttpResponse{503, {}, {}} : twiml("<Hangup/>");
    });
    const auto url = [&](const char* overrides) {
        return Fields{{"Url", house.hook_url(std::string("/voice") + overrides)}};
    };
    ASSERT_TRUE(house.ends(house.call("+12025550108", url("#rc=3&rp=5xx"))));
    const auto hooks = house.hooks("/voice");
    ASSERT_EQ(hooks.size(), 3U);
    EXPECT_EQ(hooks[0].target, "/voice") << "the fragment is not sent";
    EXPECT_EQ(hooks[0].headers.find("I-Twilio-Idempotency-Token"),
              hooks[2].headers.find("I-Twilio-Idempotency-Token"));
    asked = 0;
    ASSERT_TRUE(house.ends(house.call("+12025550108", url(""))));
    EXPECT_EQ(house.hooks("/voice").size(), 4U) << "without rp a status is not tried again";
}

TEST(EmulatorCall, SendsTheNextCallbackOnlyAfterTheLastWasAnswered) {
    EmulatorHouse house;
    house.answer_with([](const Hook& hook) {
        return net::HttpResponse{hook.field("CallStatus") == "initiated" ? 500 : 204, {}, {}};
    });
    ASSERT_TRUE(house.ends(house.call("+12025550103")));
    ASSERT_TRUE(has_callbacks(house, 3));
    EXPECT_EQ(statuses(house.hooks("/status")), (Texts{"initiated", "ringing", "busy"}));
    EXPECT_EQ(house.debugger_codes(), std::vector<int>{15003});
}

TEST(EmulatorCall, WaitsItsTurnAtOneCallASecond) {
    EmulatorHouse house([](EmulatorOptions& options) {
        options.one_call_per_second = true;
        options.time_scale = 0.2;
    });
    const auto first = house.call("+12025550103");
    const auto second = house.call("+12025550103");
    EXPECT_EQ(house.status_of(second), "queued");
    ASSERT_TRUE(house.ends(first));
    ASSERT_TRUE(house.ends(second));
    EXPECT_NE(house.account("GET", "/Calls/" + second + ".json").text("queue_time"), "0");
}

TEST(EmulatorCall, LeavesNothingOpenWhenTheEmulatorStops) {
    const auto file = testing::TempDir() + "core_stop_ledger.jsonl";
    std::remove(file.c_str());
    {
        EmulatorHouse house([&](EmulatorOptions& options) { options.ledger_file = file; });
        house.answer_with_twiml("<Pause length='600'/>");
        house.call("+12025550108");
        house.call("+12025550104", {{"Timeout", "600"}});
        EXPECT_EQ(house.emulator().open_calls(), 2U);
    }
    std::FILE* in = std::fopen(file.c_str(), "r");
    ASSERT_NE(in, nullptr);
    std::string text;
    for (int c = std::fgetc(in); c != EOF; c = std::fgetc(in)) text += static_cast<char>(c);
    std::fclose(in);
    std::size_t ends = 0;
    for (auto at = text.find("\"ended\""); at != std::string::npos;
         at = text.find("\"ended\"", at + 1))
        ++ends;
    EXPECT_EQ(ends, 2U) << text;
}

}  // namespace
}  // namespace bridge::emulator::test
