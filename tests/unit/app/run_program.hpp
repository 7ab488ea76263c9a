#pragma once
// Runs the program's command line in this process, with streams that are strings.

#include <sstream>
#include <string>
#include <vector>

#include "app/program.hpp"

namespace bridge::app {

struct Ran {
    ExitCode exit;
    std::string out, err;
};

struct ProgramRun {
    std::string folder = "/";
    std::map<std::string, std::string> environment;
    std::string typed;
    TerminalTraits terminal;
    Parts parts;

    Ran operator()(const std::vector<std::string>& arguments) const {
        std::istringstream in(typed);
        std::ostringstream out, err;
        Console console{in, out, err, terminal, environment, folder};
        const auto exit = run_program(arguments, console, parts);
        return {exit, out.str(), err.str()};
    }
};

}  // namespace bridge::app
