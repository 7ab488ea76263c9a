// The Calls resource and what hangs below it.

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/rest_api.hpp"
#include "emulator/rest_reply.hpp"
#include "emulator/sid.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

json::object stream_json(const StreamRow& row, const PhoneCall& call, const std::string& account) {
    return {{"sid", row.sid},
            {"account_sid", account},
            {"call_sid", call.sid()},
            {"name", row.name},
            {"status", row.open ? "in-progress" : "stopped"},
            {"date_updated", format_rfc2822(row.updated)},
            {"uri", fmt::format("/2010-04-01/Accounts/{}/Calls/{}/Streams/{}.json", account,
                                call.sid(), row.sid)}};
}

}  // namespace

bool day_matches(const std::optional<WallTime>& time, const Fields& query,
                 const std::string& name) {
    // ">" and "<" come as part of the name: "StartTime>=2026-01-31" is name "StartTime>".
    const auto exact = field_or(query, name);
    const auto since = field_or(query, name + ">");
    const auto until = field_or(query, name + "<");
    if (exact.empty() && since.empty() && until.empty()) return true;
    if (!time) return false;
    const auto day = format_day(*time);
    const auto of = [](const std::string& text) { return text.substr(0, 10); };
    return (exact.empty() || day == of(exact)) && (since.empty() || day >= of(since)) &&
           (until.empty() || day <= of(until));
}

json::object call_json(const PhoneCall& call, const std::string& account_sid) {
    const auto& record = call.record();
    const auto& order = call.order();
    const auto uri = "/2010-04-01/Accounts/" + account_sid + "/Calls/" + record.sid;
    json::object uris;
    const Fields below{{"notifications", "Notifications"},
                       {"recordings", "Recordings"},
                       {"payments", "Payments"},
                       {"events", "Events"},
                       {"siprec", "Siprec"},
                       {"streams", "Streams"},
                       {"transcriptions", "Transcriptions"},
                       {"user_defined_message_subscriptions", "UserDefinedMessageSubscriptions"},
                       {"user_defined_messages", "UserDefinedMessages"}};
    for (const auto& [key, resource] : below) uris[key] = uri + "/" + resource + ".json";
    return {{"sid", record.sid},
            {"account_sid", account_sid},
            {"parent_call_sid", text_or_null(order.parent_call_sid)},
            {"date_created", format_rfc2822(record.created)},
            {"date_updated", format_rfc2822(record.updated)},
            {"to", order.to},
            {"to_formatted", formatted_number(order.to)},
            {"from", order.from},
            {"from_formatted", formatted_number(order.from)},
            {"phone_number_sid", text_or_null(order.phone_number_sid)},
            {"status", record.status},
            {"start_time", date_or_null(record.started)},
            {"end_time", date_or_null(record.ended)},
            {"duration", record.ended ? json::value(std::to_string(call.duration().count()))
                                      : json::value(nullptr)},
            {"price", nullptr},
            {"price_unit", "USD"},
            {"direction", order.direction},
            {"answered_by", text_or_null(record.answered_by)},
            {"api_version", "2010-04-01"},
            {"forwarded_from", text_or_null(order.forwarded_from)},
            {"group_sid", nullptr},
            {"caller_name", nullptr},
            {"queue_time", std::to_string(record.queue_time.count())},
            {"trunk_sid", nullptr},
            {"annotation", nullptr},
            {"uri", uri + ".json"},
            {"subresource_uris", uris}};
}

