#include "agents/stream_bot/bot_messages.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <sstream>
#include <vector>

namespace bridge::agents {
namespace {

const std::string kStream = "MZ0123456789abcdef0123456789abcdef";

BotStream stream_of(std::map<std::string, std::string> parameters = {}) {
    return {"AC1", "CA1", "MZ1", std::move(parameters)};
}

/// What Twilio's documentation shows (tests/data/twilio), in its own order of keys.
boost::json::value documented(const std::string& name) {
    std::ifstream file(std::string(AGENTBRIDGE_TEST_DATA) + "/twilio/messages/" + name + ".json");
    std::stringstream text;
    text << file.rdbuf();
    return boost::json::parse(text.str());
}

TEST(BotMessageWriter, WritesWhatTwilioWritesKeyForKey) {
    std::string text;
    BotMessageWriter::connected(text);
    EXPECT_EQ(text, R"({"event":"connected","protocol":"Call","version":"1.0.0"})");

    BotMessageWriter writer;
    writer.start(stream_of({{"token", "abc"}}), text);
    EXPECT_EQ(
        text,
        R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1",)"
        R"("callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw",)"
        R"("sampleRate":8000,"channels":1},"customParameters":{"token":"abc"}},)"
        R"("streamSid":"MZ1"})");
    const std::array<std::uint8_t, 3> silence{0xFF, 0xFF, 0xFF};
    writer.media("MZ1", std::chrono::milliseconds(5), silence, text);
    EXPECT_EQ(text,
              R"({"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",)"
              R"("timestamp":"5","payload":"////"},"streamSid":"MZ1"})");
    writer.dtmf("MZ1", '1', text);
    EXPECT_EQ(text, R"({"event":"dtmf","streamSid":"MZ1","sequenceNumber":"3",)"
                    R"("dtmf":{"track":"inbound_track","digit":"1"}})");
    writer.mark("MZ1", "reply-42", text);
    EXPECT_EQ(
        text,
        R"({"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"reply-42"}})");
    writer.media("MZ1", std::chrono::milliseconds(25), silence, text);
    EXPECT_NE(text.find(R"("sequenceNumber":"5","media":{"track":"inbound","chunk":"2")"),
              std::string::npos);
    writer.stop(stream_of(), text);
    EXPECT_EQ(text,
              R"({"event":"stop","sequenceNumber":"6","stop":{"accountSid":"AC1","callSid":"CA1"},)"
              R"("streamSid":"MZ1"})");
}

/// The fields and types of Twilio's own examples: nothing is missing and nothing is added.
TEST(BotMessageWriter, HasTheFieldsOfTwiliosExamples) {
    const auto same_shape = [](const auto& self, const boost::json::value& a,
                               const boost::json::value& b, const std::string& where) -> void {
        ASSERT_EQ(a.kind() == boost::json::kind::uint64 ? boost::json::kind::int64 : a.kind(),
                  b.kind() == boost::json::kind::uint64 ? boost::json::kind::int64 : b.kind())
            << where;
        if (!a.is_object() || where.ends_with("customParameters")) return;
        EXPECT_EQ(a.as_object().size(), b.as_object().size()) << where;
        for (const auto& [key, value] : a.as_object()) {
            const auto* other = b.as_object().if_contains(key);
            ASSERT_NE(other, nullptr) << where << "." << key;
            self(self, value, *other, where + "." + std::string(key));
        }
    };
    BotMessageWriter writer;
    std::string text;
    const auto check = [&](const std::string& name) {
        same_shape(same_shape, documented(name), boost::json::parse(text), name);
    };
    BotMessageWriter::connected(text);
    check("connected");
    writer.start(stream_of({{"a", "b"}}), text);
    check("start");
    writer.media("MZ1", std::chrono::milliseconds(5), std::vector<std::uint8_t>(160, 0xFF), text);
    check("media");
    writer.dtmf("MZ1", '5', text);
    check("dtmf");
    writer.mark("MZ1", "m", text);
    check("mark");
    writer.stop(stream_of(), text);
    check("stop");
}

TEST(BotMessageWriter, EscapesWhatWouldBreakJson) {
    BotMessageWriter writer;
    std::string text;
    writer.mark("MZ1", "a\"b\\c\n\x01ü", text);
    EXPECT_EQ(boost::json::parse(text).at("mark").at("name").as_string(), "a\"b\\c\n\x01ü");
    writer.start(stream_of({{"na\"me", "va\\lue"}}), text);
    const auto parsed = boost::json::parse(text);
    EXPECT_EQ(parsed.at("start").at("customParameters").at("na\"me").as_string(), "va\\lue");
}

class BotMessageReaderTest : public testing::Test {
protected:
    std::string refusal(std::string_view text, std::string_view sid) {
        const auto read = reader_.read(text, sid);
        return read ? "" : read.error().message;
    }
    std::string refusal(std::string_view text) { return refusal(text, kStream); }

