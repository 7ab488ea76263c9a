#include "emulator/rest_api.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/log.hpp"
#include "emulator/phone_call.hpp"
#include "emulator/rest_reply.hpp"
#include "emulator/sid.hpp"
#include "emulator/signature.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;

bool same_secret(const std::string& a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::vector<std::string> split_path(std::string_view path) {
    std::vector<std::string> parts;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto slash = path.find('/');
        parts.push_back(percent_decode(path.substr(0, slash)));
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
    }
    return parts;
}

}  // namespace

bool RestApi::authorized(const net::HttpRequest& request, const std::string& account_sid) const {
    const auto& account = exchange_->account;
    const auto header = request.headers.find("Authorization");
    if (!header || account_sid != account.sid) return false;
    const auto matches = [&](const std::string& user, const Secret& password) {
        return same_secret("Basic " + to_base64(user + ":" + password.reveal()), *header);
    };
    bool found = matches(account.sid, account.auth_token);
    for (const auto& [key, secret] : account.api_keys) found = matches(key, secret) || found;
    return found;
}

asio::awaitable<net::HttpResponse> RestApi::handle(net::HttpRequest request) {
    Route route;
    route.method = request.method;
    route.path = std::string(request.path());
    route.query = parse_form(request.query());
    route.form = parse_form(request.body);
    route.host = std::string(request.headers.find("Host").value_or(""));
    auto parts = split_path(route.path);
    if (parts.size() < 3 || parts[0] != "2010-04-01" || parts[1] != "Accounts") {
        co_return not_found_reply(route.path);
    }
    auto& last = parts.back();
    if (last.size() > 5 && last.substr(last.size() - 5) == ".json") last.resize(last.size() - 5);
    if (!authorized(request, parts[2])) {
        co_return error_reply(401, 20003, "Authenticate");
    }
    route.parts.assign(parts.begin() + 3, parts.end());
    const auto scope = scope_of(route);
    const auto fault = fault_for(route, scope);
    if (!fault) co_return co_await act(std::move(route));
    log::info("emulator", "fault {} for {} {}", fault->what, route.method, route.path);
    auto instead = co_await fail_before(*fault);
    if (instead) co_return *std::move(instead);
    auto answer = co_await act(std::move(route));
    co_return co_await fail_after(*fault, std::move(answer));
}

asio::awaitable<net::HttpResponse> RestApi::act(Route route) {
    if (route.parts.empty()) co_return account(route);
    const auto& resource = route.parts.front();
    if (resource == "Calls") co_return co_await calls(std::move(route));
    if (resource == "IncomingPhoneNumbers") co_return numbers(route);
    if (resource == "Conferences") co_return conferences(route);
    if (resource == "Recordings") co_return recordings(route, false);
    co_return not_found_reply(route.path);
}

net::HttpResponse RestApi::account(const Route& route) const {
    if (route.method != "GET") {
        return method_refused_reply(route.method);
    }
    const auto& account = exchange_->account;
    json::object uris;
    const Fields below{{"calls", "Calls"},
                       {"conferences", "Conferences"},
                       {"incoming_phone_numbers", "IncomingPhoneNumbers"},
                       {"recordings", "Recordings"}};
    for (const auto& [key, resource] : below) uris[key] = base() + "/" + resource + ".json";
    return json_reply(200, json::object{{"sid", account.sid},
                                        {"friendly_name", "agentbridge emulator"},
                                        {"status", "active"},
                                        {"type", account.trial ? "Trial" : "Full"},
                                        {"owner_account_sid", account.sid},
                                        {"auth_token", account.auth_token.reveal()},
                                        {"date_created", format_rfc2822(account.created)},
                                        {"date_updated", format_rfc2822(account.created)},
                                        {"uri", base() + ".json"},
                                        {"subresource_uris", uris}});
}

