#include "stores/recording_silence.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "audio/frame.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChannels = 2;
constexpr std::uint16_t kPcm = 1, kMulaw = 7;  // WAVE_FORMAT_…
constexpr std::byte kMulawSilence{0xFF};

tl::unexpected<Error> failed(const fs::path& path, int error) {
    return fail(Errc::io, fmt::format("{}: nothing can be taken out of it ({})", path.string(),
                                      std::generic_category().message(error)));
}

tl::unexpected<Error> no_recording(const fs::path& path) {
    return fail(Errc::bad_field, fmt::format("{}: is no recording of a call", path.string()));
}

/// An open file, and its end.
class File {
public:
    explicit File(const fs::path& path)
        : path_(path), file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        error_ = file_ < 0 ? errno : 0;
    }
    ~File() {
        if (file_ >= 0) ::close(file_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    Result<> opened() const {
        if (file_ < 0) return failed(path_, error_);
        return {};
    }
    std::uint64_t size() const {
        struct stat facts {};
        return ::fstat(file_, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
    }
    /// As much as is there.
    std::size_t read(std::uint64_t at, std::span<std::byte> into) const {
        const auto got = ::pread(file_, into.data(), into.size(), static_cast<off_t>(at));
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
    Result<> write(std::uint64_t at, std::span<const std::byte> from) const {
        while (!from.empty()) {
            const auto done = ::pwrite(file_, from.data(), from.size(), static_cast<off_t>(at));
            if (done < 0 && errno == EINTR) continue;
            if (done <= 0) return failed(path_, errno);
            at += static_cast<std::uint64_t>(done);
            from = from.subspan(static_cast<std::size_t>(done));
        }
        return {};
    }

private:
    const fs::path& path_;
    const int file_;
    int error_ = 0;
};

std::uint64_t number(std::span<const std::byte> bytes) {
    std::uint64_t out = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        out = out << 8 | std::to_integer<unsigned>(bytes[i]);
    return out;
}

/// Where in a WAV its sound lies.
struct Layout {
    std::uint64_t begin = 0, end = 0;  ///< bytes
    std::uint64_t rate = 0;
    std::size_t width = 0;  ///< bytes of one sample of one side
};

Result<Layout> layout_of(const File& file, const fs::path& path) {
    std::array<std::byte, 12> head{};
    if (file.read(0, head) < head.size() || std::memcmp(head.data(), "RIFF", 4) != 0 ||
        std::memcmp(&head[8], "WAVE", 4) != 0)
        return no_recording(path);
    Layout out;
    const auto size = file.size();
    for (std::uint64_t at = head.size(); at + 8 <= size;) {
        std::array<std::byte, 24> chunk{};
        const auto got = file.read(at, chunk);
        if (got < 8) break;
        const auto bytes = std::span<const std::byte>(chunk);
        const auto length = number(bytes.subspan(4, 4));
        if (std::memcmp(chunk.data(), "fmt ", 4) == 0 && got >= chunk.size()) {
            const auto form = number(bytes.subspan(8, 2));
            const auto bits = number(bytes.subspan(22, 2));
            const bool known = (form == kPcm && bits == 16) || (form == kMulaw && bits == 8);
            if (number(bytes.subspan(10, 2)) != kChannels || !known) return no_recording(path);
            out.rate = number(bytes.subspan(12, 4));
            out.width = static_cast<std::size_t>(bits / 8);
        } else if (std::memcmp(chunk.data(), "data", 4) == 0) {
            out.begin = at + 8;
            out.end = length == 0 ? size : std::min(size, out.begin + length);
            break;
        }
        at += 8 + length + length % 2;
    }
    if (out.begin == 0 || out.rate == 0) return no_recording(path);
    return out;
}

Result<> silence_part(const File& file, const Layout& layout, const SilentPart& part) {
    const auto frame = kChannels * layout.width;
    const auto frames = (layout.end - layout.begin) / frame;
    const auto place_of = at_rate(part, layout.rate);
    const auto first = std::min(frames, place_of.begin), last = std::min(frames, place_of.end);
    const auto silence = layout.width == 1 ? kMulawSilence : std::byte{0};
    std::vector<std::byte> block(std::size_t{4096} * frame);
    for (auto at = first; at < last;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(4096, last - at));
        const auto place = layout.begin + at * frame;
        const auto got = file.read(place, std::span(block).first(wanted * frame)) / frame;
        if (got == 0) break;
        for (std::size_t i = 0; i < got; ++i)
            std::fill_n(&block[i * frame + part.channel * layout.width], layout.width, silence);
        const auto changed = std::span<const std::byte>(block).first(got * frame);
        if (auto written = file.write(place, changed); !written) return written;
        at += got;
    }
    return {};
}

}  // namespace

std::vector<SilentPart> silent_parts(std::span<const SilentSpan> spans, std::uint64_t at) {
    const auto place = [at](std::chrono::milliseconds time) {
        const auto sample = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)) *
                            audio::kSamplesPerMs;
        return sample > at ? sample - at : 0;
    };
    std::vector<SilentPart> out;
    for (const auto& span : spans) {
        const SilentPart part{span.end == call::LineEnd::far ? 0U : 1U, place(span.begin),
                              place(span.until)};
        if (part.begin < part.end) out.push_back(part);
    }
    return out;
}

Result<> silence_in_place(const fs::path& wav, std::span<const SilentPart> parts) {
    const File file(wav);
    if (auto opened = file.opened(); !opened) return opened;
    const auto layout = layout_of(file, wav);
    if (!layout) return tl::unexpected(layout.error());
    for (const auto& part : parts) {
        if (auto done = silence_part(file, *layout, part); !done) return done;
    }
    return {};
}

Result<> silence_recording(const fs::path& path, RecordingForm form,
                           std::span<const SilentSpan> spans) {
    const auto facts = read_recording_facts(path);
    if (!facts) return tl::unexpected(facts.error());
    auto parts = silent_parts(
        spans, static_cast<std::uint64_t>(facts->origin.offset.count()) * audio::kSamplesPerMs);
    const auto length = static_cast<std::uint64_t>(facts->duration.count()) * audio::kSamplesPerMs;
    std::erase_if(parts, [length](const SilentPart& part) { return part.begin > length; });
    if (parts.empty()) return {};
    if (form == RecordingForm::wav) return silence_in_place(path, parts);
    return make_recording(path, path, form, parts);
}

}  // namespace bridge::stores
