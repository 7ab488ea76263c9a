#include "net/websocket_frames.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace bridge::net {
namespace {

using Kind = FrameEvent::Kind;
using Side = FrameParser::Side;

constexpr MaskKey kKey{0x37, 0xfa, 0x21, 0x3d};  // the key of RFC 6455 section 5.7
constexpr std::size_t kLimit = 1000;

std::string frame(Opcode opcode, std::string_view payload, bool final = true) {
    std::string out;
    append_masked_frame(out, opcode, payload, kKey, final);
    return out;
}

std::string text(std::string_view payload) {
    return frame(Opcode::text, payload);
}
std::string text_start(std::string_view payload) {
    return frame(Opcode::text, payload, false);
}
std::string more(std::string_view payload) {
    return frame(Opcode::continuation, payload, false);
}
std::string last(std::string_view payload) {
    return frame(Opcode::continuation, payload);
}
std::string close(std::string_view payload) {
    return frame(Opcode::close, payload);
}

std::string with_first_byte(std::string bytes, unsigned char first) {
    bytes[0] = static_cast<char>(first);
    return bytes;
}

std::string bytes_of(std::initializer_list<unsigned> values) {
    std::string out;
    for (const auto value : values) out.push_back(static_cast<char>(value));
    return out;
}

/// Everything the parser says about a stream, one word for each event but fragments.
std::string story(std::string bytes, Side side = Side::server, std::size_t limit = kLimit) {
    FrameParser parser(side, limit);
    std::string out;
    std::size_t used = 0;
    while (true) {
        const auto event = parser.next(std::span(bytes).subspan(used));
        if (event.kind == Kind::need_more) break;
        if (event.kind != Kind::fragment && !out.empty()) out += " ";
        const std::string payload(event.payload);
        switch (event.kind) {
            case Kind::message:
                out += (event.text ? "text:" : "binary:") + payload;
                break;
            case Kind::ping:
                out += "ping:" + payload;
                break;
            case Kind::pong:
                out += "pong:" + payload;
                break;
            case Kind::close:
                out += "close:" + std::to_string(event.code) + ":" + payload;
                break;
            case Kind::fault:
                return out + "fault:" + std::to_string(event.code);
            case Kind::fragment:
            case Kind::need_more:
                break;
        }
        used += event.consumed;
    }
    return out;
}

struct Case {
    const char* name;
    std::string bytes;
    std::string story;
};
/// So that a test's name holds no addresses.
void PrintTo(const Case& shown, std::ostream* out) {
    *out << shown.name;
}

const std::string kSnowman = "\xE2\x98\x83";

std::vector<Case> cases() {
    const std::string long125(125, 'a');
    const std::string long126(126, 'b');
    const std::string rest(kLimit - 10, 'c');
    return {
        // 5.2 and 5.7: plain frames
        {"EmptyText", text(""), "text:"},
        {"ShortText", text("Hello"), "text:Hello"},
        {"RfcExample", bytes_of({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}),
         "text:Hello"},
        {"TwoInOneRead", text("one") + text("two"), "text:one text:two"},
        {"Binary", frame(Opcode::binary, bytes_of({0xff})), "binary:\xff"},
        {"Length125", text(long125), "text:" + long125},
        {"Length126", text(long126), "text:" + long126},
        {"LengthInTwoBytesThoughOneWouldDo", bytes_of({0x81, 0xFE, 0x00, 0x01, 0, 0, 0, 0}) + "x",
         "fault:1002"},
        {"LengthInEightBytesThoughOneWouldDo",
         bytes_of({0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}) + "x", "fault:1002"},
        {"ExactlyTheLimit", text(std::string(kLimit, 'd')), "text:" + std::string(kLimit, 'd')},
        // 5.2: reserved bits and opcodes
        {"Rsv1", with_first_byte(text("x"), 0xC1), "fault:1002"},
        {"Rsv2", with_first_byte(text("x"), 0xA1), "fault:1002"},
        {"Rsv3", with_first_byte(text("x"), 0x91), "fault:1002"},
        {"Rsv1OnAControlFrame", with_first_byte(frame(Opcode::ping, ""), 0xC9), "fault:1002"},
        {"Opcode3", with_first_byte(text("x"), 0x83), "fault:1002"},
        {"Opcode7", with_first_byte(text("x"), 0x87), "fault:1002"},
        {"Opcode11", with_first_byte(text("x"), 0x8B), "fault:1002"},
        {"Opcode15", with_first_byte(text("x"), 0x8F), "fault:1002"},
        // 5.1: masking
        {"Unmasked", bytes_of({0x81, 0x01}) + "x", "fault:1002"},
        {"UnmaskedPing", bytes_of({0x89, 0x00}), "fault:1002"},
        // 5.2: length
        {"TopBitOfTheLength", bytes_of({0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1}), "fault:1002"},
        {"OverTheLimit", text(std::string(kLimit + 1, 'e')), "fault:1009"},
        {"OverTheLimitKnownFromTheHead", bytes_of({0x81, 0xFE, 0x03, 0xE9}), "fault:1009"},
        {"HugeLength", bytes_of({0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
         "fault:1009"},
        {"FragmentsOverTheLimit", text_start(rest) + last("01234567890"), "fault:1009"},
        {"FragmentsUpToTheLimit", text_start(rest) + last("0123456789"),
         "text:" + rest + "0123456789"},
        // 5.4: fragmentation
        {"TwoFragments", text_start("Hel") + last("lo"), "text:Hello"},
        {"ThreeFragments", text_start("a") + more("b") + last("c"), "text:abc"},
        {"EmptyFragments", text_start("") + more("") + last(""), "text:"},
        {"BinaryFragments", frame(Opcode::binary, "\x01", false) + last("\x02"), "binary:\x01\x02"},
        {"PingBetweenFragments", text_start("a") + frame(Opcode::ping, "p") + last("b"),
         "ping:p text:ab"},
        {"CloseBetweenFragments", text_start("a") + close(""), "close:1005:"},
        {"TwoFragmentedMessages", text_start("a") + last("b") + text_start("c") + last("d"),
         "text:ab text:cd"},
        {"WholeAfterFragmented", text_start("a") + last("b") + text("c"), "text:ab text:c"},
        {"ContinuationOfNothing", last("x"), "fault:1002"},
        {"ContinuationAfterAWholeMessage", text("a") + last("x"), "text:a fault:1002"},
        {"NewTextInsideAMessage", text_start("a") + text("b"), "fault:1002"},
        {"NewBinaryInsideAMessage", text_start("a") + frame(Opcode::binary, "b"), "fault:1002"},
        // 5.5: control frames
        {"Ping", frame(Opcode::ping, "hi"), "ping:hi"},
        {"Pong", frame(Opcode::pong, "hi"), "pong:hi"},
        {"Ping125", frame(Opcode::ping, long125), "ping:" + long125},
        {"Ping126", frame(Opcode::ping, long126), "fault:1002"},
        {"Close126", close(long126), "fault:1002"},
        {"FragmentedPing", frame(Opcode::ping, "x", false), "fault:1002"},
        {"FragmentedClose", frame(Opcode::close, "", false), "fault:1002"},
        // 5.6 and 8.1: UTF-8
        {"Snowman", text(kSnowman), "text:" + kSnowman},
        {"FourByteCharacter", text("\xF0\x9F\x93\x9E"), "text:\xF0\x9F\x93\x9E"},
        {"CharacterCutByFragments", text_start("\xE2") + more("\x98") + last("\x83"),
         "text:" + kSnowman},
        {"CharacterCutByTheEnd", text("\xE2\x98"), "fault:1007"},
        {"CharacterUnfinishedAfterTheLastFragment", text_start("\xE2") + last("\x98"),
         "fault:1007"},
        {"BadByteKnownInTheFirstFragment", text_start("\xFF"), "fault:1007"},
        {"OverlongSlash", text("\xC0\xAF"), "fault:1007"},
        {"OverlongThreeBytes", text("\xE0\x80\xAF"), "fault:1007"},
        {"OverlongFourBytes", text("\xF0\x80\x80\xAF"), "fault:1007"},
        {"Surrogate", text("\xED\xA0\x80"), "fault:1007"},
        {"LastBeforeSurrogates", text("\xED\x9F\xBF"), "text:\xED\x9F\xBF"},
        {"HighestCodePoint", text("\xF4\x8F\xBF\xBF"), "text:\xF4\x8F\xBF\xBF"},
        {"AboveTheHighest", text("\xF4\x90\x80\x80"), "fault:1007"},
        {"LoneContinuation", text("12345678\x80"), "fault:1007"},
        {"BinaryNeedNotBeUtf8", frame(Opcode::binary, "\xC0\xAF"), "binary:\xC0\xAF"},
        // 5.5.1 and 7.4: close
        {"CloseEmpty", close(""), "close:1005:"},
        {"CloseHalfACode", close("\x03"), "fault:1002"},
        {"CloseNormal", close(format_close_payload(1000, "bye")), "close:1000:bye"},
        {"Close1003", close(format_close_payload(1003, "")), "close:1003:"},
        {"Close1007", close(format_close_payload(1007, "")), "close:1007:"},
        {"Close1014", close(format_close_payload(1014, "")), "close:1014:"},
        {"Close3000", close(format_close_payload(3000, "")), "close:3000:"},
        {"Close4999", close(format_close_payload(4999, "")), "close:4999:"},
        {"Close0", close(bytes_of({0, 0})), "fault:1002"},
        {"Close999", close(format_close_payload(999, "")), "fault:1002"},
        {"Close1004", close(format_close_payload(1004, "")), "fault:1002"},
        {"Close1005", close(bytes_of({0x03, 0xED})), "fault:1002"},
        {"Close1006", close(format_close_payload(1006, "")), "fault:1002"},
        {"Close1015", close(format_close_payload(1015, "")), "fault:1002"},
        {"Close2999", close(format_close_payload(2999, "")), "fault:1002"},
        {"Close5000", close(format_close_payload(5000, "")), "fault:1002"},
        {"CloseReasonNotUtf8", close(format_close_payload(1000, "\xFF")), "fault:1007"},
    };
}

class Frames : public testing::TestWithParam<Case> {};

TEST_P(Frames, MeanWhatTheRfcSays) {
    EXPECT_EQ(story(GetParam().bytes), GetParam().story);
}

TEST_P(Frames, MeanTheSameWhenTheyComeByteByByte) {
    FrameParser parser(Side::server, kLimit);
    std::string buffer;
    std::string out;
    bool over = false;
    for (const char byte : GetParam().bytes) {
        buffer.push_back(byte);
        while (!over) {
            const auto event = parser.next(buffer);
            if (event.kind == Kind::need_more) break;
            if (event.kind != Kind::fragment && !out.empty()) out += " ";
            const std::string payload(event.payload);
            if (event.kind == Kind::message) out += (event.text ? "text:" : "binary:") + payload;
            if (event.kind == Kind::ping) out += "ping:" + payload;
            if (event.kind == Kind::pong) out += "pong:" + payload;
            if (event.kind == Kind::close) {
                out += "close:" + std::to_string(event.code) + ":" + payload;
            }
            if (event.kind == Kind::fault) {
                out += "fault:" + std::to_string(event.code);
                over = true;
            }
            buffer.erase(0, event.consumed);
        }
    }
    std::string expected = GetParam().story;
    EXPECT_EQ(out, expected);
}

INSTANTIATE_TEST_SUITE_P(Rfc6455, Frames, testing::ValuesIn(cases()),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(FrameParser, AsAClientItTakesUnmaskedFramesAndRefusesMaskedOnes) {
    std::string plain;
    append_frame(plain, Opcode::text, "from the server");
    EXPECT_EQ(story(plain, Side::client), "text:from the server");
    EXPECT_EQ(story(text("x"), Side::client), "fault:1002");
}

TEST(FrameParser, SaysHowLongAFrameWillBeOnceItsHeadIsThere) {
    FrameParser parser(Side::server, kLimit);
    auto bytes = text(std::string(300, 'x'));
    EXPECT_EQ(parser.next(std::span(bytes).first(3)).frame_bytes, 0U);
    const auto event = parser.next(std::span(bytes).first(8));
    EXPECT_EQ(event.kind, Kind::need_more);
    EXPECT_EQ(event.consumed, 0U);
    EXPECT_EQ(event.frame_bytes, bytes.size());
}

TEST(FrameParser, APayloadThatCameInOneFrameIsNotCopied) {
    FrameParser parser(Side::server, kLimit);
    auto bytes = text("Hello");
    const auto event = parser.next(bytes);
    EXPECT_FALSE(event.assembled);
    EXPECT_EQ(event.payload.data(), bytes.data() + 6);
}

struct HeadCase {
    std::size_t payload;
    std::size_t head;
};

TEST(FormatFrame, UsesTheShortestLengthAndIsReadBack) {
    for (const auto& [payload, head] : {HeadCase{0, 2}, HeadCase{125, 2}, HeadCase{126, 4},
                                        HeadCase{65535, 4}, HeadCase{65536, 10}}) {
        const std::string body(payload, 'z');
        std::string plain;
        append_frame(plain, Opcode::text, body);
        EXPECT_EQ(plain.size(), head + payload);
        EXPECT_EQ(frame_head_bytes(payload), head);
        EXPECT_EQ(story(plain, Side::client, 1 << 20), "text:" + body);
        EXPECT_EQ(story(text(body), Side::server, 1 << 20), "text:" + body);
    }
}

TEST(FormatFrame, MatchesTheExamplesOfTheRfc) {
    std::string out;
    append_frame(out, Opcode::text, "Hello");
    EXPECT_EQ(out, bytes_of({0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
    out.clear();
    append_frame(out, Opcode::text, "Hel", false);
    append_frame(out, Opcode::continuation, "lo");
    EXPECT_EQ(out, bytes_of({0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f}));
    EXPECT_EQ(frame(Opcode::pong, "Hello"),
              bytes_of({0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
}

TEST(MaskBytes, AgreesWithTheByteWiseDefinitionForEveryLengthAndOffset) {
    std::minstd_rand random(3);
    for (std::size_t offset = 0; offset < 8; ++offset) {
        for (std::size_t size = 0; size < 70; ++size) {
            std::string bytes(offset + size, '\0');
            for (auto& c : bytes) c = static_cast<char>(random());
            auto expected = bytes;
            for (std::size_t i = 0; i < size; ++i) {
                expected[offset + i] = static_cast<char>(
                    static_cast<unsigned char>(expected[offset + i]) ^ kKey[i % 4]);
            }
            mask_bytes(std::span(bytes).subspan(offset), kKey);
            ASSERT_EQ(bytes, expected) << "offset " << offset << ", size " << size;
        }
    }
}

TEST(ClosePayload, CutsALongReasonAtACharacter) {
    std::string reason(122, 'r');
    reason += kSnowman;
    const auto payload = format_close_payload(1000, reason);
    EXPECT_EQ(payload.size(), 2U + 122U);
    EXPECT_EQ(story(close(payload)), "close:1000:" + std::string(122, 'r'));
    EXPECT_EQ(format_close_payload(1000, std::string(123, 'r')).size(), 125U);
    EXPECT_EQ(format_close_payload(close_code::no_code, "ignored"), "");
}

TEST(Utf8Check, FindsACharacterCutAtEveryPlace) {
    const std::string sentence = "gr\xC3\xBC\xC3\x9F " + kSnowman + " \xF0\x9F\x93\x9E plain ascii";
    for (std::size_t cut = 0; cut <= sentence.size(); ++cut) {
        Utf8Check check;
        EXPECT_TRUE(check.feed(std::string_view(sentence).substr(0, cut)));
        EXPECT_TRUE(check.feed(std::string_view(sentence).substr(cut)));
        EXPECT_TRUE(check.complete());
    }
}

TEST(FrameParser, SurvivesRandomBytes) {
    std::minstd_rand random(11);
    for (int round = 0; round < 3000; ++round) {
        std::string bytes(random() % 64, '\0');
        for (auto& c : bytes) c = static_cast<char>(random());
        // A plausible first byte lets more rounds get past the head.
        if (!bytes.empty() && round % 2 == 0) bytes[0] = static_cast<char>(0x80U | (random() % 11));
        EXPECT_LE(story(bytes).size(), 4096U);
    }
}

}  // namespace
}  // namespace bridge::net
