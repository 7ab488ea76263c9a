#include "emulator/control_api.hpp"

#include <boost/json/parse.hpp>
#include <cmath>
#include <optional>
#include <set>

#include "emulator/phone_call.hpp"
#include "emulator/rest_reply.hpp"
#include "emulator/sid.hpp"
#include "emulator/url.hpp"
#include "emulator/vocabulary.hpp"
#include "emulator/wav_file.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

constexpr std::string_view kRoot = "/emulator/v1";

net::HttpResponse problem(int status, const char* code, const std::string& message) {
    return json_reply(status, json::object{{"error", code}, {"message", message}});
}

/// The object in a body; an empty body is an empty object.
Result<json::object> read_object(const std::string& body) {
    if (body.find_first_not_of(" \t\r\n") == std::string::npos) return json::object{};
    boost::system::error_code error;
    auto value = json::parse(body, error);
    if (error || !value.is_object()) return fail(Errc::not_json, "The body is not a JSON object.");
    return std::move(value.as_object());
}

/// A text member, nothing if it is missing. Errors: bad_field if it is not a text.
Result<std::optional<std::string>> text_member(const json::object& object, const char* name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::optional<std::string>{};
    if (!value->is_string()) return fail(Errc::bad_field, std::string(name) + " must be a text.");
    return std::optional<std::string>(value->as_string().c_str());
}

json::value iso_or_null(const std::optional<WallTime>& time) {
    return time ? json::value(format_iso8601(*time)) : json::value(nullptr);
}

double rounded(double value) {
    return std::round(value * 1000) / 1000;
}

std::string keys(const std::deque<CallTrace::Digit>& digits) {
    std::string out;
    for (const auto& one : digits) out += one.digit;
    return out;
}

json::array times(const std::deque<CallTrace::Digit>& digits) {
    json::array out;
    for (const auto& one : digits) out.emplace_back(one.at_ms);
    return out;
}

/// To a thousandth of a millisecond.
double exact(double ms) {
    return std::round(ms * 1000) / 1000;
}

json::object playout_json(const PlayoutBook& book) {
    const auto now = PlayoutBook::Time::clock::now();
    json::array marks;
    for (const auto& mark : book.marks()) {
        marks.push_back(json::object{
            {"name", mark.name},
            {"received_ms", exact(mark.received_ms)},
            {"echoed_ms", mark.echoed_ms ? json::value(exact(*mark.echoed_ms)) : json::value()},
            {"played_bytes", mark.echoed_ms ? json::value(mark.played_bytes) : json::value()},
            {"cleared", mark.cleared}});
    }
    json::array clears;
    for (const auto& clear : book.clears()) {
        clears.push_back(json::object{{"at_ms", exact(clear.at_ms)},
                                      {"bytes", clear.bytes},
                                      {"played_bytes", clear.played_bytes}});
    }
    json::array gaps;
    for (const auto& gap : book.underruns()) {
        gaps.push_back(json::object{{"at_ms", exact(gap.at_ms)}, {"ms", exact(gap.ms)}});
    }
    const auto position = book.position_bytes(now);
    return {{"stream_sid", book.stream_sid()},
            {"open", book.open()},
            {"stream_ms", exact(book.stream_ms(now))},
            {"received_bytes", book.received_bytes()},
            {"queued_bytes", book.queued_bytes()},
            {"played_bytes", book.played_bytes()},
            {"cleared_bytes", book.cleared_bytes()},
            {"refused_bytes", book.refused_bytes()},
            {"lost_at_end_bytes", book.lost_at_end_bytes()},
            {"position_bytes", static_cast<std::uint64_t>(position)},
            {"position_ms", exact(position / 8)},
            {"underruns", json::object{{"count", book.underrun_count()},
                                       {"ms", exact(book.underrun_ms())},
                                       {"last", std::move(gaps)}}},
            {"marks_outstanding", book.outstanding_marks()},
            {"marks", std::move(marks)},
            {"clear_count", book.clear_count()},
            {"clears", std::move(clears)}};
}

bool from_this_machine(const std::string& peer) {
    const auto colon = peer.rfind(':');
    auto host = peer.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    if (host.rfind("::ffff:", 0) == 0) host = host.substr(7);
    return is_loopback_host(host);
}

