#include <gtest/gtest.h>

#include "emulator/twiml.hpp"

namespace bridge::emulator {
namespace {

TEST(Twiml, TakesADocumentOfKnownVerbsWithoutAWord) {
    const auto document = parse_twiml(
        "<Response><Gather numDigits='1' action='/key'><Say voice='alice'>Hi "
        "<break strength='weak'/></Say></Gather><Connect><Stream url='wss://h/m'>"
        "<Parameter name='a' value='b'/></Stream></Connect><Dial timeout='5'>"
        "<Number sendDigits='1'>+12025550100</Number></Dial><Hangup/></Response>");
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ(document->response.children.size(), 4U);
    EXPECT_TRUE(document->warnings.empty()) << document->warnings.front().message;
}

TEST(Twiml, WarnsOfWordsItDoesNotKnowAndGoesOn) {
    const char* documents[] = {
        "<Response><say>hi</say></Response>",
        "<Response><Say Voice='alice'>hi</Say></Response>",
        "<Response><Gather numdigits='1'/></Response>",
        "<Response><Stream url='wss://h'/></Response>",
        "<Response><Connect><Say>hi</Say></Connect></Response>",
        "<Response to='x'/>",
    };
    for (const auto* text : documents) {
        const auto document = parse_twiml(text);
        ASSERT_TRUE(document) << text;
        ASSERT_EQ(document->warnings.size(), 1U) << text;
        EXPECT_EQ(document->warnings[0].code, 12200);
        EXPECT_TRUE(document->warnings[0].warning);
    }
}

TEST(Twiml, CannotParseWhatIsNoResponse) {
    for (const auto* text :
         {"", "<response/>", "{\"a\": 1}", "<Response>\n<Say>&</Say></Response>"}) {
        const auto document = parse_twiml(text);
        ASSERT_FALSE(document) << text;
        EXPECT_EQ(document.error().code, 12100);
        EXPECT_FALSE(document.error().warning);
    }
    EXPECT_NE(parse_twiml("<Response>\n<Say>&</Say></Response>").error().message.find("line 2"),
              std::string::npos);
}

}  // namespace
}  // namespace bridge::emulator
