#include "twilio/rest_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <random>
#include <utility>

#include "base/log.hpp"
#include "twilio/wire/account_errors.hpp"
#include "twilio/wire/dates.hpp"
#include "twilio/wire/json_fields.hpp"
#include "twilio/wire/twiml.hpp"

namespace bridge::twilio {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

struct Request {
    std::string method = "GET";
    std::string path;   ///< below the base URL, with the query
    std::string shown;  ///< for the log
    std::string body;
    Repeat repeat = Repeat::freely;
    std::function<bool(std::string_view)> on_body{};
    std::size_t most_bytes = 0;
    std::chrono::milliseconds timeout{};
    int max_redirects = 0;
};

constexpr std::size_t kAllNumbers = 1'000'000;

using Outcome = tl::expected<net::HttpResponse, net::HttpFailure>;

std::string first_words(std::string_view path) {
    return std::string(path.substr(0, path.find('?')));
}

bool is_success(int status) {
    return status >= 200 && status < 300;
}

/// How long a Retry-After header asks to wait: seconds, or a date.
std::optional<std::chrono::milliseconds> retry_after(const net::HttpResponse& response,
                                                     std::chrono::system_clock::time_point now) {
    const auto text = response.headers.find("Retry-After");
    if (!text) return std::nullopt;
    if (const auto date = parse_date(*text)) {
        // Of the same clock, if the answer has its own date.
        const auto then = parse_date(response.headers.find("Date").value_or("")).value_or(now);
        const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(*date - then);
        return std::max(wait, std::chrono::milliseconds(0));
    }
    std::uint32_t seconds = 0;
    const auto* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, seconds);
    if (text->empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return std::chrono::seconds(seconds);
}

Error unreadable(std::string_view what) {
    return Error{
        make_error_code(Errc::protocol),
        fmt::format("the answer to {} is not what Twilio sends; check TWILIO_BASE_URL", what)};
}

Error failure_of(const net::HttpFailure& failure, std::string_view base_url) {
    return Error{failure.error.code,
                 fmt::format("{} could not be asked: {}", base_url, failure.error.message)};
}

call::CarrierCall call_of(const json::object& object) {
    call::CarrierCall call;
    call.sid = CallSid{text_field(object, "sid")};
    call.status = text_field(object, "status");
    call.to = text_field(object, "to");
    call.from = text_field(object, "from");
    call.direction = text_field(object, "direction");
    if (const auto seconds = number_field(object, "duration"))
        call.duration = std::chrono::seconds(*seconds);
    call.date_created = text_field(object, "date_created");
    return call;
}

PhoneNumber number_of(const json::object& object) {
    PhoneNumber number;
    number.sid = text_field(object, "sid");
    number.number = text_field(object, "phone_number");
    number.name = text_field(object, "friendly_name");
    number.voice_url = text_field(object, "voice_url");
    number.voice_method = text_field(object, "voice_method");
    number.voice_fallback_url = text_field(object, "voice_fallback_url");
    number.voice_fallback_method = text_field(object, "voice_fallback_method");
    number.status_callback = text_field(object, "status_callback");
    number.status_callback_method = text_field(object, "status_callback_method");
    number.voice_application_sid = text_field(object, "voice_application_sid");
    number.trunk_sid = text_field(object, "trunk_sid");
    if (const auto* capabilities = object.if_contains("capabilities");
        capabilities != nullptr && capabilities->is_object()) {
        const auto* voice = capabilities->get_object().if_contains("voice");
        if (voice != nullptr && voice->is_bool()) number.voice = voice->get_bool();
    }
    return number;
}

/// The objects of an array named `name`; nothing if there is no such array.
std::optional<std::vector<json::object>> objects_of(const json::object& page,
                                                    std::string_view name) {
    const auto* list = page.if_contains({name.data(), name.size()});
    if (list == nullptr || !list->is_array()) return std::nullopt;
    std::vector<json::object> out;
    for (const auto& item : list->get_array()) {
        if (item.is_object()) out.push_back(item.get_object());
    }
    return out;
}

/// ok, refused (4xx), rate_limited (429), carrier_error (5xx), timed_out, unreachable, lost.
const char* name_of(const Outcome& outcome) {
    if (outcome) {
        if (is_success(outcome->status)) return "ok";
        if (outcome->status == 429) return "rate_limited";
        return outcome->status >= 500 ? "carrier_error" : "refused";
    }
    const auto code = outcome.error().error.code;
    if (code == Errc::timed_out) return "timed_out";
    if (code == Errc::cancelled) return "cancelled";
    return outcome.error().request_sent ? "lost" : "unreachable";
}

}  // namespace

