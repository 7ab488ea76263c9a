#pragma once
// Reads a sound file block by block with its channels apart, at 8 kHz: for recordings of calls,
// which may last for hours, where wav.hpp reads a whole sound at once.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.hpp"

namespace bridge::audio {

/// Thread: one at a time. Blocks on the disk.
class SoundReader {
public:
    /// Errors: not_found, bad_field (not a sound file, or more than two channels).
    static Result<std::unique_ptr<SoundReader>> open(const std::filesystem::path& path);
    ~SoundReader();
    SoundReader(const SoundReader&) = delete;
    SoundReader& operator=(const SoundReader&) = delete;

    std::size_t channels() const noexcept;  ///< 1 or 2
    /// By the file's header, at 8 kHz; 0: it does not say.
    std::uint64_t samples() const noexcept;
    /// About so many samples of each channel; empty: the file is over.
    std::vector<std::vector<std::int16_t>> read(std::size_t samples);

private:
    struct File;
    explicit SoundReader(std::unique_ptr<File> file);
    std::unique_ptr<File> file_;
};

}  // namespace bridge::audio
