#pragma once
// What must not be heard, taken out of recordings: silence of the same length on one side, the
// other side as it was.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "call/transcript.hpp"
#include "stores/recording_file.hpp"

namespace bridge::stores {

/// On the call's timeline.
struct SilentSpan {
    call::LineEnd end = call::LineEnd::far;
    std::chrono::milliseconds begin{0}, until{0};
    bool operator==(const SilentSpan&) const = default;
};

/// Of a recording that begins at the sample `at` of the call's timeline; what lies before it is
/// left out.
std::vector<SilentPart> silent_parts(std::span<const SilentSpan> spans, std::uint64_t at);

/// Where the WAV lies, also while it is written: bytes of the parts that are there are put in their
/// place, and nothing else is touched. Errors: io, bad_field (it is no WAV as recordings are).
Result<> silence_in_place(const std::filesystem::path& wav, std::span<const SilentPart> parts);

/// A recording that nobody writes, in any form; those that cannot be changed in place are made anew
/// and take the place of what was there when they are whole. With the folder's lock
/// (folder_lock.hpp) `alone`. Errors: io, bad_field.
Result<> silence_recording(const std::filesystem::path& path, RecordingForm form,
                           std::span<const SilentSpan> spans);

}  // namespace bridge::stores