std::string rest_base_url(std::string_view region, std::string_view edge) {
    if (!edge.empty())
        return fmt::format("https://api.{}.{}.twilio.com", edge, region.empty() ? "us1" : region);
    if (!region.empty()) return fmt::format("https://api.{}.twilio.com", region);
    return "https://api.twilio.com";
}

struct RestClient::State {
    State(asio::any_io_executor on, std::shared_ptr<net::HttpClient> client, RestOptions with)
        : executor(std::move(on)),
          http(std::move(client)),
          options(std::move(with)),
          metrics(metrics::registry_or_own(options.metrics)),
          random(options.seed) {
        while (options.base_url.ends_with('/')) options.base_url.pop_back();
    }

    /// "/2010-04-01/Accounts/AC…" and `rest`.
    std::string account_path(std::string_view rest) const {
        return fmt::format("/2010-04-01/Accounts/{}{}", percent_encode(options.account_sid), rest);
    }

    std::string shown_path(std::string_view rest) const {
        return fmt::format("/2010-04-01/Accounts/{}{}", shortened(options.account_sid),
                           first_words(rest));
    }

    /// Where the carrier reaches us about this call.
    std::string webhook_url(std::string_view path, const CallId& call) const {
        return options.public_url.now()->url(path) + "?call=" + percent_encode(call.str());
    }

    Request get(std::string_view rest) const {
        return {"GET", account_path(rest), shown_path(rest), {}, Repeat::freely};
    }
    Request post(std::string_view rest, const Form& form, Repeat repeat) const {
        return {"POST", account_path(rest), shown_path(rest), format_form(form), repeat};
    }

    // The rest runs on `executor`.
    static asio::awaitable<Outcome> send(std::shared_ptr<State> self, Request request);
    /// The objects of a list, over as many pages as it takes, `at_most` of them.
    static asio::awaitable<Result<std::vector<json::object>>> pages(std::shared_ptr<State> self,
                                                                    std::string rest, Form query,
                                                                    std::string name,
                                                                    std::size_t at_most);
    asio::awaitable<Outcome> once(const Request& request, int attempt);
    asio::awaitable<void> pause(std::chrono::milliseconds delay);
    std::chrono::milliseconds backoff(int attempt);

    const asio::any_io_executor executor;
    const std::shared_ptr<net::HttpClient> http;
    RestOptions options;
    const std::shared_ptr<bridge::metrics::Registry> metrics;
    /// The carrier's clock less ours, from its last answer. Thread: any.
    std::atomic<std::chrono::seconds> clock_ahead{std::chrono::seconds(0)};
    std::mt19937_64 random;
};

std::chrono::milliseconds RestClient::State::backoff(int attempt) {
    const auto full =
        std::min(options.longest_backoff, options.first_backoff * (1 << std::min(attempt, 16)));
    // Half is certain, half is chance: callers that were refused together do not come back
    // together.
    const auto half = full.count() / 2;
    return std::chrono::milliseconds(
        half + std::uniform_int_distribution<std::int64_t>(0, full.count() - half)(random));
}

