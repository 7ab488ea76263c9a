#include "net/wire_text.hpp"

#include <gtest/gtest.h>

namespace bridge::net {
namespace {

TEST(WireText, MakesAnyBytesValidText) {
    EXPECT_EQ(valid_text("plain", 100), "plain");
    EXPECT_EQ(valid_text("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 100),
              "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    EXPECT_EQ(valid_text("a\xFF"
                         "b\xC3",
                         100),
              "a?b?");
    EXPECT_EQ(valid_text("\xC0\x80", 100), "??");            // longer than needed
    EXPECT_EQ(valid_text("\xED\xA0\x80", 100), "???");       // half a surrogate pair
    EXPECT_EQ(valid_text("\xF4\x90\x80\x80", 100), "????");  // above U+10FFFF
    EXPECT_EQ(valid_text("ab\xC3\xA4", 3), "ab");            // never half a character
    EXPECT_EQ(valid_text("abc", 2), "ab");
}

TEST(WireText, QuotesOneShortLineWithoutTheSecret) {
    EXPECT_EQ(quoted("a\nb\tc\x7F", Secret()), "a b c ");
    EXPECT_EQ(quoted("key sk-1 and sk-1", Secret("sk-1")), "key *** and ***");
    EXPECT_EQ(quoted("***", Secret("*")), "*********");
    // The secret lies where the line is cut.
    EXPECT_EQ(quoted(std::string(198, 'x') + "sk-secret", Secret("sk-secret")),
              std::string(198, 'x') + "**");
    EXPECT_EQ(quoted(std::string(1000, 'x'), Secret()).size(), 200U);
}

TEST(WireText, EncodesAPartOfAQuery) {
    EXPECT_EQ(percent_encoded("agent_01-a.b~c"), "agent_01-a.b~c");
    EXPECT_EQ(percent_encoded("a b&c=\xC3\xA4"), "a%20b%26c%3D%C3%A4");
}

}  // namespace
}  // namespace bridge::net