/// Which switches of streams that are up a change of faults is about, for one call.
std::set<Switch> stream_switches(const json::object& change, const FaultScope& scope) {
    std::set<Switch> found;
    const auto look = [&found](const json::object& switches) {
        for (const auto where : {Switch::socket, Switch::pace, Switch::tunnel}) {
            if (switches.contains(to_string(where))) found.insert(where);
        }
    };
    look(change);
    for (const auto& [part, whom] :
         {std::pair{"numbers", &scope.number}, std::pair{"calls", &scope.call_sid}}) {
        const auto* all = change.if_contains(part);
        const auto* of_it =
            all != nullptr && all->is_object() ? all->get_object().if_contains(*whom) : nullptr;
        if (of_it != nullptr && of_it->is_object()) look(of_it->get_object());
    }
    return found;
}

}  // namespace

bool from_foreign_page(const net::HttpRequest& request) {
    const auto origin = request.headers.find("Origin");
    if (!origin) return false;
    const auto url = parse_url(*origin);
    return !url || !is_loopback_host(url->host);
}

net::HttpResponse ControlApi::handle(const net::HttpRequest& request) {
    if (!from_this_machine(request.peer)) {
        return problem(403, "not_local", "These routes answer this machine only.");
    }
    const auto path = std::string(request.path());
    const auto rest = path.size() > kRoot.size() ? path.substr(kRoot.size() + 1) : std::string{};
    const bool get = request.method == "GET";
    const bool put = request.method == "PUT";
    const auto begins = [&](std::string_view text) { return rest.rfind(text, 0) == 0; };
    if (rest.empty() && get) {
        json::array numbers;
        for (const auto& number : exchange_->numbers) numbers.emplace_back(number.phone_number);
        return json_reply(200, json::object{{"name", "agentbridge emulator"},
                                            {"account_sid", exchange_->account.sid},
                                            {"numbers", numbers},
                                            {"open", exchange_->ledger.open_calls()}});
    }
    if (rest == "incoming-call" && request.method == "POST") return incoming_call(request.body);
    if (rest == "ledger" && get) return ledger();
    if (rest == "debugger" && get) {
        return debugger(field_or(parse_form(request.query()), "call_sid"));
    }
    if (begins("calls/") && get) {
        const auto slash = std::min(rest.find('/', 6), rest.size());
        const auto what = slash < rest.size() ? rest.substr(slash + 1) : std::string{};
        const bool bare = slash == rest.size();
        if (bare || what == "heard.wav" || what == "said.wav" || what == "playout") {
            return call(rest.substr(6, slash - 6), what,
                        field_or(parse_form(request.query()), "stream_sid"));
        }
    }
    if (rest == "vocabulary" && get) return json_reply(200, vocabulary_json());
    if (rest == "personas" && get) return personas();
    if (begins("personas/") && put)
        return assign_persona(percent_decode(rest.substr(9)), request.body);
    if (rest == "faults" && get) return json_reply(200, exchange_->faults.to_json());
    if (rest == "faults" && put) return change_faults(request.body);
    if (rest == "faults" && request.method == "DELETE") {
        exchange_->faults.clear();
        return json_reply(200, exchange_->faults.to_json());
    }
    const bool known = rest.empty() || rest == "incoming-call" || rest == "ledger" ||
                       rest == "debugger" || rest == "personas" || rest == "vocabulary" ||
                       rest == "faults";
    if (known) return problem(405, "bad_method", request.method + " is not for " + path + ".");
    return problem(404, "not_found", "There is nothing at " + path + ".");
}

