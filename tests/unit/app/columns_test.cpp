#include "app/columns.hpp"

#include <gtest/gtest.h>

namespace bridge::app {
namespace {

TEST(Columns, AreCountedAsATerminalCountsThem) {
    struct Row {
        std::string_view text;
        std::size_t columns;
    };
    for (const auto& row :
         {Row{"", 0}, Row{"in-progress", 11}, Row{"████·", 5}, Row{"Zoë", 3}, Row{"Zoe\u0308", 3},
          Row{"東京", 4}, Row{"한국", 4}, Row{"☎", 1}, Row{"📞", 2}, Row{"\x1b[32mgreen\x1b[0m", 5},
          Row{"\x1b[1;31m!\x1b[0m", 1}, Row{"a\xFFz", 3}, Row{"\xE2\x96", 2}, Row{"\u200Bx", 1}}) {
        EXPECT_EQ(columns_of(row.text), row.columns) << row.text;
    }
}

TEST(Columns, NothingThatATerminalObeysIsShown) {
    EXPECT_EQ(visible("+15551234567"), "+15551234567");
    EXPECT_EQ(visible("Zoë 東京"), "Zoë 東京");
    EXPECT_EQ(visible("a\x1b]0;title\x07z"), "a\uFFFD]0;title\uFFFDz");
    EXPECT_EQ(visible("one\ntwo\tthree"), "one two three");
    EXPECT_EQ(visible("\u202Efdp.exe"), "\uFFFDfdp.exe") << "written from right to left";
    EXPECT_EQ(visible("\xC2\x9B"
                      "2J"),
              "\uFFFD"
              "2J")
        << "an escape sequence in one character";
    EXPECT_EQ(visible("\xFF\xC0\x80"), "\uFFFD\uFFFD\uFFFD");
    EXPECT_EQ(visible("Zoë\x1b", false), "Zo??");
    for (int byte = 0; byte < 256; ++byte) {
        const auto shown = visible(std::string(1, static_cast<char>(byte)), false);
        ASSERT_EQ(shown.size(), 1U);
        EXPECT_TRUE(shown[0] >= ' ' && shown[0] <= '~') << byte;
    }
}

TEST(Columns, TheEndOfATextIsCutBetweenCharacters) {
    EXPECT_EQ(last_columns("transfer to: +1555", 6), " +1555");
    EXPECT_EQ(last_columns("東京_", 3), "京_");
    EXPECT_EQ(last_columns("東京_", 2), "_") << "half a letter is none";
    EXPECT_EQ(last_columns("Zoe\u0308_", 2), "e\u0308_");
    EXPECT_EQ(last_columns("Zoe\u0308_", 1), "_");
    EXPECT_EQ(last_columns("short", 80), "short");
    EXPECT_EQ(last_columns("short", 0), "");
}

}  // namespace
}  // namespace bridge::app
