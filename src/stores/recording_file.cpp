#include "stores/recording_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sndfile.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "stores/folder_lock.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr int kRate = 8000;
constexpr int kChannels = 2;
constexpr std::string_view kOffsetKey = "offset_ms=";
constexpr std::string_view kByCarrier = " source=twilio";

struct SoundCloser {
    void operator()(SNDFILE* file) const noexcept { sf_close(file); }
};
using SoundHandle = std::unique_ptr<SNDFILE, SoundCloser>;

std::string reason_of(int error) {
    return std::generic_category().message(error);
}

tl::unexpected<Error> cannot_write(const fs::path& path, const std::string& why) {
    return fail(Errc::io, fmt::format("{}: cannot be written ({})", path.string(), why));
}

void set_origin(SNDFILE* file, const RecordingOrigin& origin) {
    const auto text = fmt::format("{}{}{}", kOffsetKey, origin.offset.count(),
                                  origin.by_carrier ? kByCarrier : "");
    sf_set_string(file, SF_STR_COMMENT, text.c_str());
}

RecordingOrigin origin_of(SNDFILE* file) {
    const char* const comment = sf_get_string(file, SF_STR_COMMENT);
    std::string_view text = comment == nullptr ? "" : comment;
    if (!text.starts_with(kOffsetKey)) return {};
    text.remove_prefix(kOffsetKey.size());
    std::int64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    RecordingOrigin out;
    if (parsed.ec == std::errc() && value > 0) out.offset = milliseconds(value);
    out.by_carrier = std::string_view(parsed.ptr, end) == kByCarrier;
    return out;
}

class WrittenFile final : public RecordingFile {
public:
    WrittenFile(fs::path path, SoundHandle handle)
        : path_(std::move(path)), handle_(std::move(handle)) {}

    Result<> write(std::span<const std::int16_t> interleaved) override {
        const auto wanted = static_cast<sf_count_t>(interleaved.size() / kChannels);
        errno = 0;
        const auto done = sf_writef_short(handle_.get(), interleaved.data(), wanted);
        if (done > 0) samples_ += static_cast<std::uint64_t>(done);
        if (done == wanted) return {};
        return fail(Errc::io,
                    fmt::format("{}: writing failed after {} s, is the disk full? ({})",
                                path_.string(), samples_ / kRate,
                                errno != 0 ? reason_of(errno) : sf_strerror(handle_.get())));
    }
    std::uint64_t samples() const override { return samples_; }

private:
    const fs::path path_;
    const SoundHandle handle_;
    std::uint64_t samples_ = 0;
};

struct Opened {
    SoundHandle handle;
    SF_INFO info{};
};

Result<Opened> open_to_read(const fs::path& path) {
    Opened out;
    out.handle.reset(sf_open(path.c_str(), SFM_READ, &out.info));
    if (!out.handle)
        return fail(Errc::bad_field, fmt::format("{}: cannot be read as sound ({})", path.string(),
                                                 sf_strerror(nullptr)));
    if (out.info.channels != kChannels || out.info.samplerate <= 0)
        return fail(Errc::bad_field, fmt::format("{}: is no recording of a call", path.string()));
    return out;
}

milliseconds duration_of(const SF_INFO& info) {
    return milliseconds(std::max<sf_count_t>(info.frames, 0) * 1000 / info.samplerate);
}

int format_of(RecordingForm form) {
    switch (form) {
        case RecordingForm::wav:
            return SF_FORMAT_WAV | SF_FORMAT_PCM_16;
        case RecordingForm::flac:
            return SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
        case RecordingForm::opus:
            return SF_FORMAT_OGG | SF_FORMAT_OPUS;
    }
    return SF_FORMAT_WAV | SF_FORMAT_PCM_16;
}

Result<> copy_sound(SNDFILE* from, SNDFILE* to, const fs::path& path,
                    const std::vector<SilentPart>& silent) {
    std::vector<std::int16_t> block(8192 * kChannels);
    for (std::uint64_t at = 0;;) {
        const auto got = sf_readf_short(from, block.data(), 8192);
        if (got <= 0) return {};
        const auto sound = std::span(block).first(static_cast<std::size_t>(got) * kChannels);
        for (const auto& part : silent) silence(sound, at, part);
        at += static_cast<std::uint64_t>(got);
        errno = 0;
        if (sf_writef_short(to, block.data(), got) != got)
            return cannot_write(path, errno != 0 ? reason_of(errno) : sf_strerror(to));
    }
}

Result<> sync(const fs::path& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    if (file < 0) return cannot_write(path, reason_of(errno));
    const bool done = ::fsync(file) == 0;
    const int error = errno;
    ::close(file);
    if (!done) return cannot_write(path, reason_of(error));
    return {};
}

}  // namespace

std::string_view to_string(RecordingForm form) {
    switch (form) {
        case RecordingForm::wav:
            return "wav";
        case RecordingForm::flac:
            return "flac";
        case RecordingForm::opus:
            return "opus";
    }
    return "wav";
}

std::optional<RecordingForm> parse_recording_form(std::string_view text) {
    for (const auto form : {RecordingForm::wav, RecordingForm::flac, RecordingForm::opus}) {
        if (text == to_string(form)) return form;
    }
    return std::nullopt;
}