asio::awaitable<net::HttpResponse> RestApi::calls(Route route) {
    const auto& parts = route.parts;
    if (parts.size() == 1) {
        if (route.method == "GET") co_return list_calls(route);
        if (route.method == "POST") co_return create_call(route.form);
        co_return method_refused_reply(route.method);
    }
    const auto call = exchange_->find_call(parts[1]);
    if (!call) co_return not_found_reply(route.path);
    if (parts.size() == 2) {
        if (route.method == "GET") {
            co_return json_reply(200, call_json(*call, exchange_->account.sid));
        }
        if (route.method == "POST") co_return update_call(call, route.form);
        if (route.method != "DELETE") co_return method_refused_reply(route.method);
        if (!call->over()) {
            co_return error_reply(409, 20009, "Call is still in progress and cannot be deleted");
        }
        exchange_->forget_call(call->sid());
        co_return net::HttpResponse{204, {}, {}};
    }
    if (parts[2] == "Streams") co_return streams(call, route);
    if (parts[2] == "Recordings") co_return recordings(route, true);
    co_return not_found_reply(route.path);
}

net::HttpResponse RestApi::list_calls(const Route& route) const {
    const auto& query = route.query;
    const auto to = field_or(query, "To");
    const auto from = field_or(query, "From");
    const auto parent = field_or(query, "ParentCallSid");
    const auto status = field_or(query, "Status");
    auto found = exchange_->list_calls();
    const auto unwanted = [&](const std::shared_ptr<PhoneCall>& call) {
        const auto& order = call->order();
        const auto& record = call->record();
        return (!to.empty() && order.to != to) || (!from.empty() && order.from != from) ||
               (!parent.empty() && order.parent_call_sid != parent) ||
               (!status.empty() && record.status != status) ||
               !day_matches(record.started, query, "StartTime") ||
               !day_matches(record.ended, query, "EndTime");
    };
    found.erase(std::remove_if(found.begin(), found.end(), unwanted), found.end());
    return list_reply("calls", route.path, query, found.size(),
                      [&](std::size_t i) { return call_json(*found[i], exchange_->account.sid); });
}

tl::expected<std::shared_ptr<PhoneCall>, net::HttpResponse> RestApi::add_ordered_call(
    const Fields& form) {
    auto order = read_call_create(form);
    if (!order) {
        return tl::unexpected(
            error_reply(order.error().status, order.error().code, order.error().message));
    }
    if (is_e164(order->from) && !exchange_->may_call_from(order->from)) {
        return tl::unexpected(
            error_reply(400, 21210,
                        fmt::format("The source phone number provided, {}, is not yet "
                                    "verified for your account. You may only make calls "
                                    "from phone numbers that you've verified or purchased "
                                    "from Twilio.",
                                    order->from)));
    }
    if (const auto* number = exchange_->find_number(order->from)) {
        order->phone_number_sid = number->sid;
    }
    if (exchange_->account.trial) order->time_limit = std::chrono::minutes(10);
    auto added = exchange_->add_call(*std::move(order));
    if (!added) return tl::unexpected(error_reply(500, 20500, added.error().message));
    if (field_or(form, "Record") == "true") {
        exchange_->debugger.warning(12400, "Record=true is ignored: this emulator does not record",
                                    (*added)->sid());
    }
    return *std::move(added);
}

net::HttpResponse RestApi::create_call(const Fields& form) {
    if (exchange_->account.trial) {
        for (const auto& [name, value] : form) {
            if (name == "To" || name == "From" || name == "Url") continue;
            return error_reply(
                400, 10002,
                "trial accounts have limited parameter access: " + name + " is not allowed");
        }
    }
    const auto call = add_ordered_call(form);
    if (!call) return call.error();
    auto reply = json_reply(201, call_json(**call, exchange_->account.sid));
    (*call)->start();
    return reply;
}

