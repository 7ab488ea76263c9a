#include "web/api.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "web/fields.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::string_view kPrefix = "/api/v1/";
constexpr std::size_t kBodyBytes = 16 * 1024;
constexpr std::size_t kKeyBytes = 255;
/// A call answers in a turn of its thread; one that takes so long has a problem of its own.
constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kPlacedRemembered = 1000;

constexpr std::array<std::string_view, 15> kVerbs{
    "mute",   "unmute", "hold",  "resume", "dtmf",   "transfer", "transfer/join", "transfer/cancel",
    "accept", "reject", "focus", "solo",   "unsolo", "volume",   "clear"};

/// A value that is told later on the same thread, and waited for.
template <class T>
class Told {
public:
    explicit Told(const asio::any_io_executor& executor) : timer_(executor) {}
    void tell(T value) {
        value_ = std::move(value);
        timer_.cancel();
    }
    /// Nothing if it is not told in time.
    static asio::awaitable<std::optional<T>> wait(std::shared_ptr<Told> told) {
        if (!told->value_) {
            told->timer_.expires_after(kPatience);
            co_await told->timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        co_return std::move(told->value_);
    }

private:
    asio::steady_timer timer_;
    std::optional<T> value_;
};

net::HttpResponse answer_json(int status, const json::value& body) {
    auto response = net::respond(status, "application/json", json::serialize(body) + "\n");
    response.headers.set("Cache-Control", "no-store");
    return response;
}

net::HttpResponse no_answer() {
    return problem(504, "timed_out", "the call's thread does not answer");
}

net::HttpResponse no_call(std::string_view id) {
    return problem(404, "no_such_call", fmt::format("there is no call {}", id));
}

net::HttpResponse no_route() {
    return problem(404, "not_found", "there is no such route");
}

/// The value of one query parameter; states need no decoding.
std::string query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const auto equals = part.find('=');
        if (part.substr(0, equals) == name)
            return equals == std::string_view::npos ? std::string()
                                                    : std::string(part.substr(equals + 1));
    }
    return {};
}

/// `live` is every state that is not final.
bool is_in(const call::CallSnapshot& call, std::string_view state) {
    if (state.empty()) return true;
    if (state == "live") return !call::is_final(call.state);
    return call::to_string(call.state) == state;
}

/// Nothing if the method is one of them.
std::optional<net::HttpResponse> wrong_method(const std::string& method,
                                              const std::vector<std::string_view>& allowed) {
    if (std::find(allowed.begin(), allowed.end(), method) != allowed.end()) return std::nullopt;
    auto response =
        problem(405, "method_not_allowed",
                fmt::format("{} is not for this; {} is", method, fmt::join(allowed, ", ")));
    response.headers.set("Allow", fmt::format("{}", fmt::join(allowed, ", ")));
    return response;
}

bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= kKeyBytes &&
           std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

net::HttpResponse number_problem(const Error& error) {
    const auto& what = error.message;
    if (error.code == Errc::not_found) return problem(404, "no_such_number", what);
    if (error.code == Errc::refused) return problem(409, "taken", what);
    if (error.code == Errc::bad_config) return problem(409, "not_usable", what);
    if (error.code == Errc::unauthorized) return problem(502, "unauthorized", what);
    return problem_of(error);
}

/// Whether its answer comes before the deed is done.
bool takes_time(std::string_view verb) {
    return verb == "dtmf" || verb.starts_with("transfer") || verb == "reject";
}

}  // namespace

bool Api::is_api(std::string_view path) {
    return path == "/api" || path.starts_with("/api/");
}

