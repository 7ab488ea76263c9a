#include "speech/phrase_recognizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <thread>

#include "audio/mulaw.hpp"
#include "audio/resample.hpp"
#include "audio/wav.hpp"
#include "speech/flite_voice.hpp"

namespace bridge::speech {
namespace {

using Samples = std::vector<std::int16_t>;

const std::map<std::string, std::string> kGrammars{
    {"answer", "#JSGF V1.0;\ngrammar g;\npublic <g> = yes | no | [ i want to ] leave a message;\n"},
    {"number",
     "#JSGF V1.0;\ngrammar g;\n<d> = zero | oh | one | two | three | four | five | six | "
     "seven | eight | nine;\npublic <g> = ( [ my number is ] <d>+ );\n"},
    {"place",
     "#JSGF V1.0;\ngrammar g;\npublic <g> = ( front | rear | side ) ( left | right | "
     "center );\n"},
};

/// As a telephone passes it on: mu-law, and the hiss of a line.
Samples through_telephone(Samples sound, double noise_dbfs = -55) {
    std::mt19937 chance(7);
    std::normal_distribution<double> hiss(0, 32768 * std::pow(10.0, noise_dbfs / 20));
    for (auto& sample : sound) {
        const auto noisy = std::clamp(sample + hiss(chance), -32000.0, 32000.0);
        sample = audio::decode_mulaw(audio::encode_mulaw(static_cast<std::int16_t>(noisy)));
    }
    return sound;
}

Samples spoken(const std::string& text) {
    return through_telephone(synthesize(text).value());
}

class PhraseRecognizerTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        if (!PhraseRecognizer::available()) return;
        auto made = PhraseRecognizer::make({}, kGrammars, {});
        ASSERT_TRUE(made) << made.error().message;
        recognizer_ = *made;
    }
    static void TearDownTestSuite() { recognizer_.reset(); }
    void SetUp() override {
        if (!PhraseRecognizer::available()) GTEST_SKIP() << "built without PocketSphinx";
        ASSERT_TRUE(recognizer_);
    }
    static std::string heard(const std::string& grammar, const Samples& sound) {
        const auto phrase = recognizer_->recognize(grammar, sound);
        EXPECT_TRUE(phrase) << phrase.error().message;
        if (!phrase) return "error";
        return phrase->words;
    }
    static std::shared_ptr<PhraseRecognizer> recognizer_;
};
std::shared_ptr<PhraseRecognizer> PhraseRecognizerTest::recognizer_;

TEST_F(PhraseRecognizerTest, UnderstandsPhrasesOnATelephone) {
    EXPECT_EQ(heard("answer", spoken("yes")), "yes");
    EXPECT_EQ(heard("answer", spoken("no")), "no");
    EXPECT_EQ(heard("answer", spoken("I want to leave a message")), "i want to leave a message");
    EXPECT_EQ(heard("number", spoken("five five five, one two three")),
              "five five five one two three");
    EXPECT_EQ(heard("number", spoken("my number is seven oh nine")), "my number is seven oh nine");
}

TEST_F(PhraseRecognizerTest, TakesNothingElseForAPhrase) {
    for (const auto* text :
         {"The weather in Paris is lovely.", "Elephant", "How much does it cost?",
          "Okay well you know what I mean.", "My dog ate the homework."}) {
        EXPECT_EQ(heard("answer", spoken(text)), "") << text;
        EXPECT_EQ(heard("number", spoken(text)), "") << text;
    }
}

TEST_F(PhraseRecognizerTest, TakesNoiseTonesAndSilenceForNothing) {
    Samples silence(16000), noise(16000), tone(16000);
    std::mt19937 chance(3);
    std::normal_distribution<double> hiss(0, 2000);
    for (std::size_t i = 0; i < noise.size(); ++i) {
        noise[i] = static_cast<std::int16_t>(std::clamp(hiss(chance), -32000.0, 32000.0));
        tone[i] = static_cast<std::int16_t>(8000 * std::sin(0.5 * static_cast<double>(i)));
    }
    for (const auto* grammar : {"answer", "number", "place"}) {
        EXPECT_EQ(heard(grammar, silence), "");
        EXPECT_EQ(heard(grammar, noise), "");
        EXPECT_EQ(heard(grammar, tone), "");
        EXPECT_EQ(heard(grammar, {}), "");
    }
}

TEST_F(PhraseRecognizerTest, UnderstandsAPerson) {
    const std::string folder = "/usr/share/sounds/alsa/";
    if (!std::filesystem::exists(folder + "Front_Left.wav"))
        GTEST_SKIP() << "the spoken prompts of alsa-utils are not installed";
    for (const auto* name : {"Front_Left", "Front_Right", "Front_Center", "Rear_Left", "Rear_Right",
                             "Rear_Center", "Side_Left", "Side_Right"}) {
        const auto wav = audio::read_sound(folder + name + ".wav");
        ASSERT_TRUE(wav) << name;
        const auto sound = through_telephone(audio::resample(wav->samples, wav->sample_rate, 8000));
        std::string expected = name;
        std::replace(expected.begin(), expected.end(), '_', ' ');
        std::transform(expected.begin(), expected.end(), expected.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        EXPECT_EQ(heard("place", sound), expected);
        EXPECT_EQ(heard("answer", sound), "") << name;
    }
}

TEST_F(PhraseRecognizerTest, SeveralWorkersRecogniseAtTheSameTime) {
    const auto yes = spoken("yes");
    const auto digits = spoken("one two three");
    std::vector<std::thread> workers;
    std::vector<std::string> results(4);
    for (std::size_t i = 0; i < results.size(); ++i)
        workers.emplace_back([&, i] {
            const auto phrase = i % 2 == 0 ? recognizer_->recognize("answer", yes)
                                           : recognizer_->recognize("number", digits);
            if (phrase) results[i] = phrase->words;
        });
    for (auto& worker : workers) worker.join();
    EXPECT_EQ(results, (std::vector<std::string>{"yes", "one two three", "yes", "one two three"}));
}

TEST_F(PhraseRecognizerTest, NamesTheWordTheDictionaryDoesNotHave) {
    const std::map<std::string, std::string> grammar{
        {"g", "#JSGF V1.0;\ngrammar g;\npublic <g> = yes | zwiebelkuchen;\n"}};
    const auto unknown = PhraseRecognizer::make({}, grammar, {});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::bad_config);
    EXPECT_NE(unknown.error().message.find("zwiebelkuchen"), std::string::npos);
    EXPECT_TRUE(
        PhraseRecognizer::make({}, grammar, {{"zwiebelkuchen", "T S W IY B AH L K UW K AH N"}}));
    const auto wrong = PhraseRecognizer::make({}, grammar, {{"zwiebelkuchen", "QQ X"}});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("QQ X"), std::string::npos);
}

TEST_F(PhraseRecognizerTest, SaysHowToInstallAModelThatIsMissing) {
    PhraseRecognizerOptions options;
    options.model = "/nowhere";
    const auto made = PhraseRecognizer::make(options, kGrammars, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::not_found);
    EXPECT_NE(made.error().message.find("pocketsphinx-en-us"), std::string::npos);
}

}  // namespace
}  // namespace bridge::speech