namespace {

json::object number_json(const OwnedNumber& number, const std::string& account_sid) {
    return {{"sid", number.sid},
            {"account_sid", account_sid},
            {"phone_number", number.phone_number},
            {"friendly_name", number.friendly_name},
            {"voice_url", number.voice_url},
            {"voice_method", number.voice_method},
            {"voice_fallback_url", number.voice_fallback_url},
            {"voice_fallback_method", number.voice_fallback_method},
            {"status_callback", number.status_callback},
            {"status_callback_method", number.status_callback_method},
            {"voice_caller_id_lookup", number.voice_caller_id_lookup},
            {"voice_application_sid", number.voice_application_sid},
            {"trunk_sid", text_or_null(number.trunk_sid)},
            {"voice_receive_mode", number.voice_receive_mode},
            {"sms_url", ""},
            {"sms_method", "POST"},
            {"sms_fallback_url", ""},
            {"sms_fallback_method", "POST"},
            {"sms_application_sid", ""},
            {"address_requirements", "none"},
            {"beta", false},
            {"origin", "twilio"},
            {"status", "in-use"},
            {"capabilities",
             json::object{{"voice", true}, {"sms", false}, {"mms", false}, {"fax", false}}},
            {"api_version", "2010-04-01"},
            {"date_created", format_rfc2822(number.created)},
            {"date_updated", format_rfc2822(number.updated)},
            {"uri", "/2010-04-01/Accounts/" + account_sid + "/IncomingPhoneNumbers/" + number.sid +
                        ".json"}};
}

/// Changes what the form names; an error leaves the number as it was.
std::optional<RestError> change_number(OwnedNumber& number, const Fields& form) {
    auto next = number;
    for (const auto& [name, value] : form) {
        const auto url = [&](std::string& target) -> std::optional<RestError> {
            if (!value.empty() && !is_web_url(value)) {
                return RestError{400, kNoCode, name + " is not a valid URL: " + value};
            }
            target = value;
            return std::nullopt;
        };
        const auto method = [&](std::string& target) -> std::optional<RestError> {
            if (value != "GET" && value != "POST") {
                return RestError{400, kNoCode, name + " must be GET or POST, not '" + value + "'"};
            }
            target = value;
            return std::nullopt;
        };
        std::optional<RestError> error;
        if (name == "VoiceUrl") error = url(next.voice_url);
        if (name == "VoiceFallbackUrl") error = url(next.voice_fallback_url);
        if (name == "StatusCallback") error = url(next.status_callback);
        if (name == "VoiceMethod") error = method(next.voice_method);
        if (name == "VoiceFallbackMethod") error = method(next.voice_fallback_method);
        if (name == "StatusCallbackMethod") error = method(next.status_callback_method);
        if (name == "FriendlyName") next.friendly_name = value;
        if (name == "VoiceCallerIdLookup") next.voice_caller_id_lookup = value == "true";
        if (name == "VoiceApplicationSid") next.voice_application_sid = value;
        if (name == "TrunkSid") next.trunk_sid = value;
        if (name == "VoiceReceiveMode") next.voice_receive_mode = value;
        if (error) return error;
    }
    next.updated = std::chrono::system_clock::now();
    number = std::move(next);
    return std::nullopt;
}

}  // namespace

net::HttpResponse RestApi::numbers(const Route& route) {
    const auto& account_sid = exchange_->account.sid;
    if (route.parts.size() == 1) {
        if (route.method != "GET") {
            return error_reply(400, kNoCode,
                               "This emulator sells no numbers; name yours when it starts");
        }
        const auto wanted = field_or(route.query, "PhoneNumber");
        const auto name = field_or(route.query, "FriendlyName");
        std::vector<const OwnedNumber*> found;
        for (const auto& number : exchange_->numbers) {
            // Twilio matches parts of numbers too; the digits are what counts.
            const bool matches = number.phone_number.find(wanted) != std::string::npos;
            if (matches && (name.empty() || number.friendly_name == name)) found.push_back(&number);
        }
        return list_reply("incoming_phone_numbers", route.path, route.query, found.size(),
                          [&](std::size_t i) { return number_json(*found[i], account_sid); });
    }
    for (auto& number : exchange_->numbers) {
        if (route.parts.size() != 2 || number.sid != route.parts[1]) continue;
        if (route.method == "GET") return json_reply(200, number_json(number, account_sid));
        if (route.method != "POST") {
            return method_refused_reply(route.method);
        }
        if (const auto error = change_number(number, route.form)) {
            return error_reply(error->status, error->code, error->message);
        }
        return json_reply(200, number_json(number, account_sid));
    }
    return not_found_reply(route.path);
}

}  // namespace bridge::emulator
