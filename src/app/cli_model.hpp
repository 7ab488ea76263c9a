#pragma once
// The command line as plain values, read from the parser itself: what completions and the man page
// are made of, so that they cannot fall behind it.

#include <string>
#include <vector>

namespace bridge::app {

struct CliOption {
    std::vector<std::string> names;  ///< "--yes", "-y"; empty for a word without a flag
    std::string value;               ///< "NUMBER", "on|off"; empty: a flag that takes none
    std::string meaning;
    std::vector<std::string> choices;  ///< of the value, if it has some
    bool file = false;                 ///< the value is a path
};

struct CliCommand {
    std::string name;  ///< "show"
    std::string path;  ///< "config show"; empty for the program itself
    std::string meaning;
    std::vector<CliOption> options;  ///< its own; those of the program itself are taken everywhere
    std::vector<CliOption> words;    ///< arguments without a flag
    std::string footer;              ///< examples
    std::vector<CliCommand> commands;
};

/// The whole program. (Defined in cli.cpp, where the parser is.)
CliCommand command_line_model();

/// The script for `shell`: bash, zsh or fish; empty for another.
std::string format_completion(const CliCommand& program, const std::string& shell);
/// The man page, as roff (man macros).
std::string format_man_page(const CliCommand& program, const std::string& version);

}  // namespace bridge::app
