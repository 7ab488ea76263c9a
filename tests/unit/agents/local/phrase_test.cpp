#include "agents/local/phrase.hpp"

#include <gtest/gtest.h>

namespace bridge::agents::local {
namespace {

Lists lists() {
    Lists all;
    all["digit"] = parse_list("zero:0 | oh:0 | one:1 | five:5 | seven:7").value();
    all["day"] = parse_list("today | the day after tomorrow:overmorrow").value();
    return all;
}

std::optional<Slots> match(const std::string& phrase, const std::string& said) {
    return Phrase::parse(phrase).value().match(words_of(said), lists());
}

TEST(Phrase, OptionalWordsAndChoicesMayBeSaidOrNot) {
    const std::string phrase = "[please] (leave | take) a message | message [please]";
    for (const auto* said : {"leave a message", "please take a message", "message",
                             "message please", "PLEASE leave a message"})
        EXPECT_TRUE(match(phrase, said)) << said;
    for (const auto* said : {"", "please", "leave message", "please message", "a message",
                             "leave a message please", "leave a message and more"})
        EXPECT_FALSE(match(phrase, said)) << said;
}

TEST(Phrase, ASlotKeepsWhatWasSaidAndWhatItStandsFor) {
    const auto slots = match("my number is <number=digit+>", "my number is five oh seven");
    ASSERT_TRUE(slots);
    EXPECT_EQ(slots->at("number").words, "five oh seven");
    EXPECT_EQ(slots->at("number").value, "507");
    const auto day = match("[on] <day>", "the day after tomorrow");
    ASSERT_TRUE(day);
    EXPECT_EQ(day->at("day").words, "the day after tomorrow");
    EXPECT_EQ(day->at("day").value, "overmorrow");
}

TEST(Phrase, GoesBackFromAWayThatLedNowhere) {
    const auto slots = match("<digit+> seven", "one seven seven");
    ASSERT_TRUE(slots) << "the list would eat the last seven as well";
    EXPECT_EQ(slots->at("digit").value, "17");
    EXPECT_TRUE(match("[one] one", "one"));
}

TEST(Phrase, APhraseThatCouldTakeForEverIsGivenUp) {
    std::string phrase =
        "[one] [one] [one] [one] [one] [one] [one] [one] [one] [one] [one] [one] "
        "[one] [one] [one] [one] [one] [one] [one] [one] [one] [one] [one] [one]";
    std::string said;
    for (int i = 0; i < 23; ++i) said += "one ";
    EXPECT_FALSE(match(phrase, said + "five"));
}

TEST(Phrase, BecomesTheSameGrammarForARecogniser) {
    const auto phrase = Phrase::parse("[on] <day> ( early | late ) | never").value();
    EXPECT_EQ(phrase.jsgf(), "( [ on ] <day> ( early | late ) | never )");
    EXPECT_EQ(Phrase::parse("<number=digit+>")->jsgf(), "<digit>+");
    EXPECT_EQ(jsgf(lists()["day"]), "today | the day after tomorrow");
    EXPECT_EQ(phrase.lists(), std::set<std::string>{"day"});
    EXPECT_EQ(phrase.words(), (std::set<std::string>{"early", "late", "never", "on"}));
}

TEST(Phrase, SaysWhatIsWrongWithAPhrase) {
    const std::pair<const char*, const char*> wrong[] = {
        {"", "words are missing"},
        {"a | | b", "words are missing"},
        {"[a", "'[' is not closed"},
        {"(a]", "'(' is not closed"},
        {"a)", "')' closes nothing"},
        {"<day", "'<' is not closed"},
        {"<Day>", "names no list"},
        {"call 911", "'9' cannot be said"},
        {"[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]", "too many brackets"},
    };
    for (const auto& [text, expected] : wrong) {
        const auto phrase = Phrase::parse(text);
        ASSERT_FALSE(phrase) << text;
        EXPECT_EQ(phrase.error().code, Errc::bad_config);
        EXPECT_NE(phrase.error().message.find(expected), std::string::npos)
            << phrase.error().message;
    }
    EXPECT_FALSE(parse_list("one | | two"));
    EXPECT_FALSE(parse_list("1:one"));
}

}  // namespace
}  // namespace bridge::agents::local
