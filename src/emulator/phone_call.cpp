#include "emulator/phone_call.hpp"

#include <algorithm>
#include <cmath>

#include "base/log.hpp"
#include "base/spawn.hpp"
#include "emulator/exchange.hpp"
#include "emulator/interpreter.hpp"
#include "emulator/sid.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;

namespace {

WallTime wall_clock() {
    return std::chrono::system_clock::now();
}

std::size_t tracks_of(const StreamOrder& order) {
    return order.track == "both_tracks" ? 2 : 1;
}

}  // namespace

PhoneCall::PhoneCall(std::shared_ptr<Exchange> exchange, CallOrder order,
                     std::unique_ptr<Persona> persona)
    : exchange_(std::move(exchange)),
      order_(std::move(order)),
      reaction_(persona->reaction()),
      ended_(exchange_->executor),
      limit_(exchange_->executor) {
    record_.sid = new_sid("CA");
    record_.created = record_.updated = wall_clock();
    callbacks_ = std::make_shared<CallbackQueue>(exchange_, record_.sid);
    stream_callbacks_ = std::make_shared<CallbackQueue>(exchange_, record_.sid);
    CallLine::Options options;
    options.frame_time = exchange_->options.frame_time;
    options.record_heard = exchange_->options.record_heard;
    line_ = exchange_->options.sound.make_line(exchange_->executor, std::move(persona), options);
    trace_ = line_->trace();
    LedgerCall entry;
    entry.sid = record_.sid;
    entry.parent_sid = order_.parent_call_sid;
    entry.to = order_.to;
    entry.from = order_.from;
    entry.direction = order_.direction;
    entry.status = record_.status;
    entry.created = record_.created;
    exchange_->ledger.created(std::move(entry));
}

PhoneCall::~PhoneCall() = default;

void PhoneCall::start() {
    log::info({"emulator", record_.sid}, "call {} from={} to={}", order_.direction,
              masked_number(order_.from), masked_number(order_.to));
    spawn(exchange_->executor, "emulated call " + record_.sid, run(shared_from_this()));
}

asio::awaitable<void> PhoneCall::run(std::shared_ptr<PhoneCall> self) {
    if (self->order_.direction == "inbound") {
        self->record_.started = wall_clock();
        self->set_status("ringing");
        co_await Interpreter::run(self, self->order_.first);
        // A document with nothing to do still picks up, and then hangs up.
        if (!self->over_) self->answer();
        self->finish("completed", 200);
    } else {
        co_await run_outbound(self);
    }
    self->retire();
}

asio::awaitable<void> PhoneCall::run_outbound(std::shared_ptr<PhoneCall> self) {
    const auto turn = self->exchange_->next_turn();
    if (turn.count() > 0) {
        self->record_.queue_time = turn;
        co_await self->ended_.wait_for(turn);
        if (self->over_) co_return;
    }
    co_await ring(self);
    if (self->over_) co_return;
    const auto& amd = self->order_.machine_detection;
    if (!self->order_.send_digits.empty()) {
        co_await self->line_->play_digits(self->order_.send_digits);
    } else if (!amd.mode.empty()) {
        if (amd.async) {
            spawn(self->exchange_->executor, "machine detection of " + self->sid(),
                  detect_machine(self));
        } else {
            co_await detect_machine(self);
        }
    }
    if (!self->over_) co_await Interpreter::run(self, self->order_.first);
    self->finish("completed", 200);
}

asio::awaitable<void> PhoneCall::ring(std::shared_ptr<PhoneCall> self) {
    const auto& reaction = self->reaction_;
    using Kind = Reaction::Kind;
    self->record_.started = wall_clock();
    self->status_event("initiated", "initiated");
    const auto after = self->exchange_->scaled(reaction.after);
    if (reaction.kind == Kind::failed) {
        co_await self->ended_.wait_for(after);
        self->finish("failed", 404);
        co_return;
    }
    self->set_status("ringing");
    self->status_event("ringing", "ringing");
    const auto limit = self->exchange_->scaled(self->order_.ring_timeout);
    const bool in_time = reaction.kind != Kind::no_answer && after <= limit;
    co_await self->ended_.wait_for(in_time ? after : limit);
    if (self->over_) co_return;
    if (!in_time) {
        self->finish("no-answer", 487);
    } else if (reaction.kind == Kind::busy) {
        self->finish("busy", 486);
    } else if (reaction.kind == Kind::reject) {
        self->finish("busy", 603);
    } else {
        self->answer();
    }
}

