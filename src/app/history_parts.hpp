#pragma once
// The history as the command line sees it: a store that is opened for one command.

#include <functional>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "base/result.hpp"
#include "call/call_store.hpp"
#include "call/transcript_document.hpp"

namespace bridge::app {

enum class HistoryAccess { reading, writing };

/// What was taken down of a call of the past, by its CallId or CallSid. Errors: not_found, io,
/// unreachable.
using FormerTranscript =
    std::function<Result<call::TranscriptDocument>(const Config& config, const std::string& call)>;

/// Defined in history_wiring.cpp; tests have their own.
struct HistoryParts {
    /// Errors: io, unreachable.
    std::function<Result<std::unique_ptr<call::CallStore>>(const Config&, HistoryAccess)> open{};
    /// Whether the program that holds a live call of the history has died.
    std::function<bool(const Config&, const std::string& holder)> is_left{};
    /// Takes away what else there is of a call, sound and capture. Errors: io.
    std::function<Result<>(const Config&, const CallId&)> remove_files{};
};

}  // namespace bridge::app
