#pragma once
// Where a command reads and writes: the process's own streams, or a test's.

#include <iosfwd>
#include <map>
#include <string>

#include "app/terminal.hpp"

namespace bridge::app {

struct Console {
    std::istream& in;
    std::ostream& out;  ///< results
    std::ostream& err;  ///< everything else
    TerminalTraits terminal;
    std::map<std::string, std::string> environment;
    std::string folder;  ///< working directory: where the search for .env begins
};

/// Asks on stderr and reads a line: true for y or yes, any case. The end of input is a no.
bool confirm(Console& console, const std::string& question);

}  // namespace bridge::app