void PhoneCall::answer() {
    if (over_ || record_.answered) return;
    record_.answered = wall_clock();
    set_status("in-progress");
    exchange_->ledger.answered(record_.sid);
    change_time_limit(order_.time_limit);
    line_->on_persona_hung_up([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->finish("completed", 200);
    });
    line_->answered();
    status_event("answered", "in-progress");
}

void PhoneCall::change_time_limit(milliseconds limit) {
    order_.time_limit = limit;
    if (!record_.answered || over_) return;
    const auto spent = std::chrono::duration_cast<milliseconds>(wall_clock() - *record_.answered);
    limit_.expires_after(std::max(milliseconds(0), exchange_->scaled(limit) - spent));
    limit_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self) return;
        log::info({"emulator", self->sid()}, "time limit reached");
        self->finish("completed", 200);
    });
}

void PhoneCall::finish(const std::string& status, int sip_code) {
    if (over_) return;
    over_ = true;
    record_.ended = wall_clock();
    record_.sip_code = sip_code;
    record_.status = status;
    record_.updated = wall_clock();
    limit_.cancel();
    exchange_->ledger.ended(record_.sid, status);
    log::info({"emulator", record_.sid}, "call ended status={} seconds={}", status,
              duration().count());
    end_legs();
    line_->end();
    ended_.raise();
    status_event("completed", status);
    exchange_->call_ended(record_.sid);
}

void PhoneCall::redirect(Instruction instruction) {
    redirect_ = std::move(instruction);
    end_legs();
    line_->interrupt();
}

void PhoneCall::retire() {
    line_.reset();
}

void PhoneCall::add_leg(const std::shared_ptr<PhoneCall>& leg) {
    legs_.push_back(leg);
}

void PhoneCall::end_legs() {
    for (const auto& weak : std::exchange(legs_, {})) {
        const auto leg = weak.lock();
        // A leg that REST has redirected goes its own way; the <Dial> is about to let it go.
        if (!leg || (!leg->over() && leg->interrupted())) continue;
        leg->finish(leg->answered() ? "completed" : "canceled", leg->answered() ? 200 : 487);
    }
}

void PhoneCall::leave(PhoneCall& parent) {
    const auto is_me = [this](const std::weak_ptr<PhoneCall>& leg) {
        return leg.lock().get() == this;
    };
    auto& legs = parent.legs_;
    legs.erase(std::remove_if(legs.begin(), legs.end(), is_me), legs.end());
    spawn(exchange_->executor, "redirected leg " + record_.sid, go_on(shared_from_this()));
}

asio::awaitable<void> PhoneCall::go_on(std::shared_ptr<PhoneCall> self) {
    const Instruction none;  // it begins with the redirect that is waiting
    co_await Interpreter::run(self, none);
    self->finish("completed", 200);
    self->retire();
}

std::chrono::seconds PhoneCall::duration() const {
    if (!record_.answered) return std::chrono::seconds(0);
    return std::chrono::ceil<std::chrono::seconds>(record_.ended.value_or(wall_clock()) -
                                                   *record_.answered);
}

void PhoneCall::set_status(const std::string& status) {
    record_.status = status;
    record_.updated = wall_clock();
    exchange_->ledger.state(record_.sid, status);
}

std::string PhoneCall::verdict() const {
    const auto& mode = order_.machine_detection.mode;
    const auto& by = reaction_.answered_by;
    if (mode == "Enable" && by.rfind("machine", 0) == 0) return "machine_start";
    if (mode == "DetectMessageEnd" && by == "machine_start") return "machine_end_beep";
    return by;
}

