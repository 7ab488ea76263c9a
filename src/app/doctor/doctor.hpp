#pragma once
// `agentbridge doctor`: the whole way from Twilio to here, looked at within five seconds.

#include "app/cli.hpp"
#include "app/console.hpp"

namespace bridge::app {

/// Findings on stdout, as lines or JSON. The exit code is that of the most serious failure;
/// warnings do not count.
ExitCode run_doctor(const Invocation& invocation, Console& console);

}  // namespace bridge::app
