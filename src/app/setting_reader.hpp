#pragma once
// Reads single settings out of a configuration that is being loaded, and notes what is wrong with
// them. config.cpp and agent_config.cpp check with it.

#include <chrono>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "app/config.hpp"

namespace bridge::app {

std::string trimmed(std::string_view text);
std::string lower(std::string text);

/// Thread: one. `sources` and `out` outlive it.
class SettingReader {
public:
    SettingReader(const ConfigSources& sources, LoadedConfig& out) : sources_(sources), out_(out) {}

    /// Where a setting's value is found: flag, environment, file, default.
    SettingValue find(const Setting& setting) const;

    const SettingValue& value(std::string_view name) const { return out_.value(name); }
    const std::string& text(std::string_view name) const { return value(name).text; }

    /// Notes a problem with the value that is there, or with its absence.
    void wrong(std::string_view name, std::string what, std::string fix);
    void missing(std::string_view name, std::string fix);
    bool problem_about(std::string_view name) const;

    // Each: nothing, and a problem, if the value cannot be used.

    /// A whole number from `low` to `high`. `fix`: in place of the default's.
    std::optional<int> integer(std::string_view name, int low, int high, std::string_view fix = {});
    std::optional<std::string> choice(std::string_view name);
    void duration(std::string_view name, int low, int high, std::chrono::seconds& into);
    /// An address without a slash at its end. `plain` schemes are for this machine alone.
    enum class Query { refused, allowed };
    std::optional<std::string> url(std::string_view name,
                                   std::initializer_list<std::string_view> secure,
                                   std::initializer_list<std::string_view> plain,
                                   const std::string& example, Query query = Query::refused);
    /// The path of a file that is there; empty if none is named.
    std::string file(std::string_view name);
    /// Everything that the .env file sets, settings or not.
    std::map<std::string, Secret> file_variables() const;

private:
    const ConfigSources& sources_;
    LoadedConfig& out_;
};

}  // namespace bridge::app
