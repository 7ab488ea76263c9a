#pragma once
// One recording of a call as a sound file of two channels at 8 kHz, the far end left, the near end
// right: written while the call goes on, made smaller when it is over, looked into afterwards.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::stores {

enum class RecordingForm { wav, flac, opus };
/// "wav", "flac", "opus": also the ends of files' names.
std::string_view to_string(RecordingForm form);
std::optional<RecordingForm> parse_recording_form(std::string_view text);

/// A WAV that is complete up to its last write, also if the program is killed. It is locked while
/// it is written. Thread: one at a time; blocks on the disk.
class RecordingFile {
public:
    /// Made, for its owner only. `offset`: where on the call's timeline it begins; kept in the
    /// file. Errors: io (it is there already, the folder cannot be written).
    static Result<std::unique_ptr<RecordingFile>> create(const std::filesystem::path& path,
                                                         bool mulaw,
                                                         std::chrono::milliseconds offset);
    virtual ~RecordingFile() = default;
    /// far, near, far, near, … Errors: io (the disk is full).
    virtual Result<> write(std::span<const std::int16_t> interleaved) = 0;
    /// Samples of each side.
    virtual std::uint64_t samples() const = 0;
};

/// Whether somebody writes it at this moment, this program or another.
bool is_being_written(const std::filesystem::path& path);

/// What a half-made file is called until it is whole.
inline constexpr std::string_view kUnfinished = ".part";

/// What a recording says of itself, kept in its file.
struct RecordingOrigin {
    std::chrono::milliseconds offset{0};  ///< where on the call's timeline it begins
    bool by_carrier = false;              ///< else by this program
};

/// A part of one side that is silence, in samples at 8 kHz on the recording's own time.
struct SilentPart {
    std::size_t channel = 0;  ///< 0: the far end, 1: the near end
    std::uint64_t begin = 0, end = 0;
};
/// The same part of sound of another rate, in its samples; no less of it.
SilentPart at_rate(const SilentPart& part, std::uint64_t rate);
/// Puts it into sound that is far, near, far, near, … `at`: of the first sample.
void silence(std::span<std::int16_t> interleaved, std::uint64_t at, const SilentPart& part);

/// The same sound in another form beside it; `to` appears when it is whole, and on the disk. Waits
/// while something is taken out of the recordings of that folder (folder_lock.hpp). `origin`: what
/// it says of itself; nothing: what `from` says. Errors: io, bad_field (`from` is no recording).
Result<> convert_recording(const std::filesystem::path& from, const std::filesystem::path& to,
                           RecordingForm form, std::optional<RecordingOrigin> origin = {});
/// The same for who has the lock, with parts that are silence; `to` may be `from`.
Result<> make_recording(const std::filesystem::path& from, const std::filesystem::path& to,
                        RecordingForm form, std::span<const SilentPart> silent,
                        std::optional<RecordingOrigin> origin = {});

struct RecordingFacts {
    std::chrono::milliseconds duration{0};
    RecordingOrigin origin;
};
Result<RecordingFacts> read_recording_facts(const std::filesystem::path& path);

/// The loudest of each of `buckets` equal parts, 0 to 1.
struct RecordingPeaks {
    std::chrono::milliseconds duration{0};
    std::vector<float> far, near;
};
Result<RecordingPeaks> read_recording_peaks(const std::filesystem::path& path, std::size_t buckets);

}  // namespace bridge::stores
