#include "transcribers/redaction.hpp"

#include <gtest/gtest.h>

#include <map>

#include "transcribers/spoken_digits.hpp"

namespace bridge::transcribers {
namespace {

using std::chrono::milliseconds;

RedactionRules rules(std::vector<std::string> patterns = {}, bool cards = true) {
    auto made = RedactionRules::make(cards, patterns);
    EXPECT_TRUE(made);
    return made ? *made : RedactionRules();
}

/// A text as a piece of the transcript would have it.
std::string shown(const RedactionRules& rules, std::string text, bool final = true) {
    SideRedaction side(rules);
    call::TranscriptPiece piece;
    piece.number = 1;
    piece.final = final;
    piece.text = std::move(text);
    auto out = side.take(piece);
    for (auto& later : side.finish()) out.push_back(later);
    return out.back().piece.text;
}

call::TranscriptPiece piece(std::uint64_t number, std::string text, int begin, int end,
                            bool final = true) {
    call::TranscriptPiece out;
    out.number = number;
    out.text = std::move(text);
    out.begin = milliseconds(begin);
    out.end = milliseconds(end);
    out.final = final;
    return out;
}

TEST(SpokenDigits, AreReadInEveryWayPeopleSayThem) {
    const auto digits = [](std::string_view text) {
        std::string out;
        for (const auto& run : digit_runs(text)) out += (out.empty() ? "" : " ") + run.digits;
        return out;
    };
    EXPECT_EQ(digits("4111-1111 1111.1111"), "4111111111111111");
    EXPECT_EQ(digits("four one double one, triple two"), "4111222");
    EXPECT_EQ(digits("Forty-one eleven twenty oh five"), "41112005");
    EXPECT_EQ(digits("four uh one um um one"), "411");
    EXPECT_EQ(digits("four people and one dog"), "4 1");
    EXPECT_EQ(digits("vier eins fünf"), "415");
    EXPECT_EQ(digits("cuatro uno cinco"), "415");
    EXPECT_EQ(digits("quatre un cinq zéro"), "4150");
    EXPECT_EQ(digits("room B4, or 4B"), "");
    EXPECT_EQ(digits(""), "");
}

TEST(SpokenDigits, LuhnsCheckKnowsRightFromWrong) {
    EXPECT_TRUE(luhn("4111111111111111"));
    EXPECT_TRUE(luhn("378282246310005"));
    EXPECT_FALSE(luhn("4111111111111112"));
    EXPECT_FALSE(luhn(""));
}

TEST(Redaction, TakesOutCardNumbersHoweverTheyAreSaid) {
    const auto all = rules();
    EXPECT_EQ(shown(all, "My card is 4111 1111 1111 1111, thanks."),
              "My card is [redacted], thanks.");
    EXPECT_EQ(shown(all, "it is 4111-1111-1111-1111"), "it is [redacted]");
    EXPECT_EQ(shown(all, "four one one one one one one one uh one one one one one one one one"),
              "[redacted]");
    EXPECT_EQ(shown(all, "forty-one eleven eleven eleven eleven eleven eleven eleven please"),
              "[redacted] please");
    EXPECT_EQ(shown(all, "3782 822463 10005 and then the code 1234"),
              "[redacted] and then the code 1234");
}

TEST(Redaction, FindsACardNumberAmongOtherDigits) {
    EXPECT_EQ(shown(rules(), "code 12 4111 1111 1111 1111 12 25"), "code 12 [redacted] 12 25");
}

TEST(Redaction, LeavesOtherNumbersAlone) {
    const auto all = rules();
    for (const std::string text :
         {"call me at +1 555 010 0199", "4111 1111 1111 1112 is no card",
          "it costs 12 dollars and 50 cents", "1234567890123 is an order"}) {
        EXPECT_EQ(shown(all, text), text);
    }
}

TEST(Redaction, AnUnfinishedPieceNeverShowsDigitsThatMayBecomeACardNumber) {
    const auto all = rules();
    EXPECT_EQ(shown(all, "my card is 4111 1111 11", false), "my card is …");
    EXPECT_EQ(shown(all, "my card is four", false), "my card is …");
    EXPECT_EQ(shown(all, "4111 1111 1111 1112 is wrong", false), "[redacted] is wrong");
    EXPECT_EQ(shown(all, "I have 2 dogs", false), "I have 2 dogs");
    // Whatever is said of it so far, nothing of it is seen but a few first digits.
    const std::string whole = "the number is 5555 5555 5555 4444 thank you";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto text = shown(all, whole.substr(0, size), false);
        EXPECT_EQ(text.find_first_of("45"), std::string::npos) << text;
    }
}

TEST(Redaction, ACardNumberInSeveralPiecesIsTakenOutOfAll) {
    const auto all = rules();
    SideRedaction side(all);
    std::vector<SideRedaction::Out> out;
    int at = 0;
    for (const std::string text : {"it is 4111", "1111", "1111", "1111 and that is it"}) {
        for (auto& told :
             side.take(piece(static_cast<std::uint64_t>(at / 1000 + 1), text, at, at + 800)))
            out.push_back(told);
        at += 1000;
    }
    std::map<std::uint64_t, call::TranscriptPiece> last;
    std::size_t spans = 0;
    for (const auto& told : out) {
        EXPECT_EQ(told.piece.text.find_first_of("14"), std::string::npos) << told.piece.text;
        last[told.piece.number] = told.piece;
        spans += told.spans.size();
    }
    ASSERT_EQ(last.size(), 4u);
    for (const auto& [number, told] : last) EXPECT_TRUE(told.final) << number;
    EXPECT_EQ(last[1].text, "it is [redacted]");
    EXPECT_EQ(last[2].text, "[redacted]");
    EXPECT_EQ(last[4].text, "[redacted] and that is it");
    EXPECT_EQ(spans, 4u);
}

TEST(Redaction, APieceThatEndsWithDigitsWaitsOnlySoLong) {
    const auto all = rules();
    SideRedaction side(all);
    auto first = side.take(piece(1, "extension 4111", 0, 1000));
    ASSERT_EQ(first.size(), 1u);
    EXPECT_FALSE(first[0].piece.final);
    EXPECT_EQ(first[0].piece.text, "extension …");
    EXPECT_TRUE(side.passed(milliseconds(5000)).empty());
    auto later = side.passed(milliseconds(9001));
    ASSERT_EQ(later.size(), 1u);
    EXPECT_TRUE(later[0].piece.final);
    EXPECT_EQ(later[0].piece.text, "extension 4111");
    EXPECT_TRUE(side.finish().empty());
}

TEST(Redaction, APieceWithOtherWordsNextIsToldAtOnce) {
    const auto all = rules();
    SideRedaction side(all);
    side.take(piece(1, "extension 4111", 0, 1000));
    const auto out = side.take(piece(2, "thank you", 1500, 2000));
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[0].piece.text, "extension 4111");
    EXPECT_TRUE(out[0].piece.final);
    EXPECT_EQ(out[1].piece.text, "thank you");
}

