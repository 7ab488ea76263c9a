#pragma once
// The grammar of `agentbridge calls`. Included by cli.cpp.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "app/cli.hpp"

namespace bridge::app {

/// Not movable: CLI11 keeps pointers to the members.
class CallsGrammar {
public:
    /// Adds a command under `parent`: name, meaning, examples, and what it makes.
    using AddCommand = std::function<CLI::App*(
        CLI::App* parent, const std::string& name, const std::string& meaning,
        const std::string& examples, std::function<CallsCommand()> made)>;
    void add(CLI::App* group, const AddCommand& command);
    /// The first thing wrong with what was written, or empty.
    std::string check();

private:
    CallsCommand calls_;
    std::string volume_, limit_;
};

}  // namespace bridge::app
