// `agentbridge config show|check|init`

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <ostream>

#include "app/commands/commands.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

/// What `call` needs: the whole path.
constexpr ConfigNeeds kEverything{true, true, true, true};

json::string text_of(std::string_view text) {
    return json::string(text.data(), text.size());
}

ExitCode show(const Invocation& invocation, const ConfigCommand& command,
              const LoadedConfig& loaded, Console& console) {
    if (invocation.json) {
        json::object out;
        for (const auto& value : loaded.values) {
            json::object entry{{"secret", value.setting->secret()}};
            if (value.text.empty()) {
                entry["value"] = nullptr;
            } else {
                entry["value"] = value.shown();
            }
            if (command.show_origin)
                entry["origin"] = value.text.empty() ? "unset" : format_origin(value.origin);
            out[text_of(value.setting->name)] = std::move(entry);
        }
        console.out << json::serialize(out) << "\n";
        return ExitCode::ok;
    }
    for (const auto& value : loaded.values) {
        auto line = fmt::format("{}={}", value.setting->name, value.shown());
        if (command.show_origin) {
            std::string origin = value.text.empty() ? "unset" : format_origin(value.origin);
            if (value.placeholder)
                origin =
                    fmt::format("unset: the example's text in {}", format_origin(value.origin));
            line = fmt::format("{:<44}  # {}", line, origin);
        }
        console.out << line << "\n";
    }
    for (const auto& warning : loaded.warnings) console.err << "warning: " << warning << "\n";
    return ExitCode::ok;
}

/// A file with secrets that every user of the machine may read is worth a word.
void warn_of_open_file(LoadedConfig& loaded) {
    const bool has_secret =
        std::any_of(loaded.values.begin(), loaded.values.end(), [](const SettingValue& value) {
            return value.setting->secret() && !value.text.empty() &&
                   value.origin.kind == Origin::Kind::file;
        });
    struct stat found {};
    if (!has_secret || ::stat(loaded.file.c_str(), &found) != 0 ||
        (found.st_mode & (S_IRGRP | S_IROTH)) == 0)
        return;
    loaded.warnings.push_back(fmt::format("{} holds secrets and others may read it: chmod 600 {}",
                                          loaded.file, loaded.file));
}

/// No mistake, but worth a word.
void warn_of_unknown_address(LoadedConfig& loaded) {
    if (!loaded.problems.empty() || !loaded.config.public_url.empty() ||
        loaded.config.tunnel != TunnelKind::off)
        return;
    loaded.warnings.push_back(fmt::format(
        "PUBLIC_URL is not set: the running ngrok agent at {} is asked for the address; "
        "`agentbridge doctor` tells whether it knows one",
        loaded.config.ngrok_api));
}

ExitCode check(const Invocation& invocation, LoadedConfig loaded, Console& console) {
    warn_of_unknown_address(loaded);
    const auto exit = loaded.problems.empty() ? ExitCode::ok : ExitCode::configuration;
    if (invocation.json) {
        json::array problems;
        for (const auto& problem : loaded.problems) {
            problems.push_back(json::object{{"setting", problem.setting},
                                            {"value", problem.value},
                                            {"where", problem.where},
                                            {"what", problem.what},
                                            {"fix", problem.fix}});
        }
        json::array warnings;
        for (const auto& warning : loaded.warnings) warnings.push_back(json::string(warning));
        console.out << json::serialize(json::object{{"ok", loaded.problems.empty()},
                                                    {"file", loaded.file},
                                                    {"problems", std::move(problems)},
                                                    {"warnings", std::move(warnings)}})
                    << "\n";
        return exit;
    }
    for (const auto& problem : loaded.problems) console.out << format_problem(problem) << "\n";
    for (const auto& warning : loaded.warnings) console.out << "warning: " << warning << "\n";
    if (loaded.problems.empty()) {
        console.out << fmt::format("the settings are in order ({})\n",
                                   loaded.file.empty() ? "no .env file" : loaded.file);
    } else {
        console.out << fmt::format("{} to be put right\n", loaded.problems.size());
    }
    return exit;
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

ExitCode init(const ConfigCommand& command, Console& console) {
    const auto path =
        std::filesystem::path(console.folder) / (command.file.empty() ? ".env" : command.file);
    const auto failed = [&](int error) {
        console.err << fmt::format("agentbridge: {} could not be written: {}\n", path.string(),
                                   std::strerror(error));
        return ExitCode::failure;
    };
    const Descriptor file(::open(
        path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (command.force ? O_TRUNC : O_EXCL), 0600));
    if (file.get() < 0 && errno == EEXIST) {
        console.err << fmt::format(
            "agentbridge: {} is there already and was left as it is\n"
            "    to overwrite it: agentbridge config init --force\n",
            path.string());
        return ExitCode::failure;
    }
    // A file that was there keeps its mode through open(): narrow it before anything is written.
    if (file.get() < 0 || ::fchmod(file.get(), 0600) != 0) return failed(errno);
    const auto text = format_env_file(false);
    for (std::size_t at = 0; at < text.size();) {
        const auto wrote = ::write(file.get(), text.data() + at, text.size() - at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return failed(errno);
        at += static_cast<std::size_t>(wrote);
    }
    console.out << path.string() << "\n";
    console.err << "fill in the Twilio account, then: agentbridge config check\n";
    return ExitCode::ok;
}

}  // namespace

ExitCode run_config(const Invocation& invocation, const ConfigCommand& command, Console& console) {
    if (command.action == ConfigCommand::Action::init) return init(command, console);
    const bool showing = command.action == ConfigCommand::Action::show;
    const auto sources = gather_sources(invocation.env_file, console.folder, console.environment,
                                        invocation.settings);
    auto loaded = load_config(sources, showing ? ConfigNeeds{} : kEverything);
    if (!showing) {
        warn_of_open_file(loaded);
        return check(invocation, loaded, console);
    }
    // Showing goes on whatever is wrong, but not without the file that was asked for.
    for (const auto& problem : sources.problems) {
        console.err << "agentbridge: " << format_problem(problem) << "\n";
        return ExitCode::configuration;
    }
    return show(invocation, command, loaded, console);
}

}  // namespace bridge::app
