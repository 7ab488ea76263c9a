// The recognizer in this process with the real libwhisper, where the build has it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <thread>

#include "transcribers/whisper_library.hpp"

namespace bridge::transcribers {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::vector<std::int16_t> second_of_sound() {
    std::vector<std::int16_t> out(8000);
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::int16_t>(
            8000 * std::sin(2 * std::numbers::pi * 440 * static_cast<double>(i) / 8000));
    return out;
}

/// What the model of whisper_model.py says to everything.
void expect_hello(const Result<net::WhisperAnswer>& answer) {
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->text, "Hello there.");
    ASSERT_EQ(answer->words.size(), 2u);
    const auto &first = answer->words[0], &second = answer->words[1];
    EXPECT_EQ(first.text, "Hello");
    EXPECT_EQ(second.text, "there.");
    EXPECT_GE(first.begin, milliseconds(0));
    EXPECT_GT(first.end, first.begin);
    EXPECT_GE(second.begin, first.end);
    EXPECT_NEAR(static_cast<double>(second.end.count()), 900, 10);
    EXPECT_NEAR(first.confidence.value_or(-1), 0.74, 0.05);  // of "lo"
    EXPECT_GT(second.confidence.value_or(-1), 0.99);
}

class WhisperRealTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!WhisperLibrary::available()) GTEST_SKIP() << "this build has no libwhisper";
    }
    ~WhisperRealTest() override { std::filesystem::remove(file_); }

    std::string refusal(const std::string& content, const std::string& language = "") {
        std::ofstream(file_, std::ios::binary) << content;
        const auto library = WhisperLibrary::open(file_, language);
        if (library) return "opened";
        EXPECT_EQ(library.error().code, Errc::bad_config);
        return library.error().message;
    }
    static std::string made() {
        std::string out(std::filesystem::file_size(AGENTBRIDGE_MADE_MODEL), '\0');
        std::ifstream(AGENTBRIDGE_MADE_MODEL, std::ios::binary)
            .read(out.data(), static_cast<std::streamsize>(out.size()));
        return out;
    }

    const std::string file_ =
        ::testing::TempDir() + "whisper_real_test_" + std::to_string(::getpid()) + ".bin";
};

TEST_F(WhisperRealTest, AMadeModelSaysItsWordsWithTheirTimes) {
    ::testing::internal::CaptureStderr();
    const auto library = WhisperLibrary::open(AGENTBRIDGE_MADE_MODEL, "");
    ASSERT_TRUE(library) << library.error().message;
    expect_hello((*library)->understand(second_of_sound()));
    expect_hello((*library)->understand({}));
    expect_hello((*library)->understand(std::vector<std::int16_t>(25 * 8000)));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(WhisperRealTest, AModelOfManyLanguagesGuessesOrIsTold) {
    for (const std::string language : {"", "auto", "de", "english"}) {
        const auto library = WhisperLibrary::open(AGENTBRIDGE_MADE_MODEL_OF_LANGUAGES, language);
        ASSERT_TRUE(library) << library.error().message;
        expect_hello((*library)->understand(second_of_sound()));
    }
}

TEST_F(WhisperRealTest, TwoThreadsUseOneLibraryAndAnother) {
    const auto first = WhisperLibrary::open(AGENTBRIDGE_MADE_MODEL, "en");
    const auto second = WhisperLibrary::open(AGENTBRIDGE_MADE_MODEL, "auto");
    ASSERT_TRUE(first && second);
    std::thread other([&first] {
        for (int i = 0; i < 3; ++i) expect_hello((*first)->understand(second_of_sound()));
    });
    for (int i = 0; i < 3; ++i) {
        expect_hello((*first)->understand(second_of_sound()));
        expect_hello((*second)->understand(second_of_sound()));
    }
    other.join();
}

TEST_F(WhisperRealTest, WhatIsNoModelIsRefused) {
    const auto whole = made();
    ASSERT_GT(whole.size(), 7'000'000u);
    std::vector<std::string> contents{"", "no model\n", std::string(100'000, 'x'),
                                      whole.substr(0, 44), whole.substr(0, 4096)};
#ifndef __SANITIZE_ADDRESS__  // the library forgets to free what it read of this one
    contents.push_back(whole.substr(0, whole.size() / 2));
#endif
    for (const auto& content : contents) {
        EXPECT_EQ(refusal(content), "AGENTBRIDGE_TRANSCRIBER_MODEL: '" + file_ +
                                        "' is no model that libwhisper reads; name a ggml-….bin "
                                        "file of whisper.cpp")
            << content.size();
    }
    EXPECT_FALSE(WhisperLibrary::open("/", ""));
    EXPECT_FALSE(WhisperLibrary::open("/nowhere.bin", ""));
    EXPECT_EQ(refusal(whole), "opened");
}

TEST_F(WhisperRealTest, AModelThatEndsBeforeItsWordsUnderstandsNothingButDoesNotEndTheProgram) {
    std::ofstream(file_, std::ios::binary) << made().substr(0, 64'376);
    const auto library = WhisperLibrary::open(file_, "");
    if (library) {
        EXPECT_FALSE((*library)->understand(second_of_sound()));
    }
}

TEST_F(WhisperRealTest, LanguagesAreCheckedWithTheModel) {
    EXPECT_THAT(refusal(made(), "xx"), HasSubstr("knows no language 'xx'"));
    EXPECT_THAT(refusal(made(), "de"), HasSubstr("understands English only"));
    EXPECT_EQ(refusal(made(), "english"), "opened");
}

TEST_F(WhisperRealTest, AModelOfOnesOwnIsReadAndUnderstandsASecondOfSound) {
    const char* model = std::getenv("AGENTBRIDGE_TEST_WHISPER_MODEL");
    if (model == nullptr) GTEST_SKIP() << "AGENTBRIDGE_TEST_WHISPER_MODEL names no model";
    const auto library = WhisperLibrary::open(model, "");
    ASSERT_TRUE(library) << library.error().message;
    const auto answer = (*library)->understand(second_of_sound());
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_LE(answer->text.size(), 64u * 1024);
}

TEST(WhisperNotBuilt, OpeningSaysHowToGetIt) {
    if (WhisperLibrary::available()) GTEST_SKIP() << "this build has libwhisper";
    const auto library = WhisperLibrary::open("ggml-base.en.bin", "en");
    ASSERT_FALSE(library);
    EXPECT_EQ(library.error().code, Errc::bad_config);
    EXPECT_THAT(library.error().message, HasSubstr("libwhisper-dev"));
}

}  // namespace
}  // namespace bridge::transcribers
