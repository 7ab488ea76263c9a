#include "stores/search_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bridge::stores {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> folded(std::string_view text) {
    std::vector<std::string> out;
    for (const auto& word : words_of(text)) out.push_back(word.folded);
    return out;
}

std::vector<std::string> snippets(std::string_view text, std::string_view words) {
    const auto wanted = wanted_words(words);
    MatchFinder finder(wanted);
    finder.look({call::TextMatch::Where::transcript, text});
    std::vector<std::string> out;
    for (auto& match : finder.take()) out.push_back(std::move(match.snippet));
    return out;
}

TEST(SearchText, WordsAreLettersAndDigitsWithoutCaseAndAccents) {
    EXPECT_THAT(folded("Don't call Café №1 at +49 89-123!"),
                ElementsAre("don", "t", "call", "cafe", "1", "at", "49", "89", "123"));
    EXPECT_THAT(folded("ÀÉÎÕÜ čšž ŁÓDŹ Ærø straße"),
                ElementsAre("aeiou", "csz", "łodz", "ærø", "straße"));
    EXPECT_THAT(folded("ПРИВЕТ Мир ΑΘΗΝΑ 東京"), ElementsAre("привет", "мир", "αθηνα", "東京"));
    EXPECT_THAT(folded("e\xCC\x81t\xC3\xA9"), ElementsAre("ete"));
    EXPECT_THAT(folded("🙂 — … “”  \t"), IsEmpty());
}

TEST(SearchText, WhatIsNoUtf8StandsBetweenWords) {
    EXPECT_THAT(folded(std::string("a\xFF\xC3(b\0"
                                   "c\xE2\x82",
                                   8)),
                ElementsAre("a", "b", "c"));
    EXPECT_EQ(clean_text(std::string("a\xFF"
                                     "b\x00"
                                     "c",
                                     5)),
              "a\xEF\xBF\xBD"
              "b\xEF\xBF\xBD"
              "c");
    EXPECT_EQ(clean_text("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_EQ(clean_text("plain"), "plain");
}

TEST(SearchText, AQueryIsItsWordsWhateverElseIsInIt) {
    EXPECT_EQ(fts5_query("NEAR(a b) OR \"c* -d"),
              R"("NEAR"* AND "a"* AND "b"* AND "OR"* AND "c"* AND "d"*)");
    EXPECT_EQ(fts5_query("🙂\"'"), "");
    EXPECT_EQ(tsquery(wanted_words("Größe & !it's")), "'große':* & 'it':* & 's':*");
    EXPECT_EQ(wanted_words(std::string(100, 'x') + " y y Y").size(), 1u);
    std::string many;
    for (int i = 0; i < 40; ++i) many += std::to_string(i) + " ";
    EXPECT_EQ(wanted_words(many).size(), kMostWords);
}

TEST(SearchText, ASnippetMarksWhatWasFound) {
    EXPECT_THAT(snippets("I want my Refunds, please.", "refund"),
                ElementsAre("I want my \x01Refunds\x02, please."));
    EXPECT_THAT(snippets("no such word", "refund"), IsEmpty());
    EXPECT_THAT(
        snippets("one two three four five six seven eight nine ten eleven twelve thirteen "
                 "fourteen fifteen sixteen seventeen eighteen nineteen twenty twentyone twentytwo",
                 "seven eleven"),
        ElementsAre("…two three four five six \x01seven\x02 eight nine ten \x01"
                    "eleven\x02 twelve "
                    "thirteen fourteen fifteen sixteen \x01seventeen\x02…"));
    EXPECT_THAT(snippets("a\x01"
                         "b\x02 \x1B[31m red",
                         "red"),
                ElementsAre("a b   [31m \x01red\x02"));
}

TEST(SearchText, TheTextsWithMostOfTheWordsComeFirst) {
    const auto wanted = wanted_words("blue order");
    MatchFinder finder(wanted);
    using Where = call::TextMatch::Where;
    finder.look({Where::transcript, "the order"});
    EXPECT_FALSE(finder.complete());
    finder.look(
        {Where::transcript, "the blue order", call::LineEnd::near, std::chrono::milliseconds(900)});
    EXPECT_TRUE(finder.complete());
    for (int i = 0; i < 10; ++i) finder.look({Where::message, "blue again"});
    const auto matches = finder.take();
    ASSERT_EQ(matches.size(), MatchFinder::kMost);
    EXPECT_EQ(matches[0].snippet,
              "the \x01"
              "blue\x02 \x01order\x02");
    EXPECT_EQ(matches[0].speaker, call::LineEnd::near);
    EXPECT_EQ(matches[1].snippet, "the \x01order\x02");
    EXPECT_EQ(matches[2].where, Where::message);
}

}  // namespace
}  // namespace bridge::stores
