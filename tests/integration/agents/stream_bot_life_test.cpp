// A bot's stream from its beginning to its end: connected, refused, closed, lost, redirected.

#include <boost/json/serialize.hpp>

#include "net/websocket_handshake.hpp"
#include "tests/integration/agents/stream_bot_fixture.hpp"

namespace bridge::agents::test {
namespace {

TEST_F(StreamBotTest, IsThereWhileThePhoneRingsAndStartsWhenItIsAnswered) {
    options_.parameters = {{"customer", "42"}};
    start();
    ASSERT_TRUE(heard(0, 1));
    EXPECT_EQ(text_of(message(0, 0), "event"), "connected");
    hear(3);  // there is no stream yet
    on_loop([&] {
        EXPECT_EQ(ear_.told.readies, 1);
        EXPECT_EQ(bots_[0].target, "/bot?x=1");
        EXPECT_EQ(bots_[0].signature, "");
        agent_->answered(call_of("MZ1"));
        agent_->answered(call_of("MZ1"));
    });
    ASSERT_TRUE(heard(0, 2));
    EXPECT_EQ(
        boost::json::serialize(message(0, 1)),
        R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1",)"
        R"("callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw",)"
        R"("sampleRate":8000,"channels":1},"customParameters":{"customer":"42"}},)"
        R"("streamSid":"MZ1"})");
    on_loop([&] { agent_->stop(); });
    ASSERT_TRUE(heard(0, 3));
    EXPECT_EQ(text_of(message(0, 2), "event"), "stop");
    EXPECT_EQ(text_of(message(0, 2), "sequenceNumber"), "2");
    ASSERT_TRUE(told([&] { return bots_[0].end.has_value(); }));
    on_loop([&] {
        EXPECT_EQ(bots_[0].end->code, 1000);
        EXPECT_TRUE(ear_.told.ends.empty());
    });
}

TEST_F(StreamBotTest, ConnectsWhenItIsAnsweredIfAskedTo) {
    options_.early = false;
    start();
    on_loop([&] {
        EXPECT_EQ(ear_.told.readies, 1);
        EXPECT_TRUE(bots_.empty());
        agent_->answered(call_of("MZ1"));
    });
    ASSERT_TRUE(heard(0, 2));
    on_loop([&] { EXPECT_EQ(bots_.size(), 1U); });
}

TEST_F(StreamBotTest, ACleanCloseByTheBotMeansThatItIsDone) {
    start_and_answer();
    say_media(160);
    say_mark("a");
    ASSERT_TRUE(spoke(160));
    on_loop([&] { bots_[0].socket->close(1000, ""); });
    expect_end(call::AgentEnd::finished, "has closed its stream");
    over(1);
    hear(1);
    on_loop([&] { EXPECT_EQ(ear_.voice->cancels, 0); });
}

TEST_F(StreamBotTest, ACloseWithoutACodeIsCleanToo) {
    net::test::RawListener listener;
    options_.url = "ws://127.0.0.1:" + std::to_string(listener.port()) + "/bot";
    start("MZ1");
    auto peer = listener.accept();
    const auto head = peer.receive_until("\r\n\r\n");
    const auto at = head.find("Sec-WebSocket-Key: ") + 19;
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        net::accept_key(head.substr(at, head.find('\r', at) - at)) + "\r\n\r\n" +
        std::string("\x88\x00", 2));
    ASSERT_TRUE(told([&] { return ear_.told.readies == 1; }));
    hear(3);  // between its goodbye and the end of the connection
    peer.finish_sending();
    peer.receive_all();
    expect_end(call::AgentEnd::finished, "has closed its stream");
}

TEST_F(StreamBotTest, AnyOtherEndIsADrop) {
    start_and_answer();
    on_loop([&] { bots_[0].socket->close(1011, "no model\nleft"); });
    expect_end(call::AgentEnd::dropped, "with 1011: no model?left");
}

TEST_F(StreamBotTest, ALostConnectionIsADrop) {
    net::test::RawListener listener;
    options_.url = "ws://127.0.0.1:" + std::to_string(listener.port()) + "/bot";
    start();
    {
        auto peer = listener.accept();
        peer.receive_until("\r\n\r\n");
        peer.reset();
    }
    expect_end(call::AgentEnd::dropped, "no connection to the bot");
}

TEST_F(StreamBotTest, SaysWhatToCheckWhenTheBotRefusesIt) {
    const std::vector<std::tuple<int, call::AgentEnd, std::string>> table = {
        {401, call::AgentEnd::refused, "set AGENTBRIDGE_BOT_AUTH_TOKEN"},
        {403, call::AgentEnd::refused, "set AGENTBRIDGE_BOT_AUTH_TOKEN"},
        {404, call::AgentEnd::refused, "HTTP 404; check the path"},
        {429, call::AgentEnd::dropped, "HTTP 429"},
        {503, call::AgentEnd::dropped, "HTTP 503"},
    };
    for (const auto& [status, how, part] : table) {
        on_loop([&, answer = status] { status_ = answer; });
        start();
        expect_end(how, part);
        on_loop([&] { ear_.told.ends.clear(); });
    }
}

TEST_F(StreamBotTest, AnAddressThatIsNoneIsRefusedAndNobodyThereIsADrop) {
    options_.url = "wss://";
    start();
    expect_end(call::AgentEnd::refused, "the bot's address cannot be used");
    on_loop([&] {
        agent_.reset();
        ear_.told.ends.clear();
    });
    const net::test::DeafPort deaf;
    options_.url = "ws://127.0.0.1:" + std::to_string(deaf.port()) + "/secret-path?key=secret";
    start();
    expect_end(call::AgentEnd::dropped, "127.0.0.1:" + std::to_string(deaf.port()));
    on_loop([&] { EXPECT_EQ(ear_.told.ends[0].reason.find("secret"), std::string::npos); });
}

TEST_F(StreamBotTest, SignsTheUpgradeAsTwilioDoes) {
    options_.auth_token = Secret("12345");
    start();
    ASSERT_TRUE(heard(0, 1));
    on_loop([&] { EXPECT_EQ(bots_[0].signature.size(), 28U); });
    on_loop([&] { status_ = 403; });
    start();
    expect_end(call::AgentEnd::refused, "check that AGENTBRIDGE_BOT_AUTH_TOKEN");
    on_loop([&] { EXPECT_EQ(ear_.told.ends[0].reason.find("12345"), std::string::npos); });
}

TEST_F(StreamBotTest, ComesBackAfterADropWithANewStreamOfTheSamePhone) {
    start_and_answer();
    hear(5);
    on_loop([&] { bots_[0].socket->close(1011, ""); });
    expect_end(call::AgentEnd::dropped, "1011");
    hear(2, milliseconds(100));  // nobody hears that
    start("MZ1");
    ASSERT_TRUE(heard(1, 2));
    hear(1, milliseconds(140));
    ASSERT_TRUE(heard(1, 3));
    EXPECT_EQ(text_of(message(1, 0), "event"), "connected");
    EXPECT_EQ(text_of(message(1, 1), "sequenceNumber"), "1");
    EXPECT_EQ(text_of(message(1, 1), "streamSid"), "MZ1");
    EXPECT_EQ(text_of(message(1, 2), "sequenceNumber"), "2");
    EXPECT_EQ(message(1, 2).at("media").at("chunk").as_string(), "1");
    EXPECT_EQ(message(1, 2).at("media").at("timestamp").as_string(), "0");
    on_loop([&] { EXPECT_EQ(ear_.told.readies, 2); });
}

TEST_F(StreamBotTest, ARedirectedCallIsAnotherStreamAndAnotherSocket) {
    start_and_answer();
    hear(3);
    say_media(8000);
    say_mark("of the old stream");
    ASSERT_TRUE(spoke(8000));
    on_loop([&] { agent_->answered(call_of("MZ2")); });
    ASSERT_TRUE(heard(1, 2));
    ASSERT_TRUE(told([&] { return bots_[0].end.has_value(); }));
    on_loop([&] {
        EXPECT_EQ(bots_[0].heard.back().at("event").as_string(), "stop");
        EXPECT_EQ(bots_[0].heard.back().at("streamSid").as_string(), "MZ1");
        EXPECT_EQ(bots_[0].end->code, 1000);
        EXPECT_EQ(ear_.voice->cancels, 1);
        EXPECT_TRUE(ear_.told.ends.empty());
        EXPECT_EQ(ear_.told.readies, 1);
    });
    over(1);
    hear(1, milliseconds(60));
    ASSERT_TRUE(heard(1, 3));
    EXPECT_EQ(text_of(message(1, 1), "streamSid"), "MZ2");
    EXPECT_EQ(message(1, 2).at("media").at("timestamp").as_string(), "0");
    EXPECT_EQ(marks(0), Names{});
    EXPECT_EQ(marks(1), Names{});
    say_media(160, 0x80, "MZ2", 1);
    ASSERT_TRUE(spoke(8160));
}

TEST_F(StreamBotTest, MayBeStoppedAtAnyTime) {
    start();
    on_loop([&] { agent_->stop(); });  // while it connects
    start();
    on_loop([&] {
        agent_->answered(call_of("MZ1"));
        agent_->stop();
        agent_->stop();
        agent_->dtmf('1');
        agent_->spoken(1, {});
        agent_->answered(call_of("MZ2"));
    });
    start();
    on_loop([&] { agent_.reset(); });  // it goes without a stop
    on_loop([&] { EXPECT_TRUE(ear_.told.ends.empty()); });
}

TEST(StreamBotSettings, AnAddressIsChecked) {
    EXPECT_TRUE(check_bot_url("ws://127.0.0.1:8765/media"));
    EXPECT_TRUE(check_bot_url("wss://bot.example.com"));
    for (const auto* bad :
         {"", "http://x", "ws://", "ws://:80/x", "ws://a@b/", "ws://a/#x", "ws://a b"})
        EXPECT_FALSE(check_bot_url(bad)) << bad;
}

TEST(StreamBotSettings, ParametersAreNamesAndValues) {
    const auto some = parse_bot_parameters(" a=1, tenant = x=y ,,empty=");
    ASSERT_TRUE(some);
    EXPECT_EQ(*some,
              (std::map<std::string, std::string>{{"a", "1"}, {"tenant", "x=y"}, {"empty", ""}}));
    EXPECT_TRUE(parse_bot_parameters("")->empty());
    EXPECT_FALSE(parse_bot_parameters("nothing"));
    EXPECT_FALSE(parse_bot_parameters("=x"));
    EXPECT_FALSE(parse_bot_parameters("a=" + std::string(499, 'x')));
    EXPECT_TRUE(parse_bot_parameters("a=" + std::string(498, 'x')));
}

}  // namespace
}  // namespace bridge::agents::test