    BotMessageReader reader_;
};

TEST_F(BotMessageReaderTest, ReadsMediaMarkAndClearInAnyOrderOfKeys) {
    auto read = reader_.read(
        R"({"event":"media","streamSid":")" + kStream + R"(","media":{"payload":"AAECAw=="}})",
        kStream);
    ASSERT_TRUE(read) << read.error().message;
    const auto bytes = std::get<bot::Media>(*read).mulaw;
    EXPECT_EQ(std::vector<int>(bytes.begin(), bytes.end()), (std::vector<int>{0, 1, 2, 3}));

    read = reader_.read(" {\"mark\" : { \"name\" : \"\\u00fc:1\" },\n\"streamSid\":\"" + kStream +
                            "\",\"event\":\"mark\"} ",
                        kStream);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(std::get<bot::Mark>(*read).name, "ü:1");

    read = reader_.read(R"({"streamSid":")" + kStream + R"(","event":"clear"})", kStream);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(std::holds_alternative<bot::Clear>(*read));
}

TEST_F(BotMessageReaderTest, RefusesWhatTwilioWarnsOfAndSaysWhy) {
    const std::string sid = R"("streamSid":")" + kStream + R"(")";
    const std::vector<std::pair<std::string, std::string>> table = {
        {"", "the message is not a JSON object"},
        {"hello", "the message is not a JSON object"},
        {"[]", "the message is not a JSON object"},
        {"{", "the message is not a JSON object"},
        {R"({"event":"clear",)" + sid + "} x", "the message is not a JSON object"},
        {R"({"event":"clear",)" + sid + "}{}", "the message is not a JSON object"},
        {R"({"event":"clear","streamSid":nil})", "the message is not a JSON object"},
        {"{" + sid + "}", "event: missing"},
        {R"({"event":7,)" + sid + "}", "event: not a string"},
        {R"({"event":"connected",)" + sid + "}",
         "event: \"connected\" is not one that Twilio takes"},
        {"{\"event\":\"\xC3\xBC\x7F\"," + sid + "}", "event: \"???\" is not one that Twilio takes"},
        {R"({"event":"clear"})", "streamSid: missing"},
        {R"({"event":"clear","streamSid":null})", "streamSid: not a string"},
        {R"({"event":"clear","streamSid":"MZother"})", "streamSid: not the SID of this stream"},
        {R"({"event":"clear","sequenceNumber":"1",)" + sid + "}",
         "sequenceNumber: not a field of this message"},
        {R"({"event":"clear","mark":{"name":"x"},)" + sid + "}",
         "media or mark: not a field of this message"},
        {R"({"event":"media",)" + sid + "}", "media: missing"},
        {R"({"event":"media","media":"AAAA",)" + sid + "}", "media: not an object"},
        {R"({"event":"media","media":{},)" + sid + "}", "media.payload: missing"},
        {R"({"event":"media","media":{"payload":[1]},)" + sid + "}", "media.payload: not a string"},
        {R"({"event":"media","media":{"payload":""},)" + sid + "}", "media.payload: empty"},
        {R"({"event":"media","media":{"payload":"AAA"},)" + sid + "}", "media.payload: not base64"},
        {R"({"event":"media","media":{"payload":"AA_-"},)" + sid + "}",
         "media.payload: not base64"},
        {R"({"event":"media","media":{"payload":"AAAA","track":"outbound"},)" + sid + "}",
         "media.track: not a field of this message"},
        {R"({"event":"media","media":{"payload":"AAAA"},"mark":{"name":"x"},)" + sid + "}",
         "mark: not a field of this message"},
        {R"({"event":"mark",)" + sid + "}", "mark: missing"},
        {R"({"event":"mark","mark":[],)" + sid + "}", "mark: not an object"},
        {R"({"event":"mark","mark":{},)" + sid + "}", "mark.name: missing"},
        {R"({"event":"mark","mark":{"name":1},)" + sid + "}", "mark.name: not a string"},
        {R"({"event":"mark","mark":{"name":")" + std::string(1025, 'x') + R"("},)" + sid + "}",
         "mark.name: over 1024 bytes"},
    };
    for (const auto& [text, why] : table) EXPECT_EQ(refusal(text), why) << text;
}

TEST_F(BotMessageReaderTest, TakesABotThatSpeaksBeforeItCanKnowItsStream) {
    const std::string media = R"({"event":"media","media":{"payload":"AAAA"})";
    EXPECT_EQ(refusal(media + "}", ""), "");
    EXPECT_EQ(refusal(media + R"(,"streamSid":null})", ""), "");
    EXPECT_EQ(refusal(media + R"(,"streamSid":""})", ""), "");
    EXPECT_EQ(refusal(media + R"(,"streamSid":"MZ1"})", ""),
              "streamSid: no stream has started yet");
    EXPECT_EQ(refusal(media + "}"), "streamSid: missing");
}

TEST_F(BotMessageReaderTest, ReadsMinutesInOneMessageAndGoesOn) {
    const std::string long_payload(4 * 600'000, 'A');  // 225 s of speech
    const std::string head =
        R"({"event":"media","streamSid":")" + kStream + R"(","media":{"payload":")";
    auto read = reader_.read(head + long_payload + R"("}})", kStream);
    ASSERT_TRUE(read);
    EXPECT_EQ(std::get<bot::Media>(*read).mulaw.size(), 1'800'000U);
    read = reader_.read(head + "AAAA" + R"("}})", kStream);
    ASSERT_TRUE(read);
    EXPECT_EQ(std::get<bot::Media>(*read).mulaw.size(), 3U);
}

}  // namespace
}  // namespace bridge::agents