asio::awaitable<void> PhoneCall::detect_machine(std::shared_ptr<PhoneCall> self) {
    const auto& amd = self->order_.machine_detection;
    auto verdict = self->verdict();
    // About what Twilio takes: two seconds for a greeting's start, five for its end.
    auto time = milliseconds(verdict.rfind("machine_end", 0) == 0 ? 5000 : 2000);
    if (time > amd.timeout) {
        time = amd.timeout;
        verdict = "unknown";
    }
    co_await self->ended_.wait_for(self->exchange_->scaled(time));
    if (self->over_) co_return;
    self->record_.answered_by = verdict;
    self->record_.detection_time = time;
    if (!amd.async || amd.callback.empty()) co_return;
    Webhook webhook;
    webhook.scope = self->fault_scope();
    webhook.url = amd.callback;
    webhook.method = amd.callback_method;
    webhook.fields = {{"CallSid", self->sid()},
                      {"AccountSid", self->exchange_->account.sid},
                      {"AnsweredBy", verdict},
                      {"MachineDetectionDuration", std::to_string(time.count())}};
    self->post_callback(std::move(webhook), false);
}

Fields PhoneCall::webhook_fields() const {
    Fields fields{{"CallSid", record_.sid},
                  {"AccountSid", exchange_->account.sid},
                  {"ApiVersion", "2010-04-01"},
                  {"CallStatus", record_.status},
                  {"Direction", order_.direction}};
    if (!order_.parent_call_sid.empty()) {
        fields.emplace_back("ParentCallSid", order_.parent_call_sid);
    }
    if (!order_.forwarded_from.empty()) fields.emplace_back("ForwardedFrom", order_.forwarded_from);
    // The place of a number is a best effort of Twilio's; here only the country is known, and what
    // is not known is sent empty, as Twilio does, because empty values are signed too.
    const Fields parties{
        {"From", order_.from}, {"Caller", order_.from}, {"To", order_.to}, {"Called", order_.to}};
    for (const auto& [who, number] : parties) {
        fields.emplace_back(who, number);
        for (const char* part : {"City", "State", "Zip"}) fields.emplace_back(who + part, "");
        const bool north_america = number.size() == 12 && number.substr(0, 2) == "+1";
        fields.emplace_back(who + "Country", north_america ? "US" : "");
    }
    if (!record_.answered_by.empty()) fields.emplace_back("AnsweredBy", record_.answered_by);
    return fields;
}

void PhoneCall::status_event(const std::string& event, const std::string& status) {
    if (order_.status_callback.empty() || order_.status_events.count(event) == 0) {
        // A fault may be holding earlier ones back until the end.
        if (event == "completed") callbacks_->post({}, true);
        return;
    }
    Webhook webhook;
    webhook.scope = fault_scope();
    webhook.url = order_.status_callback;
    webhook.method = order_.status_callback_method;
    webhook.fields = webhook_fields();
    for (auto& [name, value] : webhook.fields) {
        if (name == "CallStatus") value = status;
    }
    webhook.fields.emplace_back("CallbackSource", "call-progress-events");
    webhook.fields.emplace_back("SequenceNumber", std::to_string(sequence_++));
    webhook.fields.emplace_back("Timestamp", format_rfc2822(wall_clock()));
    if (event == "completed") {
        const auto seconds = duration().count();
        webhook.fields.emplace_back("CallDuration", std::to_string(seconds));
        webhook.fields.emplace_back("Duration", std::to_string((seconds + 59) / 60));
        webhook.fields.emplace_back("SipResponseCode", std::to_string(record_.sip_code));
    }
    callbacks_->post(std::move(webhook), event == "completed");
}

bool PhoneCall::has_room_for(const StreamOrder& order) const {
    constexpr std::size_t kTracks = 4;
    std::size_t used = 0;
    for (const auto& row : streams_) {
        if (row.open && !row.bidirectional) used += row.tracks;
    }
    return used + tracks_of(order) <= kTracks;
}

