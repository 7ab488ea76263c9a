// Speech and sound files: what <Say>, <Play> and personas put on the line.

#include <gtest/gtest.h>
#include <sndfile.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <sstream>

#include "base/error.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/persona.hpp"
#include "emulator/resample.hpp"

namespace bridge::emulator {
namespace {

/// A file of this test alone, removed with it.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& name) {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        path_ = testing::TempDir() + "emulator_" + test->name() + "_" + name;
    }
    ~TemporaryFile() { std::remove(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }
    std::string bytes() const {
        std::ifstream file(path_, std::ios::binary);
        std::ostringstream all;
        all << file.rdbuf();
        return all.str();
    }

private:
    std::string path_;
};

std::vector<float> sine(double hz, int rate, double seconds, double amplitude) {
    std::vector<float> wave(static_cast<std::size_t>(rate * seconds));
    for (std::size_t k = 0; k < wave.size(); ++k) {
        const double phase = 2 * std::numbers::pi * hz * static_cast<double>(k) / rate;
        wave[k] = static_cast<float>(amplitude * std::sin(phase));
    }
    return wave;
}

/// `channels` copies of `wave`, the second one upside down if asked for.
void write_sound(const std::string& path, const std::vector<float>& wave, int rate, int channels,
                 int format, bool opposite = false) {
    SF_INFO info{};
    info.samplerate = rate;
    info.channels = channels;
    info.format = format;
    auto* file = sf_open(path.c_str(), SFM_WRITE, &info);
    ASSERT_NE(file, nullptr) << sf_strerror(nullptr);
    std::vector<float> frames;
    for (const float sample : wave) {
        for (int k = 0; k < channels; ++k) frames.push_back(opposite && k == 1 ? -sample : sample);
    }
    sf_writef_float(file, frames.data(), static_cast<sf_count_t>(wave.size()));
    sf_close(file);
}

double correlation(const std::vector<std::int16_t>& a, const std::vector<float>& b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (std::size_t k = 400; k + 400 < std::min(a.size(), b.size()); ++k) {
        const double x = a[k];
        const double y = b[k];
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return ab / std::sqrt(aa * bb);
}

TEST(Synthesize, SpeaksAtATelephonesLevelWithoutClipping) {
    const auto speech = synthesize("Hello, this is a sentence of some length, spoken for a test.");
    ASSERT_TRUE(speech) << speech.error().message;
    EXPECT_GT(speech->size(), 8000U * 2);
    EXPECT_LT(speech->size(), 8000U * 8);
    int peak = 0;
    double sum = 0;
    double count = 0;
    for (std::size_t at = 0; at + 160 <= speech->size(); at += 160) {
        const double rms = mulaw_rms({speech->data() + at, 160});
        if (rms < 300) continue;
        sum += rms * rms;
        ++count;
    }
    for (const auto byte : *speech)
        peak = std::max(peak, std::abs(static_cast<int>(mulaw_decode(byte))));
    EXPECT_LT(peak, 32000);
    const double dbfs = 20 * std::log10(std::sqrt(sum / count) / 32768);
    EXPECT_GT(dbfs, -20);
    EXPECT_LT(dbfs, -14);
}

TEST(Synthesize, BeginsAndEndsWithTheWords) {
    const auto speech = synthesize("Hello.");
    ASSERT_TRUE(speech);
    const auto loud = [](std::uint8_t byte) {
        return std::abs(static_cast<int>(mulaw_decode(byte))) > 200;
    };
    const auto first = std::find_if(speech->begin(), speech->end(), loud) - speech->begin();
    const auto last = std::find_if(speech->rbegin(), speech->rend(), loud) - speech->rbegin();
    EXPECT_LE(first, 200);
    EXPECT_LE(last, 200);
}

TEST(Synthesize, RemembersWhatItSaid) {
    const std::string text =
        "This was said before, and it took a while to find the voice for all of it.";
    const auto first = synthesize(text);
    const auto began = std::chrono::steady_clock::now();
    const auto second = synthesize(text);
    const auto took = std::chrono::steady_clock::now() - began;
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first, *second);
    EXPECT_LT(took, std::chrono::milliseconds(20));
}

TEST(Synthesize, SaysNothingForNothingAndRefusesABook) {
    ASSERT_TRUE(synthesize(""));
    EXPECT_TRUE(synthesize(" \n ")->empty());
    const auto book = synthesize(std::string(5000, 'a'));
    ASSERT_FALSE(book);
    EXPECT_EQ(book.error().code, Errc::too_large);
}

TEST(ToTelephoneRate, KeepsToneAndLengthFromEveryUsualRate) {
    for (const int rate : {8000, 11025, 16000, 22050, 24000, 44100, 48000}) {
        const auto wave = sine(1000, rate, 1.0, 10000);
        std::vector<float> out;
        ToTelephoneRate to(rate);
        for (std::size_t at = 0; at < wave.size(); at += 777) {
            to.write({wave.data() + at, std::min<std::size_t>(777, wave.size() - at)}, out);
        }
        to.finish(out);
        EXPECT_EQ(out.size(), 8000U) << rate;
        std::vector<std::int16_t> heard;
        for (const float sample : out) heard.push_back(static_cast<std::int16_t>(sample));
        EXPECT_GT(correlation(heard, sine(1000, 8000, 1.0, 10000)), 0.999) << rate;
    }
}

TEST(ToTelephoneRate, TakesOutWhatATelephoneCannotCarry) {
    std::vector<float> out;
    ToTelephoneRate to(48000);
    to.write(sine(6000, 48000, 0.5, 10000), out);
    to.finish(out);
    for (std::size_t k = 400; k + 400 < out.size(); ++k) EXPECT_LT(std::abs(out[k]), 100);
}

TEST(LoadAudio, LeavesTelephoneSoundAsItIs) {
    const TemporaryFile file("a.wav");
    const auto wave = sine(700, 8000, 0.5, 0.3);
    write_sound(file.path(), wave, 8000, 1, SF_FORMAT_WAV | SF_FORMAT_ULAW);
    const auto loaded = load_audio(file.path());
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_EQ(loaded->size(), wave.size());
    const auto raw = file.bytes();
    for (std::size_t k = 0; k < wave.size(); ++k) {
        auto stored = static_cast<std::uint8_t>(raw[raw.size() - wave.size() + k]);
        if (stored == 0x7F) stored = 0xFF;  // negative zero is zero
        ASSERT_EQ((*loaded)[k], stored) << k;
    }
}

TEST(LoadAudio, MixesChannelsAndChangesTheRate) {
    const TemporaryFile file("stereo.wav");
    write_sound(file.path(), sine(800, 44100, 1.0, 0.5), 44100, 2,
                SF_FORMAT_WAV | SF_FORMAT_PCM_16);
    const auto loaded = load_audio(file.path());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->size(), 8000U);
    EXPECT_GT(correlation(mulaw_decode(*loaded), sine(800, 8000, 1.0, 16384)), 0.998);

