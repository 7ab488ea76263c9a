// One-way streams by TwiML and by REST, sounds that are fetched, and webhooks over TLS.

#include <algorithm>
#include <set>

#include "tests/integration/emulator/emulator_house.hpp"
#include "tests/integration/net/tls_front.hpp"

namespace bridge::emulator::test {
namespace {

class EmulatorStreams : public ::testing::Test {
protected:
    EmulatorStreams() { house.accept_streams(); }
    std::string stream_url() const {
        return "ws://127.0.0.1:" + std::to_string(house.hook_port()) + "/media";
    }
    /// A call that stays up for as long as the test needs it.
    std::string live_call() {
        house.answer_with_twiml("<Pause length='6000'/>");
        const auto sid = house.call("+12025550108");
        EXPECT_TRUE(eventually([&] { return house.status_of(sid) == "in-progress"; }));
        return sid;
    }
    bool has(const std::string& event, std::size_t count) {
        return eventually([&] { return house.stream_messages(event).size() >= count; });
    }
    EmulatorHouse house;
};

TEST_F(EmulatorStreams, StartAndStopByRest) {
    const auto sid = live_call();
    const auto path = "/Calls/" + sid + "/Streams.json";
    const auto made = house.account("POST", path,
                                    {{"Url", stream_url()},
                                     {"Name", "ear"},
                                     {"Track", "both_tracks"},
                                     {"Parameter1.Name", "who"},
                                     {"Parameter1.Value", "me"},
                                     {"StatusCallback", house.hook_url("/stream")}});
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.text("status"), "in-progress");
    EXPECT_EQ(made.text("name"), "ear");
    EXPECT_EQ(made.text("call_sid"), sid);
    ASSERT_TRUE(has("media", 4));
    const auto start = house.stream_messages("start").at(0).at("start");
    EXPECT_EQ(start.at("callSid").as_string(), sid);
    EXPECT_EQ(start.at("tracks"), (json::array{"inbound", "outbound"}));
    EXPECT_EQ(start.at("customParameters").at("who").as_string(), "me");
    std::set<std::string> tracks;
    for (const auto& media : house.stream_messages("media")) {
        tracks.emplace(media.at("media").at("track").as_string());
    }
    EXPECT_EQ(tracks, (std::set<std::string>{"inbound", "outbound"}));

    const auto stop = "/Calls/" + sid + "/Streams/ear.json";
    EXPECT_EQ(house.account("POST", stop, {{"Status", "paused"}}).status, 400);
    const auto stopped = house.account("POST", stop, {{"Status", "stopped"}});
    EXPECT_EQ(stopped.status, 200) << stopped.body;
    EXPECT_EQ(stopped.text("status"), "stopped");
    ASSERT_TRUE(has("stop", 1));
    ASSERT_TRUE(eventually([&] { return house.hooks("/stream").size() == 2; }));
    EXPECT_EQ(house.hooks("/stream")[0].field("StreamEvent"), "stream-started");
    EXPECT_EQ(house.hooks("/stream")[1].field("StreamEvent"), "stream-stopped");
    EXPECT_EQ(house.status_of(sid), "in-progress") << "the call goes on";
    EXPECT_EQ(
        house.account("POST", "/Calls/" + sid + "/Streams/other.json", {{"Status", "stopped"}})
            .status,
        404);
}

TEST_F(EmulatorStreams, RefuseAFifthTrack) {
    const auto sid = live_call();
    const auto path = "/Calls/" + sid + "/Streams.json";
    const auto start = [&](const char* track) {
        return house.account("POST", path, {{"Url", stream_url()}, {"Track", track}});
    };
    EXPECT_EQ(start("both_tracks").status, 201);
    EXPECT_EQ(start("inbound_track").status, 201);
    EXPECT_EQ(start("both_tracks").status, 400);
    const auto fourth = start("outbound_track");
    EXPECT_EQ(fourth.status, 201);
    const auto fifth = start("inbound_track");
    EXPECT_EQ(fifth.status, 400);
    EXPECT_EQ(fifth.json.as_object().count("code"), 0U) << "Twilio's code for it is not known";
    const auto stop = "/Calls/" + sid + "/Streams/" + fourth.text("sid") + ".json";
    EXPECT_EQ(house.account("POST", stop, {{"Status", "stopped"}}).status, 200);
    EXPECT_EQ(start("inbound_track").status, 201);
}

TEST_F(EmulatorStreams, StartAndStopByTwiml) {
    house.answer_with_twiml("<Start><Stream name='ear' url='" + stream_url() +
                            "'><Parameter name='k' value='v'/></Stream></Start><Pause length='10'/>"
                            "<Stop><Stream name='ear'/></Stop><Stop><Stream name='none'/></Stop>"
                            "<Pause length='5'/>");
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(has("stop", 1));
    EXPECT_EQ(house.status_of(sid), "in-progress") << "the next verb runs";
    const auto start = house.stream_messages("start").at(0).at("start");
    EXPECT_EQ(start.at("tracks"), json::array{"inbound"});
    EXPECT_EQ(start.at("customParameters").at("k").as_string(), "v");
    EXPECT_GT(house.stream_messages("media").size(), 10U);
    ASSERT_TRUE(house.ends(sid));
    EXPECT_EQ(house.debugger_codes(), std::vector<int>{12200}) << "there was no stream 'none'";
}

TEST_F(EmulatorStreams, PlayASoundThatIsFetched) {
    const std::string tone(1600, '\x35');
    house.answer_with([&](const Hook& hook) {
        if (hook.path == "/tone.ulaw") return net::respond(200, "audio/basic", tone);
        return hook.path == "/voice" ? twiml("<Play>tone.ulaw</Play>")
                                     : net::HttpResponse{204, {}, {}};
    });
    const auto sid = house.call("+12025550108");
    ASSERT_TRUE(house.ends(sid));
    EXPECT_TRUE(house.debugger_codes().empty());
    const auto fetched = house.hooks("/tone.ulaw");
    ASSERT_EQ(fetched.size(), 1U);
    EXPECT_FALSE(fetched[0].headers.find("X-Twilio-Signature"));
    const auto heard = house.control("GET", "calls/" + sid + "/heard.wav").body;
    EXPECT_NE(heard.find(tone), std::string::npos) << "all of it, in one piece";
}

TEST(EmulatorTls, AsksHttpsWebhooksThatItIsToldToTrust) {
    const auto certificate = net::test::make_certificate("DNS:localhost");
    const net::test::TemporaryFile trusted(certificate.certificate_pem);
    EmulatorHouse house([&](EmulatorOptions& options) { options.ca_file = trusted.path(); });
    house.answer_with_twiml("<Hangup/>");
    const net::test::TlsFront front(certificate, house.hook_port());
    const auto url = "https://localhost:" + std::to_string(front.port()) + "/voice";
    ASSERT_TRUE(house.ends(house.call("+12025550108", {{"Url", url}})));
    EXPECT_EQ(house.hooks("/voice").size(), 1U);
    EXPECT_TRUE(house.debugger_codes().empty());

    EmulatorHouse stranger;
    ASSERT_TRUE(stranger.ends(stranger.call("+12025550108", {{"Url", url}})));
    EXPECT_EQ(house.hooks("/voice").size(), 1U);
    EXPECT_EQ(stranger.debugger_codes(), std::vector<int>{11220});
}

}  // namespace
}  // namespace bridge::emulator::test
