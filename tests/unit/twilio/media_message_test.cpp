#include "twilio/wire/media_message.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace bridge::twilio {
namespace {

std::string seed(std::string_view name) {
    std::ifstream file(fmt::format("{}/twilio/messages/{}.json", AGENTBRIDGE_TEST_DATA, name));
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Everything in a message as text, so that it outlives the parser's buffers.
std::string written(const Result<MediaMessage>& message) {
    if (!message) return "error: " + message.error().message;
    struct Writer {
        std::string operator()(const message::Connected& m) const {
            return fmt::format("connected {} {}", m.protocol, m.version);
        }
        std::string operator()(const message::Start& m) const {
            auto out =
                fmt::format("start {} {} {} {} {} {} {}", m.sequence, m.stream_sid, m.call_sid,
                            m.account_sid, m.encoding, m.sample_rate, m.channels);
            for (const auto& [name, value] : m.parameters)
                out += fmt::format(" {}={}", name, value);
            return out;
        }
        std::string operator()(const message::Media& m) const {
            std::string hex;
            for (const auto byte : m.mulaw) hex += fmt::format("{:02x}", byte);
            return fmt::format("media {} {} {} {} {}", m.sequence, m.timestamp.count(),
                               m.track == MediaTrack::inbound ? "in" : "out", hex, m.stream_sid);
        }
        std::string operator()(const message::Dtmf& m) const {
            return fmt::format("dtmf {} {} {}", m.sequence, m.digit, m.stream_sid);
        }
        std::string operator()(const message::Mark& m) const {
            return fmt::format("mark {} {} {}", m.sequence, m.name, m.stream_sid);
        }
        std::string operator()(const message::Stop& m) const {
            return fmt::format("stop {} {} {}", m.sequence.value_or(0), m.call_sid, m.stream_sid);
        }
    };
    return std::visit(Writer{}, *message);
}

std::string parsed(std::string_view text, MediaMessageLimits limits = {}) {
    return written(MediaMessageParser(limits).parse(text));
}

constexpr std::string_view kStream = "MZ18ad3ab5a668481ce02b83e7395059f0";

TEST(MediaMessage, ReadsTheDocumentedMessages) {
    MediaMessageParser parser;
    EXPECT_EQ(written(parser.parse(seed("connected"))), "connected Call 1.0.0");
    EXPECT_EQ(written(parser.parse(seed("start"))),
              fmt::format("start 1 {} CAc5e3d4ab8c1f4b6d9a7e0f1234567890 "
                          "AC0123456789abcdef0123456789abcdef audio/x-mulaw 8000 1 "
                          "FirstName=Jane LastName=Doe",
                          kStream));
    std::string silence;
    for (int i = 0; i < 160; ++i) silence += "ff";
    EXPECT_EQ(written(parser.parse(seed("media"))),
              fmt::format("media 2 5 in {} {}", silence, kStream));
    EXPECT_EQ(written(parser.parse(seed("media_outbound"))),
              fmt::format("media 3 5 out ff7f00 {}", kStream));
    EXPECT_EQ(written(parser.parse(seed("media_numbers"))),
              fmt::format("media 4 25 in ffff {}", kStream));
    EXPECT_EQ(written(parser.parse(seed("dtmf"))), fmt::format("dtmf 5 1 {}", kStream));
    EXPECT_EQ(written(parser.parse(seed("mark"))), fmt::format("mark 9 reply-42 {}", kStream));
    EXPECT_EQ(written(parser.parse(seed("stop"))),
              fmt::format("stop 5 CAc5e3d4ab8c1f4b6d9a7e0f1234567890 {}", kStream));
}

TEST(MediaMessage, ReadsTwiliosOwnLettersAsItReadsAnyJson) {
    const auto media = [](std::string_view sequence, std::string_view track,
                          std::string_view timestamp, std::string_view payload,
                          std::string_view stream = kStream) {
        return fmt::format(
            R"({{"event":"media","sequenceNumber":"{}","media":{{"track":"{}","chunk":"1","timestamp":"{}","payload":"{}"}},"streamSid":"{}"}})",
            sequence, track, timestamp, payload, stream);
    };
    EXPECT_EQ(parsed(media("2", "inbound", "40", "/38A")),
              fmt::format("media 2 40 in ff7f00 {}", kStream));
    EXPECT_EQ(parsed(media("007", "outbound", "0", "")), fmt::format("media 7 0 out  {}", kStream));
    for (const auto& text :
         {media("18446744073709551615", "inbound", "0", "/w=="),
          media("18446744073709551616", "inbound", "0", "/w=="), media("", "inbound", "0", "/w=="),
          media("1", "inbound_track", "0", "/w=="), media("1", "", "0", "/w=="),
          media("1", "inbound", "3153600000000", "/w=="),
          media("1", "inbound", "3153600000001", "/w=="), media("1", "inbound", "0", "/w="),
          media("1", "inbound", "0", "/w\u003d="), media("1", "inbound", "0", "\\/w=="),
          media("1", "inbound", "0", "/w==", "\u004dZ1"), media("1", "inbound", "0", "/w==", ""),
          media("1", "inbound", "0", "/w==", "M\"Z"), media("1", "inbound", "0", "/w==") + " ",
          media("1", "inbound", "0", "/w==") + "x", media("1", "inbound", "-1", "/w==")}) {
        EXPECT_EQ(parsed(text), parsed(" " + text)) << text;
    }
}

TEST(MediaMessage, TakesKeysInAnyOrderAndNumbersInBothForms) {
    EXPECT_EQ(
        parsed(
            R"({"start":{"mediaFormat":{"channels":"1","sampleRate":"8000","encoding":"audio/x-mulaw"},"callSid":"CA1","streamSid":"MZ1"},"sequenceNumber":1,"event":"start"})"),
        "start 1 MZ1 CA1  audio/x-mulaw 8000 1");
    EXPECT_EQ(parsed(R"({"mark":{"name":"n"},"sequenceNumber":9,"event":"mark"})"), "mark 9 n ");
    EXPECT_EQ(parsed(R"({"dtmf":{"digit":"#"},"event":"dtmf","sequenceNumber":"12"})"),
              "dtmf 12 # ");
    EXPECT_EQ(parsed(R"({"stop":{"callSid":"CA1"},"event":"stop"})"), "stop 0 CA1 ");
}

TEST(MediaMessage, SkipsWhatItDoesNotKnow) {
    EXPECT_EQ(
        parsed(
            R"({"new":{"a":[1,{"b":null}]},"event":"mark","x":1.5e3,"sequenceNumber":"1","y":[true,false],"mark":{"z":{},"name":"n","q":[]},"streamSid":"MZ1","start":7})"),
        "mark 1 n MZ1");
    EXPECT_EQ(
        parsed(
            R"({"start":7,"mark":{"name":"n"},"media":[],"dtmf":{"digit":[]},"event":"mark","sequenceNumber":"1","stop":7})"),
        "mark 1 n ")
        << "parts of other events may be anything";
}

TEST(MediaMessage, ReadsEscapes) {
    EXPECT_EQ(parsed(R"({"\u0065vent":"mark","sequenceNumber":"1","mark":{"name":"a\"b\\cé\n"}})"),
              "mark 1 a\"b\\cé\n ");
    EXPECT_EQ(
        parsed(
            R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"0","payload":"\/\/8="}})"),
        "media 1 0 in ffff ");
}

