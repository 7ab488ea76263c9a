#include "app/cli_history.hpp"

#include <fmt/format.h>

#include "call/call_store.hpp"
#include "web/answers.hpp"

namespace bridge::app {
namespace {

/// A day is its first moment, UTC.
std::optional<std::chrono::system_clock::time_point> parse_when(const std::string& text) {
    constexpr std::size_t kDay = 10;  // 2026-01-31
    return web::parse_time(text.size() == kDay ? text + "T00:00:00Z" : text);
}

}  // namespace

void HistoryGrammar::add(CLI::App* group, const AddCommand& command) {
    using Action = HistoryCommand::Action;
    const auto add_one = [&](Action action, const char* name, const char* meaning,
                             const char* examples) {
        return command(group, name, meaning, examples, [this, action] {
            history_.action = action;
            return history_;
        });
    };
    const auto with_call = [&](CLI::App* sub) {
        sub->add_option("call", history_.id, "CallId or CallSid, in full")
            ->option_text("CALL")
            ->required();
    };
    add_filters(add_one(Action::list, "list", "Calls of the past, the newest first",
                        "  agentbridge history list\n  agentbridge history list --since 2026-01-31 "
                        "--state busy"));
    auto* search = add_one(Action::search, "search", "Calls in which something was said",
                           "  agentbridge history search refund order");
    search
        ->add_option("words", history_.words,
                     "all of them must be there; the beginning of a word is enough")
        ->option_text("WORDS...")
        ->required();
    add_filters(search);
    with_call(add_one(Action::show, "show", "Everything about one call, with what was said",
                      "  agentbridge history show c_7qk3m9x2v5t8r4wz"));
    with_call(add_one(Action::remove, "delete",
                      "Forget one call: its sound, text and capture go with it",
                      "  agentbridge history delete c_7qk3m9x2v5t8r4wz"));
    add_filters(add_one(Action::write_out, "export",
                        "All calls with all that is known of them, a JSON object on each line",
                        "  agentbridge history export --since 2026-01-01 > calls.jsonl"));
}

void HistoryGrammar::add_filters(CLI::App* sub) {
    sub->add_option("--since", since_, "created then or later: 2026-01-31, or 2026-01-31T09:05:00Z")
        ->option_text("TIME");
    sub->add_option("--until", until_, "created before")->option_text("TIME");
    sub->add_option("--number", history_.number, "part of the number or address of either end")
        ->option_text("NUMBER");
    sub->add_option("--direction", history_.direction, "who called")
        ->option_text("inbound|outbound")
        ->check(CLI::IsMember({"inbound", "outbound"}));
    sub->add_option("--state", history_.state,
                    "ended (default), live, all, or one state, such as busy")
        ->option_text("STATE");
    sub->add_option("--limit", history_.limit, "at most so many calls (default 50; export: all)")
        ->option_text("N")
        ->check(CLI::Range(1, 1000000));
}

std::string HistoryGrammar::check() {
    for (const auto& [name, text, into] : {std::tuple{"--since", &since_, &history_.since},
                                           std::tuple{"--until", &until_, &history_.until}}) {
        if (text->empty()) continue;
        *into = parse_when(*text);
        if (!*into)
            return fmt::format("{} '{}': write 2026-01-31, or 2026-01-31T09:05:00Z", name, *text);
    }
    const auto& state = history_.state;
    if (!state.empty() && state != "ended" && state != "live" && state != "all" &&
        state != "created" && !call::parse_call_state(state))
        return fmt::format("--state '{}': write ended, live, all, or a state such as busy", state);
    return "";
}

}  // namespace bridge::app