asio::awaitable<void> RestClient::State::pause(std::chrono::milliseconds delay) {
    if (options.wait) {
        co_await options.wait(delay);
        co_return;
    }
    asio::steady_timer timer(executor, delay);
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<Outcome> RestClient::State::once(const Request& request, int attempt) {
    net::HttpCall call;
    call.method = request.method;
    call.url = options.base_url + request.path;
    call.headers.add("Accept", "application/json");
    if (request.method == "POST")
        call.headers.add("Content-Type", "application/x-www-form-urlencoded");
    call.body = request.body;
    const bool key = !options.api_key.empty();
    call.user = key ? options.api_key : options.account_sid;
    call.password = key ? options.api_secret : options.auth_token;
    call.connect_timeout = options.connect_timeout;
    call.total_timeout =
        request.timeout > request.timeout.zero() ? request.timeout : options.total_timeout;
    call.on_body = request.on_body;
    if (request.most_bytes > 0) call.response_bytes = request.most_bytes;
    call.max_redirects = request.max_redirects;
    log::debug("rest", "{} {} (try {})", request.method, request.shown, attempt + 1);
    const auto begin = options.now();
    auto outcome = co_await http->request(std::move(call));
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(options.now() - begin).count();
    metrics
        ->counter("agentbridge_rest_requests_total",
                  "Requests to the carrier, each try for itself, by how they came out.",
                  {{"method", request.method}, {"outcome", name_of(outcome)}})
        .add();
    if (outcome) {
        if (const auto date = parse_date(outcome->headers.find("Date").value_or(""))) {
            clock_ahead =
                std::chrono::duration_cast<std::chrono::seconds>(*date - options.wall_now());
        }
    }
    if (!outcome) {
        // The client's message names the address, and that the account.
        auto& message = outcome.error().error.message;
        if (const auto at = message.find(request.path); at != std::string::npos)
            message.replace(at, request.path.size(), request.shown);
        log::warning("rest", "{} {} failed after {} ms: {}", request.method, request.shown, took,
                     outcome.error().error.message);
    } else if (is_success(outcome->status)) {
        log::info("rest", "{} {} {} in {} ms", request.method, request.shown, outcome->status,
                  took);
    } else {
        log::info("rest", "{} {} {} in {} ms, code {}", request.method, request.shown,
                  outcome->status, took, parse_refusal(outcome->status, outcome->body).code);
    }
    co_return outcome;
}

asio::awaitable<Outcome> RestClient::State::send(std::shared_ptr<State> self, Request request) {
    const bool freely = request.repeat == Repeat::freely;
    for (int attempt = 0;; ++attempt) {
        auto outcome = co_await self->once(request, attempt);
        const bool last = attempt + 1 >= self->options.tries;
        auto delay = self->backoff(attempt);
        bool again = false;
        if (!outcome) {
            const auto code = outcome.error().error.code;
            again = code != Errc::cancelled && (freely || !outcome.error().request_sent);
        } else if (outcome->status == 429) {
            // Twilio did nothing with it (20429), so this holds for a create too.
            const auto asked = retry_after(*outcome, self->options.wall_now());
            again = !asked || *asked <= self->options.longest_retry_after;
            if (asked) delay = *asked;
        } else if (outcome->status >= 500) {
            again = freely;
        }
        if (last || !again) co_return outcome;
        log::info("rest", "{} {} is tried again in {} ms", request.method, request.shown,
                  delay.count());
        co_await self->pause(delay);
    }
}

asio::awaitable<Result<std::vector<json::object>>> RestClient::State::pages(
    std::shared_ptr<State> self, std::string rest, Form query, std::string name,
    std::size_t at_most) {
    auto request = self->get(rest + "?" + format_form(query));
    std::vector<json::object> found;
    for (;;) {
        auto outcome = co_await asio::co_spawn(self->executor, send(self, std::move(request)),
                                               asio::use_awaitable);
        if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), self->options.base_url));
        if (!is_success(outcome->status))
            co_return tl::unexpected(to_error(parse_refusal(outcome->status, outcome->body)));
        const auto page = parse_json_object(outcome->body);
        auto items = page ? objects_of(*page, name) : std::nullopt;
        if (!items) co_return tl::unexpected(unreadable("the list " + rest));
        for (auto& item : *items) found.push_back(std::move(item));
        const auto next = text_field(*page, "next_page_uri");
        if (found.size() >= at_most || items->empty() || !next.starts_with("/2010-04-01/")) break;
        request = self->get(rest);
        request.path = next;
    }
    if (found.size() > at_most) found.resize(at_most);
    co_return found;
}

