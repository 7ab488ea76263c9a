#pragma once
// From what the command line says of an emulator to the emulator's own options.

#include "app/session.hpp"
#include "emulator/options.hpp"

namespace bridge::app {

/// Address, account, number and files; neither personas, faults nor the voice URL.
emulator::EmulatorOptions server_options(const EmulatorOptions& wanted);

}  // namespace bridge::app
