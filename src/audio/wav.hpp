#pragma once
// Sound files: reads whatever libsndfile reads (WAV, FLAC, Ogg, AIFF, …), writes 16-bit mono WAV
// that is complete up to its last block even if the program is killed.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::audio {

/// A sound in memory: mono, at the rate the file had.
struct Sound {
    int sample_rate = 0;
    std::vector<std::int16_t> samples;
};

/// Reads a whole file; several channels are averaged. At most an hour.
/// Errors: not_found (no such file), bad_field (not a sound file, empty), too_large, io.
Result<Sound> read_sound(const std::filesystem::path& path);

/// The same of a WAV file in memory, and of no other format. Errors: bad_field, too_large.
Result<Sound> read_wav(std::string_view file);

/// Writes a 16-bit mono WAV; its header is brought up to date with each `write`.
/// Thread: one at a time. Blocks on the disk: not for an io thread's audio path.
class WavWriter {
public:
    /// Creates or overwrites. Errors: io (with the folder or permission that is missing).
    static Result<std::unique_ptr<WavWriter>> create(const std::filesystem::path& path,
                                                     int sample_rate);
    ~WavWriter();
    WavWriter(const WavWriter&) = delete;
    WavWriter& operator=(const WavWriter&) = delete;

    /// Errors: io (disk full); what was written before stays readable, later writes fail at once.
    Result<> write(std::span<const std::int16_t> samples);
    std::uint64_t samples_written() const noexcept;
    const std::filesystem::path& path() const noexcept;

private:
    struct File;
    explicit WavWriter(std::unique_ptr<File> file);
    std::unique_ptr<File> file_;
};

}  // namespace bridge::audio
