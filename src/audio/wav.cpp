#include "audio/wav.hpp"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <system_error>
#include <utility>

namespace bridge::audio {
namespace {

constexpr std::int64_t kMaxSeconds = 3600;

struct Closer {
    void operator()(SNDFILE* file) const noexcept { sf_close(file); }
};
using Handle = std::unique_ptr<SNDFILE, Closer>;

std::int16_t mean_of(const float* channels, int count) {
    float sum = 0;
    for (int c = 0; c < count; ++c) sum += channels[c];
    const auto value = std::clamp(sum / static_cast<float>(count), -1.0F, 1.0F);
    return static_cast<std::int16_t>(std::clamp(std::lrint(value * 32768.0F), -32768L, 32767L));
}

/// The rest of reading, once it is open. `name`: for messages.
Result<Sound> read_all(SNDFILE* file, const SF_INFO& info, const std::string& name) {
    if (info.channels < 1 || info.samplerate < 1000 || info.samplerate > 768000)
        return fail(Errc::bad_field, fmt::format("{}: {} channels at {} Hz cannot be used", name,
                                                 info.channels, info.samplerate));
    const auto limit = kMaxSeconds * info.samplerate;
    if (info.frames > limit && info.frames < SF_COUNT_MAX)
        return fail(Errc::too_large, fmt::format("{}: longer than an hour", name));
    sf_command(file, SFC_SET_SCALE_FLOAT_INT_READ, nullptr, SF_TRUE);

    // The header's length is not believed: a file cut short or a stream says something else.
    Sound sound{info.samplerate, {}};
    constexpr sf_count_t kBlock = 4096;
    std::vector<float> block(static_cast<std::size_t>(kBlock * info.channels));
    for (;;) {
        const auto got = sf_readf_float(file, block.data(), kBlock);
        if (got <= 0) break;
        for (sf_count_t i = 0; i < got; ++i)
            sound.samples.push_back(
                mean_of(&block[static_cast<std::size_t>(i * info.channels)], info.channels));
        if (static_cast<std::int64_t>(sound.samples.size()) > limit)
            return fail(Errc::too_large, fmt::format("{}: longer than an hour", name));
    }
    if (sound.samples.empty())
        return fail(Errc::bad_field, fmt::format("{}: holds no sound", name));
    return sound;
}

/// A file in memory, as libsndfile reads one.
struct InMemory {
    std::string_view bytes;
    sf_count_t at = 0;

    static InMemory& of(void* user) { return *static_cast<InMemory*>(user); }
    static sf_count_t length(void* user) {
        return static_cast<sf_count_t>(of(user).bytes.size());
    }
    static sf_count_t seek(sf_count_t offset, int whence, void* user) {
        auto& file = of(user);
        const auto from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.at : length(user);
        file.at = std::clamp<sf_count_t>(from + offset, 0, length(user));
        return file.at;
    }
    static sf_count_t read(void* into, sf_count_t count, void* user) {
        auto& file = of(user);
        const auto part = std::min(count, length(user) - file.at);
        if (part <= 0) return 0;
        std::memcpy(into, file.bytes.data() + file.at, static_cast<std::size_t>(part));
        file.at += part;
        return part;
    }
    static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
    static sf_count_t tell(void* user) { return of(user).at; }
};

}  // namespace

Result<Sound> read_wav(std::string_view bytes) {
    InMemory memory{bytes};
    SF_VIRTUAL_IO io{InMemory::length, InMemory::seek, InMemory::read, InMemory::write,
                     InMemory::tell};
    SF_INFO info{};
    const Handle file{sf_open_virtual(&io, SFM_READ, &info, &memory)};
    if (!file)
        return fail(Errc::bad_field,
                    fmt::format("the file cannot be read as WAV ({})", sf_strerror(nullptr)));
    const auto type = info.format & SF_FORMAT_TYPEMASK;
    if (type != SF_FORMAT_WAV && type != SF_FORMAT_WAVEX)
        return fail(Errc::bad_field, "the file is not a WAV file");
    return read_all(file.get(), info, "the file");
}

Result<Sound> read_sound(const std::filesystem::path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        return fail(Errc::not_found, fmt::format("{}: there is no such file", path.string()));
    if (std::filesystem::is_directory(status))
        return fail(Errc::bad_field,
                    fmt::format("{}: is a folder, not a sound file", path.string()));

    SF_INFO info{};
    const Handle file{sf_open(path.c_str(), SFM_READ, &info)};
    if (!file)
        return fail(Errc::bad_field, fmt::format("{}: cannot be read as sound ({})", path.string(),
                                                 sf_strerror(nullptr)));
    return read_all(file.get(), info, path.string());
}

struct WavWriter::File {
    std::filesystem::path path;
    Handle handle;
    std::uint64_t written = 0;
    bool broken = false;
};

WavWriter::WavWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
WavWriter::~WavWriter() = default;

Result<std::unique_ptr<WavWriter>> WavWriter::create(const std::filesystem::path& path,
                                                     int sample_rate) {
    SF_INFO info{};
    info.samplerate = sample_rate;
    info.channels = 1;
    info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    errno = 0;
    Handle handle{sf_open(path.c_str(), SFM_WRITE, &info)};
    if (!handle) {
        const auto reason =
            errno != 0 ? std::generic_category().message(errno) : sf_strerror(nullptr);
        return fail(Errc::io, fmt::format("{}: cannot be written ({})", path.string(), reason));
    }
    sf_command(handle.get(), SFC_SET_UPDATE_HEADER_AUTO, nullptr, SF_TRUE);
    auto file = std::make_unique<File>();
    file->path = path;
    file->handle = std::move(handle);
    return std::unique_ptr<WavWriter>(new WavWriter(std::move(file)));
}

Result<> WavWriter::write(std::span<const std::int16_t> samples) {
    const auto failed = [&] {
        return fail(
            Errc::io,
            fmt::format("{}: writing failed after {} samples, is the disk full? ({})",
                        file_->path.string(), file_->written, sf_strerror(file_->handle.get())));
    };
    if (file_->broken) return failed();
    const auto wanted = static_cast<sf_count_t>(samples.size());
    const auto done = sf_write_short(file_->handle.get(), samples.data(), wanted);
    if (done > 0) file_->written += static_cast<std::uint64_t>(done);
    if (done != wanted) {
        file_->broken = true;
        return failed();
    }
    return {};
}

std::uint64_t WavWriter::samples_written() const noexcept {
    return file_->written;
}
const std::filesystem::path& WavWriter::path() const noexcept {
    return file_->path;
}

}  // namespace bridge::audio
