#pragma once
// The whole program but for main: arguments in, exit code out.

#include <functional>
#include <string>
#include <vector>

#include "app/cli.hpp"
#include "app/console.hpp"
#include "app/history_parts.hpp"
#include "app/load_service.hpp"
#include "app/numbers.hpp"
#include "app/session.hpp"

namespace bridge::app {

/// What the program is made of, so that tests can put their own in.
struct Parts {
    OpenSession open_session;
    OpenEmulator open_emulator;
    ReapCalls reap_calls;
    std::function<ExitCode(const Invocation&, Console&)> run_doctor{};
    OpenLoad open_load{};
    NumberParts numbers{};
    FormerTranscript former_transcript{};  ///< empty: nothing is kept of calls of the past
    HistoryParts history{};
};

/// Never throws: an exception is told on stderr and ends in ExitCode::failure.
ExitCode run_program(const std::vector<std::string>& arguments, Console& console,
                     const Parts& parts);

}  // namespace bridge::app