TEST(Redaction, WordsGoWithTheirTimesWhichBecomeSilence) {
    const auto all = rules();
    SideRedaction side(all);
    auto said = piece(1, "Card 4111 1111 1111 1111 bye.", 100, 3000);
    int at = 100;
    for (const std::string word : {"Card", "4111", "1111", "1111", "1111", "bye."}) {
        said.words.push_back({word, milliseconds(at), milliseconds(at + 400), 0.9F});
        at += 500;
    }
    const auto out = side.take(said);
    ASSERT_EQ(out.size(), 1u);
    const auto& words = out[0].piece.words;
    ASSERT_EQ(words.size(), 3u);
    EXPECT_EQ(words[1].text, "[redacted]");
    EXPECT_EQ(words[1].begin.count(), 600);
    EXPECT_EQ(words[1].end.count(), 2500);
    EXPECT_FALSE(words[1].confidence);
    ASSERT_EQ(out[0].spans.size(), 1u);
    EXPECT_EQ(out[0].spans[0],
              (RedactedSpan{call::LineEnd::far, milliseconds(600), milliseconds(2500)}));
}

TEST(Redaction, WhereTextAndWordsAreWrittenDifferentlyNeitherShowsIt) {
    const auto all = rules();
    SideRedaction side(all);
    auto said = piece(1, "it is 4111111111111111 thanks?", 0, 2000);
    said.words = {{"it's", milliseconds(0), milliseconds(500), {}},
                  {"forty-whatever", milliseconds(500), milliseconds(2000), {}}};
    auto out = side.take(said);
    EXPECT_EQ(out[0].piece.text, "it is [redacted] thanks?");
    EXPECT_TRUE(out[0].piece.words.empty());
    EXPECT_EQ(out[0].spans[0].until.count(), 2000);

    auto other = piece(2, "it is a secret", 3000, 5000);
    other.words = {{"4111", milliseconds(3000), milliseconds(3500), {}},
                   {"1111", milliseconds(3500), milliseconds(4000), {}},
                   {"1111", milliseconds(4000), milliseconds(4500), {}},
                   {"1111", milliseconds(4500), milliseconds(5000), {}},
                   {"bye", milliseconds(5000), milliseconds(5500), {}}};
    out = side.take(other);
    EXPECT_EQ(out[0].piece.text, "[redacted] bye");
}

TEST(Redaction, PatternsOfTheOwnerCountWithoutCase) {
    const auto own = rules({"account [a-z]{2}\\d{4}", "password is \\w+"}, false);
    EXPECT_EQ(shown(own, "Account ab1234 and my PASSWORD is hunter2."),
              "[redacted] and my [redacted].");
    EXPECT_EQ(shown(own, "4111 1111 1111 1111"), "4111 1111 1111 1111");
}

TEST(Redaction, AnUnfinishedPieceHoldsBackWhatAPatternMayYetMatch) {
    const auto own = rules({"account [a-z]{2}\\d{4}"}, false);
    EXPECT_EQ(shown(own, "it is account ab12", false), "it is …");
    EXPECT_EQ(shown(own, "it is account ab12 no", false), "it is account ab12 no");
}

TEST(Redaction, ABrokenPatternIsNamed) {
    const auto made = RedactionRules::make(true, {"fine", "(broken"});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::bad_config);
    EXPECT_NE(made.error().message.find("(broken"), std::string::npos);
}

TEST(Redaction, APatternThatTakesForEverShowsNothing) {
    const auto own = rules({"^(a+)+$"}, false);
    EXPECT_EQ(shown(own, std::string(60, 'a') + "b"), "[redacted]");
}

TEST(Redaction, WithoutRulesNothingIsTouched) {
    const auto none = rules({}, false);
    EXPECT_EQ(shown(none, "4111 1111 1111 1111", false), "4111 1111 1111 1111");
}

}  // namespace
}  // namespace bridge::transcribers