StreamRequest PhoneCall::prepare_stream(const StreamOrder& order) {
    StreamRequest request;
    request.stream_sid = new_sid("MZ");
    request.url = order.url;
    request.bidirectional = order.bidirectional;
    request.account_sid = exchange_->account.sid;
    request.call_sid = record_.sid;
    request.name = order.name.empty() ? request.stream_sid : order.name;
    request.track = order.track;
    request.parameters = order.parameters;
    request.signature = exchange_->webhooks->signature(order.url, {}, true, fault_scope());
    request.ca_file = exchange_->options.ca_file;
    request.faults = stream_faults({Switch::socket, Switch::pace, Switch::tunnel});
    request.faults.cut_off = exchange_->webhooks->cut_off();
    request.faults.seed = exchange_->faults.random()();
    // The line, which has the stream, is gone before the exchange.
    request.faults.next_frame = [exchange = exchange_.get(), scope = fault_scope()] {
        return exchange->faults.take(Switch::frames, scope);
    };
    request.faults.tunnel_dies = [weak = std::weak_ptr(exchange_)](milliseconds time) {
        if (const auto exchange = weak.lock()) exchange->cut_tunnel(time);
    };
    streams_.push_back({request.stream_sid, request.name, order.bidirectional, true, wall_clock(),
                        tracks_of(order)});
    return request;
}

StreamFaults PhoneCall::stream_faults(const std::set<Switch>& of) {
    StreamFaults faults;
    const auto scope = fault_scope();
    if (of.contains(Switch::socket)) faults.socket = exchange_->faults.take(Switch::socket, scope);
    if (of.contains(Switch::pace)) faults.pace = exchange_->faults.take(Switch::pace, scope);
    if (of.contains(Switch::tunnel)) faults.tunnel = exchange_->faults.take(Switch::tunnel, scope);
    return faults;
}

void PhoneCall::misbehave(const std::set<Switch>& of) {
    const bool streaming = std::any_of(streams_.begin(), streams_.end(),
                                       [](const StreamRow& row) { return row.open; });
    if (!over_ && line_ && streaming) line_->misbehave(stream_faults(of));
}

std::function<void(const StreamReport&)> PhoneCall::stream_report(const StreamOrder& order,
                                                                  const StreamRequest& request) {
    return [weak = weak_from_this(), order, request](const StreamReport& report) {
        if (const auto self = weak.lock()) self->note_stream(order, request, report);
    };
}

void PhoneCall::note_stream(const StreamOrder& order, const StreamRequest& request,
                            const StreamReport& report) {
    if (report.warning) {
        exchange_->debugger.warning(report.error_code, report.error, record_.sid);
        return;
    }
    const bool failed = report.event == "stream-error";
    if (failed) exchange_->debugger.error(report.error_code, report.error, record_.sid);
    if (report.event == "stream-started") {
        exchange_->ledger.stream_opened(record_.sid, request.stream_sid, request.bidirectional);
        for (auto& row : streams_)
            if (row.sid == request.stream_sid) row.started = wall_clock();
    } else {
        exchange_->ledger.stream_closed(record_.sid, request.stream_sid);
        for (auto& row : streams_) {
            if (row.sid != request.stream_sid) continue;
            row.open = false;
            row.frames = report.frames;
            row.updated = wall_clock();
        }
    }
    log::info({"emulator", record_.sid}, "{} stream={}", report.event, request.stream_sid);
    Webhook webhook;
    webhook.scope = fault_scope();
    webhook.url = order.status_callback;
    webhook.method = order.status_callback_method;
    webhook.fields = {
        {"AccountSid", exchange_->account.sid}, {"CallSid", record_.sid},
        {"StreamSid", request.stream_sid},      {"StreamName", request.name},
        {"StreamEvent", report.event},          {"Timestamp", format_iso8601(wall_clock())}};
    if (failed) webhook.fields.emplace_back("StreamError", report.error);
    stream_callbacks_->post(std::move(webhook), over_);
}

}  // namespace bridge::emulator
