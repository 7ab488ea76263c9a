// Conferences: TwiML, REST, callbacks, who hears whom, and the ledger.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

#include "emulator/form.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/wait_music.hpp"
#include "tests/integration/emulator/emulator_house.hpp"

namespace bridge::emulator::test {
namespace {

using Texts = std::vector<std::string>;

class Meeting : public ::testing::Test {
protected:
    Meeting() {
        // Each says one byte that nobody else says, so that it is known in what others hear.
        house.answer_with([this](const Hook& hook) { return answer(hook); });
    }
    net::HttpResponse answer(const Hook& hook) const {
        if (hook.path == "/after") return twiml("<Pause length='6000'/>");
        if (hook.path == "/hold.ulaw") return net::respond(200, "audio/basic", hold_sound);
        return net::HttpResponse{204, {}, {}};
    }
    std::string noun(const std::string& attributes = {}) const {
        return "<Dial action='" + house.hook_url("/after") +
               "'><Conference statusCallback='" + house.hook_url("/events") +
               "' statusCallbackEvent='start end join leave mute hold modify' " + attributes +
               ">room one</Conference></Dial>";
    }
    /// A call that goes into the conference, once it is there.
    std::string attend(const std::string& attributes = {}, const std::string& to = "+12025550108") {
        const auto sid = house.call(
            to, {{"Twiml", "<Response>" + noun(attributes) + "</Response>"}});
        EXPECT_TRUE(eventually([&] { return about(sid).at("conference").is_object(); }));
        return sid;
    }
    json::value about(const std::string& sid) { return house.control("GET", "calls/" + sid).json; }
    json::array conferences(const std::string& query = {}) {
        const auto answer = house.account("GET", "/Conferences.json" + query);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.json.at("conferences").as_array();
    }
    std::string conference_sid() {
        return std::string(conferences("?FriendlyName=room%20one").at(0).at("sid").as_string());
    }
    std::string participants() { return "/Conferences/" + conference_sid() + "/Participants"; }
    Texts events() const {
        Texts names;
        for (const auto& hook : house.hooks("/events")) {
            names.push_back(hook.field("StatusCallbackEvent"));
        }
        return names;
    }
    bool told(const Texts& expected) {
        const bool all = eventually([&] { return events() == expected; });
        EXPECT_EQ(events(), expected);
        return all;
    }
    bool goes_on_after(const std::string& sid) {
        return eventually([&] {
            for (const auto& hook : house.hooks("/after")) {
                if (hook.field("CallSid") == sid) return true;
            }
            return false;
        });
    }
    /// How many bytes of that value a phone has heard.
    std::ptrdiff_t heard(const std::string& sid, std::uint8_t byte) {
        const auto wav = house.control("GET", "calls/" + sid + "/heard.wav").body;
        return std::count(wav.begin() + 58, wav.end(), static_cast<char>(byte));
    }
    void hang_up(const std::string& sid) {
        house.account("POST", "/Calls/" + sid + ".json", {{"Status", "completed"}});
        EXPECT_TRUE(house.ends(sid));
    }
    const std::string hold_sound = std::string(1600, '\x21');
    EmulatorHouse house;
};

/// A persona that says one value without end, from a file.
class SteadyVoice {
public:
    explicit SteadyVoice(std::uint8_t byte)
        : path_(::testing::TempDir() + "voice_" + std::to_string(::getpid()) + "_" +
                std::to_string(byte) + ".ulaw") {
        std::ofstream(path_, std::ios::binary) << std::string(1600, static_cast<char>(byte));
    }
    ~SteadyVoice() { std::remove(path_.c_str()); }
    SteadyVoice(const SteadyVoice&) = delete;
    SteadyVoice& operator=(const SteadyVoice&) = delete;
    std::string persona() const {
        return R"({"persona": "wav:)" + path_ + R"(,repeat=yes,delay=0ms"})";
    }

private:
    std::string path_;
};

TEST_F(Meeting, StartsWithTheSecondAndEndsWithTheLast) {
    const auto first = attend();
    EXPECT_EQ(conferences().at(0).at("status").as_string(), "init");
    const auto second = attend();
    ASSERT_TRUE(told({"participant-join", "participant-join", "conference-start"}));
    EXPECT_EQ(conferences("?Status=in-progress").size(), 1U);
    hang_up(first);
    hang_up(second);
    ASSERT_TRUE(told({"participant-join", "participant-join", "conference-start",
                      "participant-leave", "participant-leave", "conference-end"}));
    const auto hooks = house.hooks("/events");
    for (std::size_t k = 0; k < hooks.size(); ++k) {
        EXPECT_EQ(hooks[k].field("SequenceNumber"), std::to_string(k + 1));
        EXPECT_EQ(hooks[k].field("FriendlyName"), "room one");
        EXPECT_EQ(hooks[k].field("ConferenceSid"), conference_sid());
        EXPECT_FALSE(hooks[k].field("Timestamp").empty());
    }
    EXPECT_EQ(hooks[0].field("CallSid"), first);
    EXPECT_EQ(hooks[0].field("Muted"), "false");
    EXPECT_EQ(hooks[0].field("StartConferenceOnEnter"), "true");
    EXPECT_EQ(hooks[3].field("ReasonParticipantLeft"), "participant_hung_up");
    EXPECT_EQ(hooks[5].field("ReasonConferenceEnded"), "last-participant-left");
    EXPECT_EQ(hooks[5].field("CallSidEndingConference"), second);
    EXPECT_EQ(conferences("?Status=completed").size(), 1U);
    EXPECT_EQ(conferences("?Status=in-progress").size(), 0U);
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST_F(Meeting, WaitsForSomebodyWhoMayStartIt) {
    const auto first = attend("startConferenceOnEnter='false'");
    const auto second = attend("startConferenceOnEnter='false'");
    EXPECT_EQ(conferences().at(0).at("status").as_string(), "init");
    const auto third = attend();
    EXPECT_EQ(conferences().at(0).at("status").as_string(), "in-progress");
    for (const auto& sid : {first, second, third}) hang_up(sid);
}

TEST_F(Meeting, GivesEachTheVoicesOfTheOthersAlone) {
    const SteadyVoice a(0x11);
    const SteadyVoice b(0x22);
    house.control("PUT", "personas/+12025550121", a.persona());
    house.control("PUT", "personas/+12025550122", b.persona());
    const auto first = attend("beep='false'", "+12025550121");
    const auto second = attend("beep='false'", "+12025550122");
    const auto third = attend("beep='false'");
    ASSERT_TRUE(eventually([&] { return heard(first, 0x22) > 3200 && heard(second, 0x11) > 3200; }));
    EXPECT_EQ(heard(first, 0x11), 0);
    EXPECT_EQ(heard(second, 0x22), 0);
    const auto both = mulaw_encode(
        static_cast<std::int16_t>(mulaw_decode(std::uint8_t{0x11}) + mulaw_decode(std::uint8_t{0x22})));
    EXPECT_TRUE(eventually([&] { return heard(third, both) > 3200; })) << "both at once";
    for (const auto& sid : {first, second, third}) hang_up(sid);
}

TEST_F(Meeting, PlaysMusicUntilItStartsOrSilenceIfAskedFor) {
    const auto quiet = attend("waitUrl=''");
    const auto own = house.call(
        "+12025550108", {{"Twiml", "<Response><Dial><Conference>other</Conference></Dial></Response>"}});
    const auto soft = (*own_music())[4000];
    ASSERT_TRUE(eventually([&] { return heard(own, soft) > 10; }));
    const auto wav = house.control("GET", "calls/" + quiet + "/heard.wav").body;
    EXPECT_TRUE(std::all_of(wav.begin() + 58, wav.end(), [](char c) { return c == '\xff'; }));
    hang_up(quiet);
    hang_up(own);
}

TEST_F(Meeting, MutesAndHoldsByRest) {
    const SteadyVoice voice(0x11);
    house.control("PUT", "personas/+12025550121", voice.persona());
    const auto speaker = attend("beep='false' participantLabel='caller'", "+12025550121");
    const auto listener = attend("beep='false' endConferenceOnExit='true'");
    ASSERT_TRUE(eventually([&] { return heard(listener, 0x11) > 800; }));

    const auto muted = house.account("POST", participants() + "/caller.json", {{"Muted", "true"}});
    ASSERT_EQ(muted.status, 200) << muted.body;
    EXPECT_TRUE(muted.json.at("muted").as_bool());
    EXPECT_EQ(muted.text("call_sid"), speaker);
    EXPECT_EQ(muted.text("label"), "caller");
    EXPECT_EQ(muted.text("status"), "connected");
    EXPECT_EQ(house.account("GET", participants() + ".json?Muted=true")
                  .json.at("participants").as_array().size(), 1U);
    const auto frames_of = [&](const std::string& sid) { return about(sid).at("heard_ms").as_int64(); };
    // What was on its way is heard; then nothing more.
    const auto settled = frames_of(listener) + 200;
    ASSERT_TRUE(eventually([&] { return frames_of(listener) > settled; }));
    const auto when_muted = heard(listener, 0x11);
    ASSERT_TRUE(eventually([&] { return frames_of(listener) > settled + 400; }));
    EXPECT_EQ(heard(listener, 0x11), when_muted);
    house.account("POST", participants() + "/caller.json", {{"Muted", "false"}});
    ASSERT_TRUE(eventually([&] { return heard(listener, 0x11) > when_muted + 800; }));

    const auto held = house.account(
        "POST", participants() + "/" + listener + ".json",
        {{"Hold", "true"}, {"HoldUrl", house.hook_url("/hold.ulaw")}, {"HoldMethod", "GET"}});
    ASSERT_EQ(held.status, 200) << held.body;
    EXPECT_TRUE(held.json.at("hold").as_bool());
    ASSERT_TRUE(eventually([&] { return heard(listener, 0x21) > 3200; })) << "again and again";
    const auto when_held = heard(listener, 0x11);
    EXPECT_TRUE(about(listener).at("conference").at("hold").as_bool());
    house.account("POST", participants() + "/" + listener + ".json", {{"Hold", "false"}});
    ASSERT_TRUE(eventually([&] { return heard(listener, 0x11) > when_held + 800; }));
    house.account("POST", participants() + "/" + listener + ".json",
                  {{"EndConferenceOnExit", "false"}});
    ASSERT_TRUE(told({"participant-join", "participant-join", "conference-start",
                      "participant-mute", "participant-unmute", "participant-hold",
                      "participant-unhold", "participant-modify"}));
    hang_up(listener);
    EXPECT_EQ(house.status_of(speaker), "in-progress");
    hang_up(speaker);
    const auto ledger = house.control("GET", "ledger").json;
    EXPECT_EQ(ledger.at("open").as_int64(), 0);
    for (const auto& call : ledger.at("calls").as_array()) {
        const auto& stay = call.at("conferences").at(0);
        EXPECT_EQ(stay.at("name").as_string(), "room one");
        EXPECT_TRUE(stay.at("left").is_string());
        EXPECT_EQ(stay.at("held_seconds").to_number<double>() > 0,
                  call.at("sid").as_string() == listener);
        EXPECT_GT(call.at("call_seconds").to_number<double>(), 0);
    }
}

TEST_F(Meeting, EndsForAllWhenTheOneWhoseExitEndsItLeaves) {
    const auto owner = attend("endConferenceOnExit='true'");
    const auto guest = attend();
    hang_up(owner);
    ASSERT_TRUE(goes_on_after(guest));
    const auto hook = house.hooks("/after")[0];
    EXPECT_EQ(hook.field("DialCallStatus"), "answered");
    EXPECT_FALSE(find_field(hook.fields, "DialCallSid"));
    EXPECT_EQ(house.status_of(guest), "in-progress");
    ASSERT_TRUE(eventually([&] { return !events().empty() && events().back() == "conference-end"; }));
    const auto end = house.hooks("/events").back();
    EXPECT_EQ(end.field("ReasonConferenceEnded"), "participant-with-end-conference-on-exit-left");
    EXPECT_EQ(end.field("CallSidEndingConference"), owner);
    hang_up(guest);
}

TEST_F(Meeting, IsEndedByRest) {
    const auto first = attend();
    const auto second = attend();
    const auto path = "/Conferences/" + conference_sid() + ".json";
    EXPECT_EQ(house.account("POST", path, {{"Status", "init"}}).status, 400);
    const auto ended = house.account("POST", path, {{"Status", "completed"}});
    ASSERT_EQ(ended.status, 200) << ended.body;
    EXPECT_EQ(ended.text("status"), "completed");
    EXPECT_EQ(ended.text("reason_conference_ended"), "conference-ended-via-api");
    for (const auto& sid : {first, second}) {
        EXPECT_TRUE(goes_on_after(sid));
        hang_up(sid);
    }
    EXPECT_EQ(house.account("POST", path, {{"Status", "completed"}}).status, 400);
    EXPECT_EQ(house.account("GET", path).text("status"), "completed");
}

TEST_F(Meeting, LosesAParticipantThatIsKicked) {
    const auto first = attend();
    const auto second = attend();
    const auto path = participants() + "/" + first + ".json";
    EXPECT_EQ(house.account("DELETE", path).status, 204);
    ASSERT_TRUE(goes_on_after(first));
    EXPECT_EQ(house.account("GET", path).status, 404);
    EXPECT_EQ(house.account("GET", participants() + ".json")
                  .json.at("participants").as_array().size(), 1U);
    EXPECT_EQ(house.status_of(second), "in-progress");
    hang_up(first);
    hang_up(second);
}

TEST_F(Meeting, LosesAParticipantThatGetsOtherTwiml) {
    const auto first = attend();
    const auto second = attend();
    house.account("POST", "/Calls/" + first + ".json",
                  {{"Twiml", "<Response><Pause length='6000'/></Response>"}});
    ASSERT_TRUE(eventually([&] { return about(first).at("conference").is_null(); }));
    EXPECT_EQ(house.status_of(first), "in-progress");
    EXPECT_TRUE(house.hooks("/after").empty());
    ASSERT_TRUE(eventually([&] { return events().size() == 4; }));
    EXPECT_EQ(house.hooks("/events")[3].field("ReasonParticipantLeft"),
              "participant_updated_via_api");
    hang_up(first);
    hang_up(second);
}

TEST_F(Meeting, DialsAParticipant) {
    const auto first = attend("endConferenceOnExit='true'");
    const auto made = house.account("POST", participants() + ".json",
                                    {{"From", "+15005550006"},
                                     {"To", "+12025550118"},
                                     {"Label", "target"},
                                     {"EarlyMedia", "true"},
                                     {"StatusCallback", house.hook_url("/leg")},
                                     {"StatusCallbackEvent", "initiated ringing answered completed"}});
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.text("label"), "target");
    EXPECT_EQ(made.text("conference_sid"), conference_sid());
    EXPECT_EQ(made.text("status"), "queued");
    const auto second = made.text("call_sid");
    const auto path = participants() + "/target.json";
    ASSERT_TRUE(eventually([&] { return house.account("GET", path).text("status") == "connected"; }));
    EXPECT_EQ(conferences().at(0).at("status").as_string(), "in-progress");
    hang_up(first);
    ASSERT_TRUE(house.ends(second)) << "it has nothing else to do";
    ASSERT_TRUE(eventually([&] { return house.hooks("/leg").size() == 4; }));
    EXPECT_EQ(house.emulator().open_calls(), 0U);
}

TEST_F(Meeting, DialsAParticipantIntoARoomThatIsNew) {
    const auto made = house.account("POST", "/Conferences/new%20room/Participants.json",
                                    {{"From", "+15005550006"}, {"To", "+12025550103"}});
    ASSERT_EQ(made.status, 201) << made.body;
    ASSERT_TRUE(house.ends(made.text("call_sid")));
    EXPECT_EQ(house.status_of(made.text("call_sid")), "busy");
    const auto all = conferences("?FriendlyName=new%20room");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all.at(0).at("status").as_string(), "completed") << "nobody came";
}

TEST_F(Meeting, SaysWhatIsWrongWithARequest) {
    const auto first = attend("participantLabel='me'");
    const auto code = [](const Answer& answer) {
        const auto* value = answer.json.as_object().if_contains("code");
        return value == nullptr ? 0 : value->as_int64();
    };
    const std::string nobody = "CA00000000000000000000000000000000";
    for (const auto& path : {std::string("/Conferences/CF1.json"),
                             std::string("/Conferences/CF00000000000000000000000000000000/Participants.json"),
                             std::string("/Conferences/nowhere/Participants.json"),
                             participants() + "/" + nobody + ".json"}) {
        EXPECT_EQ(code(house.account("GET", path)), 20404) << path;
    }
    const auto create = [&](const std::string& where, const Fields& form) {
        return house.account("POST", where, form);
    };
    const auto to = participants() + ".json";
    EXPECT_EQ(code(create("/Conferences/CF00000000000000000000000000000000/Participants.json",
                          {{"From", "+15005550006"}, {"To", "+12025550108"}})), 20404);
    EXPECT_EQ(code(create(to, {{"From", "+15005550006"}})), 21201);
    EXPECT_EQ(code(create(to, {{"From", "+12025550199"}, {"To", "+12025550108"}})), 21210);
    EXPECT_EQ(code(create(to, {{"From", "+15005550006"}, {"To", "+12025550108"}, {"Label", "me"}})),
              16025);
    const auto mine = participants() + "/me.json";
    EXPECT_EQ(house.account("POST", mine, {{"Muted", "perhaps"}, {"Hold", "true"}}).status, 400);
    EXPECT_EQ(house.account("POST", mine, {{"Hold", "true"}, {"HoldUrl", "music"}}).status, 400);
    EXPECT_EQ(house.account("POST", mine, {{"Coaching", "true"}}).status, 400);
    EXPECT_FALSE(house.account("GET", mine).json.at("hold").as_bool()) << "nothing was done by halves";
    EXPECT_EQ(house.account("PUT", mine).status, 405);
    EXPECT_EQ(house.account("POST", "/Conferences.json").status, 405);
    hang_up(first);
}

TEST_F(Meeting, LetsNobodyInBeyondItsSizeNorUnderATakenLabel) {
    const auto first = attend("maxParticipants='2' participantLabel='a'");
    const auto again = house.call(
        "+12025550108", {{"Twiml", "<Response>" + noun("participantLabel='a'") + "<Pause length='6000'/></Response>"}});
    ASSERT_TRUE(eventually([&] { return house.debugger_codes() == std::vector<int>{16025}; }));
    EXPECT_EQ(house.status_of(again), "in-progress") << "the next verb runs";
    EXPECT_TRUE(house.hooks("/after").empty());
    const auto second = attend("maxParticipants='2'");
    const auto third = house.call(
        "+12025550108", {{"Twiml", "<Response>" + noun("maxParticipants='2'") + "</Response>"}});
    ASSERT_TRUE(goes_on_after(third));
    EXPECT_EQ(house.hooks("/after")[0].field("DialCallStatus"), "failed");
    for (const auto& sid : {first, again, second, third}) hang_up(sid);
}

TEST_F(Meeting, TakesNobodyInWithoutItsWaitUrl) {
    const auto sid = house.call("+12025550108",
                                {{"Twiml", "<Response>" + noun("waitUrl='http://127.0.0.1:1/x'") + "</Response>"}});
    ASSERT_TRUE(goes_on_after(sid));
    EXPECT_EQ(house.debugger_codes(), std::vector<int>{11205});
    EXPECT_TRUE(about(sid).at("conference").is_null());
    hang_up(sid);
}

TEST_F(Meeting, LosesAndDoublesItsCallbacksOnDemand) {
    house.control("PUT", "faults", R"({"callbacks": "duplicate"})");
    const auto first = attend();
    ASSERT_TRUE(told({"participant-join", "participant-join"}));
    house.control("PUT", "faults", R"({"callbacks": "lost"})");
    const auto second = attend();
    EXPECT_EQ(conferences().at(0).at("status").as_string(), "in-progress");
    house.control("PUT", "faults", R"({"callbacks": "ok"})");
    hang_up(first);
    ASSERT_TRUE(told({"participant-join", "participant-join", "participant-leave"}));
    EXPECT_EQ(house.hooks("/events")[2].field("SequenceNumber"), "4") << "2 and 3 are lost";
    hang_up(second);
}

TEST_F(Meeting, FailsRequestsOnDemand) {
    const auto first = attend();
    house.control("PUT", "faults", R"({"update": "429*1", "create": "429*1"})");
    const auto path = participants() + "/" + first + ".json";
    EXPECT_EQ(house.account("POST", path, {{"Muted", "true"}}).status, 429);
    EXPECT_EQ(house.account("POST", path, {{"Muted", "true"}}).status, 200);
    const Fields form{{"From", "+15005550006"}, {"To", "+12025550103"}};
    EXPECT_EQ(house.account("POST", participants() + ".json", form).status, 429);
    const auto made = house.account("POST", participants() + ".json", form);
    EXPECT_EQ(made.status, 201);
    EXPECT_TRUE(house.ends(made.text("call_sid")));
    hang_up(first);
}

}  // namespace
}  // namespace bridge::emulator::test
