#include "twilio/webhooks.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "twilio/probe_responder.hpp"
#include "twilio/request_signature.hpp"
#include "twilio/wire/account_errors.hpp"
#include "twilio/wire/signature.hpp"

namespace bridge::twilio {
namespace {

namespace asio = boost::asio;
namespace input = call::input;

// Enough to recognise every retry (they come within seconds), small enough to forget nothing about.
constexpr std::size_t kRememberedInbound = 4096;
constexpr std::string_view kSignatureHeader = "X-Twilio-Signature";

net::HttpResponse twiml(std::string document) {
    return net::respond(200, "text/xml; charset=utf-8", std::move(document));
}

net::HttpResponse empty(int status = 204) {
    net::HttpResponse response;
    response.status = status;
    return response;
}

net::HttpResponse plain(int status, std::string text) {
    return net::respond(status, "text/plain", std::move(text) + "\n");
}

template <class T>
std::optional<T> number(const Form& form, std::string_view name) {
    const auto text = form.find(name);
    if (!text || text->empty()) return std::nullopt;
    T value{};
    const auto* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
}

/// Text of a request as it may stand in a log line.
std::string shown(std::string_view text) {
    std::string out;
    for (const auto c : text.substr(0, 200))
        out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
    return out;
}

bool is_form(const net::HttpRequest& request) {
    const auto type = request.headers.find("Content-Type").value_or("");
    std::string media_type(type.substr(0, type.find(';')));
    for (auto& c : media_type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    while (media_type.ends_with(' ')) media_type.pop_back();
    return media_type == "application/x-www-form-urlencoded";
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

std::string_view query_of(std::string_view target) {
    const auto mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

metrics::Counter& webhook_refusals(metrics::Registry& metrics, const char* cause) {
    return metrics.counter("agentbridge_webhook_refusals_total",
                           "Webhook requests refused, or answered with <Hangup>.",
                           {{"cause", cause}});
}

const char* name_of_path(std::string_view path) {
    for (const auto* known : {"voice", "status", "stream-status", "amd", "fallback", "dial-result",
                              "participant", "conference", "recording-status"}) {
        if (path == std::string("/twilio/") + known) return known;
    }
    return "other";
}

}  // namespace

Webhooks::Webhooks(call::CallRegistry& registry, std::shared_ptr<MediaTokens> tokens,
                   WebhookOptions options)
    : registry_(registry),
      tokens_(std::move(tokens)),
      options_(std::move(options)),
      metrics_(metrics::registry_or_own(options_.metrics)) {
    for (const auto* cause : {"path", "method", "no_signature", "too_large", "body_hash",
                              "signature", "call_sid", "call_over", "other_call"}) {
        webhook_refusals(*metrics_, cause).add(0);
    }
}

net::HttpResponse Webhooks::refused(const char* cause, net::HttpResponse response) {
    webhook_refusals(*metrics_, cause).add();
    return response;
}

net::HttpHandler Webhooks::handler() {
    return [self = shared_from_this()](net::HttpRequest request) {
        return self->answer(std::move(request));
    };
}

asio::awaitable<net::HttpResponse> Webhooks::answer(net::HttpRequest request) {
    const auto self = shared_from_this();
    const auto known = options_.url.known();
    const std::string target(below_known(*known, request.target));
    const auto path = path_of(target);
    std::optional<Route> route;
    if (path == "/twilio/voice") route = Route::voice;
    if (path == "/twilio/status") route = Route::status;
    if (path == "/twilio/stream-status") route = Route::stream_status;
    if (path == "/twilio/amd") route = Route::amd;
    if (path == "/twilio/fallback") route = Route::fallback;
    if (path == "/twilio/dial-result") route = Route::dial_result;
    if (path == "/twilio/participant") route = Route::participant;
    if (path == "/twilio/conference") route = Route::conference;
    if (path == "/twilio/recording-status") route = Route::recording_status;
    if (!route) co_return refused("path", plain(404, "not found"));
    if (request.method != "POST" && request.method != "GET") {
        auto response = plain(405, "POST or GET");
        response.headers.set("Allow", "GET, POST");
        co_return refused("method", std::move(response));
    }
    metrics_
        ->counter("agentbridge_webhook_requests_total", "Webhook requests, by what they ask.",
                  {{"webhook", name_of_path(path)}})
        .add();
    if (*route == Route::status && !options_.instance.empty()) {
        const ProbeResponder probes{options_.instance, options_.url, options_.auth_tokens};
        if (auto report = probes.answer(request)) co_return std::move(*report);
    }
    Form form;
    if (auto refusal = check(request, target, form)) co_return std::move(*refusal);
    std::string call_name;
    if (const auto query = parse_form(query_of(target))) call_name = query->get("call");
    log::debug("webhook", "{} {} CallSid={} CallStatus={}", request.method, path,
               shown(form.get("CallSid")), shown(form.get("CallStatus")));
    if (*route == Route::voice) co_return co_await voice(std::move(form), std::move(call_name));
    if (*route == Route::dial_result)
        co_return co_await dial_result(std::move(form), std::move(call_name));
    if (*route == Route::conference) co_return conference(form, call_name);
    if (*route == Route::recording_status) co_return recording_status(form, target);
    const auto id = call_of(form, call_name);
    switch (*route) {
        case Route::status:
            co_return status(form, id);
        case Route::stream_status:
            co_return stream_status(form, id);
        case Route::amd:
            co_return machine_detected(form, id);
        case Route::participant:
            co_return participant(form, id);
        case Route::voice:
        case Route::fallback:
        case Route::dial_result:
        case Route::conference:
        case Route::recording_status:
            break;
    }
    co_return fallback(form, id);
}

std::optional<net::HttpResponse> Webhooks::check(const net::HttpRequest& request,
                                                 std::string_view target, Form& form) {
    const auto path = path_of(target);
    const auto signature = request.headers.find(kSignatureHeader);
    if (!signature) {
        log::warning(
            "webhook",
            "{} {} from {} refused: it has no {}; something other than Twilio sent it, or a proxy "
            "removed the header",
            request.method, path, request.peer, kSignatureHeader);
        return refused("no_signature", plain(400, "X-Twilio-Signature is missing"));
    }
    const auto body_hash = body_hash_parameter(query_of(target));
    const bool has_form = request.method == "POST" && is_form(request);
    Form carried;
    if (has_form || request.method == "GET") {
        auto parsed = parse_form(has_form ? std::string_view(request.body) : query_of(target));
        if (!parsed) {
            log::warning("webhook", "{} {} from {} refused: {}", request.method, path, request.peer,
                         parsed.error().message);
            return refused("too_large", plain(413, "too large"));
        }
        carried = std::move(*parsed);
    }
    // With bodySHA256 in it, the URL alone is signed and stands for the body.
    const auto parameters = has_form && !body_hash ? carried : Form{};
    const auto candidates = known_webhook_urls(options_.url, request.target);
    const bool signed_right =
        matching_url(*signature, options_.auth_tokens, candidates, parameters).has_value();
    if (signed_right &&
        (!body_hash || request.method == "GET" || body_hash_matches(*body_hash, request.body))) {
        form = std::move(carried);
        return std::nullopt;
    }
    const auto cause = signed_right ? std::string("the body is not the one whose hash was signed")
                                    : likely_cause(request, "https", request.target, parameters,
                                                   *signature, options_.auth_tokens);
    log::warning("webhook", "{} {} from {} refused: the signature was expected for {}: {}",
                 request.method, path, request.peer,
                 shown(candidates.empty() ? options_.url.now()->url(target) : candidates.front()),
                 cause);
    return refused(signed_right ? "body_hash" : "signature",
                   plain(403, "the signature does not match"));
}

std::optional<CallId> Webhooks::call_of(const Form& form, std::string_view call_name) const {
    if (!call_name.empty()) {
        if (auto id = registry_.find(call_name)) return id;
    }
    const auto sid = form.find("CallSid");
    if (!sid || sid->empty()) return std::nullopt;
    return registry_.find(*sid);
}

/// It may come long after the call, and be about a call of a former run.
net::HttpResponse Webhooks::recording_status(const Form& form, std::string_view target) const {
    RecordingReport report;
    if (const auto query = parse_form(query_of(target))) {
        report.call = CallId{query->get("call")};
        report.name = query->get("name");
    }
    report.recording = form.get("RecordingSid");
    report.status = form.get("RecordingStatus");
    if (options_.recording_reported && !report.recording.empty())
        options_.recording_reported(std::move(report));
    return empty();
}

// --- instructions for a call

asio::awaitable<Webhooks::Seen> Webhooks::look(call::CallRegistry& registry, CallId id) {
    Seen seen;
    if (const auto call = registry.here(id)) {
        seen.over = call::is_final(call->state());
        seen.listen_only = call->spec().listen_only;
        seen.streaming = call->has_stream();
        seen.sid = call->sid();
    }
    co_return seen;
}

asio::awaitable<net::HttpResponse> Webhooks::voice(Form form, std::string call_name) {
    const CallSid sid{form.get("CallSid")};
    if (sid.empty()) {
        log::warning("webhook", "a voice request without CallSid");
        co_return refused("call_sid", plain(400, "CallSid is missing"));
    }
    const auto id = call_of(form, call_name);
    if (!id) {
        if (call_name.empty()) co_return inbound_voice(form, sid);
        log::warning({"webhook", call_name},
                     "instructions were asked for a call that is over or was never ours; it is "
                     "told to hang up");
        co_return refused("call_over", twiml(hangup()));
    }
    const auto home = registry_.home_of(*id);
    if (!home) co_return twiml(hangup());
    // The call is looked at on its own thread; a turn of that loop is all this waits for.
    const auto executor = registry_.home(*home).executor;
    const auto seen = co_await asio::co_spawn(executor, look(registry_, *id), asio::use_awaitable);
    if (auto answer = turned_away(seen, *id, sid)) co_return std::move(*answer);
    registry_.name(*id, sid);
    registry_.post(*id, input::VoiceRequested{sid, form.get("From"), form.get("To"),
                                              form.get("CallStatus"), form.get("AnsweredBy")});
    co_return next_document(seen, *id, sid);
}

/// A listen-only stream that is up goes on whatever the call does.
net::HttpResponse Webhooks::next_document(const Seen& seen, const CallId& id, const CallSid& sid) {
    if (!seen.listen_only || !seen.streaming) return stream_document(id, sid, seen.listen_only);
    const auto again = options_.url.now()->url("/twilio/voice?call=" + percent_encode(id.str()));
    return twiml(keep_listening(again));
}

std::optional<net::HttpResponse> Webhooks::turned_away(const Seen& seen, const CallId& id,
                                                       const CallSid& sid) {
    if (seen.over) {
        log::info({"webhook", id},
                  "instructions were asked after the end; the call is told to hang up");
        return refused("call_over", twiml(hangup()));
    }
    if (!seen.sid.empty() && seen.sid != sid) {
        log::error({"webhook", id},
                   "call {} asks for the instructions of {}; it is told to hang up",
                   shortened(sid.str()), shortened(seen.sid.str()));
        return refused("other_call", twiml(hangup()));
    }
    return std::nullopt;
}

asio::awaitable<net::HttpResponse> Webhooks::dial_result(Form form, std::string call_name) {
    const CallSid sid{form.get("CallSid")};
    const auto id = call_of(form, call_name);
    const auto home = id ? registry_.home_of(*id) : std::nullopt;
    if (!home) co_return refused("call_over", twiml(hangup()));
    const auto executor = registry_.home(*home).executor;
    const auto seen = co_await asio::co_spawn(executor, look(registry_, *id), asio::use_awaitable);
    if (auto answer = turned_away(seen, *id, sid)) co_return std::move(*answer);
    input::DialReported report;
    report.leg = CallSid{form.get("DialCallSid")};
    report.status = form.get("DialCallStatus");
    report.over = true;
    log::info({"webhook", *id}, "the dial is over: {}", shown(report.status));
    const bool talked = report.status == "completed" || report.status == "answered";
    registry_.post(*id, std::move(report));
    if (talked) co_return twiml(hangup());
    co_return next_document(seen, *id, sid);
}

net::HttpResponse Webhooks::inbound_voice(const Form& form, const CallSid& sid) {
    const auto from = form.get("From"), to = form.get("To");
    if (options_.inbound == InboundPolicy::reject || (refusing_ && !registry_.find(sid.str()))) {
        log::info("webhook", "call from {} to {} rejected, as the settings say",
                  masked_number(shown(from)), masked_number(shown(to)));
        return twiml(reject(options_.reject_reason));
    }
    CallId id;
    {
        const std::lock_guard lock(inbound_mutex_);
        if (inbound_.contains(sid) || registry_.find(sid.str())) {
            // Asked twice at once, or again after the call was over.
            const auto known = registry_.find(sid.str());
            if (!known) return twiml(hangup());
            id = *known;
        } else {
            auto spec = options_.inbound_call;
            spec.id = new_call_id();
            spec.sid = sid;
            spec.direction = call::Direction::inbound;
            spec.from = from;
            spec.to = to;
            id = registry_.open(std::move(spec));
            inbound_.emplace(sid, id);
            inbound_order_.push_back(sid);
            if (inbound_order_.size() > kRememberedInbound) {
                inbound_.erase(inbound_order_.front());
                inbound_order_.pop_front();
            }
            log::info({"webhook", id}, "call {} comes in, from {} to {}", shortened(sid.str()),
                      masked_number(shown(from)), masked_number(shown(to)));
        }
    }
    registry_.name(id, sid);
    registry_.post(
        id, input::VoiceRequested{sid, from, to, form.get("CallStatus"), form.get("AnsweredBy")});
    return stream_document(id, sid, options_.inbound_call.listen_only);
}

net::HttpResponse Webhooks::stream_document(const CallId& id, const CallSid& sid, bool listen) {
    const auto home = registry_.home_of(id);
    if (!home) return twiml(hangup());
    const auto token = tokens_->mint(MediaTicket{id, sid, *home}, options_.now());
    const auto call = "?call=" + percent_encode(id.str());
    const auto here = options_.url.now();
    const StreamParameters stream{
        here->media_url(token), here->url("/twilio/stream-status" + call), {}};
    auto document =
        listen ? listen_only(stream, here->url("/twilio/voice" + call)) : connect_stream(stream);
    if (!document) {
        log::error({"webhook", id}, "no instructions could be written: {}",
                   document.error().message);
        return twiml(hangup());
    }
    return twiml(std::move(*document));
}

// --- what Twilio tells

net::HttpResponse Webhooks::status(const Form& form, const std::optional<CallId>& id) {
    const CallSid sid{form.get("CallSid")};
    if (!id) {
        log::debug("webhook", "status {} of call {}, which is not ours (any more)",
                   shown(form.get("CallStatus")), shortened(shown(sid.str())));
        return empty();
    }
    registry_.name(*id, sid);
    input::StatusReported report;
    report.sid = sid;
    report.status = form.get("CallStatus");
    report.sequence = number<std::uint64_t>(form, "SequenceNumber");
    if (const auto seconds = number<std::int64_t>(form, "CallDuration"))
        report.duration = std::chrono::seconds(*seconds);
    report.sip_code = number<int>(form, "SipResponseCode");
    report.answered_by = form.get("AnsweredBy");
    report.error_code = form.get("ErrorCode");
    report.error_message = form.get("ErrorMessage");
    if (!report.error_code.empty()) {
        log::warning({"webhook", *id}, "status {} with error {} {}", shown(report.status),
                     shown(report.error_code), shown(report.error_message));
    }
    registry_.post(*id, std::move(report));
    return empty();
}

net::HttpResponse Webhooks::stream_status(const Form& form, const std::optional<CallId>& id) {
    input::StreamReported report{StreamSid{form.get("StreamSid")}, form.get("StreamEvent"),
                                 form.get("StreamError")};
    const log::Where where = id ? log::Where("webhook", *id) : log::Where("webhook");
    if (!report.error.empty() || report.event == "stream-error") {
        const auto code = find_error_code(report.error);
        const auto meaning = code ? explain_stream_error(*code) : std::string_view{};
        log::warning(where, "stream {}: {} {}{}{}", shortened(shown(report.stream_sid.str())),
                     shown(report.event), shown(report.error), meaning.empty() ? "" : ": ",
                     meaning);
    } else {
        log::debug(where, "stream {}: {}", shortened(shown(report.stream_sid.str())),
                   shown(report.event));
    }
    if (id) registry_.post(*id, std::move(report));
    return empty();
}

net::HttpResponse Webhooks::machine_detected(const Form& form, const std::optional<CallId>& id) {
    if (!id) return empty();
    const auto took = number<std::int64_t>(form, "MachineDetectionDuration").value_or(0);
    registry_.post(*id,
                   input::MachineDetected{form.get("AnsweredBy"), std::chrono::milliseconds(took)});
    return empty();
}

net::HttpResponse Webhooks::participant(const Form& form, const std::optional<CallId>& id) {
    if (!id) return empty();
    input::DialReported report;
    report.leg = CallSid{form.get("CallSid")};
    report.status = form.get("CallStatus");
    log::debug({"webhook", *id}, "the dialled leg {}: {}", shortened(shown(report.leg.str())),
               shown(report.status));
    registry_.post(*id, std::move(report));
    return empty();
}

/// Of all that are in a room, Twilio tells only the address that the first one gave: who it is
/// about stands in the form.
net::HttpResponse Webhooks::conference(const Form& form, std::string_view call_name) {
    auto id = registry_.find(form.get("CallSid"));
    if (!id && form.get("CallSid").empty()) id = registry_.find(call_name);
    if (!id) return empty();
    const auto event = form.get("StatusCallbackEvent");
    log::info({"webhook", *id}, "conference {}: {}", shortened(shown(form.get("ConferenceSid"))),
              shown(event));
    registry_.post(*id, input::ConferenceReported{form.get("ConferenceSid"), event});
    return empty();
}

net::HttpResponse Webhooks::fallback(const Form& form, const std::optional<CallId>& id) {
    const auto code = number<int>(form, "ErrorCode").value_or(0);
    const auto meaning = explain_stream_error(code);
    const auto why = fmt::format("Twilio could not use our instructions (error {}{}{})", code,
                                 meaning.empty() ? "" : ": ", meaning);
    log::error(id ? log::Where("webhook", *id) : log::Where("webhook"),
               "{} from {}; the call is told to hang up", why, shown(form.get("ErrorUrl")));
    if (id) registry_.post(*id, input::InstructionsFailed{why});
    return twiml(hangup());
}

}  // namespace bridge::twilio