RestClient::RestClient(asio::any_io_executor executor, std::shared_ptr<net::HttpClient> http,
                       RestOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(http), std::move(options))) {}

asio::awaitable<tl::expected<call::PlacedCall, call::PlaceFailure>> RestClient::place_call(
    call::PlaceCall wanted) {
    const auto state = state_;
    const auto webhook = [&](std::string_view path) {
        return state->webhook_url(path, wanted.call);
    };
    std::vector<Form::Pair> standard = {
        {"To", wanted.to},
        {"From", wanted.from},
        {"Url", webhook("/twilio/voice")},
        {"Method", "POST"},
        {"FallbackUrl", webhook("/twilio/fallback")},
        {"StatusCallback", webhook("/twilio/status")},
        {"StatusCallbackMethod", "POST"},
        {"StatusCallbackEvent", "initiated"},
        {"StatusCallbackEvent", "ringing"},
        {"StatusCallbackEvent", "answered"},
        {"StatusCallbackEvent", "completed"},
        {"Timeout", std::to_string(wanted.ring_timeout.count())},
        {"TimeLimit", std::to_string(wanted.time_limit.count())},
    };
    Form form;
    for (auto& [name, value] : standard) {
        if (!wanted.extra.contains(name)) form.add(name, value);
    }
    for (const auto& [name, value] : wanted.extra) form.add(name, value);
    const auto async_amd = wanted.extra.find("AsyncAmd");
    if (async_amd != wanted.extra.end() && async_amd->second == "true" &&
        !wanted.extra.contains("AsyncAmdStatusCallback")) {
        form.add("AsyncAmdStatusCallback", webhook("/twilio/amd"));
        form.add("AsyncAmdStatusCallbackMethod", "POST");
    }
    log::info({"rest", wanted.call}, "asks Twilio to call {} from {}", masked_number(wanted.to),
              masked_number(wanted.from));
    auto request = state->post("/Calls.json", form, Repeat::never);
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) {
        const bool unknown = outcome.error().request_sent;
        auto error = failure_of(outcome.error(), state->options.base_url);
        if (unknown) error.message += "; the call may have been created";
        co_return tl::unexpected(call::PlaceFailure{std::move(error), unknown, 0, 0});
    }
    const auto status = outcome->status;
    if (is_success(status)) {
        const auto body = parse_json_object(outcome->body);
        const auto sid = body ? text_field(*body, "sid") : std::string();
        if (!sid.empty()) co_return call::PlacedCall{CallSid{sid}, text_field(*body, "status")};
        // Something was created, or something that is not Twilio answered: either way, not again.
        co_return tl::unexpected(
            call::PlaceFailure{unreadable("the create of a call"), true, 0, status});
    }
    const auto refusal = parse_refusal(status, outcome->body);
    const bool unknown = status >= 500 || status == 408;
    co_return tl::unexpected(call::PlaceFailure{to_error(refusal), unknown, refusal.code, status});
}

asio::awaitable<Result<>> RestClient::hang_up(CallSid call) {
    const auto state = state_;
    Form form;
    form.add("Status", "completed");
    auto request =
        state->post("/Calls/" + percent_encode(call.str()) + ".json", form, Repeat::freely);
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), state->options.base_url));
    if (is_success(outcome->status)) co_return Result<>{};
    const auto refusal = parse_refusal(outcome->status, outcome->body);
    if (refusal.code == 20404 || refusal.code == 21220) co_return Result<>{};
    co_return tl::unexpected(to_error(refusal));
}

