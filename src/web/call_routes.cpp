// Calls, and what is done with them.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/fields.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

using Self = std::shared_ptr<Api>;
using Calls = std::vector<call::CallSnapshot>;

constexpr std::size_t kPageLimit = 200;
constexpr std::size_t kPageUsual = 50;
/// Of calls that live: whoever asks for these means all, and few have more.
constexpr std::size_t kLivePageUsual = 200;
/// Calls go on between so many that are written down.
constexpr std::size_t kAtOnce = 16;

net::HttpResponse call_answer(const Self& self, int status, const call::CallSnapshot& call) {
    return answer_json(status, call_json(call, self->parts().desk->place(call.id)));
}

net::HttpResponse wrong_field(std::string_view name, std::string what) {
    return problem(422, "bad_field", fmt::format("{}: {}", name, what), name);
}

/// What is wrong with what was ordered; refused is what the dial policy forbids.
net::HttpResponse order_problem(const Error& error) {
    if (error.code == Errc::refused) return problem(403, "refused_by_policy", error.message);
    return problem_of(error);
}

// --- lists

struct ListQuery {
    enum class Which { live, one_state, ended, all } which = Which::live;
    CallQuery page;
    std::uint64_t opened_after = 0;  ///< of those that live: the registry's number

    bool of_live_calls() const {
        return which == Which::live || (which == Which::one_state && !is_final(*page.state));
    }
};

/// A list of calls that live begins with the oldest; its cursor is a place in their order.
std::string live_cursor(std::uint64_t number) {
    return fmt::format("n{}", number);
}

std::optional<std::uint64_t> parse_live_cursor(std::string_view text) {
    std::uint64_t number = 0;
    if (!text.starts_with('n')) return std::nullopt;
    const auto* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + 1, end, number);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return number;
}

/// True: it is one of this list's.
bool read_cursor(std::string_view cursor, ListQuery& out) {
    if (!out.of_live_calls()) {
        out.page.after = parse_cursor(cursor);
        return out.page.after.has_value();
    }
    const auto number = parse_live_cursor(cursor);
    out.opened_after = number.value_or(0);
    return number.has_value();
}

tl::expected<ListQuery, net::HttpResponse> read_list(std::string_view query) {
    ListQuery out;
    const auto state = query_value(query, "state");
    if (state == "ended") {
        out.which = ListQuery::Which::ended;
    } else if (state == "all") {
        out.which = ListQuery::Which::all;
    } else if (!state.empty() && state != "live") {
        out.which = ListQuery::Which::one_state;
        out.page.state =
            state == "created" ? call::CallState::created : call::parse_call_state(state);
        if (!out.page.state)
            return tl::unexpected(wrong_field(
                "state",
                fmt::format("'{}' is none; live, ended, all and Twilio's words are", state)));
    }
    if (const auto since = query_value(query, "since"); !since.empty()) {
        out.page.since = parse_time(since);
        if (!out.page.since)
            return tl::unexpected(
                wrong_field("since", "write the time as 2026-03-04T05:06:07Z (RFC 3339)"));
    }
    if (const auto cursor = query_value(query, "cursor"); !cursor.empty()) {
        if (!read_cursor(cursor, out))
            return tl::unexpected(wrong_field("cursor", "it must be the `next` of an answer"));
    }
    out.page.limit = out.of_live_calls() ? kLivePageUsual : kPageUsual;
    if (const auto limit = query_value(query, "limit"); !limit.empty()) {
        const auto* const end = limit.data() + limit.size();
        const auto [stopped, error] = std::from_chars(limit.data(), end, out.page.limit);
        if (error != std::errc() || stopped != end || out.page.limit < 1 ||
            out.page.limit > kPageLimit)
            return tl::unexpected(wrong_field("limit", "1 to 200 are allowed"));
    }
    return out;
}

asio::awaitable<std::optional<Calls>> live_calls(Self self) {
    auto told = std::make_shared<Told<Calls>>(self->executor());
    self->parts().calls->snapshots(self->executor(),
                                   [told](Calls calls) { told->tell(std::move(calls)); });
    co_return co_await Told<Calls>::wait(told);
}

bool is_wanted(const call::CallSnapshot& call, const CallQuery& query) {
    return (!query.state || call.state == *query.state) &&
           (!query.since || call.created >= *query.since) &&
           (!query.after || is_newer(*query.after, place_of(call)));
}

