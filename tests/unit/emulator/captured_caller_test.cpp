// A capture is read as docs/capture-format.md describes it, by a reader that shares nothing with
// the one of the bridge, and written here by hand.

#include "emulator/personas/captured_caller.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

using namespace bridge;
using namespace bridge::emulator;
using namespace std::chrono_literals;

namespace {

std::string number(std::uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
    return out + static_cast<char>(value);
}

std::string difference(std::int64_t value) {
    return number((static_cast<std::uint64_t>(value) << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0U));
}

std::string text(const std::string& words) {
    return number(words.size()) + words;
}

/// A turn of that kind, `later_us` after the one before.
std::string turn(std::uint8_t kind, std::uint64_t later_us, const std::string& fields) {
    const auto record = std::string(1, static_cast<char>(kind)) + number(later_us) + fields;
    return number(record.size()) + record;
}

/// A record that a reader has to step over.
std::string something_nested() {
    const std::string record = std::string(1, static_cast<char>(0x80 + 91)) + "whatever";
    return number(record.size()) + record;
}

std::string frame(const std::string& raw) {
    std::string packed(ZSTD_compressBound(raw.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), 1));
    return packed;
}

std::string media(std::int64_t after_last, std::uint64_t later_us, char byte) {
    return turn(2, later_us,
                number(1) + difference(0) + difference(after_last) + number(0) + number(160) +
                    std::string(160, byte));
}

struct Written {
    explicit Written(const std::string& blocks)
        : path(std::filesystem::temp_directory_path() /
               ("agentbridge-captured-" + std::to_string(::getpid()) + ".abcap")) {
        std::ofstream out(path, std::ios::binary);
        out << std::string(
                   "\x5A\x2A\x4D\x18\x06\x00\x00\x00"
                   "ABCAP\x01",
                   14)
            << frame("the opening is not looked at") << blocks;
    }
    ~Written() { std::filesystem::remove(path); }
    const std::filesystem::path path;
};

std::string two_seconds() {
    return turn(20, 0, "") +
           turn(12, 1'500'000, text("CA1") + text("") + text("") + text("ringing")) +
           something_nested() + turn(1, 500'000, number(1) + text("MZ1") + std::string(1, '\1')) +
           media(-20, 30'000, 'a') + media(0, 20'000, 'b') + something_nested() +
           media(100, 125'000, 'c') + turn(4, 1'000, number(1) + number(9) + number('7'));
}

}  // namespace

TEST(CapturedCaller, SaysAndPressesAgainWhatWasCaptured) {
    const Written file(frame(two_seconds()) + frame(turn(7, 3'000'000, number(1))));
    auto far_end = load_captured_far_end(file.path.string());
    ASSERT_TRUE(far_end) << far_end.error().message;
    EXPECT_EQ(far_end->ringing, 1500ms);
    EXPECT_EQ(far_end->length, 1000ms);
    ASSERT_EQ(far_end->keys.size(), 1U);
    CapturedCaller caller(PersonOptions{},
                          std::make_shared<const CapturedFarEnd>(std::move(*far_end)));
    std::string said, pressed;
    MulawFrame out;
    for (int i = 0; i < 60; ++i) {
        pressed += caller.press();
        const auto doing = caller.speak(out);
        if (doing == Persona::Speech::hung_up) break;
        said += out[159] == 0xFF ? '.' : static_cast<char>(out[159]);
    }
    EXPECT_EQ(pressed, "7");
    EXPECT_EQ(said.substr(0, 12), ".ab.....c...");  // 30 ms before the first, 100 ms lost
    EXPECT_EQ(said.size(), 50U);
}

TEST(CapturedCaller, IsBusyWhereTheCapturedOneWas) {
    const Written file(frame(turn(20, 0, "") + turn(13, 100, text("CA1") + text("busy"))));
    const auto far_end = load_captured_far_end(file.path.string());
    ASSERT_TRUE(far_end);
    EXPECT_EQ(far_end->reaction, Reaction::Kind::busy);
    const auto persona = PersonaBook::make_from("capture:" + file.path.string());
    ASSERT_TRUE(persona);
    EXPECT_EQ((*persona)->reaction().kind, Reaction::Kind::busy);
}

TEST(CapturedCaller, TakesWhatIsThereOfAFileThatWasCutOff) {
    const auto second = frame(turn(7, 3'000'000, number(1)));
    const Written file(frame(two_seconds()) + second.substr(0, second.size() - 3));
    const auto far_end = load_captured_far_end(file.path.string());
    ASSERT_TRUE(far_end);
    EXPECT_GT(far_end->length, 100ms);
    EXPECT_LT(far_end->length, 1000ms);
}

TEST(CapturedCaller, TellsAnotherFileApart) {
    EXPECT_EQ(load_captured_far_end("/nowhere/at/all.abcap").error().code, Errc::not_found);
    EXPECT_FALSE(PersonaBook::make_from("capture:/etc/hostname"));
}
