// The program's beginning. What runs is wired together in wiring.cpp.

#include <filesystem>
#include <iostream>
#include <system_error>
#include <vector>

#include "app/config.hpp"
#include "app/doctor/doctor.hpp"
#include "app/program.hpp"
#include "base/own_stderr.hpp"

int main(int count, char** words) {
    using namespace bridge::app;
    bridge::keep_own_stderr();
    bridge::OwnStderrStream err;
    std::error_code gone;
    auto environment = process_environment();
    const auto terminal = detect_terminal(false, environment);
    Console console{std::cin,
                    std::cout,
                    err,
                    terminal,
                    std::move(environment),
                    std::filesystem::current_path(gone).string()};
    const std::vector<std::string> arguments(words + 1, words + count);
    return to_int(
        run_program(arguments, console,
                    {open_session, open_emulator, reap_calls, run_doctor, open_load}));
}