TEST(MediaMessage, NamesTheFieldThatIsWrong) {
    const std::vector<std::pair<std::string_view, std::string_view>> cases{
        {R"({})", "event"},
        {R"({"event":7})", "event"},
        {R"({"event":null})", "event"},
        {R"({"event":"media"})", "sequenceNumber"},
        {R"({"event":"media","sequenceNumber":"x"})", "sequenceNumber"},
        {R"({"event":"media","sequenceNumber":"-1"})", "sequenceNumber"},
        {R"({"event":"media","sequenceNumber":1.5})", "sequenceNumber"},
        {R"({"event":"media","sequenceNumber":"99999999999999999999"})", "sequenceNumber"},
        {R"({"event":"media","sequenceNumber":"1"})", "media.timestamp"},
        {R"({"event":"media","sequenceNumber":"1","media":7})", "media"},
        {R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"","payload":""}})",
         "media.timestamp"},
        {R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"18446744073709551615","payload":""}})",
         "media.timestamp"},
        {R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"1"}})", "media.payload"},
        {R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"1","payload":7}})",
         "media.payload"},
        {R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"1","payload":"abc"}})",
         "media.payload"},
        {R"({"event":"media","sequenceNumber":"1","media":{"timestamp":"1","payload":"////","track":"both"}})",
         "media.track"},
        {R"({"event":"media","sequenceNumber":"1","streamSid":7,"media":{"timestamp":"1","payload":"////"}})",
         "streamSid"},
        {R"({"event":"start","sequenceNumber":"1"})", "start.streamSid"},
        {R"({"event":"start","sequenceNumber":"1","start":"x"})", "start"},
        {R"({"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ\"1","callSid":"CA1"}})",
         "start.streamSid"},
        {R"({"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1"}})", "start.callSid"},
        {R"({"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"sampleRate":"fast"}}})",
         "start.mediaFormat.sampleRate"},
        {R"({"event":"dtmf","sequenceNumber":"1"})", "dtmf.digit"},
        {R"({"event":"dtmf","sequenceNumber":"1","dtmf":{"digit":"12"}})", "dtmf.digit"},
        {R"({"event":"dtmf","sequenceNumber":"1","dtmf":{"digit":"x"}})", "dtmf.digit"},
        {R"({"event":"mark","sequenceNumber":"1","mark":{}})", "mark.name"},
        {R"({"event":"stop","sequenceNumber":{}})", "sequenceNumber"},
    };
    for (const auto& [text, field] : cases) {
        const auto result = MediaMessageParser().parse(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error().code, Errc::bad_field) << text;
        EXPECT_TRUE(result.error().message.starts_with(fmt::format("{}: ", field)))
            << text << " -> " << result.error().message;
    }
}

