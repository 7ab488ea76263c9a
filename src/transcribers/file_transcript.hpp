#pragma once
// A transcript of a sound file after the fact, through the same engine as a call's: the first
// channel is what the phone said, the second, if there is one, what it heard.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "call/transcript_document.hpp"
#include "transcribers/transcribers.hpp"

namespace bridge::transcribers {

struct FileProgress {
    std::chrono::milliseconds done{0};
    std::chrono::milliseconds length{0};  ///< 0: the file does not say
};

struct FileTranscript {
    call::TranscriptDocument document;
    std::vector<RedactedSpan> redacted;  ///< what was taken out; the file is as it was
};

/// As fast as the engine takes it. `offset`: where on the call's timeline the file begins.
/// `progress` may be empty; it runs on the executor. Cancellation ends it. Errors: those of
/// audio::SoundReader, unreachable (the engine failed, or stayed away).
asio::awaitable<Result<FileTranscript>> transcribe_file(
    std::shared_ptr<Transcribers> transcribers, asio::any_io_executor executor, CallId call,
    std::filesystem::path file, std::chrono::milliseconds offset,
    std::function<void(const FileProgress&)> progress);

}  // namespace bridge::transcribers