asio::awaitable<net::HttpResponse> Api::answer(std::shared_ptr<Api> self,
                                               net::HttpRequest request) {
    const auto path = std::string(request.path());
    std::string_view rest = path;
    if (!rest.starts_with(kPrefix)) co_return no_route();
    rest.remove_prefix(kPrefix.size());
    if (rest == "calls") {
        if (auto wrong = wrong_method(request.method, {"GET", "HEAD", "POST"}))
            co_return std::move(*wrong);
        if (request.method == "POST") co_return co_await place(self, std::move(request));
        auto state = query_value(request.query(), "state");
        co_return co_await list(self, std::move(state));
    }
    if (rest == "numbers/use") {
        if (auto wrong = wrong_method(request.method, {"POST"})) co_return std::move(*wrong);
        co_return co_await use_number(self, std::move(request));
    }
    if (!rest.starts_with("calls/")) co_return no_route();
    rest.remove_prefix(6);
    const auto slash = rest.find('/');
    const auto name = rest.substr(0, slash);
    const auto verb = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (self->parts_.sayings && (verb == "say" || verb == "play" || verb == "timeline"))
        co_return co_await saying(self, std::string(name), std::string(verb), std::move(request));
    if (verb == "agent") {
        if (auto wrong = wrong_method(request.method, {"PUT", "DELETE"}))
            co_return std::move(*wrong);
    } else if (slash == std::string_view::npos) {
        if (auto wrong = wrong_method(request.method, {"GET", "HEAD", "DELETE"}))
            co_return std::move(*wrong);
    } else {
        if (std::find(kVerbs.begin(), kVerbs.end(), verb) == kVerbs.end()) co_return no_route();
        if (auto wrong = wrong_method(request.method, {"POST"})) co_return std::move(*wrong);
    }
    const auto id = self->parts_.calls->find(name);
    if (!id) co_return no_call(name);
    if (verb == "agent") co_return co_await agent(self, *id, std::move(request));
    if (request.method == "DELETE") {
        call::Command hang_up = call::command::HangUp{"hung up through the control API"};
        co_return co_await obey(self, *id, std::move(hang_up), 202);
    }
    if (verb.empty()) co_return co_await show(self, *id, 200);
    auto fields = read_fields(request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    auto command = self->read_command(verb, *fields);
    if (!command) co_return problem_of(command.error());
    const auto status = takes_time(verb) ? 202 : 200;
    co_return co_await obey(self, *id, std::move(*command), status);
}

Api::Answer Api::list(std::shared_ptr<Api> self, std::string state) {
    if (!state.empty() && state != "live" && state != "created" && !call::parse_call_state(state)) {
        co_return problem(422, "bad_field",
                          fmt::format("state: '{}' is none; live and Twilio's words are", state),
                          "state");
    }
    using Calls = std::vector<call::CallSnapshot>;
    auto told = std::make_shared<Told<Calls>>(self->executor_);
    self->parts_.calls->snapshots(self->executor_,
                                  [told](Calls calls) { told->tell(std::move(calls)); });
    auto calls = co_await Told<Calls>::wait(told);
    if (!calls) co_return no_answer();
    json::array out;
    for (const auto& call : *calls) {
        if (is_in(call, state)) out.push_back(call_json(call, self->parts_.desk->place(call.id)));
    }
    co_return answer_json(200, json::object{{"calls", std::move(out)}});
}

Api::Answer Api::show(std::shared_ptr<Api> self, CallId id, int status) {
    using Found = std::optional<call::CallSnapshot>;
    auto told = std::make_shared<Told<Found>>(self->executor_);
    self->parts_.calls->visit(id, [told, executor = self->executor_](call::Call* call) {
        auto found = call ? Found(call->snapshot()) : Found();
        asio::post(executor, [told, found = std::move(found)] { told->tell(found); });
    });
    auto found = co_await Told<Found>::wait(told);
    if (!found) co_return no_answer();
    if (!*found) co_return no_call(id.str());
    co_return self->call_answer(status, **found);
}

Api::Answer Api::obey(std::shared_ptr<Api> self, CallId id, call::Command command, int status) {
    using Done = Result<call::CallSnapshot>;
    auto told = std::make_shared<Told<Done>>(self->executor_);
    self->parts_.desk->carry_out(id, std::move(command),
                                 [told](Done done) { told->tell(std::move(done)); });
    auto done = co_await Told<Done>::wait(told);
    if (!done) co_return no_answer();
    if (!*done) co_return problem_of(done->error());
    co_return self->call_answer(status, **done);
}

/// What is said and played, and the timeline, which outlives its call.
Api::Answer Api::saying(std::shared_ptr<Api> self, std::string name, std::string verb,
                        net::HttpRequest request) {
    const auto& sayings = self->parts_.sayings;
    if (verb == "timeline") {
        if (auto wrong = wrong_method(request.method, {"GET", "HEAD"})) co_return std::move(*wrong);
        co_return co_await Sayings::timeline(sayings, std::move(name));
    }
    if (auto wrong = wrong_method(request.method, {"POST"})) co_return std::move(*wrong);
    const auto id = self->parts_.calls->find(name);
    if (!id) co_return no_call(name);
    if (verb == "say") co_return co_await Sayings::say(sayings, *id, std::move(request));
    co_return co_await Sayings::play(sayings, *id, std::move(request));
}

/// Another agent, another mode of the one there is, or none.
Api::Answer Api::agent(std::shared_ptr<Api> self, CallId id, net::HttpRequest request) {
    namespace command = call::command;
    if (request.method == "DELETE") {
        call::Command none = command::SetAgent{};
        co_return co_await obey(self, id, std::move(none), 200);
    }
    auto fields = read_fields(request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    const auto name = fields->text("agent");
    const auto word = fields->text("mode");
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (!name && !word)
        co_return problem(422, "bad_field", "agent: say which, or a mode of the one there is",
                          "agent");
    const auto mode = word ? call::parse_agent_mode(*word) : std::nullopt;
    if (word && !mode)
        co_return problem(422, "bad_field",
                          "mode: speaks, whisper, together and taken-over are allowed", "mode");
    if (name) {
        auto known = self->known_agent(*name);
        if (!known) co_return problem(422, "bad_field", "agent: " + known.error().message, "agent");
        call::Command put = command::SetAgent{std::move(*known)};
        auto response = co_await obey(self, id, std::move(put), 200);
        if (response.status != 200 || !mode) co_return response;
    }
    call::Command turn = command::AgentTurn{mode};
    co_return co_await obey(self, id, std::move(turn), 200);
}

Result<std::string> Api::known_agent(std::string_view name) const {
    if (!parts_.agent) return fail(Errc::bad_field, "there are no agents here");
    return parts_.agent(name);
}

Api::Answer Api::place(std::shared_ptr<Api> self, net::HttpRequest request) {
    auto fields = read_fields(request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    CallOrder order;
    order.to = fields->wanted_text("to");
    order.from = fields->text("from").value_or("");
    order.focus = fields->flag("focus").value_or(true);
    order.agent = fields->text("agent");
    if (order.agent && !order.agent->empty()) {
        auto known = self->known_agent(*order.agent);
        if (!known) co_return problem(422, "bad_field", "agent: " + known.error().message, "agent");
        order.agent = std::move(*known);
    }
    if (const auto limit = fields->number("time_limit_s")) {
        if (*limit < 1 || *limit > 86400)
            co_return problem(422, "bad_field", "time_limit_s: 1 to 86400 are allowed",
                              "time_limit_s");
        order.time_limit = std::chrono::seconds(*limit);
    }
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    const std::string key(request.headers.find("Idempotency-Key").value_or(""));
    if (request.headers.find("Idempotency-Key")) {
        if (!is_key(key))
            co_return problem(422, "bad_field",
                              "Idempotency-Key: 1 to 255 visible characters are allowed",
                              "Idempotency-Key");
        if (const auto known = self->placed_.find(key); known != self->placed_.end()) {
            if (known->second.body != request.body)
                co_return problem(422, "key_reused",
                                  "this Idempotency-Key came with another call before",
                                  "Idempotency-Key");
            const auto id = known->second.id;
            auto again = co_await show(self, id, 201);
            if (again.status == 404)
                co_return problem(409, "call_over",
                                  fmt::format("call {} of this Idempotency-Key is over", id));
            again.headers.set("Location", fmt::format("{}calls/{}", kPrefix, id));
            co_return again;
        }
    }
    auto spec = self->parts_.order(order);
    if (!spec) co_return problem_of(spec.error());
    const auto id = self->parts_.calls->open(std::move(*spec));
    if (!key.empty()) self->remember(key, {id, request.body});
    if (order.focus) self->parts_.desk->dialled(id);
    self->parts_.calls->post(id, call::input::Dial{});
    auto response = co_await show(self, id, 201);
    response.headers.set("Location", fmt::format("{}calls/{}", kPrefix, id));
    co_return response;
}

Api::Answer Api::use_number(std::shared_ptr<Api> self, net::HttpRequest request) {
    auto fields = read_fields(request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    auto number = fields->wanted_text("number");
    const auto force = fields->flag("force").value_or(false);
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (!self->parts_.use_number)
        co_return problem(409, "not_usable", "this program takes no inbound calls");
    auto using_it = self->parts_.use_number(std::move(number), force);
    auto used = co_await std::move(using_it);
    if (!used) co_return number_problem(used.error());
    auto response = net::respond(200, "application/json", *used + "\n");
    response.headers.set("Cache-Control", "no-store");
    co_return response;
}

void Api::remember(const std::string& key, Placed placed) {
    placed_.emplace(key, std::move(placed));
    placed_order_.push_back(key);
    if (placed_order_.size() <= kPlacedRemembered) return;
    placed_.erase(placed_order_.front());
    placed_order_.pop_front();
}

Result<call::Command> Api::read_command(std::string_view verb, Fields& fields) const {
    namespace command = call::command;
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
    } else if (verb == "transfer") {
        auto to = fields.wanted_text("to");
        const bool warm = fields.word("mode", {"cold", "warm"}) == "warm";
        const bool silence = warm && fields.word("sound", {"music", "silence"}) == "silence";
        if (auto good = fields.done(); !good) return tl::unexpected(good.error());
        auto target = parts_.target(to);
        if (!target) return fail(Errc::bad_field, "to: " + target.error().message);
        out = command::Transfer{std::move(*target), warm,
                                silence ? call::HoldSound::silence : call::HoldSound::music};
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

net::HttpResponse Api::call_answer(int status, const call::CallSnapshot& call) const {
    return answer_json(status, call_json(call, parts_.desk->place(call.id)));
}

}  // namespace bridge::web
