// `agentbridge reap`: prints what became of each call that nobody holds.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "app/call_text.hpp"
#include "app/commands/commands.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

json::object about(const call::JournalEntry& entry, std::string_view outcome) {
    return {{"call_id", entry.id.str()},
            {"call_sid", entry.sid.empty() ? json::value(nullptr) : json::value(entry.sid.str())},
            {"direction", call::to_string(entry.direction)},
            {"to", entry.to},
            {"from", entry.from},
            {"state", call::to_string(entry.state)},
            {"outcome", outcome}};
}

}  // namespace

ExitCode reap(const Invocation& invocation, const ReapCommand& command, Console& console,
              const ReapCalls& reap_calls) {
    const auto loaded = load_for(invocation, {true, false, false}, console);
    if (!loaded) return ExitCode::configuration;
    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    const auto report = reap_calls(loaded->config, command.dry_run);
    if (!report) {
        console.err << "agentbridge: " << report.error().message << "\n";
        return report.error().exit;
    }
    const bool open = std::any_of(report->outcomes.begin(), report->outcomes.end(),
                                  [](const auto& outcome) { return outcome.open(); });
    if (invocation.json) {
        json::array calls;
        for (const auto& entry : report->held) calls.push_back(about(entry, "held"));
        for (const auto& entry : report->found) calls.push_back(about(entry, "found"));
        for (const auto& outcome : report->outcomes) {
            auto one = about(outcome.entry, call::to_string(outcome.what));
            if (!outcome.detail.empty()) one["detail"] = outcome.detail;
            json::array candidates;
            for (const auto& sid : outcome.candidates) candidates.emplace_back(sid.str());
            if (!candidates.empty()) one["candidates"] = std::move(candidates);
            calls.push_back(std::move(one));
        }
        console.out << json::serialize(calls) << "\n";
    } else {
        for (const auto& entry : report->held) {
            console.out << fmt::format("{}: held by a running agentbridge (process {})\n",
                                       format_call(entry),
                                       entry.instance.substr(0, entry.instance.find('-')));
        }
        for (const auto& entry : report->found)
            console.out << fmt::format("{}: nobody holds it\n", format_call(entry));
        for (const auto& outcome : report->outcomes) console.out << format_outcome(outcome) << "\n";
        if (report->held.empty() && report->found.empty() && report->outcomes.empty())
            console.out << "no call of a former run is open\n";
    }
    if (!open) return ExitCode::ok;
    console.err << "agentbridge: a call may still be live; look at the carrier's console, or run "
                   "`agentbridge reap` again\n";
    return ExitCode::not_confirmed;
}

}  // namespace bridge::app
