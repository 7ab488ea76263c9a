#pragma once
// The grammar of `agentbridge history`. Included by cli.cpp.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "app/cli.hpp"

namespace bridge::app {

/// Not movable: CLI11 keeps pointers to the members.
class HistoryGrammar {
public:
    /// As CallsGrammar has it.
    using AddCommand = std::function<CLI::App*(
        CLI::App* parent, const std::string& name, const std::string& meaning,
        const std::string& examples, std::function<HistoryCommand()> made)>;
    void add(CLI::App* group, const AddCommand& command);
    /// The first thing wrong with what was written, or empty.
    std::string check();

private:
    void add_filters(CLI::App* sub);

    HistoryCommand history_;
    std::string since_, until_;
};

}  // namespace bridge::app
