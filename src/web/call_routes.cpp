// Calls, and what is done with them.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <utility>
#include <vector>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/fields.hpp"
#include "web/history_answers.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;

using Self = std::shared_ptr<Api>;

net::HttpResponse call_answer(const Self& self, int status, const call::CallSnapshot& call) {
    return answer_json(status, live_call_json(*self, call));
}

net::HttpResponse wrong_field(std::string_view name, std::string what) {
    return problem(422, "bad_field", fmt::format("{}: {}", name, what), name);
}

/// What is wrong with what was ordered; refused is what the dial policy forbids.
net::HttpResponse order_problem(const Error& error) {
    if (error.code == Errc::refused) return problem(403, "refused_by_policy", error.message);
    return problem_of(error);
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
    if (const auto id = self->parts().calls->find(asked.id)) {
        auto answer = co_await show_call(self, *id, 200);
        if (answer.status != 404) co_return answer;
    }
    co_return co_await show_stored(self, asked.id, 200);
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
    order.mic = fields->flag("mic");
    order.record = fields->flag("record");
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
    if (order.mic == true && !parts.microphone)
        return tl::unexpected(problem(
            409, "wrong_state", "this program has no microphone: start it with --mic", "mic"));
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
    const bool muted = order->mic == false;
    if (order->focus || muted) self->parts().desk->dialled(id, order->focus, muted);
    self->parts().calls->post(id, call::input::Dial{});
    auto response = co_await show_call(self, id, 201);
    // It may be over already.
    if (response.status == 404) response = co_await show_stored(self, id.str(), 201);
    response.headers.set("Location", location_of(id));
    co_return response;
}

}  // namespace

const std::vector<Route>& call_routes() {
    static const std::vector<Route> routes{
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