    const TemporaryFile opposite("opposite.wav");
    write_sound(opposite.path(), sine(800, 8000, 0.2, 0.5), 8000, 2,
                SF_FORMAT_WAV | SF_FORMAT_PCM_16, true);
    const auto cancelled = load_audio(opposite.path());
    ASSERT_TRUE(cancelled);
    EXPECT_LT(mulaw_rms(*cancelled), 5);
}

TEST(LoadAudio, SaysWhatIsWrongWithAFile) {
    const auto missing = load_audio("/nowhere/hello.wav");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_NE(missing.error().message.find("/nowhere/hello.wav"), std::string::npos);

    const TemporaryFile text("text.wav");
    std::ofstream(text.path()) << "this is not sound";
    const auto wrong = load_audio(text.path());
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Errc::bad_field);
}

TEST(DecodeAudio, ReadsWavAndAuAndFlacFromMemory) {
    const std::pair<const char*, int> formats[] = {{"x.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16},
                                                   {"x.au", SF_FORMAT_AU | SF_FORMAT_ULAW},
                                                   {"x.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16}};
    for (const auto& [name, format] : formats) {
        const TemporaryFile file(name);
        write_sound(file.path(), sine(500, 16000, 0.5, 0.4), 16000, 1, format);
        const auto decoded = decode_audio(file.bytes(), "audio/basic");
        ASSERT_TRUE(decoded) << name << ": " << decoded.error().message;
        if (format != (SF_FORMAT_FLAC | SF_FORMAT_PCM_16)) {
            EXPECT_EQ(decoded->size(), 4000U) << name;
        }
        const auto untyped = decode_audio(file.bytes());
        ASSERT_TRUE(untyped) << name;
        EXPECT_EQ(untyped->size(), 4000U) << name;
    }
}

TEST(DecodeAudio, TakesHeaderlessBytesOnlyWhenTheirTypeSaysMulaw) {
    const std::string raw("\x10\x20\x30\x40", 4);
    const auto typed = decode_audio(raw, "audio/basic; charset=binary");
    ASSERT_TRUE(typed);
    EXPECT_EQ(*typed, (std::vector<std::uint8_t>{0x10, 0x20, 0x30, 0x40}));
    const auto untyped = decode_audio(raw, "text/html");
    ASSERT_FALSE(untyped);
    EXPECT_EQ(untyped.error().code, Errc::bad_field);
    EXPECT_FALSE(decode_audio("", "audio/wav"));
}

TEST(LoadAudio, ReadsRawMulawByItsName) {
    const TemporaryFile file("raw.ulaw");
    std::ofstream(file.path(), std::ios::binary) << std::string(320, '\x55');
    const auto loaded = load_audio(file.path());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(*loaded, std::vector<std::uint8_t>(320, 0x55));
}

}  // namespace
}  // namespace bridge::emulator