net::HttpResponse RestApi::update_call(const std::shared_ptr<PhoneCall>& call, const Fields& form) {
    auto update = read_call_update(form);
    if (!update) {
        return error_reply(update.error().status, update.error().code, update.error().message);
    }
    if (call->over()) {
        return error_reply(400, 21220,
                           fmt::format("Call is not in-progress. Cannot {}.",
                                       update->redirect ? "redirect" : "modify"));
    }
    if (update->redirect && !call->answered()) {
        return error_reply(400, 21220, "Call is not in-progress. Cannot redirect.");
    }
    auto& order = call->order();
    if (update->fallback_url) order.fallback_url = *update->fallback_url;
    if (update->fallback_method) order.fallback_method = *update->fallback_method;
    if (update->status_callback) order.status_callback = *update->status_callback;
    if (update->status_callback_method) {
        order.status_callback_method = *update->status_callback_method;
    }
    if (update->time_limit) call->change_time_limit(*update->time_limit);
    if (update->status == "completed") {
        // A call that is not answered yet is given up, which ends as "canceled".
        call->finish(call->answered() ? "completed" : "canceled", call->answered() ? 200 : 487);
    } else if (update->status == "canceled" && !call->answered()) {
        call->finish("canceled", 487);
    } else if (update->redirect) {
        call->redirect(*std::move(update->redirect));
    }
    return json_reply(200, call_json(*call, exchange_->account.sid));
}

net::HttpResponse RestApi::streams(const std::shared_ptr<PhoneCall>& call, const Route& route) {
    if (route.method != "POST") return method_refused_reply(route.method);
    if (route.parts.size() == 3) return create_stream(call, route.form);
    if (route.parts.size() != 4) return not_found_reply(route.path);
    for (const auto& row : call->streams()) {
        const auto& wanted = route.parts[3];
        // A bidirectional stream cannot be reached through this resource.
        if (row.bidirectional || (row.sid != wanted && row.name != wanted)) continue;
        if (field_or(route.form, "Status") != "stopped") {
            return error_reply(400, 20001, "Status must be 'stopped'");
        }
        auto copy = row;
        if (row.open && !call->over()) call->line().stop_stream(row.sid);
        copy.open = false;
        copy.updated = std::chrono::system_clock::now();
        return json_reply(200, stream_json(copy, *call, exchange_->account.sid));
    }
    return not_found_reply(route.path);
}

net::HttpResponse RestApi::create_stream(const std::shared_ptr<PhoneCall>& call,
                                         const Fields& form) {
    if (exchange_->account.trial) {
        return error_reply(400, 10002, "Media streams are not available on trial accounts");
    }
    if (call->over() || !call->answered()) {
        return error_reply(400, 21220, "Call is not in-progress. Cannot start a stream.");
    }
    StreamOrder order;
    order.bidirectional = false;
    order.url = field_or(form, "Url");
    if (order.url.empty()) return error_reply(400, 21205, "Url parameter is required.");
    order.url = order.url.substr(0, order.url.find('?'));
    order.name = field_or(form, "Name");
    order.track = field_or(form, "Track", "inbound_track");
    if (order.track != "inbound_track" && order.track != "outbound_track" &&
        order.track != "both_tracks") {
        return error_reply(400, 20001, "Track has no value '" + order.track + "'");
    }
    order.status_callback = field_or(form, "StatusCallback");
    if (!order.status_callback.empty() && !is_web_url(order.status_callback)) {
        return error_reply(400, kNoCode,
                           "StatusCallback is not a valid URL: " + order.status_callback);
    }
    order.status_callback_method = field_or(form, "StatusCallbackMethod", "POST");
    if (order.status_callback_method != "POST" && order.status_callback_method != "GET") {
        return error_reply(400, 21209, "StatusCallbackMethod must be GET or POST");
    }
    for (int i = 1; i <= 99; ++i) {
        const auto name = field_or(form, fmt::format("Parameter{}.Name", i));
        if (!name.empty()) {
            order.parameters[name] = field_or(form, fmt::format("Parameter{}.Value", i));
        }
    }
    if (!call->has_room_for(order)) {
        return error_reply(400, kNoCode, "A call has at most four tracks of one-way streams.");
    }
    auto request = call->prepare_stream(order);
    auto report = call->stream_report(order, request);
    const auto row = call->streams().back();
    call->line().start_stream(std::move(request), std::move(report));
    return json_reply(201, stream_json(row, *call, exchange_->account.sid));
}

}  // namespace bridge::emulator
