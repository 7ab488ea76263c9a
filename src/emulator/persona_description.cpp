#include "emulator/persona_description.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "emulator/faults.hpp"

namespace bridge::emulator {
namespace {

constexpr std::array<std::string_view, 6> kOptions{"ring",   "hangup", "answered_by",
                                                   "repeat", "delay",  "max"};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool is_option(std::string_view name) {
    return std::find(kOptions.begin(), kOptions.end(), name) != kOptions.end() ||
           find_switch(name).has_value();
}

}  // namespace

Result<PersonaDescription> parse_persona_description(std::string_view text) {
    PersonaDescription description;
    text = trimmed(text);
    for (;;) {
        const auto comma = text.rfind(',');
        if (comma == std::string_view::npos) break;
        const auto last = trimmed(text.substr(comma + 1));
        const auto equals = last.find('=');
        if (equals == std::string_view::npos || !is_option(trimmed(last.substr(0, equals)))) break;
        description.options.emplace(trimmed(last.substr(0, equals)),
                                    trimmed(last.substr(equals + 1)));
        text = trimmed(text.substr(0, comma));
    }
    const auto colon = text.find(':');
    description.kind = trimmed(text.substr(0, colon));
    if (colon != std::string_view::npos) description.argument = trimmed(text.substr(colon + 1));
    if (description.kind.empty()) return fail(Errc::bad_config, "a persona's description is empty");
    return description;
}

Result<FaultSet> faults_of(const PersonaDescription& description) {
    FaultSet faults;
    for (const auto& [name, value] : description.options) {
        const auto where = find_switch(name);
        if (!where) continue;
        if (auto done = faults.set(*where, value); !done) return tl::unexpected(done.error());
    }
    return faults;
}

std::optional<std::chrono::milliseconds> parse_time(std::string_view text) {
    const auto unit_at = text.find_first_not_of("0123456789.");
    const std::string number(text.substr(0, unit_at));
    const auto unit = unit_at == std::string_view::npos ? std::string_view{} : text.substr(unit_at);
    double factor = 0;
    if (unit.empty() || unit == "ms") factor = 1;
    if (unit == "s") factor = 1000;
    if (unit == "m" || unit == "min") factor = 60000;
    if (number.empty() || factor == 0) return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end) * factor;
    constexpr double kDay = 24.0 * 3600 * 1000;
    if (end != number.c_str() + number.size() || value > kDay) return std::nullopt;
    return std::chrono::milliseconds(std::lround(value));
}

std::optional<bool> parse_yes_no(std::string_view text) {
    if (text == "yes" || text == "on" || text == "true") return true;
    if (text == "no" || text == "off" || text == "false") return false;
    return std::nullopt;
}

std::string known_persona_options() {
    std::string list;
    for (const auto name : kOptions) {
        if (!list.empty()) list += ", ";
        list += name;
    }
    return list + " and the switches of faults";
}

}  // namespace bridge::emulator
