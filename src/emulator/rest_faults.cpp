// What the switches create, update and rest do to requests and answers.

#include <fmt/format.h>

#include <chrono>

#include "emulator/conference.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/rest_api.hpp"
#include "emulator/rest_reply.hpp"
#include "emulator/sid.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;

net::HttpResponse too_many(const Fault& fault) {
    auto answer = error_reply(429, 20429, "Too Many Requests");
    const auto seconds = (fault.argument + 999) / 1000;
    if (fault.is("429_date")) {
        // A second more, because the date has none of the present second's rest.
        const auto when = std::chrono::system_clock::now() + std::chrono::seconds(seconds + 1);
        answer.headers.set("Retry-After", http_date(when));
    } else if (seconds > 0) {
        answer.headers.set("Retry-After", std::to_string(seconds));
    }
    return answer;
}

net::HttpResponse internal_error() {
    return error_reply(500, 20500, "An internal server error has occurred");
}

/// What a gateway in front of Twilio says: no JSON.
net::HttpResponse bad_gateway() {
    return net::respond(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>");
}

net::HttpResponse dropped() {
    net::HttpResponse answer;
    answer.broken.emplace();
    return answer;
}

}  // namespace

FaultScope RestApi::scope_of(const Route& route) const {
    const auto& parts = route.parts;
    if (parts.size() > 2 && parts.front() == "Conferences") {
        if (parts.size() == 3 && route.method == "POST") {
            return {persona_key(field_or(route.form, "To")), {}};
        }
        const auto conference = exchange_->find_conference(parts[1]);
        const auto who = conference && parts.size() > 3 ? conference->find(parts[3]) : nullptr;
        const auto its_call = who ? who->call.lock() : nullptr;
        return its_call ? its_call->fault_scope() : FaultScope{};
    }
    if (parts.empty() || parts.front() != "Calls") return {};
    if (parts.size() == 1) {
        return {persona_key(field_or(route.method == "POST" ? route.form : route.query, "To")), {}};
    }
    const auto call = exchange_->find_call(parts[1]);
    return call ? call->fault_scope() : FaultScope{};
}

std::optional<Fault> RestApi::fault_for(const Route& route, const FaultScope& scope) const {
    auto& faults = exchange_->faults;
    const auto& parts = route.parts;
    std::optional<Fault> fault;
    if (route.method == "POST" && !parts.empty() && parts.front() == "Calls") {
        if (parts.size() == 1) fault = faults.take(Switch::create, scope);
        if (parts.size() == 2) fault = faults.take(Switch::update, scope);
    }
    if (!parts.empty() && parts.front() == "Conferences" && route.method != "GET") {
        fault = faults.take(parts.size() == 3 ? Switch::create : Switch::update, scope);
    }
    return fault ? fault : faults.take(Switch::rest, scope);
}

asio::awaitable<std::optional<net::HttpResponse>> RestApi::fail_before(Fault fault) {
    if (fault.is("429") || fault.is("429_date")) co_return too_many(fault);
    if (fault.is("500_before")) co_return internal_error();
    if (fault.is("502_html")) co_return bad_gateway();
    if (fault.is("drop_before")) co_return dropped();
    if (fault.is("down")) {
        if (exchange_->on_rest_down) exchange_->on_rest_down(fault.time());
        co_return dropped();
    }
    if (fault.is("timeout_before")) {
        co_await exchange_->stopping.wait_for(fault.time());
        co_return dropped();
    }
    co_return std::nullopt;
}

asio::awaitable<net::HttpResponse> RestApi::fail_after(Fault fault, net::HttpResponse answer) {
    if (fault.is("500_after")) co_return internal_error();
    if (fault.is("timeout_after")) {
        co_await exchange_->stopping.wait_for(fault.time());
        co_return dropped();
    }
    if (fault.is("drop_after")) co_return dropped();
    if (fault.is("cut_after")) answer.broken = {true, answer.body.size() / 2};
    co_return answer;
}

}  // namespace bridge::emulator
