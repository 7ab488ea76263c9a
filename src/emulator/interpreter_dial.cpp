// <Dial>: other phones ring and the first to answer is connected, or a conference is joined.

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/spawn.hpp"
#include "emulator/exchange.hpp"
#include "emulator/interpreter.hpp"
#include "emulator/sid.hpp"
#include "emulator/wait_music.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Interpreter::DialBoard {
    explicit DialBoard(const asio::any_io_executor& executor) : changed(executor) {}
    Signal changed;
    std::size_t ringing = 0;
};

namespace {

std::string without_spaces(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') out += c;
    }
    return out;
}

bool is_sip_scheme(const std::string& text) {
    return text.rfind("sip:", 0) == 0 || text.rfind("sips:", 0) == 0;
}

/// What a noun dials: <Number>, <Sip> or <Client>, whose name may stand in an <Identity>.
std::string address_in(const XmlElement& noun) {
    if (noun.name == "Sip") {
        const auto text = without_spaces(noun.text);
        return is_sip_scheme(text) ? text : "sip:" + text;
    }
    if (noun.name != "Client") return noun.text;
    for (const auto& child : noun.children) {
        if (child.name == "Identity") return "client:" + without_spaces(child.text);
    }
    return "client:" + without_spaces(noun.text);
}

bool is_true(const XmlElement& element, const char* name, bool otherwise) {
    return element.attribute_or(name, otherwise ? "true" : "false") == "true";
}

/// What has ended says how: for the parameters of <Dial action>.
std::string dial_status(const PhoneCall& leg) {
    // A leg that left for TwiML of its own has been talked to all the same.
    return leg.over() ? leg.record().status : "completed";
}

}  // namespace

asio::awaitable<void> Interpreter::ring_leg(std::shared_ptr<PhoneCall> leg,
                                            std::shared_ptr<DialBoard> board) {
    co_await PhoneCall::ring(leg);
    --board->ringing;
    board->changed.raise();
}

std::vector<CallOrder> Interpreter::dial_orders(const XmlElement& verb) {
    const auto& mine = call_->order();
    CallOrder common;
    common.direction = "outbound-dial";
    common.parent_call_sid = call_->sid();
    common.from = verb.attribute_or("callerId", mine.from);
    common.ring_timeout = seconds(number_attribute(verb, "timeout", 30));
    std::vector<CallOrder> orders;
    const bool foreign = common.from != mine.from && common.from != mine.to &&
                         !exchange_.may_call_from(common.from);
    const auto add = [&](CallOrder order, const std::string& number, std::size_t line) {
        order.to = without_spaces(number);
        // SIP addresses and clients may be shown any caller, numbers only one that is ours.
        if (foreign && is_e164(order.to)) {
            complain(13214, fmt::format("Dial: Invalid callerId value: '{}'", order.from));
        } else if (is_address(order.to)) {
            orders.push_back(std::move(order));
        } else if (is_sip_scheme(order.to)) {
            complain(12200, fmt::format("line {}: Dial: '{}' is no SIP address such as "
                                        "sip:alice@example.com",
                                        line, order.to));
        } else {
            complain(13223, fmt::format("line {}: Dial: Invalid phone number format: '{}'", line,
                                        order.to));
        }
    };
    if (verb.children.empty() && !without_spaces(verb.text).empty()) {
        add(common, verb.text, verb.line);
    }
    for (const auto& noun : verb.children) {
        if (noun.name != "Number" && noun.name != "Sip" && noun.name != "Client") {
            complain(12200, fmt::format("line {}: this emulator does not dial <{}>", noun.line,
                                        noun.name));
            continue;
        }
        auto order = common;
        order.send_digits = noun.attribute_or("sendDigits", "");
        const auto whisper = noun.attribute_or("url", "");
        if (!whisper.empty()) order.first.url = absolute(whisper);
        order.first.method = method_attribute(noun, "method");
        const auto callback = noun.attribute_or("statusCallback", "");
        if (!callback.empty()) order.status_callback = absolute(callback);
        order.status_callback_method = method_attribute(noun, "statusCallbackMethod");
        if (const auto events = noun.attribute("statusCallbackEvent")) {
            order.status_events.clear();
            std::istringstream words(*events);
            for (std::string word; words >> word;) order.status_events.insert(word);
        }
        add(std::move(order), address_in(noun), noun.line);
    }
    return orders;
}

