// <Dial>: other phones ring, the first to answer is connected.

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/spawn.hpp"
#include "emulator/exchange.hpp"
#include "emulator/interpreter.hpp"
#include "emulator/sid.hpp"

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
    if (common.from != mine.from && common.from != mine.to &&
        !exchange_.may_call_from(common.from)) {
        complain(13214, fmt::format("Dial: Invalid callerId value: '{}'", common.from));
        return orders;
    }
    const auto add = [&](CallOrder order, const std::string& number, std::size_t line) {
        order.to = without_spaces(number);
        if (is_e164(order.to)) {
            orders.push_back(std::move(order));
        } else {
            complain(13223, fmt::format("line {}: Dial: Invalid phone number format: '{}'", line,
                                        order.to));
        }
    };
    if (verb.children.empty() && !without_spaces(verb.text).empty()) {
        add(common, verb.text, verb.line);
    }
    for (const auto& noun : verb.children) {
        if (noun.name != "Number") {
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
        add(std::move(order), noun.text, noun.line);
    }
    return orders;
}

asio::awaitable<void> Interpreter::talk_to(std::shared_ptr<PhoneCall> leg, const XmlElement& verb,
                                           const CallOrder& order) {
    if (!order.send_digits.empty()) co_await leg->line().play_digits(order.send_digits);
    if (!order.first.url.empty() && !leg->over()) {
        co_await run(leg, order.first);  // a whisper: only the callee hears it
    }
    if (leg->over() || call_->interrupted()) co_return;
    call_->answer();
    const auto limit = exchange_.scaled(seconds(number_attribute(verb, "timeLimit", 14'400)));
    co_await call_->line().bridge(leg->shared_line(),
                                  std::max(seconds(1), std::chrono::ceil<seconds>(limit)));
}

asio::awaitable<void> Interpreter::dial(const XmlElement& verb) {
    const auto recording = verb.attribute_or("record", "do-not-record");
    if (recording != "do-not-record" && recording != "false") {
        const bool refused = co_await refused_on_trial("Dial record");
        if (refused) co_return;
        warn(12200, fmt::format("line {}: <Dial record> is ignored by this emulator", verb.line));
    }
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
        bridged = !call_->interrupted();
        if (bridged) co_await talk_to(winner, verb, order);
        if (!winner->over() && winner->interrupted()) {
            winner->leave(*call_);  // REST gave the leg TwiML of its own
        } else {
            winner->finish("completed", 200);
        }
    }
    Fields extra;
    const auto last = winner ? winner : legs.empty() ? nullptr : legs.back();
    extra.emplace_back("DialCallStatus", last ? last->record().status : "failed");
    if (last) extra.emplace_back("DialCallSid", last->sid());
    if (winner) extra.emplace_back("DialCallDuration", std::to_string(winner->duration().count()));
    extra.emplace_back("DialBridged", bridged ? "true" : "false");
    for (const auto& leg : legs) {
        if (leg->over()) leg->retire();
    }
    if (!done() && verb.attribute("action")) go_to_action(verb, document_.url, std::move(extra));
}

}  // namespace bridge::emulator
