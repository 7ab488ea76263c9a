#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "app/cli_model.hpp"
#include "app/help.hpp"

namespace bridge::app {
namespace {

/// One line of text: no macro at its beginning, and characters that stay as they are.
std::string escaped(std::string_view text) {
    std::string out;
    for (const auto c : text) {
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else {
            out.push_back(c);
        }
    }
    if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
    return out;
}

std::string macro_argument(std::string_view text) {
    std::string out = "\"";
    for (const auto c : escaped(text)) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

/// Text whose lines and spaces are to stay.
std::string verbatim(std::string_view text) {
    std::string out = ".nf\n";
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) out += escaped(line) + "\n";
    return out + ".fi\n";
}

std::string option_items(const std::vector<CliOption>& options) {
    std::string out;
    for (const auto& option : options) {
        out += ".TP\n.B " + escaped(fmt::format("{}", fmt::join(option.names, ", ")));
        if (!option.value.empty()) out += " \\fI" + escaped(option.value) + "\\fP";
        out += "\n" + escaped(option.meaning) + "\n";
    }
    return out;
}

void add_command(const CliCommand& command, std::string& out) {
    if (command.commands.empty()) {
        std::string usage = "agentbridge " + command.path;
        for (const auto& word : command.words)
            usage += fmt::format(" [{}]", word.value.empty() ? std::string("WORD") : word.value);
        out += ".SS " + macro_argument(usage) + "\n" + escaped(command.meaning) + ".\n";
        out += option_items(command.options);
        // What is said everywhere is said once, under OPTIONS.
        const auto footer = command.footer.substr(0, command.footer.find("\nEverywhere:"));
        if (footer.find_first_not_of('\n') != std::string::npos) {
            out += ".PP\n" + verbatim(footer.substr(footer.find_first_not_of('\n')));
        }
    }
    for (const auto& sub : command.commands) add_command(sub, out);
}

}  // namespace

std::string format_man_page(const CliCommand& program, const std::string& version) {
    auto out = fmt::format(
        ".\\\" made by `agentbridge help --man`\n"
        ".TH AGENTBRIDGE 1 \"\" {} \"User Commands\"\n"
        ".SH NAME\nagentbridge \\- a phone call on your speakers, through Twilio or without it\n"
        ".SH SYNOPSIS\n.B agentbridge\n[\\fB\\-\\-target\\fP \\fINUMBER\\fP] "
        "[\\fIOPTION\\fP]...\n.br\n"
        ".B agentbridge\n\\fICOMMAND\\fP [\\fIOPTION\\fP]...\n"
        ".SH DESCRIPTION\nWithout a command the program serves webhooks and answers calls, and "
        "places a "
        "call if a target is given.\n"
        ".SH OPTIONS\nThese are taken by every command.\n",
        macro_argument("agentbridge " + version));
    out += option_items(program.options);
    out += ".SH COMMANDS\n";
    for (const auto& command : program.commands) add_command(command, out);
    struct Section {
        const char* title;
        const char* topic;
    };
    for (const auto& [title, topic] :
         {Section{"SETTINGS", "config"}, Section{"SOUND", "audio"}, Section{"EMULATOR", "emulator"},
          Section{"EXIT STATUS", "exit-codes"}, Section{"ENVIRONMENT", "environment"}}) {
        out += fmt::format(".SH {}\n{}", title, verbatim(help_topic(topic).value_or("")));
    }
    return out;
}

}  // namespace bridge::app