net::HttpResponse ControlApi::incoming_call(const std::string& body) {
    const auto object = read_object(body);
    if (!object) return problem(400, "not_json", object.error().message);
    for (const auto& [key, value] : *object) {
        if (key != "from" && key != "to" && key != "persona") {
            return problem(400, "bad_field", std::string(key) + " is none of from, to, persona.");
        }
    }
    const auto from = text_member(*object, "from");
    const auto to = text_member(*object, "to");
    const auto persona = text_member(*object, "persona");
    for (const auto* member : {&from, &to, &persona}) {
        if (!*member) return problem(400, "bad_field", member->error().message);
    }
    CallOrder order;
    order.direction = "inbound";
    order.from = from->value_or("+12025550100");
    // Whoever owns a number of their own is the likelier target than the test number every account
    // has.
    order.to = to->value_or(exchange_->numbers.back().phone_number);
    order.persona = persona->value_or("");
    if (!is_address(order.from) && order.from != "anonymous") {
        return problem(400, "bad_field",
                       "from: '" + order.from +
                           "' is neither a number in E.164 nor a sip: or client: address.");
    }
    const auto* number = exchange_->find_number(order.to);
    if (number == nullptr) {
        std::string owned;
        for (const auto& one : exchange_->numbers) owned += " " + one.phone_number;
        return problem(404, "not_found",
                       "to: '" + order.to + "' is not owned. These are:" + owned + ".");
    }
    if (!number->voice_application_sid.empty() || !number->trunk_sid.empty()) {
        return problem(409, "no_voice_url",
                       "The number " + order.to +
                           " has a VoiceApplicationSid or a TrunkSid, for which Twilio ignores its "
                           "VoiceUrl. Set them to nothing with POST IncomingPhoneNumbers.");
    }
    if (number->voice_url.empty()) {
        return problem(409, "no_voice_url",
                       "The number " + order.to +
                           " has no VoiceUrl, so nobody would answer. Set it with POST "
                           "IncomingPhoneNumbers, or start the program that does.");
    }
    order.phone_number_sid = number->sid;
    order.first.url = number->voice_url;
    order.first.method = number->voice_method;
    order.first.extra = {{"CallToken", new_sid("")}};
    order.fallback_url = number->voice_fallback_url;
    order.fallback_method = number->voice_fallback_method;
    order.status_callback = number->status_callback;
    order.status_callback_method = number->status_callback_method;
    const auto call = exchange_->add_call(order);
    if (!call) return problem(400, "bad_field", call.error().message);
    (*call)->start();
    return json_reply(201, json::object{{"sid", (*call)->sid()},
                                        {"from", order.from},
                                        {"to", order.to},
                                        {"persona", text_or_null(order.persona)},
                                        {"voice_url", order.first.url}});
}

net::HttpResponse ControlApi::ledger() const {
    json::array calls;
    for (const auto* call : exchange_->ledger.calls()) {
        json::array streams;
        for (const auto& stream : call->streams) {
            streams.push_back(json::object{{"sid", stream.sid},
                                           {"bidirectional", stream.bidirectional},
                                           {"opened", format_iso8601(stream.opened)},
                                           {"closed", iso_or_null(stream.closed)}});
        }
        json::array conferences;
        for (const auto& stay : call->conferences) {
            conferences.push_back(json::object{{"sid", stay.conference_sid},
                                               {"name", stay.name},
                                               {"joined", format_iso8601(stay.joined)},
                                               {"left", iso_or_null(stay.left)},
                                               {"held_seconds", rounded(stay.held_seconds())}});
        }
        json::array recordings;
        for (const auto& recording : call->recordings) {
            recordings.push_back(json::object{{"sid", recording.sid},
                                              {"channels", recording.channels},
                                              {"began", format_iso8601(recording.began)},
                                              {"ended", iso_or_null(recording.ended)},
                                              {"seconds", recording.seconds},
                                              {"fetched", recording.fetched},
                                              {"deleted", recording.deleted}});
        }
        calls.push_back(json::object{{"sid", call->sid},
                                     {"parent_sid", text_or_null(call->parent_sid)},
                                     {"to", call->to},
                                     {"from", call->from},
                                     {"direction", call->direction},
                                     {"status", call->status},
                                     {"created", format_iso8601(call->created)},
                                     {"answered", iso_or_null(call->answered)},
                                     {"ended", iso_or_null(call->ended)},
                                     {"call_seconds", rounded(call->seconds())},
                                     {"billed_seconds", call->billed_seconds()},
                                     {"conferences", std::move(conferences)},
                                     {"recordings", std::move(recordings)},
                                     {"streams", std::move(streams)}});
    }
    return json_reply(200, json::object{{"calls", std::move(calls)},
                                        {"open", exchange_->ledger.open_calls()},
                                        {"call_seconds", rounded(exchange_->ledger.call_seconds())},
                                        {"billed_seconds", exchange_->ledger.billed_seconds()}});
}

net::HttpResponse ControlApi::debugger(const std::string& call_sid) const {
    json::array entries;
    for (const auto& entry : exchange_->debugger.entries()) {
        if (!call_sid.empty() && entry.call_sid != call_sid) continue;
        entries.push_back(json::object{{"sid", entry.sid},
                                       {"code", entry.code},
                                       {"level", entry.level},
                                       {"message", entry.message},
                                       {"call_sid", text_or_null(entry.call_sid)},
                                       {"time", format_iso8601(entry.time)}});
    }
    return json_reply(200, json::object{{"entries", std::move(entries)}});
}

