// `agentbridge history`: calls of the past, read from where they are kept, whether a program runs
// or not.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "app/call_text.hpp"
#include "app/columns.hpp"
#include "app/commands/commands.hpp"
#include "app/history_parts.hpp"
#include "web/answers.hpp"
#include "web/history_answers.hpp"
#include "web/json.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;
using Action = HistoryCommand::Action;
using call::CallQuery;
using call::FoundCall;
using call::StoredCall;

constexpr std::size_t kUsual = 50;
constexpr std::size_t kAtOnce = 200;  ///< calls read at a time

ExitCode told(Console& console, const std::string& message) {
    console.err << "agentbridge: " << message << "\n";
    return ExitCode::failure;
}

CallQuery query_of(const HistoryCommand& command) {
    CallQuery query;
    if (command.state == "live") {
        query.which = CallQuery::Which::live;
    } else if (command.state == "all") {
        query.which = CallQuery::Which::all;
    } else if (!command.state.empty() && command.state != "ended") {
        query.which = CallQuery::Which::all;
        query.state = call::parse_call_state(command.state).value_or(call::CallState::created);
    }
    query.since = command.since;
    query.until = command.until;
    query.number = command.number;
    if (!command.direction.empty())
        query.direction =
            command.direction == "inbound" ? call::Direction::inbound : call::Direction::outbound;
    if (!command.words.empty()) query.words = fmt::format("{}", fmt::join(command.words, " "));
    return query;
}

/// Gives the calls of `query` to `each`, at most `limit`, a page at a time. Errors: the store's.
template <class Each>
Result<> each_call(call::CallStore& store, CallQuery query, std::size_t limit, const Each& each) {
    while (limit > 0) {
        query.limit = std::min(limit, kAtOnce);
        const auto page = store.page(query);
        if (!page) return tl::unexpected(page.error());
        for (const auto& one : *page) {
            if (auto good = each(one); !good) return good;
        }
        if (page->size() < query.limit) return {};
        limit -= page->size();
        query.after = place_of(page->back().call);
    }
    return {};
}

// --- for people

/// "2026-01-31 09:05:01", UTC.
std::string when(std::chrono::system_clock::time_point time) {
    auto text = web::format_time(time).substr(0, 19);
    text[10] = ' ';
    return text;
}

std::string whom(const StoredCall& call) {
    const bool inbound = call.direction == call::Direction::inbound;
    return visible(inbound ? "from " + call.from : "to " + call.to);
}

std::string padded(std::string text, std::size_t columns) {
    text.append(columns - std::min(columns, columns_of(text)), ' ');
    return text;
}

std::string length_of(const StoredCall& call) {
    if (!call.ended) return "";
    return format_elapsed(
        std::chrono::duration_cast<std::chrono::milliseconds>(*call.ended - call.created));
}

std::string kept_of(const StoredCall& call) {
    std::vector<std::string_view> kept;
    if (call.recorded) kept.emplace_back("sound");
    if (call.transcribed) kept.emplace_back("words");
    if (call.captured) kept.emplace_back("capture");
    return fmt::format("{}", fmt::join(kept, ", "));
}

/// The words that were found, in colour or in brackets.
std::string marked(std::string_view snippet, const TerminalTraits& terminal) {
    const bool color = terminal.color && terminal.out_tty;
    std::string out, piece;
    const auto flush = [&] {
        out += visible(piece, terminal.unicode);
        piece.clear();
    };
    for (const char c : snippet) {
        if (c == '\x01' || c == '\x02') {
            flush();
            out += c == '\x01' ? (color ? "\x1B[1m" : "[") : (color ? "\x1B[0m" : "]");
        } else {
            piece += c;
        }
    }
    flush();
    return out;
}

std::string_view speaker_name(call::LineEnd end) {
    return end == call::LineEnd::far ? "phone" : "here";
}

std::string format_match(const call::TextMatch& match, const TerminalTraits& terminal) {
    std::string where(call::to_string(match.where));
    if (match.speaker) where = speaker_name(*match.speaker);
    if (match.begin) where += " " + format_elapsed(*match.begin);
    return fmt::format("    {}: {}\n", where, marked(match.snippet, terminal));
}

/// Tells also of a live call whose program has died.
std::string state_of(const StoredCall& call, const Config& config, const HistoryParts& parts) {
    if (!call.ended && parts.is_left && parts.is_left(config, call.instance)) return "unknown";
    return std::string(call::to_string(call.state));
}

void show_table(const std::vector<FoundCall>& calls, const Config& config,
                const HistoryParts& parts, Console& console) {
    if (calls.empty()) {
        console.out << "no calls\n";
        return;
    }
    std::size_t id = 4, who = 3;
    for (const auto& one : calls) {
        id = std::max(id, one.call.id.str().size());
        who = std::max(who, columns_of(whom(one.call)));
    }
    console.out << fmt::format("{:<19}  {:<{}}  {:<{}}  {:<11}  {:>7}  {}\n", "began (UTC)", "call",
                               id, "who", who, "state", "time", "kept");
    for (const auto& [call, matches] : calls) {
        auto line = fmt::format("{}  {:<{}}  {}  {:<11}  {:>7}  {}", when(call.created),
                                call.id.str(), id, padded(whom(call), who),
                                state_of(call, config, parts), length_of(call), kept_of(call));
        line.erase(line.find_last_not_of(' ') + 1);
        console.out << line << "\n";
        for (const auto& match : matches) console.out << format_match(match, console.terminal);
    }
}

