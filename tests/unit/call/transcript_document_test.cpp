#include "call/transcript_document.hpp"

#include <gtest/gtest.h>

namespace bridge::call {
namespace {

using std::chrono::milliseconds;

TranscriptPiece piece(LineEnd speaker, std::uint64_t number, int begin, int end, std::string text) {
    TranscriptPiece out;
    out.speaker = speaker;
    out.number = number;
    out.final = true;
    out.begin = milliseconds(begin);
    out.end = milliseconds(end);
    out.text = std::move(text);
    return out;
}

TranscriptDocument talk() {
    TranscriptDocument out;
    out.call = CallId("c_1");
    out.engine = "vosk";
    out.complete = true;
    out.pieces = {piece(LineEnd::far, 1, 1234, 2900, "Hello, who is there?"),
                  piece(LineEnd::near, 1, 2500, 4000, "It's me & <nobody> else --> really"),
                  piece(LineEnd::far, 2, 3'661'500, 3'661'550, "Bye.")};
    return out;
}

TEST(TranscriptText, HasALineForEachPiece) {
    EXPECT_EQ(format_transcript_text(talk()),
              "00:00:01.2  far   Hello, who is there?\n"
              "00:00:02.5  near  It's me & <nobody> else --> really\n"
              "01:01:01.5  far   Bye.\n");
}

TEST(TranscriptText, SaysWhatWasNotKept) {
    auto document = talk();
    document.pieces.resize(1);
    document.dropped = 7;
    EXPECT_EQ(format_transcript_text(document),
              "(7 pieces before these were not kept)\n00:00:01.2  far   Hello, who is there?\n");
}

TEST(TranscriptSrt, NumbersItsCuesAndNamesTheSpeakers) {
    EXPECT_EQ(format_transcript_srt(talk()),
              "1\n00:00:01,234 --> 00:00:02,900\nFar: Hello, who is there?\n\n"
              "2\n00:00:02,500 --> 00:00:04,000\nNear: It's me & <nobody> else -> really\n\n"
              "3\n01:01:01,500 --> 01:01:01,900\nFar: Bye.\n\n");
}

TEST(TranscriptVtt, EscapesWhatWouldBeMarkup) {
    EXPECT_EQ(format_transcript_vtt(talk()),
              "WEBVTT\n\n00:00:01.234 --> 00:00:02.900\n<v far>Hello, who is there?\n\n"
              "00:00:02.500 --> 00:00:04.000\n<v near>It's me &amp; &lt;nobody&gt; else "
              "--&gt; really\n\n"
              "01:01:01.500 --> 01:01:01.900\n<v far>Bye.\n");
}

TEST(TranscriptVtt, AnEmptyTranscriptIsStillAFile) {
    EXPECT_EQ(format_transcript_vtt({}), "WEBVTT\n");
    EXPECT_EQ(format_transcript_srt({}), "");
}

TEST(TranscriptSrt, LongTextGoesIntoCuesOfTwoShortLines) {
    TranscriptDocument document;
    document.pieces = {piece(LineEnd::far, 1, 0, 12'000,
                             "one two three four five six seven eight nine ten eleven twelve "
                             "thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
                             "twenty")};
    EXPECT_EQ(format_transcript_srt(document),
              "1\n00:00:00,000 --> 00:00:06,545\nFar: one two three four five six seven\n"
              "eight nine ten eleven twelve thirteen\n\n"
              "2\n00:00:06,545 --> 00:00:12,000\nFar: fourteen fifteen sixteen seventeen\n"
              "eighteen nineteen twenty\n\n");
}

TEST(TranscriptSrt, TimesOfWordsDecideWhereTheyAreKnown) {
    TranscriptDocument document;
    auto said = piece(LineEnd::near, 1, 0, 60'000, "");
    for (int i = 0; i < 12; ++i) {
        const auto word = "word" + std::to_string(i) + "-long";
        said.text += (i == 0 ? "" : " ") + word;
        said.words.push_back({word, milliseconds(i * 5000), milliseconds(i * 5000 + 900), {}});
    }
    document.pieces = {said};
    const auto srt = format_transcript_srt(document);
    EXPECT_NE(srt.find("00:00:00,000 --> 00:00:25,900\n"), std::string::npos) << srt;
    EXPECT_NE(srt.find("00:00:30,000 --> 00:00:55,900\n"), std::string::npos) << srt;
}

TEST(TranscriptSrt, ACueGoesWhenTheNextOfItsSideComes) {
    TranscriptDocument document;
    document.pieces = {piece(LineEnd::far, 1, 0, 50, "a"), piece(LineEnd::far, 2, 200, 900, "b")};
    EXPECT_EQ(format_transcript_srt(document),
              "1\n00:00:00,000 --> 00:00:00,200\nFar: a\n\n"
              "2\n00:00:00,200 --> 00:00:00,900\nFar: b\n\n");
}

TEST(TranscriptSrt, AWordLongerThanALineStandsAlone) {
    TranscriptDocument document;
    document.pieces = {piece(LineEnd::far, 1, 0, 1000, "a " + std::string(60, 'x') + " b")};
    const auto srt = format_transcript_srt(document);
    EXPECT_NE(srt.find("Far: a\n" + std::string(60, 'x') + "\n\n"), std::string::npos) << srt;
}

TEST(TranscriptSrt, SpaceAndLineFeedsInATextAreOneSpace) {
    TranscriptDocument document;
    document.pieces = {piece(LineEnd::far, 1, 0, 1000, " one\n\n2\n00:00:00,000  two ")};
    EXPECT_EQ(format_transcript_srt(document),
              "1\n00:00:00,000 --> 00:00:01,000\nFar: one 2 00:00:00,000 two\n\n");
}

TEST(TranscriptPieces, KeepFinalOnesInTheirOrder) {
    TranscriptPieces pieces;
    pieces.take(piece(LineEnd::near, 1, 500, 600, "second"));
    pieces.take(piece(LineEnd::far, 1, 100, 600, "first"));
    pieces.take(piece(LineEnd::far, 2, 500, 600, "also second, but the phone's"));
    auto guess = piece(LineEnd::far, 3, 50, 60, "a guess");
    guess.final = false;
    pieces.take(guess);
    ASSERT_EQ(pieces.pieces().size(), 3u);
    EXPECT_EQ(pieces.pieces()[0].text, "first");
    EXPECT_EQ(pieces.pieces()[1].number, 2u);
    EXPECT_EQ(pieces.pieces()[2].text, "second");
    pieces.take(piece(LineEnd::far, 1, 100, 650, "FIRST"));
    ASSERT_EQ(pieces.pieces().size(), 3u);
    EXPECT_EQ(pieces.pieces()[0].text, "FIRST");
}

TEST(TranscriptPieces, TheOldestGoWhenThereAreTooMany) {
    TranscriptPieces pieces;
    const std::string text(100'000, 'x');
    for (int i = 0; i < 50; ++i)
        pieces.take(piece(LineEnd::far, static_cast<std::uint64_t>(i + 1), i * 1000, 1, text));
    EXPECT_LE(pieces.bytes(), TranscriptPieces::kMostBytes);
    EXPECT_EQ(pieces.pieces().size() + pieces.dropped(), 50u);
    EXPECT_GT(pieces.dropped(), 0u);
    EXPECT_EQ(pieces.pieces().back().number, 50u);
}

}  // namespace
}  // namespace bridge::call