asio::awaitable<Result<>> RestClient::redirect(CallSid call, std::string twiml) {
    const auto state = state_;
    if (twiml.size() > kInlineTwimlLimit) {
        co_return fail(Errc::too_large, fmt::format("instructions of {} characters: a live call is "
                                                    "given at most {}",
                                                    twiml.size(), kInlineTwimlLimit));
    }
    Form form;
    form.add("Twiml", std::move(twiml));
    // A second time would start the instructions again from the top.
    auto request =
        state->post("/Calls/" + percent_encode(call.str()) + ".json", form, Repeat::never);
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), state->options.base_url));
    if (is_success(outcome->status)) co_return Result<>{};
    const auto refusal = parse_refusal(outcome->status, outcome->body);
    auto error = to_error(refusal);
    if (refusal.code == 21220) error.code = make_error_code(Errc::not_found);
    co_return tl::unexpected(std::move(error));
}

asio::awaitable<Result<>> RestClient::play_digits(call::CallRef call, std::string digits) {
    auto twiml = digits_then(digits, state_->webhook_url("/twilio/voice", call.id));
    co_return co_await redirect(std::move(call.sid), std::move(twiml));
}

asio::awaitable<Result<>> RestClient::transfer(call::CallRef call, call::TransferOrder order) {
    DialParameters dialled;
    dialled.to = std::move(order.to);
    dialled.caller_id = std::move(order.caller_id);
    dialled.action = state_->webhook_url("/twilio/dial-result", call.id);
    dialled.status_callback = state_->webhook_url("/twilio/participant", call.id);
    dialled.timeout = order.timeout;
    dialled.time_limit = order.time_limit;
    auto twiml = dial(dialled);
    if (!twiml) co_return tl::unexpected(twiml.error());
    auto text = std::move(*twiml);
    co_return co_await redirect(std::move(call.sid), std::move(text));
}

asio::awaitable<Result<>> RestClient::join_conference(call::CallRef call, std::string room) {
    auto twiml = conference(room, state_->webhook_url("/twilio/conference", call.id));
    co_return co_await redirect(std::move(call.sid), std::move(twiml));
}

asio::awaitable<Result<>> RestClient::reconnect(call::CallRef call) {
    auto twiml = redirect_to(state_->webhook_url("/twilio/voice", call.id));
    co_return co_await redirect(std::move(call.sid), std::move(twiml));
}

asio::awaitable<Result<call::CarrierCall>> RestClient::fetch(CallSid call) {
    const auto state = state_;
    auto request = state->get("/Calls/" + percent_encode(call.str()) + ".json");
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), state->options.base_url));
    if (!is_success(outcome->status))
        co_return tl::unexpected(to_error(parse_refusal(outcome->status, outcome->body)));
    const auto body = parse_json_object(outcome->body);
    if (!body || text_field(*body, "sid").empty())
        co_return tl::unexpected(unreadable("the fetch of a call"));
    co_return call_of(*body);
}

asio::awaitable<Result<net::HttpResponse>> RestClient::ask(RestRequest wanted) {
    const auto state = state_;
    Request request = state->get(wanted.path);
    request.method = std::move(wanted.method);
    if (request.method == "POST") request.body = format_form(wanted.form);
    request.repeat = wanted.repeat;
    request.on_body = std::move(wanted.on_body);
    request.most_bytes = wanted.most_bytes;
    request.timeout = wanted.timeout;
    request.max_redirects = wanted.max_redirects;
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), state->options.base_url));
    if (!is_success(outcome->status))
        co_return tl::unexpected(to_error(parse_refusal(outcome->status, outcome->body)));
    co_return std::move(*outcome);
}

std::string RestClient::webhook_url(std::string_view path, const CallId& call) const {
    return state_->webhook_url(path, call);
}

asio::awaitable<Result<std::vector<call::CarrierCall>>> RestClient::list(CallFilter filter) {
    const auto state = state_;
    Form query;
    if (!filter.to.empty()) query.add("To", filter.to);
    if (!filter.from.empty()) query.add("From", filter.from);
    if (!filter.status.empty()) query.add("Status", filter.status);
    if (!filter.start_time_from.empty()) query.add("StartTime>", filter.start_time_from);
    query.add("PageSize", std::to_string(std::clamp<std::size_t>(filter.at_most, 1, 1000)));
    auto items =
        co_await State::pages(state, "/Calls.json", std::move(query), "calls", filter.at_most);
    if (!items) co_return tl::unexpected(items.error());
    std::vector<call::CarrierCall> calls;
    for (const auto& item : *items) calls.push_back(call_of(item));
    co_return calls;
}