Result<> show_details(call::CallStore& store, const StoredCall& call, const Config& config,
                      const HistoryParts& parts, Console& console) {
    const auto pieces = store.transcript(call.id);
    if (!pieces) return tl::unexpected(pieces.error());
    const auto line = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) console.out << fmt::format("{:<10}{}\n", name, visible(value));
    };
    line("call", call.id.str());
    line("sid", call.sid.str());
    line("direction", std::string(call::to_string(call.direction)));
    line("to", call.to);
    line("from", call.from);
    line("state", state_of(call, config, parts));
    line("reason", call.reason);
    line("began", when(call.created) + " UTC");
    if (call.ended) line("ended", when(*call.ended) + " UTC");
    line("time", length_of(call));
    line("kept", kept_of(call));
    for (const auto& piece : *pieces) {
        console.out << fmt::format("{:>8}  {}: {}\n", format_elapsed(piece.begin),
                                   speaker_name(piece.speaker), visible(piece.text));
    }
    return {};
}

// --- for programs

json::value parsed(const std::string& document) {
    boost::system::error_code error;
    auto value = json::parse(document, error);
    return error ? json::value() : value;
}

Result<json::object> whole(call::CallStore& store, const StoredCall& call) {
    auto events = store.events(call.id);
    auto pieces = store.transcript(call.id);
    auto timeline = store.timeline(call.id);
    for (const auto* error :
         {events ? nullptr : &events.error(), pieces ? nullptr : &pieces.error(),
          timeline ? nullptr : &timeline.error()}) {
        if (error != nullptr) return tl::unexpected(*error);
    }
    json::object out{{"call", parsed(web::stored_call_text({call}, false))}};
    json::array happened, said;
    for (const auto& event : *events) happened.push_back(parsed(event.document));
    for (const auto& piece : *pieces) said.push_back(web::piece_json(piece));
    out["events"] = std::move(happened);
    out["transcript"] = std::move(said);
    out["timeline"] = timeline->empty() ? json::value() : parsed(*timeline);
    return out;
}

ExitCode list(const Invocation& invocation, const HistoryCommand& command, const Config& config,
              call::CallStore& store, const HistoryParts& parts, Console& console) {
    const auto query = query_of(command);
    std::vector<FoundCall> calls;
    const auto read = each_call(store, query, command.limit.value_or(kUsual),
                                [&](const FoundCall& one) -> Result<> {
                                    calls.push_back(one);
                                    return {};
                                });
    if (!read) return told(console, read.error().message);
    if (!invocation.json) {
        show_table(calls, config, parts, console);
        return ExitCode::ok;
    }
    console.out << R"({"calls":[)";
    for (std::size_t i = 0; i < calls.size(); ++i)
        console.out << (i > 0 ? "," : "")
                    << web::stored_call_text(calls[i], query.words.has_value());
    console.out << "]}\n";
    return ExitCode::ok;
}

ExitCode write_out(const HistoryCommand& command, call::CallStore& store, Console& console) {
    constexpr std::size_t kAll = 1'000'000'000;
    const auto written = each_call(store, query_of(command), command.limit.value_or(kAll),
                                   [&](const FoundCall& one) -> Result<> {
                                       const auto all = whole(store, one.call);
                                       if (!all) return tl::unexpected(all.error());
                                       console.out << json::serialize(*all) << "\n";
                                       return {};
                                   });
    return written ? ExitCode::ok : told(console, written.error().message);
}

ExitCode remove(const StoredCall& call, const Config& config, call::CallStore& store,
                const HistoryParts& parts, Console& console) {
    if (!call.ended && !(parts.is_left && parts.is_left(config, call.instance)))
        return told(console, fmt::format("call {} is not over", call.id));
    // The sound first: while it is there, so is what leads to it.
    if (parts.remove_files) {
        if (const auto gone = parts.remove_files(config, call.id); !gone)
            return told(console, gone.error().message);
    }
    const auto gone = store.remove(call.id);
    return gone ? ExitCode::ok : told(console, gone.error().message);
}

ExitCode one_call(const Invocation& invocation, const HistoryCommand& command, const Config& config,
                  call::CallStore& store, const HistoryParts& parts, Console& console) {
    const auto found = store.find(command.id);
    if (!found) return told(console, found.error().message);
    if (!*found)
        return told(console, fmt::format("there is no call {} in the history; `agentbridge history "
                                         "list` shows those there are",
                                         visible(command.id)));
    if (command.action == Action::remove) return remove(**found, config, store, parts, console);
    if (!invocation.json) {
        const auto shown = show_details(store, **found, config, parts, console);
        return shown ? ExitCode::ok : told(console, shown.error().message);
    }
    const auto all = whole(store, **found);
    if (!all) return told(console, all.error().message);
    console.out << json::serialize(*all) << "\n";
    return ExitCode::ok;
}

}  // namespace

ExitCode run_history(const Invocation& invocation, const HistoryCommand& command, Console& console,
                     const HistoryParts& parts) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const auto& config = loaded->config;
    const auto store = parts.open(
        config, command.action == Action::remove ? HistoryAccess::writing : HistoryAccess::reading);
    if (!store) return told(console, store.error().message);
    switch (command.action) {
        case Action::list:
        case Action::search:
            return list(invocation, command, config, **store, parts, console);
        case Action::write_out:
            return write_out(command, **store, console);
        case Action::show:
        case Action::remove:
            break;
    }
    return one_call(invocation, command, config, **store, parts, console);
}

}  // namespace bridge::app