TEST(MediaMessage, TellsWhatIsNotJson) {
    for (const auto* text : {"",
                             " ",
                             "x",
                             "[]",
                             "7",
                             "null",
                             "\"event\"",
                             "{",
                             "}",
                             R"({"event":"connected")",
                             R"({"event":"connected"}})",
                             R"({"event":"connected"} {"event":"connected"})",
                             R"({"event":"connected"}x)",
                             R"({"event" "connected"})",
                             R"({"event":"connected",})",
                             R"({event:"connected"})",
                             R"({"event":"con)",
                             "{\"event\":\"\xff\"}",
                             R"({"event":"mark","sequenceNumber":"1","mark":{"name":"a)",
                             R"({"event":"mark","mark":{"name":"\q"}})"}) {
        const auto result = MediaMessageParser().parse(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error().code, Errc::not_json) << text;
    }
}

TEST(MediaMessage, TellsAnUnknownEvent) {
    const auto result = MediaMessageParser().parse(R"({"event":"close","sequenceNumber":"1"})");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::unknown_event);
    EXPECT_NE(result.error().message.find("close"), std::string::npos);
}

TEST(MediaMessage, IsBoundedInSizeAndDepth) {
    EXPECT_EQ(MediaMessageParser({.bytes = 10, .depth = 4})
                  .parse(R"({"event":"connected"})")
                  .error()
                  .code,
              Errc::too_large);
    const auto nested = [](std::size_t depth) {
        return R"({"event":"connected","x":)" + std::string(depth - 1, '[') +
               std::string(depth - 1, ']') + "}";
    };
    EXPECT_EQ(parsed(nested(32)), "connected  ");
    EXPECT_EQ(MediaMessageParser().parse(nested(33)).error().code, Errc::not_json);
    EXPECT_EQ(MediaMessageParser().parse(nested(100000)).error().code, Errc::not_json);
    EXPECT_EQ(parsed(R"({"event":"mark","sequenceNumber":"1","mark":{"name":")" +
                     std::string(100, '[') + R"("}})"),
              "mark 1 " + std::string(100, '[') + " ")
        << "brackets inside a string do not nest";
}

TEST(MediaMessage, GrowsWithTheMessagesAndForgetsTheOneBefore) {
    MediaMessageParser parser;
    for (const std::size_t bytes : {3U, 3000U, 3U, 120000U, 3U}) {
        const std::vector<std::uint8_t> audio(bytes, 0x55);
        std::string text;
        format_media("MZ1", audio, text);
        text.insert(text.find("\"payload\""), R"("timestamp":"7",)");
        text.insert(1, R"("sequenceNumber":"2",)");
        const auto message = parser.parse(text);
        ASSERT_TRUE(message) << message.error().message;
        const auto& media = std::get<message::Media>(*message);
        EXPECT_TRUE(std::equal(media.mulaw.begin(), media.mulaw.end(), audio.begin(), audio.end()));
        EXPECT_EQ(written(parser.parse(R"({"event":"mark","sequenceNumber":"1","mark":{}})")),
                  "error: mark.name: missing");
    }
}

TEST(MediaMessage, SurvivesEveryTruncationAndChangedByte) {
    MediaMessageParser parser;
    for (const auto& entry :
         std::filesystem::directory_iterator(AGENTBRIDGE_TEST_DATA "/twilio/messages")) {
        const auto whole = seed(entry.path().stem().string());
        ASSERT_FALSE(whole.empty());
        ASSERT_TRUE(parser.parse(whole)) << entry.path();
        for (std::size_t length = 0; length < whole.size(); ++length) {
            EXPECT_FALSE(parser.parse(whole.substr(0, length)))
                << entry.path() << " cut at " << length;
        }
        for (std::size_t at = 0; at < whole.size(); ++at) {
            for (const char c :
                 {'"', '{', '}', '[', ']', ',', ':', '\\', '0', 'n', '\0', '\x7f', '\xff'}) {
                auto changed = whole;
                changed[at] = c;
                // A space in front makes it JSON like any other: no short cut is taken.
                EXPECT_EQ(written(parser.parse(changed)), written(parser.parse(" " + changed)))
                    << changed;
            }
        }
        EXPECT_TRUE(parser.parse(whole)) << "the parser is as good as new";
    }
}

TEST(MediaMessage, WritesExactlyTheDocumentedFields) {
    std::string out = "rest of an earlier message";
    const std::vector<std::uint8_t> audio{0xff, 0x7f, 0x00, 0x80};
    format_media("MZ1", audio, out);
    EXPECT_EQ(out, R"({"event":"media","streamSid":"MZ1","media":{"payload":"/38AgA=="}})");
    format_mark("MZ1", "g7:12", out);
    EXPECT_EQ(out, R"({"event":"mark","streamSid":"MZ1","mark":{"name":"g7:12"}})");
    format_mark("MZ1", "a\"b\\\n", out);
    EXPECT_EQ(out, R"({"event":"mark","streamSid":"MZ1","mark":{"name":"a\"b\\\u000a"}})");
    format_clear("MZ1", out);
    EXPECT_EQ(out, R"({"event":"clear","streamSid":"MZ1"})");
}

}  // namespace
}  // namespace bridge::twilio
