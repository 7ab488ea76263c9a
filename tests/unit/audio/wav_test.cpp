#include "audio/wav.hpp"

#include <gtest/gtest.h>
#include <sndfile.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "audio/tone.hpp"

namespace bridge::audio {
namespace {

class Folder {
public:
    Folder() {
        auto name = (std::filesystem::temp_directory_path() / "wav_test.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path operator/(const char* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

std::vector<std::int16_t> tone(std::size_t samples) {
    std::vector<std::int16_t> x(samples);
    Tone(440, 0.5).fill(x);
    return x;
}

TEST(Wav, ReadsWhatItWrote) {
    const Folder folder;
    const auto x = tone(12345);
    {
        auto writer = WavWriter::create(folder / "a.wav", 8000);
        ASSERT_TRUE(writer) << writer.error().message;
        ASSERT_TRUE((*writer)->write(std::span(x).first(5000)));
        ASSERT_TRUE((*writer)->write(std::span(x).subspan(5000)));
        EXPECT_EQ((*writer)->samples_written(), 12345U);
    }
    const auto sound = read_sound(folder / "a.wav");
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->sample_rate, 8000);
    EXPECT_EQ(sound->samples, x);
}

TEST(Wav, IsReadableWhileItIsStillWritten) {
    const Folder folder;
    const auto x = tone(4800);
    auto writer = WavWriter::create(folder / "a.wav", 48000);
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->write(x));
    const auto sound = read_sound(folder / "a.wav");
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->samples, x);
}

TEST(Wav, MixesChannelsToMonoAndReadsOtherFormats) {
    const Folder folder;
    SF_INFO info{};
    info.samplerate = 22050;
    info.channels = 2;
    info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
    auto* file = sf_open((folder / "a.flac").c_str(), SFM_WRITE, &info);
    ASSERT_NE(file, nullptr);
    const std::int16_t stereo[] = {1000, 3000, -200, 200, 32767, 32767};
    sf_write_short(file, stereo, 6);
    sf_close(file);
    const auto sound = read_sound(folder / "a.flac");
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->sample_rate, 22050);
    EXPECT_EQ(sound->samples, (std::vector<std::int16_t>{2000, 0, 32767}));
}

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Wav, ReadsAFileInMemoryAsItReadsOneOnDisk) {
    const Folder folder;
    const auto x = tone(12345);
    {
        auto writer = WavWriter::create(folder / "a.wav", 16000);
        ASSERT_TRUE(writer && (*writer)->write(x));
    }
    const auto file = bytes_of(folder / "a.wav");
    const auto sound = read_wav(file);
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->sample_rate, 16000);
    EXPECT_EQ(sound->samples, x);
    // However much of it there is, it is read or refused.
    for (std::size_t length = 0; length < file.size(); length += 37) {
        const auto part = read_wav(std::string_view(file).substr(0, length));
        if (part) {
            EXPECT_LE(part->samples.size(), x.size());
        } else {
            EXPECT_EQ(part.error().code, Errc::bad_field);
        }
    }
    EXPECT_EQ(read_wav("this is no sound").error().code, Errc::bad_field);
}

TEST(Wav, SaysWhatIsWrongWithAFile) {
    const Folder folder;
    const auto missing = read_sound(folder / "no.wav");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_NE(missing.error().message.find("no.wav"), std::string::npos);

    std::ofstream(folder / "text.wav") << "this is not sound, whatever its name";
    const auto text = read_sound(folder / "text.wav");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Errc::bad_field);

    EXPECT_EQ(read_sound(folder / ".").error().code, Errc::bad_field);
    {
        auto empty = WavWriter::create(folder / "empty.wav", 8000);
        ASSERT_TRUE(empty);
    }
    EXPECT_EQ(read_sound(folder / "empty.wav").error().code, Errc::bad_field);

    const auto nowhere = WavWriter::create(folder / "none/a.wav", 8000);
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::io);
}

#if defined(__linux__)
TEST(Wav, ReportsAFullDiskAndStaysFailed) {
    auto writer = WavWriter::create("/dev/full", 8000);
    if (!writer) {  // already the header did not fit
        EXPECT_EQ(writer.error().code, Errc::io);
        return;
    }
    const auto x = tone(8000);
    const auto written = (*writer)->write(x);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::io);
    EXPECT_FALSE((*writer)->write(x));
}
#endif

}  // namespace
}  // namespace bridge::audio
