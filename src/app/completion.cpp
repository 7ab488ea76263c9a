#include <fmt/format.h>

#include "app/cli_model.hpp"

namespace bridge::app {
namespace {

void collect(const CliCommand& command, std::vector<const CliCommand*>& out) {
    out.push_back(&command);
    for (const auto& sub : command.commands) collect(sub, out);
}

std::vector<const CliCommand*> all_commands(const CliCommand& program) {
    std::vector<const CliCommand*> out;
    collect(program, out);
    return out;
}

/// What is taken after a command: its own options and those of the program.
std::vector<const CliOption*> options_at(const CliCommand& program, const CliCommand& command) {
    std::vector<const CliOption*> out;
    for (const auto& option : command.options) out.push_back(&option);
    if (&command != &program) {
        for (const auto& option : program.options) out.push_back(&option);
    }
    return out;
}

/// In single quotes for a POSIX shell.
std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (const auto c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out.push_back(c);
        }
    }
    return out + "'";
}

/// fish: \' and \\ are the escapes inside single quotes.
std::string fish_quoted(std::string_view text) {
    std::string out = "'";
    for (const auto c : text) {
        if (c == '\'' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    return out + "'";
}

/// "a:b" for zsh's _describe, in which a colon ends the word.
std::string described(std::string_view word, std::string_view meaning) {
    std::string out;
    for (const auto c : word) {
        if (c == ':') out.push_back('\\');
        out.push_back(c);
    }
    return shell_quoted(out + ":" + std::string(meaning));
}

/// The lines of a `case` that recognises the command that the words so far lead to.
std::string known_paths(const CliCommand& program) {
    std::string out;
    for (const auto* command : all_commands(program)) {
        if (command->path.empty()) continue;
        out += (out.empty() ? "" : "|") + shell_quoted(" " + command->path);
    }
    return out;
}

/// The case of "path option" → what completes its value. `choices` and `files` are the shell's
/// ways.
template <class Choices>
std::string value_cases(const CliCommand& program, Choices choices, std::string_view files,
                        std::string_view nothing) {
    std::string out;
    for (const auto* command : all_commands(program)) {
        for (const auto* option : options_at(program, *command)) {
            if (option->value.empty()) continue;
            std::string pattern;
            for (const auto& name : option->names) {
                pattern +=
                    (pattern.empty() ? "" : "|") +
                    shell_quoted((command->path.empty() ? "" : " " + command->path) + " " + name);
            }
            out += fmt::format("    {}) {}; return;;\n", pattern,
                               !option->choices.empty() ? choices(option->choices)
                               : option->file           ? std::string(files)
                                                        : std::string(nothing));
        }
    }
    return out;
}

std::string bash(const CliCommand& program) {
    std::string out =
        fmt::format(R"(# bash completion of agentbridge, made by `agentbridge completion bash`
_agentbridge() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${{COMP_WORDS[i]}}" in
      {}) path="$path ${{COMP_WORDS[i]}}";;
    esac
  done
  case "$path $prev" in
)",
                    known_paths(program));
    out += value_cases(
        program,
        [](const std::vector<std::string>& choices) {
            return fmt::format("COMPREPLY=($(compgen -W {} -- \"$cur\"))",
                               shell_quoted(fmt::format("{}", fmt::join(choices, " "))));
        },
        "COMPREPLY=($(compgen -f -- \"$cur\"))", "COMPREPLY=()");
    out += "  esac\n  local options=\"\" words=\"\"\n  case \"$path\" in\n";
    for (const auto* command : all_commands(program)) {
        std::string options, words;
        for (const auto* option : options_at(program, *command)) {
            for (const auto& name : option->names) options += name + " ";
        }
        for (const auto& sub : command->commands) words += sub.name + " ";
        for (const auto& word : command->words) {
            for (const auto& choice : word.choices) words += choice + " ";
        }
        out += fmt::format("    {}) options={} words={};;\n",
                           shell_quoted(command->path.empty() ? "" : " " + command->path),
                           shell_quoted(options), shell_quoted(words));
    }
    out += R"(  esac
  if [[ $cur == -* || -z $words ]]; then words=$options; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _agentbridge agentbridge
)";
    return out;
}

std::string zsh(const CliCommand& program) {
    std::string out = fmt::format(R"(#compdef agentbridge
# zsh completion of agentbridge, made by `agentbridge completion zsh`
_agentbridge() {{
  local at="" i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case "$at ${{words[i]}}" in
      {}) at="$at ${{words[i]}}";;
    esac
  done
  case "$at ${{words[CURRENT-1]}}" in
)",
                                  known_paths(program));
    out += value_cases(
        program,
        [](const std::vector<std::string>& choices) {
            std::string line = "compadd --";
            for (const auto& choice : choices) line += " " + shell_quoted(choice);
            return line;
        },
        "_files", "_message value");
    out += "  esac\n  case \"$at\" in\n";
    for (const auto* command : all_commands(program)) {
        std::string options, words;
        for (const auto* option : options_at(program, *command)) {
            for (const auto& name : option->names)
                options += " " + described(name, option->meaning);
        }
        for (const auto& sub : command->commands) words += " " + described(sub.name, sub.meaning);
        for (const auto& word : command->words) {
            for (const auto& choice : word.choices) words += " " + described(choice, "");
        }
        out += fmt::format(
            "    {}) if [[ $PREFIX == -* ]]; then found=({} ); else found=({} ); fi;;\n",
            shell_quoted(command->path.empty() ? "" : " " + command->path), options,
            words.empty() ? options : words);
    }
    out += R"(  esac
  _describe 'agentbridge' found
}
if [ "$funcstack[1]" = "_agentbridge" ]; then _agentbridge "$@"; else compdef _agentbridge agentbridge; fi
)";
    return out;
}

std::string fish(const CliCommand& program) {
    std::string paths;
    for (const auto* command : all_commands(program)) {
        if (!command->path.empty()) paths += " " + fish_quoted(command->path);
    }
    std::string out = fmt::format(
        R"(# fish completion of agentbridge, made by `agentbridge completion fish`
function __agentbridge_at
    set -l at
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$at $word")
        if contains -- "$next"{}
            set at $next
        end
    end
    test "$at" = "$argv[1]"
end
complete -c agentbridge -f
)",
        paths);
    for (const auto* command : all_commands(program)) {
        const auto head =
            fmt::format("complete -c agentbridge -n {}",
                        fish_quoted("__agentbridge_at " + fish_quoted(command->path)));
        for (const auto& sub : command->commands)
            out += fmt::format("{} -a {} -d {}\n", head, sub.name, fish_quoted(sub.meaning));
        for (const auto& word : command->words) {
            if (!word.choices.empty()) {
                out += fmt::format("{} -a {}\n", head,
                                   fish_quoted(fmt::format("{}", fmt::join(word.choices, " "))));
            }
        }
        for (const auto* option : options_at(program, *command)) {
            auto line = head;
            for (const auto& name : option->names) {
                line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            }
            if (!option->choices.empty()) {
                line += " -x -a " + fish_quoted(fmt::format("{}", fmt::join(option->choices, " ")));
            } else if (!option->value.empty()) {
                line += option->file ? " -r -F" : " -x";
            }
            out += fmt::format("{} -d {}\n", line, fish_quoted(option->meaning));
        }
    }
    return out;
}

}  // namespace

std::string format_completion(const CliCommand& program, const std::string& shell) {
    if (shell == "bash") return bash(program);
    if (shell == "zsh") return zsh(program);
    if (shell == "fish") return fish(program);
    return {};
}

}  // namespace bridge::app