asio::awaitable<bool> Interpreter::talk_to(std::shared_ptr<PhoneCall> leg, const XmlElement& verb,
                                           const CallOrder& order) {
    if (!order.send_digits.empty()) co_await leg->line().play_digits(order.send_digits);
    if (!order.first.url.empty() && !leg->over()) {
        co_await whisper(leg, order.first);  // only the callee hears it
    }
    if (leg->over() || leg->interrupted() || call_->interrupted()) co_return false;
    call_->line().set_music(nullptr, false);
    call_->answer();
    const auto limit = exchange_.scaled(seconds(number_attribute(verb, "timeLimit", 14'400)));
    co_await call_->line().bridge(leg->shared_line(),
                                  std::max(seconds(1), std::chrono::ceil<seconds>(limit)));
    co_return true;
}

asio::awaitable<void> Interpreter::dial(const XmlElement& verb) {
    const auto recording = verb.attribute_or("record", "do-not-record");
    if (recording != "do-not-record" && recording != "false") {
        const bool refused = co_await refused_on_trial("Dial record");
        if (refused) co_return;
        warn(12200, fmt::format("line {}: <Dial record> is ignored by this emulator", verb.line));
    }
    for (const auto& noun : verb.children) {
        if (noun.name == "Conference") {
            co_await dial_conference(verb, noun);
            co_return;
        }
    }
    co_await dial_phones(verb);
}

asio::awaitable<void> Interpreter::dial_phones(const XmlElement& verb) {
    const auto board = std::make_shared<DialBoard>(exchange_.executor);
    std::vector<std::shared_ptr<PhoneCall>> legs;
    for (auto& order : dial_orders(verb)) {
        auto leg = exchange_.add_call(order);
        if (!leg) {
            complain(13224, "Dial: " + leg.error().message);
            continue;
        }
        call_->add_leg(*leg);
        legs.push_back(*leg);
        ++board->ringing;
        spawn(exchange_.executor, "leg " + (*leg)->sid(), ring_leg(*leg, board));
    }
    if (!legs.empty()) call_->line().set_music(ringback(), true);
    std::shared_ptr<PhoneCall> winner;
    while (!winner && !legs.empty()) {
        for (const auto& leg : legs) {
            if (!winner && leg->answered() && !leg->over()) winner = leg;
        }
        if (winner || board->ringing == 0) break;
        board->changed.clear();
        co_await board->changed.wait_for(std::chrono::hours(1));
    }
    for (const auto& leg : legs) {
        if (leg != winner) leg->finish("canceled", 487);
    }
    // The losers' rings return one by one; their lines may go only then.
    while (board->ringing > 0) {
        board->changed.clear();
        co_await board->changed.wait_for(std::chrono::hours(1));
    }
    bool bridged = false;
    if (winner) {
        const auto order = winner->order();
        if (!call_->interrupted()) bridged = co_await talk_to(winner, verb, order);
        if (!winner->over() && winner->interrupted()) {
            winner->leave(*call_);  // REST gave the leg TwiML of its own
        } else {
            winner->finish("completed", 200);
        }
    }
    if (!call_->over()) call_->line().set_music(nullptr, false);
    Fields extra;
    const auto last = winner ? winner : legs.empty() ? nullptr : legs.back();
    extra.emplace_back("DialCallStatus", last ? dial_status(*last) : "failed");
    if (last) extra.emplace_back("DialCallSid", last->sid());
    if (winner) extra.emplace_back("DialCallDuration", std::to_string(winner->duration().count()));
    extra.emplace_back("DialBridged", bridged ? "true" : "false");
    if (last && is_sip_uri(last->order().to)) {
        extra.emplace_back("DialSipResponseCode", std::to_string(last->record().sip_code));
    }
    for (const auto& leg : legs) {
        if (leg->over()) leg->retire();
    }
    if (!done() && verb.attribute("action")) go_to_action(verb, document_.url, std::move(extra));
}

ParticipantOrder Interpreter::participant_order(const XmlElement& noun) {
    ParticipantOrder order;
    order.label = noun.attribute_or("participantLabel", "");
    order.muted = is_true(noun, "muted", false);
    order.start_on_enter = is_true(noun, "startConferenceOnEnter", true);
    order.end_on_exit = is_true(noun, "endConferenceOnExit", false);
    const auto beep = noun.attribute_or("beep", "true");
    order.beep_on_enter = beep == "true" || beep == "onEnter";
    order.beep_on_exit = beep == "true" || beep == "onExit";
    if (const auto wait = noun.attribute("waitUrl")) {
        Instruction music;
        if (!wait->empty()) music.url = absolute(*wait);
        music.method = method_attribute(noun, "waitMethod");
        order.wait = std::move(music);
    }
    order.most =
        static_cast<std::size_t>(std::clamp(number_attribute(noun, "maxParticipants", 250), 1L, 250L));
    const auto callback = noun.attribute_or("statusCallback", "");
    if (!callback.empty()) order.status_callback = absolute(callback);
    order.status_callback_method = method_attribute(noun, "statusCallbackMethod");
    std::istringstream events(noun.attribute_or("statusCallbackEvent", ""));
    for (std::string event; events >> event;) order.status_events.insert(event);
    if (noun.attribute_or("record", "do-not-record") != "do-not-record" ||
        noun.attribute("coach")) {
        warn(12200, fmt::format("line {}: this emulator neither records a conference nor coaches "
                                "in one",
                                noun.line));
    }
    return order;
}

asio::awaitable<void> Interpreter::dial_conference(const XmlElement& verb,
                                                   const XmlElement& noun) {
    const auto first = noun.text.find_first_not_of(" \t\r\n");
    const auto last = noun.text.find_last_not_of(" \t\r\n");
    if (first == std::string::npos) {
        complain(12200, fmt::format("line {}: <Conference> has no name", noun.line));
        co_return;
    }
    call_->answer();
    if (call_->over()) co_return;
    const auto conference = exchange_.open_conference(noun.text.substr(first, last - first + 1));
    auto joined = conference->join(call_, participant_order(noun));
    std::string status = "answered";
    if (joined) {
        const auto participant = *joined;
        const auto limit = exchange_.scaled(seconds(number_attribute(verb, "timeLimit", 14'400)));
        co_await call_->line().pause(std::max(milliseconds(1), limit));
        const bool moved = call_->interrupted() && !call_->over();
        conference->leave(participant,
                          moved ? "participant_updated_via_api" : "participant_hung_up");
        if (participant->refused) status = "failed";
    } else {
        complain(joined.error().code, joined.error().message);
        status = "failed";
    }
    // Twilio names neither a call nor a length after a conference.
    const bool label_taken = !joined && joined.error().code == 16025;
    if (done() || label_taken || !verb.attribute("action")) co_return;
    go_to_action(verb, document_.url, {{"DialCallStatus", status}});
}

}  // namespace bridge::emulator
