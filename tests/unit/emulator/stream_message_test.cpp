#include "emulator/stream_message.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/error.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

const std::string kSid = "MZ0123456789abcdef0123456789abcdef";

StreamStart start_of_stream() {
    return {"AC1", "CA1", kSid, {"inbound"}, {{"token", "a\"b\\c"}, {"name", "Zoë"}}};
}

TEST(StreamMessage, FormatsConnectedAsDocumented) {
    EXPECT_EQ(format_connected(), R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
}

TEST(StreamMessage, FormatsStartWithStringAndNumberWhereTwilioHasThem) {
    const auto expected =
        json::parse(R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1",
        "streamSid":"MZ0123456789abcdef0123456789abcdef","callSid":"CA1","tracks":["inbound"],
        "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},
        "customParameters":{"token":"a\"b\\c","name":"Zoë"}},"streamSid":"MZ0123456789abcdef0123456789abcdef"})");
    EXPECT_EQ(json::parse(format_start(1, start_of_stream())), expected);
    auto plain = start_of_stream();
    plain.parameters.clear();
    plain.tracks = {"inbound", "outbound"};
    const auto message = json::parse(format_start(1, plain));
    EXPECT_EQ(message.at("start").at("customParameters"), json::value(json::object()));
    EXPECT_EQ(message.at("start").at("tracks"), json::parse(R"(["inbound","outbound"])"));
}

TEST(StreamMessage, FormatsMediaWithNumbersAsStrings) {
    const std::vector<std::uint8_t> sound(160, 0xFF);
    const auto message = json::parse(format_media(2, kSid, "inbound", 1, 5, sound));
    EXPECT_EQ(message.at("event"), "media");
    EXPECT_EQ(message.at("sequenceNumber"), "2");
    EXPECT_EQ(message.at("streamSid").as_string(), kSid);
    EXPECT_EQ(message.at("media").at("track"), "inbound");
    EXPECT_EQ(message.at("media").at("chunk"), "1");
    EXPECT_EQ(message.at("media").at("timestamp"), "5");
    EXPECT_TRUE(message.at("media").at("payload").as_string().starts_with("//////"));
    EXPECT_EQ(message.as_object().size(), 4U);
    EXPECT_EQ(message.at("media").as_object().size(), 4U);
}

TEST(StreamMessage, FormatsTheOthersAsDocumented) {
    EXPECT_EQ(
        json::parse(format_dtmf(5, "MZ1", '#')),
        json::parse(
            R"({"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"#"}})"));
    EXPECT_EQ(
        json::parse(format_mark(9, "MZ1", "say \"hi\"")),
        json::parse(
            R"({"event":"mark","sequenceNumber":"9","streamSid":"MZ1","mark":{"name":"say \"hi\""}})"));
    auto start = start_of_stream();
    start.stream_sid = "MZ1";
    EXPECT_EQ(
        json::parse(format_stop(7, start)),
        json::parse(
            R"({"event":"stop","sequenceNumber":"7","stop":{"accountSid":"AC1","callSid":"CA1"},"streamSid":"MZ1"})"));
}

TEST(StreamMessage, TakesTheThreeDocumentedCommands) {
    const auto media = parse_stream_command(
        R"({"event":"media","streamSid":"MZ1","media":{"payload":"/38A"}})", "MZ1");
    ASSERT_TRUE(media) << media.error().message;
    EXPECT_EQ(std::get<MediaIn>(*media).mulaw, (std::vector<std::uint8_t>{0xFF, 0x7F, 0x00}));
    const auto mark =
        parse_stream_command(R"( {"mark":{"name":"x"},"streamSid":"MZ1","event":"mark"} )", "MZ1");
    ASSERT_TRUE(mark) << mark.error().message;
    EXPECT_EQ(std::get<MarkIn>(*mark).name, "x");
    const auto clear = parse_stream_command(R"({"event":"clear","streamSid":"MZ1"})", "MZ1");
    ASSERT_TRUE(clear) << clear.error().message;
    EXPECT_TRUE(std::holds_alternative<ClearIn>(*clear));
}

struct Bad {
    const char* text;
    Errc code;
    const char* says;
};

TEST(StreamMessage, RefusesEverythingElseAndNamesTheField) {
    const Bad table[] = {
        {"", Errc::not_json, ""},
        {"hello", Errc::not_json, ""},
        {"[]", Errc::not_json, "object"},
        {R"({"event":"clear","streamSid":"MZ1"}{})", Errc::not_json, ""},
        {R"({"streamSid":"MZ1"})", Errc::bad_field, "event"},
        {R"({"event":1,"streamSid":"MZ1"})", Errc::bad_field, "event"},
        {R"({"event":"stop","streamSid":"MZ1"})", Errc::unknown_event, "stop"},
        {R"({"event":"Media","streamSid":"MZ1","media":{"payload":"/w=="}})", Errc::unknown_event,
         "Media"},
        {R"({"event":"clear"})", Errc::bad_field, "streamSid"},
        {R"({"event":"clear","streamSid":"MZ2"})", Errc::bad_field, "MZ2"},
        {R"({"event":"clear","streamSid":null})", Errc::bad_field, "streamSid"},
        {R"({"event":"clear","streamSid":"MZ1","x":1})", Errc::bad_field, "x"},
        {R"({"event":"mark","streamSid":"MZ1"})", Errc::bad_field, "mark"},
        {R"({"event":"mark","streamSid":"MZ1","mark":{}})", Errc::bad_field, "mark.name"},
        {R"({"event":"mark","streamSid":"MZ1","mark":{"name":7}})", Errc::bad_field, "mark.name"},
        {R"({"event":"mark","streamSid":"MZ1","mark":{"name":"a","b":1}})", Errc::bad_field,
         "mark.b"},
        {R"({"event":"mark","streamSid":"MZ1","mark":"a"})", Errc::bad_field, "mark"},
        {R"({"event":"mark","streamSid":"MZ1","mark":{"name":"a"},"sequenceNumber":"4"})",
         Errc::bad_field, "sequenceNumber"},
        {R"({"event":"media","streamSid":"MZ1"})", Errc::bad_field, "media"},
        {R"({"event":"media","streamSid":"MZ1","media":[]})", Errc::bad_field, "media"},
        {R"({"event":"media","streamSid":"MZ1","media":{}})", Errc::bad_field, "media.payload"},
        {R"({"event":"media","streamSid":"MZ1","media":{"payload":""}})", Errc::bad_field, "empty"},
        {R"({"event":"media","streamSid":"MZ1","media":{"payload":"/w="}})", Errc::bad_field,
         "base64"},
        {R"({"event":"media","streamSid":"MZ1","media":{"payload":"/w==","track":"outbound"}})",
         Errc::bad_field, "media.track"},
        {R"({"event":"media","streamSid":"MZ1","media":{"payload":"/w=="},"chunk":"1"})",
         Errc::bad_field, "chunk"},
    };
    for (const auto& bad : table) {
        const auto command = parse_stream_command(bad.text, "MZ1");
        ASSERT_FALSE(command) << bad.text;
        EXPECT_EQ(command.error().code, bad.code) << bad.text << " " << command.error().message;
        EXPECT_NE(command.error().message.find(bad.says), std::string::npos)
            << command.error().message;
    }
}

}  // namespace
}  // namespace bridge::emulator
