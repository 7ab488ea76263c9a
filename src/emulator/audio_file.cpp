// Sound files for <Play> and for personas, through libsndfile.

#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.hpp"
#include "emulator/persona.hpp"
#include "emulator/resample.hpp"

namespace bridge::emulator {
namespace {

constexpr std::uintmax_t kLargestFile = 256ULL * 1024 * 1024;
constexpr std::size_t kLongestSound = 60UL * 60 * 8000;  // an hour at 8 kHz

struct FileCloser {
    void operator()(SNDFILE* file) const { sf_close(file); }
};
using File = std::unique_ptr<SNDFILE, FileCloser>;

Result<std::vector<std::uint8_t>> read_all(SNDFILE* file, const SF_INFO& format,
                                           const std::string& name) {
    if (format.channels < 1 || format.channels > 64 || format.samplerate < 1000 ||
        format.samplerate > 384000) {
        return fail(Errc::bad_field, name + " has " + std::to_string(format.channels) +
                                         " channels at " + std::to_string(format.samplerate) +
                                         " Hz, which cannot be played");
    }
    const auto channels = static_cast<std::size_t>(format.channels);
    constexpr std::size_t kBlock = 4096;
    std::vector<float> frames(kBlock * channels);
    std::vector<float> mono;
    std::vector<float> telephone;
    ToTelephoneRate rate(format.samplerate);
    for (;;) {
        const auto got = sf_readf_float(file, frames.data(), static_cast<sf_count_t>(kBlock));
        if (got <= 0) break;
        mono.clear();
        for (std::size_t frame = 0; frame < static_cast<std::size_t>(got); ++frame) {
            float sum = 0;
            for (std::size_t k = 0; k < channels; ++k) sum += frames[frame * channels + k];
            mono.push_back(sum / static_cast<float>(channels) * 32768.0F);
        }
        rate.write(mono, telephone);
        if (telephone.size() > kLongestSound) {
            return fail(Errc::too_large, name + " is longer than an hour");
        }
    }
    rate.finish(telephone);
    return mulaw_from_float(telephone);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// Headerless mu-law, 8 kHz: nothing in the bytes says so.
bool is_raw_mulaw_type(std::string_view content_type) {
    const std::string type = lower(content_type.substr(0, content_type.find(';')));
    constexpr std::array<std::string_view, 5> kTypes{"audio/basic", "audio/x-mulaw", "audio/mulaw",
                                                     "audio/ulaw", "audio/pcmu"};
    return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool is_raw_mulaw_name(const std::filesystem::path& path) {
    const std::string extension = lower(path.extension().string());
    return extension == ".ulaw" || extension == ".ul" || extension == ".mulaw" ||
           extension == ".pcmu";
}

// libsndfile's view of bytes in memory.
struct Memory {
    std::string_view bytes;
    sf_count_t at = 0;

    static Memory& of(void* self) { return *static_cast<Memory*>(self); }
    sf_count_t size() const { return static_cast<sf_count_t>(bytes.size()); }
};

sf_count_t memory_size(void* self) {
    return Memory::of(self).size();
}
sf_count_t memory_tell(void* self) {
    return Memory::of(self).at;
}

sf_count_t memory_seek(sf_count_t offset, int whence, void* self) {
    auto& memory = Memory::of(self);
    sf_count_t from = 0;
    if (whence == SEEK_CUR) from = memory.at;
    if (whence == SEEK_END) from = memory.size();
    memory.at = std::clamp<sf_count_t>(from + offset, 0, memory.size());
    return memory.at;
}

sf_count_t memory_read(void* out, sf_count_t count, void* self) {
    auto& memory = Memory::of(self);
    const sf_count_t got = std::clamp<sf_count_t>(memory.size() - memory.at, 0, count);
    if (got > 0) std::memcpy(out, memory.bytes.data() + memory.at, static_cast<std::size_t>(got));
    memory.at += got;
    return got;
}

sf_count_t memory_write(const void*, sf_count_t, void*) {
    return 0;
}

}  // namespace

Result<std::vector<std::uint8_t>> load_audio(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return fail(Errc::not_found, "there is no sound file " + path);
    if (size > kLargestFile) return fail(Errc::too_large, path + " is larger than 256 MB");

    SF_INFO format{};
    if (is_raw_mulaw_name(path)) {
        format.format = SF_FORMAT_RAW | SF_FORMAT_ULAW;
        format.samplerate = 8000;
        format.channels = 1;
    }
    const File file(sf_open(path.c_str(), SFM_READ, &format));
    if (!file) {
        return fail(Errc::bad_field,
                    path + " is not a sound file that can be read: " + sf_strerror(nullptr));
    }
    return read_all(file.get(), format, path);
}

Result<std::vector<std::uint8_t>> decode_audio(std::string_view bytes,
                                               std::string_view content_type) {
    if (bytes.size() > kLargestFile)
        return fail(Errc::too_large, "the sound is larger than 256 MB");
    if (is_raw_mulaw_type(content_type) && !bytes.starts_with(".snd") &&
        !bytes.starts_with("RIFF")) {
        if (bytes.size() > kLongestSound)
            return fail(Errc::too_large, "the sound is longer than an hour");
        return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
    }
    Memory memory{bytes};
    SF_VIRTUAL_IO io{memory_size, memory_seek, memory_read, memory_write, memory_tell};
    SF_INFO format{};
    const File file(sf_open_virtual(&io, SFM_READ, &format, &memory));
    if (!file) {
        return fail(Errc::bad_field, std::string("the bytes are not a sound that can be read: ") +
                                         sf_strerror(nullptr));
    }
    return read_all(file.get(), format, "the sound");
}

}  // namespace bridge::emulator