/// The calls of a list that begins with the newest.
Calls newest(Calls live, const EndedCalls& ended, CallQuery query) {
    ++query.limit;  // whether there is one more
    auto found = ended.page(query);
    for (auto& call : live) {
        // What has ended meanwhile is kept already.
        if (is_wanted(call, query) && ended.find(call.id.str()) == nullptr)
            found.push_back(std::move(call));
    }
    std::sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
        return is_newer(place_of(left), place_of(right));
    });
    if (found.size() > query.limit) found.resize(query.limit);
    return found;
}

struct Listed {
    Calls calls;
    std::optional<std::string> next;
};

/// The next ones of those that live, the oldest first; nothing: they did not answer.
asio::awaitable<std::optional<Listed>> list_live(Self self, ListQuery query) {
    using Found = std::vector<std::optional<call::CallSnapshot>>;
    auto& registry = *self->parts().calls;
    Listed out;
    auto after = query.opened_after;
    for (;;) {
        const auto ids = registry.opened_after(after, query.page.limit + 1);
        if (ids.empty()) co_return out;
        std::vector<CallId> wanted;
        for (const auto& one : ids) wanted.push_back(one.id);
        auto told = std::make_shared<Told<Found>>(self->executor());
        registry.snapshots(wanted, self->executor(),
                           [told](Found calls) { told->tell(std::move(calls)); });
        auto found = co_await Told<Found>::wait(told);
        if (!found) co_return std::nullopt;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            auto& call = (*found)[i];
            if (call && !call::is_final(call->state) && is_wanted(*call, query.page)) {
                if (out.calls.size() == query.page.limit) {
                    out.next = live_cursor(after);
                    co_return out;
                }
                out.calls.push_back(std::move(*call));
            }
            after = ids[i].number;
        }
    }
}

asio::awaitable<std::optional<Listed>> list_newest(Self self, ListQuery query) {
    auto known = co_await live_calls(self);
    if (!known) co_return std::nullopt;
    Listed out{std::move(*known), std::nullopt};
    // A call is over before its last sound is played; until then it is not among those kept.
    if (query.which == ListQuery::Which::ended)
        std::erase_if(out.calls, [](const auto& call) { return !call::is_final(call.state); });
    const auto limit = query.page.limit;
    out.calls = newest(std::move(out.calls), *self->parts().ended, query.page);
    if (out.calls.size() > limit) {
        out.calls.resize(limit);
        out.next = format_cursor(place_of(out.calls.back()));
    }
    co_return out;
}

Answer list(Self self, Asked asked) {
    auto query = read_list(asked.request.query());
    if (!query) co_return std::move(query.error());
    // A name of its own: see the compilers.
    const bool live = query->of_live_calls();
    std::optional<Listed> listed;
    if (live) {
        listed = co_await list_live(self, *query);
    } else {
        listed = co_await list_newest(self, *query);
    }
    if (!listed) co_return no_answer();
    std::string body = R"({"calls":[)";
    for (std::size_t i = 0; i < listed->calls.size(); ++i) {
        const auto& call = listed->calls[i];
        if (i > 0) body += ',';
        body += json::serialize(call_json(call, self->parts().desk->place(call.id)));
        if (i % kAtOnce == 0) co_await asio::post(self->executor(), asio::use_awaitable);
    }
    body += R"(],"next":)";
    body += listed->next ? json::serialize(json::string(*listed->next)) : "null";
    co_return answer_json_text(200, body + '}');
}

// --- one call

Answer show_call(Self self, CallId id, int status) {
    using Found = std::optional<call::CallSnapshot>;
    auto told = std::make_shared<Told<Found>>(self->executor());
    self->parts().calls->visit(id, [told](call::Call* call) {
        Told<Found>::post(told, call ? Found(call->snapshot()) : Found());
    });
    auto found = co_await Told<Found>::wait(told);
    if (!found) co_return no_answer();
    if (!*found) co_return no_call(id.str());
    co_return call_answer(self, status, **found);
}

Answer show(Self self, Asked asked) {
    const auto name = asked.id;
    if (const auto id = self->parts().calls->find(name)) {
        auto answer = co_await show_call(self, *id, 200);
        if (answer.status != 404) co_return answer;
    }
    if (const auto* ended = self->parts().ended->find(name))
        co_return call_answer(self, 200, *ended);
    co_return no_call(name);
}