Result<std::unique_ptr<RecordingFile>> RecordingFile::create(const fs::path& path, bool mulaw,
                                                             milliseconds offset) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return cannot_write(path, reason_of(errno));
    ::flock(file, LOCK_EX);  // whoever looks holds it for a moment only
    SF_INFO info{};
    info.samplerate = kRate;
    info.channels = kChannels;
    info.format = SF_FORMAT_WAV | (mulaw ? SF_FORMAT_ULAW : SF_FORMAT_PCM_16);
    SoundHandle handle{sf_open_fd(file, SFM_WRITE, &info, SF_TRUE)};
    if (!handle) {
        const std::string why = sf_strerror(nullptr);
        ::unlink(path.c_str());
        return cannot_write(path, why);
    }
    set_origin(handle.get(), {offset, false});
    sf_command(handle.get(), SFC_SET_UPDATE_HEADER_AUTO, nullptr, SF_TRUE);
    return std::make_unique<WrittenFile>(path, std::move(handle));
}

bool is_being_written(const fs::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool locked = ::flock(file, LOCK_SH | LOCK_NB) != 0;
    ::close(file);
    return locked;
}

SilentPart at_rate(const SilentPart& part, std::uint64_t rate) {
    return {part.channel, part.begin * rate / kRate, (part.end * rate + kRate - 1) / kRate};
}

void silence(std::span<std::int16_t> interleaved, std::uint64_t at, const SilentPart& part) {
    const auto end = std::min(part.end, at + interleaved.size() / kChannels);
    for (auto i = std::max(part.begin, at); i < end; ++i)
        interleaved[static_cast<std::size_t>(i - at) * kChannels + part.channel] = 0;
}

Result<> convert_recording(const fs::path& from, const fs::path& to, RecordingForm form,
                           std::optional<RecordingOrigin> origin) {
    const FolderLock lock(from.parent_path(), FolderLock::Kind::shared);
    return make_recording(from, to, form, {}, origin);
}

Result<> make_recording(const fs::path& from, const fs::path& to, RecordingForm form,
                        std::span<const SilentPart> silent, std::optional<RecordingOrigin> origin) {
    auto source = open_to_read(from);
    if (!source) return tl::unexpected(source.error());
    auto unfinished = to;
    unfinished += kUnfinished;
    const int file = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return cannot_write(unfinished, reason_of(errno));
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        ::close(file);
        return fail(Errc::io, fmt::format("{}: is being made already", to.string()));
    }
    SF_INFO info{};
    info.samplerate = source->info.samplerate;
    info.channels = kChannels;
    info.format = format_of(form);
    SoundHandle made{sf_open_fd(file, SFM_WRITE, &info, SF_TRUE)};
    if (!made) {
        const std::string why = sf_strerror(nullptr);
        ::unlink(unfinished.c_str());
        return cannot_write(to, why);
    }
    set_origin(made.get(), origin ? *origin : origin_of(source->handle.get()));
    // Of an odd rate, when the file came from somebody else.
    std::vector<SilentPart> parts;
    for (const auto& part : silent)
        parts.push_back(at_rate(part, static_cast<std::uint64_t>(info.samplerate)));
    auto copied = copy_sound(source->handle.get(), made.get(), to, parts);
    made.reset();
    if (copied) copied = sync(unfinished, O_RDONLY);
    if (copied && ::rename(unfinished.c_str(), to.c_str()) != 0)
        copied = cannot_write(to, reason_of(errno));
    if (!copied) {
        ::unlink(unfinished.c_str());
        return copied;
    }
    return sync(to.parent_path(), O_RDONLY | O_DIRECTORY);
}

Result<RecordingFacts> read_recording_facts(const fs::path& path) {
    auto opened = open_to_read(path);
    if (!opened) return tl::unexpected(opened.error());
    return RecordingFacts{duration_of(opened->info), origin_of(opened->handle.get())};
}

Result<RecordingPeaks> read_recording_peaks(const fs::path& path, std::size_t buckets) {
    auto opened = open_to_read(path);
    if (!opened) return tl::unexpected(opened.error());
    RecordingPeaks out;
    out.duration = duration_of(opened->info);
    out.far.resize(buckets);
    out.near.resize(buckets);
    const auto frames = static_cast<std::uint64_t>(std::max<sf_count_t>(opened->info.frames, 1));
    std::vector<std::int16_t> block(8192 * kChannels);
    for (std::uint64_t at = 0;;) {
        const auto got = sf_readf_short(opened->handle.get(), block.data(), 8192);
        if (got <= 0) return out;
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i, ++at) {
            const auto bucket =
                std::min(buckets - 1, static_cast<std::size_t>(at * buckets / frames));
            const auto level = [&](std::size_t channel) {
                return static_cast<float>(std::abs(static_cast<int>(block[2 * i + channel]))) /
                       32768.0F;
            };
            out.far[bucket] = std::max(out.far[bucket], level(0));
            out.near[bucket] = std::max(out.near[bucket], level(1));
        }
    }
}

}  // namespace bridge::stores