net::HttpResponse ControlApi::call(const std::string& sid, const std::string& what,
                                   const std::string& stream_sid) const {
    const auto call = exchange_->find_call(sid);
    if (!call) return problem(404, "not_found", "There is no call " + sid + ".");
    const auto& trace = call->trace();
    if (what == "heard.wav") return net::respond(200, "audio/wav", mulaw_wav(trace.heard.all()));
    if (what == "said.wav") return net::respond(200, "audio/wav", mulaw_wav(trace.said.all()));
    if (what.empty()) return about(*call);
    for (auto book = trace.playouts.rbegin(); book != trace.playouts.rend(); ++book) {
        if (!stream_sid.empty() && (*book)->stream_sid() != stream_sid) continue;
        return json_reply(200, playout_json(**book));
    }
    return problem(404, "not_found",
                   stream_sid.empty() ? "The call " + sid + " has had no <Connect><Stream>."
                                      : "The call has had no stream " + stream_sid + ".");
}

net::HttpResponse ControlApi::about(const PhoneCall& call) const {
    const auto& order = call.order();
    const auto& record = call.record();
    json::array legs;
    for (const auto& other : exchange_->list_calls()) {
        if (other->order().parent_call_sid == call.sid()) legs.emplace_back(other->sid());
    }
    json::array streams;
    for (const auto& row : call.streams()) {
        streams.push_back(json::object{{"sid", row.sid},
                                       {"name", row.name},
                                       {"bidirectional", row.bidirectional},
                                       {"open", row.open},
                                       {"started", iso_or_null(row.started)}});
    }
    const auto& trace = call.trace();
    return json_reply(200, json::object{{"sid", call.sid()},
                                        {"parent_sid", text_or_null(order.parent_call_sid)},
                                        {"from", order.from},
                                        {"to", order.to},
                                        {"direction", order.direction},
                                        {"status", record.status},
                                        {"created", format_iso8601(record.created)},
                                        {"answered", iso_or_null(record.answered)},
                                        {"ended", iso_or_null(record.ended)},
                                        {"digits_heard", keys(trace.digits_heard)},
                                        {"digits_heard_at_ms", times(trace.digits_heard)},
                                        {"digits_pressed", keys(trace.digits_pressed)},
                                        {"digits_pressed_at_ms", times(trace.digits_pressed)},
                                        {"heard_ms", trace.heard.frames() * 20},
                                        {"said_ms", trace.said.frames() * 20},
                                        {"conference", exchange_->stay_json(call.sid())},
                                        {"legs", std::move(legs)},
                                        {"streams", std::move(streams)}});
}

net::HttpResponse ControlApi::personas() const {
    json::object all;
    for (const auto& [number, description] : exchange_->personas.assignments()) {
        all[number] = description;
    }
    return json_reply(200, json::object{{"personas", std::move(all)}});
}

net::HttpResponse ControlApi::assign_persona(const std::string& number, const std::string& body) {
    const auto object = read_object(body);
    if (!object) return problem(400, "not_json", object.error().message);
    const auto persona = text_member(*object, "persona");
    if (!persona || !*persona) {
        return problem(400, "bad_field", R"(The body must be {"persona": "busy"} or the like.)");
    }
    if (number != "default" && !is_address(number)) {
        return problem(400, "bad_field",
                       "'" + number +
                           "' is neither a number in E.164 nor a sip: or client: address nor "
                           "default.");
    }
    if (const auto done = exchange_->assign_persona(number, **persona); !done) {
        return problem(400, "bad_field", done.error().message);
    }
    return json_reply(200, json::object{{"number", number}, {"persona", **persona}});
}

net::HttpResponse ControlApi::change_faults(const std::string& body) {
    const auto object = read_object(body);
    if (!object) return problem(400, "not_json", object.error().message);
    const auto* calls = object->if_contains("calls");
    if (calls != nullptr && calls->is_object()) {
        for (const auto& [sid, faults] : calls->get_object()) {
            if (exchange_->find_call(sid)) continue;
            return problem(404, "not_found", "There is no call " + std::string(sid) + ".");
        }
    }
    if (const auto done = exchange_->faults.apply(*object); !done) {
        return problem(400, "bad_field", done.error().message);
    }
    for (const auto& call : exchange_->list_calls()) {
        if (const auto changed = stream_switches(*object, call->fault_scope()); !changed.empty()) {
            call->misbehave(changed);
        }
    }
    return json_reply(200, exchange_->faults.to_json());
}

}  // namespace bridge::emulator