Answer obey(Self self, CallId id, call::Command command, int status) {
    using Done = Result<call::CallSnapshot>;
    auto told = std::make_shared<Told<Done>>(self->executor());
    self->parts().desk->carry_out(id, std::move(command),
                                  [told](Done done) { told->tell(std::move(done)); });
    auto done = co_await Told<Done>::wait(told);
    if (!done) co_return no_answer();
    if (!*done) co_return problem_of(done->error());
    co_return call_answer(self, status, **done);
}

Answer hang_up(Self self, Asked asked) {
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    call::Command command = call::command::HangUp{"hung up through the control API"};
    co_return co_await obey(self, *id, std::move(command), 202);
}

/// Whether its answer comes before the deed is done.
bool takes_time(std::string_view verb) {
    return verb == "dtmf" || verb.starts_with("transfer") || verb == "reject";
}

Result<call::Command> read_transfer(const ApiParts& parts, Fields& fields) {
    auto to = fields.wanted_text("to");
    const bool warm = fields.word("mode", {"cold", "warm"}) == "warm";
    const bool silence = warm && fields.word("sound", {"music", "silence"}) == "silence";
    if (auto good = fields.done(); !good) return tl::unexpected(good.error());
    auto target = parts.target(to);
    if (!target && target.error().code == Errc::refused) return tl::unexpected(target.error());
    if (!target) return fail(Errc::bad_field, "to: " + target.error().message);
    return call::command::Transfer{std::move(*target), warm,
                                   silence ? call::HoldSound::silence : call::HoldSound::music};
}

Result<call::Command> read_command(const ApiParts& parts, std::string_view verb, Fields& fields) {
    namespace command = call::command;
    if (verb == "transfer") return read_transfer(parts, fields);
    call::Command out = command::Focus{};
    if (verb == "mute" || verb == "unmute") {
        out = command::Mute{verb == "mute"};
    } else if (verb == "hold") {
        const auto sound = fields.word("sound", {"music", "silence"});
        out = command::Hold{true,
                            sound == "silence" ? call::HoldSound::silence : call::HoldSound::music};
    } else if (verb == "resume") {
        out = command::Hold{false};
    } else if (verb == "dtmf") {
        auto keys = fields.wanted_text("keys");
        out = command::Digits{std::move(keys), fields.flag("in_band").value_or(false)};
    } else if (verb == "transfer/join") {
        out = command::Join{};
    } else if (verb == "transfer/cancel") {
        out = command::CancelTransfer{};
    } else if (verb == "accept") {
        out = command::Accept{};
    } else if (verb == "reject") {
        out = command::Reject{};
    } else if (verb == "solo" || verb == "unsolo") {
        out = command::Solo{verb == "solo"};
    } else if (verb == "volume") {
        const auto percent = std::clamp<std::int64_t>(fields.wanted_number("percent"), -1, 101);
        out = command::Volume{static_cast<int>(percent)};
    } else if (verb == "clear") {
        out = command::Clear{};
    }
    if (auto good = fields.done(); !good) return tl::unexpected(good.error());
    return out;
}

/// The verb of the route is the command.
Answer command(Self self, Asked asked) {
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    auto wanted = read_command(self->parts(), asked.verb, *fields);
    if (!wanted) co_return order_problem(wanted.error());
    const auto status = takes_time(asked.verb) ? 202 : 200;
    co_return co_await obey(self, *id, std::move(*wanted), status);
}

// --- the agent of a call

Result<std::string> known_agent(const ApiParts& parts, std::string_view name) {
    if (!parts.agent) return fail(Errc::bad_field, "there are no agents here");
    return parts.agent(name);
}

Answer take_agent_off(Self self, Asked asked) {
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    call::Command none = call::command::SetAgent{};
    co_return co_await obey(self, *id, std::move(none), 200);
}

/// Another agent, or another mode of the one there is.
Answer set_agent(Self self, Asked asked) {
    namespace command = call::command;
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    const auto name = fields->text("agent");
    const auto word = fields->text("mode");
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (!name && !word) co_return wrong_field("agent", "say which, or a mode of the one there is");
    const auto mode = word ? call::parse_agent_mode(*word) : std::nullopt;
    if (word && !mode)
        co_return wrong_field("mode", "speaks, whisper, together and taken-over are allowed");
    if (name) {
        auto known = known_agent(self->parts(), *name);
        if (!known) co_return wrong_field("agent", known.error().message);
        call::Command put = command::SetAgent{std::move(*known)};
        auto response = co_await obey(self, *id, std::move(put), 200);
        if (response.status != 200 || !mode) co_return response;
    }
    call::Command turn = command::AgentTurn{mode};
    co_return co_await obey(self, *id, std::move(turn), 200);
}

