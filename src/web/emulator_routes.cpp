// The emulator, where it is the carrier: a person in the page plays the other side of the calls.
// The bridge asks it on the page's behalf, which may not ask another server.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <string>
#include <utility>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/fields.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;
namespace asio = boost::asio;
using Self = std::shared_ptr<Api>;

constexpr std::size_t kMostBytes = 2 * 1024 * 1024;

std::string text_of(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : std::string();
}

/// What the emulator says of itself, or the answer to whoever asked. Its own refusals become
/// problems.
using Reply = tl::expected<json::value, net::HttpResponse>;

/// Texts by pointer: they are written out in this file.
asio::awaitable<Reply> ask(Self self, const char* method, const char* path,
                           std::shared_ptr<std::string> body = {}) {
    const auto& emulator = self->parts().emulator;
    if (emulator.url.empty())
        co_return tl::unexpected(problem(
            404, "no_emulator", "the carrier is not our emulator, so there is nobody to play"));
    net::HttpCall call;
    call.method = method;
    call.url = emulator.url + "/emulator/v1" + path;
    if (body) call.body = *body;
    call.total_timeout = std::chrono::seconds(5);
    call.response_bytes = kMostBytes;
    if (!call.body.empty()) call.headers.set("Content-Type", "application/json");
    auto asking = emulator.http->request(std::move(call));
    auto reply = co_await std::move(asking);
    if (!reply)
        co_return tl::unexpected(
            problem(502, "no_emulator_answer",
                    "the emulator does not answer: " + reply.error().error.message));
    boost::system::error_code error;
    auto value = json::parse(reply->body, error);
    if (error || !value.is_object())
        co_return tl::unexpected(
            problem(502, "no_emulator_answer", "the emulator answers in riddles"));
    if (reply->status < 300) co_return value;
    const auto& object = value.get_object();
    const auto* code = object.if_contains("error");
    const auto* message = object.if_contains("message");
    const auto status = reply->status == 400 ? 422 : reply->status;
    co_return tl::unexpected(problem(status == 403 || status >= 500 ? 502 : status,
                                     code ? text_of(*code) : "emulator",
                                     message ? text_of(*message) : "the emulator refuses"));
}

/// An object of the request, whatever is in it: the emulator knows better.
tl::expected<std::shared_ptr<std::string>, net::HttpResponse> body_of(
    const net::HttpRequest& request) {
    if (auto fields = read_fields(request, kBodyBytes); !fields)
        return tl::unexpected(std::move(fields.error()));
    return std::make_shared<std::string>(request.body.empty() ? "{}" : request.body);
}

/// Who answers under which number, then what else a phone may be told to be.
json::array personas_of(const json::object& assigned, const json::array& kinds) {
    json::array out;
    std::set<std::string> told;
    for (const auto& [number, persona] : assigned) {
        json::object one{{"name", persona}, {"description", ""}};
        for (const auto& kind : kinds) {
            if (kind.at("name") == persona) one["description"] = kind.at("description");
        }
        if (number != "default") one["number"] = number;
        told.insert(text_of(persona));
        out.push_back(std::move(one));
    }
    for (const auto& kind : kinds) {
        if (!told.contains(text_of(kind.at("name")))) out.push_back(kind);
    }
    return out;
}

const json::value& member(const json::value& value, const char* name) {
    static const json::value nothing;
    const auto* object = value.if_object();
    const auto* found = object ? object->if_contains(name) : nullptr;
    return found ? *found : nothing;
}

Answer show_emulator(Self self, Asked) {
    auto vocabulary = co_await ask(self, "GET", "/vocabulary");
    if (!vocabulary) co_return std::move(vocabulary.error());
    auto personas = co_await ask(self, "GET", "/personas");
    if (!personas) co_return std::move(personas.error());
    auto faults = co_await ask(self, "GET", "/faults");
    if (!faults) co_return std::move(faults.error());
    const auto* assigned = member(*personas, "personas").if_object();
    const auto* kinds = member(*vocabulary, "personas").if_array();
    co_return answer_json(
        200, json::object{{"url", self->parts().emulator.url},
                          {"personas", personas_of(assigned ? *assigned : json::object(),
                                                   kinds ? *kinds : json::array())},
                          {"faults", std::move(*faults)},
                          {"faults_known", member(*vocabulary, "faults")}});
}

Answer change_faults(Self self, Asked asked) {
    auto body = body_of(asked.request);
    if (!body) co_return std::move(body.error());
    auto changed = co_await ask(self, "PUT", "/faults", *body);
    if (!changed) co_return std::move(changed.error());
    co_return answer_json(200, *changed);
}

Answer call_in(Self self, Asked asked) {
    auto body = body_of(asked.request);
    if (!body) co_return std::move(body.error());
    auto placed = co_await ask(self, "POST", "/incoming-call", *body);
    if (!placed) co_return std::move(placed.error());
    const auto* sid = placed->get_object().if_contains("sid");
    co_return answer_json(201, json::object{{"call_sid", sid ? *sid : json::value()}});
}

Answer ledger(Self self, Asked) {
    auto found = co_await ask(self, "GET", "/ledger");
    if (!found) co_return std::move(found.error());
    co_return answer_json(200, *found);
}

}  // namespace

const std::vector<Route>& emulator_routes() {
    static const std::vector<Route> routes{
        {"GET", "/emulator", show_emulator},
        {"PUT", "/emulator/faults", change_faults},
        {"POST", "/emulator/incoming-call", call_in},
        {"GET", "/emulator/ledger", ledger},
    };
    return routes;
}

}  // namespace bridge::web
