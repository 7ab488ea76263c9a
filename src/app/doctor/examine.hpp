#pragma once
// Gathers what doctor judges: asks everybody at once, each for a limited time.

#include <chrono>
#include <map>
#include <string>

#include "app/doctor/findings.hpp"

namespace bridge::app {

struct ExamineOptions {
    LoadedConfig loaded;
    std::map<std::string, std::string> environment;  ///< for PATH
    std::string user_agent;
    std::chrono::milliseconds limit{4500};  ///< for everything together
};

/// Thread: the caller's, which it keeps until all is known or the time is over. If the sound system
/// has not answered by then, a thread of its own still waits for it (`Facts::sound.done` is false).
Facts examine(ExamineOptions options);

}  // namespace bridge::app
