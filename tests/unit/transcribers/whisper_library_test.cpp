// The recognizer in this process over a stand-in for libwhisper, which is not everywhere.
#include "transcribers/whisper_library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "audio/resample.hpp"
#include "tests/support/whisper_stand_in/whisper_script.hpp"

namespace bridge::transcribers {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::kEndOfText;
using testing::segment_of;
using testing::whisper_script;
using testing::WhisperScript;

class WhisperLibraryTest : public ::testing::Test {
protected:
    WhisperLibraryTest() {
        whisper_script() = WhisperScript{};
        write_model(100'000);
    }
    ~WhisperLibraryTest() override { std::filesystem::remove(model_); }

    void write_model(std::size_t bytes) {
        std::ofstream(model_, std::ios::binary) << std::string(bytes, 'x');
    }
    std::shared_ptr<WhisperLibrary> open(const std::string& language = "") {
        auto library = WhisperLibrary::open(model_, language);
        EXPECT_TRUE(library) << library.error().message;
        return library ? *library : nullptr;
    }
    std::string refusal(const std::string& language = "") {
        const auto library = WhisperLibrary::open(model_, language);
        if (library) return "opened";
        EXPECT_EQ(library.error().code, Errc::bad_config);
        return library.error().message;
    }
    /// Of the segments, in a second of sound.
    net::WhisperAnswer understood(std::vector<testing::ScriptSegment> segments) {
        whisper_script().segments = std::move(segments);
        auto answer = open()->understand(std::vector<std::int16_t>(8000));
        EXPECT_TRUE(answer);
        return answer ? *answer : net::WhisperAnswer{};
    }

    const std::string model_ =
        ::testing::TempDir() + "whisper_library_test_model_" + std::to_string(::getpid()) + ".bin";
};

std::vector<std::string> words_of(const net::WhisperAnswer& answer) {
    std::vector<std::string> out;
    for (const auto& word : answer.words) out.push_back(word.text);
    return out;
}

TEST_F(WhisperLibraryTest, WordsAreJoinedFromTheirPieces) {
    const auto answer = understood({segment_of({{" Hel"}, {"lo"}, {","}, {" there"}, {"."}})});
    EXPECT_EQ(answer.text, "Hello, there.");
    EXPECT_THAT(words_of(answer), ::testing::ElementsAre("Hello,", "there."));
}

TEST_F(WhisperLibraryTest, SegmentsFollowEachOther) {
    const auto answer = understood({segment_of({{" One"}}), segment_of({{" two"}, {"fold"}})});
    EXPECT_EQ(answer.text, "One twofold");
    EXPECT_THAT(words_of(answer), ::testing::ElementsAre("One", "twofold"));
}

TEST_F(WhisperLibraryTest, AFirstPieceWithoutASpaceBeginsAWord) {
    EXPECT_THAT(words_of(understood({segment_of({{"Ja"}, {"wohl"}})})),
                ::testing::ElementsAre("Jawohl"));
}

TEST_F(WhisperLibraryTest, APieceOfSpacesAloneIsNoWord) {
    EXPECT_THAT(words_of(understood({segment_of({{" "}, {" one"}, {"  two"}})})),
                ::testing::ElementsAre("one", "two"));
}

TEST_F(WhisperLibraryTest, TimesAreInMillisecondsFromTheFirstPieceToTheLast) {
    const auto answer =
        understood({segment_of({{" Hel", 12, 20}, {"lo", 20, 31}, {" there", 250, 301}})});
    ASSERT_EQ(answer.words.size(), 2u);
    EXPECT_EQ(answer.words[0].begin, milliseconds(120));
    EXPECT_EQ(answer.words[0].end, milliseconds(310));
    EXPECT_EQ(answer.words[1].begin, milliseconds(2500));
    EXPECT_EQ(answer.words[1].end, milliseconds(3010));
}

TEST_F(WhisperLibraryTest, APieceThatEndsBeforeTheOneBeforeItDoesNotShortenTheWord) {
    const auto answer = understood({segment_of({{" Hel", 12, 40}, {"lo", 20, 31}})});
    ASSERT_EQ(answer.words.size(), 1u);
    EXPECT_EQ(answer.words[0].end, milliseconds(400));
}

TEST_F(WhisperLibraryTest, AWordIsAsSureAsItsLeastSurePiece) {
    const auto answer = understood({segment_of(
        {{" a", 0, 1, 0.9F}, {"b", 1, 2, 0.25F}, {"c", 2, 3, 0.5F}, {" d", 3, 4, 0.75F}})});
    ASSERT_EQ(answer.words.size(), 2u);
    EXPECT_EQ(answer.words[0].confidence, 0.25F);
    EXPECT_EQ(answer.words[1].confidence, 0.75F);
}

TEST_F(WhisperLibraryTest, ItsMarksAreNoWords) {
    const auto answer = understood({segment_of({{"[_BEG_]", 0, 0, 0.1F, kEndOfText + 107},
                                                {" Yes", 0, 10, 0.9F},
                                                {"[_TT_50]", 90, 100, 0.1F, kEndOfText + 157},
                                                {"[_EOT_]", 90, 100, 0.1F, kEndOfText}})});
    EXPECT_EQ(answer.text, "Yes");
    ASSERT_EQ(answer.words.size(), 1u);
    EXPECT_EQ(answer.words[0].text, "Yes");
    EXPECT_EQ(answer.words[0].end, milliseconds(100));
    EXPECT_EQ(answer.words[0].confidence, 0.9F);
}

TEST_F(WhisperLibraryTest, WhereItHearsNoWordsNothingIsLeft) {
    for (const auto& pieces : std::vector<std::vector<testing::ScriptToken>>{
             {{" ["}, {"BLANK"}, {"_AUDIO"}, {"]"}}, {{" (music"}, {")"}}, {{" "}}, {}}) {
        const auto answer = understood({segment_of(pieces)});
        EXPECT_EQ(answer.text, "");
        EXPECT_TRUE(answer.words.empty());
    }
    EXPECT_EQ(understood({}).text, "");
}

TEST_F(WhisperLibraryTest, ACharacterInTwoPiecesIsOneAndHalfACharacterIsNone) {
    const auto answer = understood({segment_of({{" gr\xC3"}, {"\xBC"}, {"n"}, {" h\xC3"}})});
    EXPECT_EQ(answer.text, "grün h?");
    EXPECT_THAT(words_of(answer), ::testing::ElementsAre("grün", "h?"));
}

TEST_F(WhisperLibraryTest, AWordWithoutEndIsCut) {
    std::vector<testing::ScriptToken> pieces{{" a"}};
    for (int i = 0; i < 500; ++i) pieces.push_back({"a"});
    const auto words = words_of(understood({segment_of(pieces)}));
    ASSERT_EQ(words.size(), 1u);
    EXPECT_EQ(words[0].size(), 200u);
}

TEST_F(WhisperLibraryTest, ItGetsTheSoundAt16KilohertzBetweenMinusOneAndOne) {
    std::vector<std::int16_t> sound(16000);
    for (std::size_t i = 0; i < sound.size(); ++i)
        sound[i] = static_cast<std::int16_t>(i / 100 % 2 == 0 ? 32767 : -32768);
    ASSERT_TRUE(open()->understand(sound));
    const auto& samples = whisper_script().samples;
    const auto wide = audio::resample(sound, 8000, 16000);
    ASSERT_EQ(samples.size(), wide.size());
    for (std::size_t i = 0; i < wide.size(); i += 7)
        ASSERT_EQ(samples[i], static_cast<float>(wide[i]) / 32768.0F) << i;
    const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
    EXPECT_EQ(*least, -1.0F);
    EXPECT_GT(*most, 0.99F);
    EXPECT_LT(*most, 1.0F);
}

TEST_F(WhisperLibraryTest, AShortUtteranceIsFilledUpWithSilence) {
    ASSERT_TRUE(open()->understand(std::vector<std::int16_t>(800, 10000)));
    const auto& samples = whisper_script().samples;
    ASSERT_EQ(samples.size(), 17000u);
    EXPECT_NEAR(samples[800], 10000 / 32768.0, 0.02);
    EXPECT_TRUE(std::all_of(samples.begin() + 1600, samples.end(), [](float x) { return x == 0; }));
    ASSERT_TRUE(open()->understand({}));
    EXPECT_EQ(whisper_script().samples.size(), 17000u);
}

TEST_F(WhisperLibraryTest, ItIsAskedForTimesAndPrintsNothing) {
    ::testing::internal::CaptureStderr();
    const auto library = open();
    ASSERT_TRUE(library->understand(std::vector<std::int16_t>(8000)));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    EXPECT_TRUE(whisper_script().times);
    EXPECT_FALSE(whisper_script().prints);
    EXPECT_FALSE(whisper_script().context);
    EXPECT_GE(whisper_script().threads, 1);
}

TEST_F(WhisperLibraryTest, TheLanguageIsGuessedUnlessOneIsNamed) {
    for (const auto& [named, asked] : std::vector<std::pair<std::string, std::string>>{
             {"", "auto"}, {"auto", "auto"}, {"de", "de"}, {"german", "german"}, {"en", "en"}}) {
        ASSERT_TRUE(open(named)->understand({}));
        EXPECT_EQ(whisper_script().language, asked) << named;
    }
}

TEST_F(WhisperLibraryTest, AModelForEnglishGuessesNoLanguage) {
    whisper_script().multilingual = false;
    for (const std::string named : {"", "auto", "en"}) {
        ASSERT_TRUE(open(named)->understand({}));
        EXPECT_EQ(whisper_script().language, "en") << named;
    }
}

TEST_F(WhisperLibraryTest, AModelForEnglishIsNoneForAnotherLanguage) {
    whisper_script().multilingual = false;
    EXPECT_THAT(refusal("de"), AllOf(HasSubstr("AGENTBRIDGE_TRANSCRIBER_LANGUAGE is de"),
                                     HasSubstr(model_), HasSubstr("English only")));
    EXPECT_EQ(whisper_script().open_contexts, 0);
}

TEST_F(WhisperLibraryTest, ALanguageItDoesNotKnowIsRefusedBeforeTheModelIsRead) {
    EXPECT_THAT(refusal("xx"),
                AllOf(HasSubstr("AGENTBRIDGE_TRANSCRIBER_LANGUAGE"), HasSubstr("'xx'")));
    EXPECT_EQ(whisper_script().path, "");
}

TEST_F(WhisperLibraryTest, AFileThatIsNoModelIsRefusedInOneLine) {
    using Opening = WhisperScript::Opening;
    for (const auto how : {Opening::fails, Opening::throws}) {
        whisper_script().opening = how;
        whisper_script().path.clear();
        EXPECT_EQ(refusal(), "AGENTBRIDGE_TRANSCRIBER_MODEL: '" + model_ +
                                 "' is no model that libwhisper reads; name a ggml-….bin file of "
                                 "whisper.cpp");
        EXPECT_EQ(whisper_script().path, model_);
    }
}

TEST_F(WhisperLibraryTest, AFileTooShortForAModelIsNotEvenTried) {
    write_model(63'999);
    EXPECT_THAT(refusal(), HasSubstr("is no model that libwhisper reads"));
    std::filesystem::remove(model_);
    EXPECT_THAT(refusal(), HasSubstr("is no model that libwhisper reads"));
    EXPECT_EQ(whisper_script().path, "");
    write_model(64'000);
    EXPECT_EQ(refusal(), "opened");
}

TEST_F(WhisperLibraryTest, WhatItCannotWorkOnIsAnErrorAndTheNextIsUnderstood) {
    whisper_script().segments = {segment_of({{" Yes"}})};
    const auto library = open();
    whisper_script().failure = -6;
    const auto failed = library->understand({});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::internal);
    EXPECT_EQ(failed.error().message, "libwhisper could not work on an utterance");
    whisper_script().failure = 0;
    whisper_script().throws = true;
    ASSERT_FALSE(library->understand({}));
    whisper_script().throws = false;
    const auto understood = library->understand({});
    ASSERT_TRUE(understood);
    EXPECT_EQ(understood->text, "Yes");
}

TEST_F(WhisperLibraryTest, ItsPlugInsAreLoadedOnceFromTheirOwnFolder) {
    const auto first = open(), second = open();
    EXPECT_EQ(testing::loaded_plugins(), "/opt/ggml/plug-ins");
    EXPECT_EQ(testing::plugin_loads(), 1);
}

TEST_F(WhisperLibraryTest, TheModelIsGoneWithItsLastUser) {
    auto library = open();
    auto other = library;
    library.reset();
    EXPECT_EQ(whisper_script().open_contexts, 1);
    other.reset();
    EXPECT_EQ(whisper_script().open_contexts, 0);
}

TEST_F(WhisperLibraryTest, TwoThreadsGetTheirOwnWords) {
    // What is said is the sound's level.
    whisper_script().understands = [](const std::vector<float>& samples) {
        const bool loud = samples[800] > 0.5F;
        return std::vector{segment_of({{loud ? " loud" : " soft"}, {loud ? "er" : "ly"}})};
    };
    const auto library = open();
    const auto ask = [&library](std::int16_t level, const std::string& expected) {
        for (int i = 0; i < 200; ++i) {
            const auto answer = library->understand(std::vector<std::int16_t>(800, level));
            ASSERT_TRUE(answer);
            ASSERT_EQ(answer->text, expected);
            ASSERT_THAT(words_of(*answer), ::testing::ElementsAre(expected));
        }
    };
    std::thread other([&ask] { ask(30000, "louder"); });
    ask(3000, "softly");
    other.join();
}

}  // namespace
}  // namespace bridge::transcribers
