// <Connect>, <Start> and <Stop>: media streams.

#include <fmt/format.h>

#include "emulator/exchange.hpp"
#include "emulator/interpreter.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {

bool Interpreter::stream_order(const XmlElement& stream, bool bidirectional, StreamOrder& order) {
    auto url = absolute(stream.attribute_or("url", ""));
    // A relative URL is resolved against a web page's URL, but a stream needs a socket's.
    if (stream.attribute_or("url", "").find("://") == std::string::npos &&
        url.rfind("http", 0) == 0) {
        url.replace(0, 4, "ws");
    }
    // Twilio drops a query string without a word; the upgrade arrives with none.
    order.url = url.substr(0, url.find('?'));
    order.name = stream.attribute_or("name", "");
    order.track = stream.attribute_or("track", "inbound_track");
    order.bidirectional = bidirectional;
    order.status_callback = stream.attribute_or("statusCallback", "");
    if (!order.status_callback.empty()) order.status_callback = absolute(order.status_callback);
    order.status_callback_method = method_attribute(stream, "statusCallbackMethod");
    const bool one_way = order.track == "outbound_track" || order.track == "both_tracks";
    if (order.track != "inbound_track" && (bidirectional || !one_way)) {
        complain(31941,
                 fmt::format("Stream: line {}: invalid track '{}'", stream.line, order.track));
        return false;
    }
    for (const auto& parameter : stream.children) {
        if (parameter.name != "Parameter") continue;
        const auto name = parameter.attribute_or("name", "");
        const auto value = parameter.attribute_or("value", "");
        constexpr std::size_t kMost = 500;
        if (name.empty() || name.size() + value.size() >= kMost) {
            complain(12200, fmt::format("line {}: <Parameter> needs a name, and name and value "
                                        "together fewer than {} characters",
                                        parameter.line, kMost));
            continue;
        }
        order.parameters[name] = value;
    }
    return true;
}

asio::awaitable<void> Interpreter::connect(const XmlElement& verb) {
    if (verb.children.size() != 1) {
        complain(12200, fmt::format("line {}: <Connect> holds {} elements and must hold one",
                                    verb.line, verb.children.size()));
        co_return;
    }
    const auto& noun = verb.children.front();
    const bool refused = co_await refused_on_trial(noun.name);
    if (refused) co_return;
    if (noun.name != "Stream") {
        complain(12200,
                 fmt::format("line {}: this emulator does not run <{}>", noun.line, noun.name));
        co_return;
    }
    StreamOrder order;
    if (stream_order(noun, true, order)) {
        auto request = call_->prepare_stream(order);
        auto report = call_->stream_report(order, request);
        co_await call_->line().connect_stream(std::move(request), std::move(report));
    }
    if (!done() && verb.attribute("action")) go_to_action(verb, document_.url, {});
}

void Interpreter::start(const XmlElement& verb) {
    for (const auto& noun : verb.children) {
        StreamOrder order;
        if (noun.name != "Stream") {
            complain(12200, fmt::format("line {}: this emulator does not start <{}>", noun.line,
                                        noun.name));
        } else if (!stream_order(noun, false, order)) {
            continue;
        } else if (!call_->has_room_for(order)) {
            complain(31900,
                     fmt::format("line {}: a call has at most four tracks of one-way streams",
                                 noun.line));
        } else {
            auto request = call_->prepare_stream(order);
            auto report = call_->stream_report(order, request);
            call_->line().start_stream(std::move(request), std::move(report));
        }
    }
}

void Interpreter::stop(const XmlElement& verb) {
    for (const auto& noun : verb.children) {
        const auto name = noun.attribute_or("name", "");
        if (noun.name != "Stream" || !call_->line().stop_stream(name)) {
            warn(12200,
                 fmt::format("line {}: <Stop>: no <{}> '{}' runs", noun.line, noun.name, name));
        }
    }
}

}  // namespace bridge::emulator