// --- a new call

std::string location_of(const CallId& id) {
    return fmt::format("{}/calls/{}", kApiPrefix, id);
}

tl::expected<CallOrder, net::HttpResponse> read_order(const ApiParts& parts,
                                                      const net::HttpRequest& request) {
    auto fields = read_fields(request, kBodyBytes);
    if (!fields) return tl::unexpected(std::move(fields.error()));
    CallOrder order;
    order.to = fields->wanted_text("to");
    order.from = fields->text("from").value_or("");
    order.focus = fields->flag("focus").value_or(true);
    order.agent = fields->text("agent");
    order.transcribe = fields->flag("transcribe");
    if (order.agent && !order.agent->empty()) {
        auto known = known_agent(parts, *order.agent);
        if (!known) return tl::unexpected(wrong_field("agent", known.error().message));
        order.agent = std::move(*known);
    }
    if (const auto limit = fields->number("time_limit_s")) {
        if (*limit < 1 || *limit > 86400)
            return tl::unexpected(wrong_field("time_limit_s", "1 to 86400 are allowed"));
        order.time_limit = std::chrono::seconds(*limit);
    }
    if (auto good = fields->done(); !good) return tl::unexpected(problem_of(good.error()));
    return order;
}

/// The call that came of a key before.
Answer show_again(Self self, CallId id) {
    auto again = co_await show_call(self, id, 201);
    if (again.status == 404)
        co_return problem(409, "call_over",
                          fmt::format("call {} of this Idempotency-Key is over", id));
    again.headers.set("Location", location_of(id));
    co_return again;
}

Answer place(Self self, Asked asked) {
    auto& request = asked.request;
    auto order = read_order(self->parts(), request);
    if (!order) co_return std::move(order.error());
    constexpr std::string_view kKeyHeader = "Idempotency-Key";
    const std::string key(request.headers.find(kKeyHeader).value_or(""));
    if (request.headers.find(kKeyHeader)) {
        if (!PlacedCalls::is_key(key))
            co_return wrong_field(kKeyHeader, "1 to 255 visible characters are allowed");
        if (const auto* known = self->placed().find(key)) {
            if (known->body != request.body)
                co_return problem(422, "key_reused",
                                  "this Idempotency-Key came with another call before", kKeyHeader);
            const auto id = known->id;
            co_return co_await show_again(self, id);
        }
    }
    auto spec = self->parts().order(*order);
    if (!spec) co_return order_problem(spec.error());
    const auto id = self->parts().calls->open(std::move(*spec));
    if (!key.empty()) self->placed().remember(key, {id, request.body});
    if (order->focus) self->parts().desk->dialled(id);
    self->parts().calls->post(id, call::input::Dial{});
    auto response = co_await show_call(self, id, 201);
    response.headers.set("Location", location_of(id));
    co_return response;
}

}  // namespace

const std::vector<Route>& call_routes() {
    static const std::vector<Route> routes{
        {"GET", "/calls", list},
        {"POST", "/calls", place},
        {"GET", "/calls/{id}", show},
        {"DELETE", "/calls/{id}", hang_up},
        {"POST", "/calls/{id}/focus", command},
        {"POST", "/calls/{id}/mute", command},
        {"POST", "/calls/{id}/unmute", command},
        {"POST", "/calls/{id}/hold", command},
        {"POST", "/calls/{id}/resume", command},
        {"POST", "/calls/{id}/solo", command},
        {"POST", "/calls/{id}/unsolo", command},
        {"POST", "/calls/{id}/volume", command},
        {"POST", "/calls/{id}/dtmf", command},
        {"POST", "/calls/{id}/transfer", command},
        {"POST", "/calls/{id}/transfer/join", command},
        {"POST", "/calls/{id}/transfer/cancel", command},
        {"POST", "/calls/{id}/accept", command},
        {"POST", "/calls/{id}/reject", command},
        {"POST", "/calls/{id}/clear", command},
        {"PUT", "/calls/{id}/agent", set_agent},
        {"DELETE", "/calls/{id}/agent", take_agent_off},
    };
    return routes;
}

}  // namespace bridge::web