asio::awaitable<Result<std::vector<call::CarrierCall>>> RestClient::created_calls(
    call::CreatedCalls wanted) {
    CallFilter filter;
    filter.to = wanted.to;
    filter.from = wanted.from;
    auto listed = co_await list(std::move(filter));
    if (!listed) co_return tl::unexpected(listed.error());
    // Dates have whole seconds, and both clocks were read some time before they were compared.
    constexpr std::chrono::seconds kSlack{2};
    const auto ahead = state_->clock_ahead.load();
    const auto since = wanted.since + ahead - kSlack;
    const auto until = wanted.until + ahead + kSlack;
    std::erase_if(*listed, [&](const call::CarrierCall& call) {
        const auto created = parse_date(call.date_created);
        return call.direction != "outbound-api" || call.to != wanted.to ||
               call.from != wanted.from || !created || *created < since || *created > until;
    });
    co_return std::move(*listed);
}

asio::awaitable<Result<AccountState>> RestClient::account() {
    const auto state = state_;
    auto request = state->get(".json");
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), state->options.base_url));
    if (is_success(outcome->status)) {
        const auto body = parse_json_object(outcome->body);
        if (!body || text_field(*body, "sid").empty())
            co_return tl::unexpected(unreadable("the account check"));
        // The answer also holds the Auth Token, which goes nowhere.
        co_return AccountState{text_field(*body, "sid"), text_field(*body, "friendly_name"),
                               text_field(*body, "status"), text_field(*body, "type")};
    }
    const auto refusal = parse_refusal(outcome->status, outcome->body);
    const bool maybe_key =
        !state->options.api_key.empty() && outcome->status >= 401 && outcome->status <= 404;
    if (!maybe_key) co_return tl::unexpected(to_error(refusal));
    // A key that may not read the account may still make calls.
    auto second = state->get("/Calls.json?PageSize=1");
    auto calls = co_await asio::co_spawn(state->executor, State::send(state, std::move(second)),
                                         asio::use_awaitable);
    if (!calls) co_return tl::unexpected(failure_of(calls.error(), state->options.base_url));
    if (!is_success(calls->status))
        co_return tl::unexpected(to_error(parse_refusal(calls->status, calls->body)));
    co_return AccountState{state->options.account_sid, {}, {}, {}};
}

asio::awaitable<Result<std::vector<PhoneNumber>>> RestClient::numbers(std::string exact) {
    const auto state = state_;
    Form query;
    if (!exact.empty()) query.add("PhoneNumber", exact);
    query.add("PageSize", "1000");
    auto items = co_await State::pages(state, "/IncomingPhoneNumbers.json", std::move(query),
                                       "incoming_phone_numbers", kAllNumbers);
    if (!items) co_return tl::unexpected(items.error());
    std::vector<PhoneNumber> numbers;
    for (const auto& item : *items) {
        auto number = number_of(item);
        // Twilio matches parts of numbers too.
        if (exact.empty() || number.number == exact) numbers.push_back(std::move(number));
    }
    co_return numbers;
}

asio::awaitable<Result<PhoneNumber>> RestClient::update_number(std::string sid, Form fields) {
    const auto state = state_;
    auto request = state->post("/IncomingPhoneNumbers/" + percent_encode(sid) + ".json", fields,
                               Repeat::freely);
    auto outcome = co_await asio::co_spawn(state->executor, State::send(state, std::move(request)),
                                           asio::use_awaitable);
    if (!outcome) co_return tl::unexpected(failure_of(outcome.error(), state->options.base_url));
    if (!is_success(outcome->status))
        co_return tl::unexpected(to_error(parse_refusal(outcome->status, outcome->body)));
    const auto body = parse_json_object(outcome->body);
    if (!body || text_field(*body, "sid").empty())
        co_return tl::unexpected(unreadable("the update of a number"));
    co_return number_of(*body);
}

}  // namespace bridge::twilio
