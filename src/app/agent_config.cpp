#include "app/agent_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "app/nearest.hpp"
#include "app/phone_number.hpp"
#include "app/setting_reader.hpp"
#include "base/error.hpp"

namespace bridge::app {
namespace {

constexpr std::size_t kLongestText = 100'000;

const std::vector<std::string>& agent_names() {
    static const std::vector<std::string> names{"openai", "elevenlabs", "deepgram", "local",
                                                "echo",   "tone",       "null"};
    return names;
}

/// The text itself, or, after an @, that of a file.
std::string text_or_file(SettingReader& read, std::string_view name) {
    const auto& written = read.text(name);
    if (!written.starts_with('@')) return written;
    std::ifstream in(written.substr(1), std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (!in.is_open() || in.bad()) {
        read.wrong(name, "names a file that cannot be read", "write @ and the path of a text file");
    } else if (text.size() > kLongestText) {
        read.wrong(name, fmt::format("names a file of over {} bytes", kLongestText),
                   "make it shorter");
    }
    return text;
}

void check_fallback(SettingReader& read, AgentConfig& out) {
    using Fallback = AgentConfig::Fallback;
    const auto word = lower(read.text("AGENTBRIDGE_AGENT_FALLBACK"));
    if (word == "auto") {
        out.fallback = Fallback::automatic;
    } else if (word == "hangup") {
        out.fallback = Fallback::hang_up;
    } else if (word == "person") {
        out.fallback = Fallback::person;
    } else if (const auto target = parse_target(read.text("AGENTBRIDGE_AGENT_FALLBACK"))) {
        out.fallback = Fallback::transfer;
        out.transfer_to = *target;
    } else {
        read.wrong("AGENTBRIDGE_AGENT_FALLBACK", "is neither a word it knows nor somebody to call",
                   "use auto, hangup, person, +15551234567, sip:user@host or client:name");
    }
}

}  // namespace

Result<std::string> parse_agent_name(std::string_view text) {
    const auto written = trimmed(text);
    const auto name = lower(written);
    if (name.starts_with("ws://") || name.starts_with("wss://")) {
        const auto host = host_of_url(written);
        if (host.empty()) return fail(Errc::bad_field, fmt::format("'{}' is no address", written));
        if (name.starts_with("ws://") && !is_loopback_host(host))
            return fail(Errc::bad_field,
                        fmt::format("'{}': plain ws is for this machine alone; use wss", written));
        return written;
    }
    const auto& names = agent_names();
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
    const auto close = nearest(name, names);
    return fail(Errc::bad_field,
                fmt::format("'{}' is no agent; there are {} and ws(s):// addresses{}", written,
                            fmt::join(names, ", "),
                            close.empty() ? "" : fmt::format("; did you mean {}?", close)));
}

void check_agents(SettingReader& read, AgentConfig& out) {
    if (const auto& written = read.text("AGENTBRIDGE_AGENT"); !written.empty()) {
        if (const auto name = parse_agent_name(written)) {
            out.name = *name;
        } else {
            read.wrong("AGENTBRIDGE_AGENT", "is no agent", name.error().message);
        }
    }
    out.instructions = text_or_file(read, "AGENTBRIDGE_AGENT_INSTRUCTIONS");
    out.greeting = text_or_file(read, "AGENTBRIDGE_AGENT_GREETING");
    out.language = lower(read.text("AGENTBRIDGE_AGENT_LANGUAGE"));
    if (const auto word = read.choice("AGENTBRIDGE_BARGE_IN")) {
        out.barge_in = *word == "detector" ? BargeIn::detector
                       : *word == "agent"  ? BargeIn::agent
                       : *word == "off"    ? BargeIn::off
                                           : BargeIn::automatic;
    }
    check_fallback(read, out);
    const auto words = [&](std::string_view name) {
        const auto& text = read.text(name);
        return lower(text) == "off" ? std::string() : text;
    };
    out.notice = words("AGENTBRIDGE_AGENT_NOTICE");
    out.goodbye = words("AGENTBRIDGE_AGENT_GOODBYE");
}

}  // namespace bridge::app
