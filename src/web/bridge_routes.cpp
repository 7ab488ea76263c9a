// What there is besides calls: the page's session, events, agents, devices, numbers, settings.

#include <boost/json/object.hpp>
#include <utility>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/fields.hpp"
#include "web/openapi.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;
using Self = std::shared_ptr<Api>;

// --- the page's session

Answer begin_session(Self self, Asked asked) {
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    const auto token = fields->wanted_text("token");
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    const auto& door = self->parts().door;
    if (!door || !door->is_token(token))
        co_return problem(401, "unauthorized",
                          "that is not the token of this instance; it is in the link that "
                          "`agentbridge serve` printed");
    auto response = no_content();
    response.headers.set("Set-Cookie", door->cookie());
    co_return response;
}

Answer end_session(Self self, Asked) {
    auto response = no_content();
    if (self->parts().door) response.headers.set("Set-Cookie", self->parts().door->no_cookie());
    co_return response;
}

Answer show_session(Self self, Asked) {
    const auto& about = self->parts().about;
    co_return answer_json(200, json::object{{"version", about.version},
                                            {"pid", about.pid},
                                            {"started", about.started},
                                            {"instance", about.instance},
                                            {"carrier", about.carrier},
                                            {"port", self->parts().door ? self->parts().door->port()
                                                                        : std::uint16_t{0}}});
}

Answer events(Self self, Asked asked) {
    if (!self->parts().events) co_return problem(404, "not_found", "there are no events here");
    co_return self->parts().events->connect(asked.request);
}

Answer openapi(Self, Asked) {
    co_return answer_json_text(200, std::string(openapi_document()));
}

// --- what the program shows of itself

net::HttpResponse lookup_problem(const Error& error) {
    const auto& what = error.message;
    if (error.code == Errc::refused) return problem(503, "busy", what);
    if (error.code == Errc::unauthorized) return problem(502, "unauthorized", what);
    if (error.code == Errc::device_failed) return problem(502, "device_failed", what);
    return problem_of(error);
}

template <std::function<Lookups::Answered()> Lookups::*which>
Answer look_up(Self self, Asked) {
    const auto& lookup = self->parts().lookups.*which;
    if (!lookup) co_return problem(404, "not_found", "this program has nothing to show there");
    auto asking = lookup();
    auto found = co_await std::move(asking);
    if (!found) co_return lookup_problem(found.error());
    co_return answer_json_text(200, std::move(*found));
}

// --- numbers

net::HttpResponse number_problem(const Error& error) {
    const auto& what = error.message;
    if (error.code == Errc::not_found) return problem(404, "no_such_number", what);
    if (error.code == Errc::refused) return problem(409, "taken", what);
    if (error.code == Errc::bad_config) return problem(409, "not_usable", what);
    if (error.code == Errc::unauthorized) return problem(502, "unauthorized", what);
    return problem_of(error);
}

net::HttpResponse no_numbers() {
    return problem(409, "not_usable", "this program takes no inbound calls");
}

Answer use_number(Self self, Asked asked) {
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    auto number = fields->wanted_text("number");
    const auto force = fields->flag("force").value_or(false);
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (!self->parts().use_number) co_return no_numbers();
    auto using_it = self->parts().use_number(std::move(number), force);
    auto used = co_await std::move(using_it);
    if (!used) co_return number_problem(used.error());
    co_return answer_json_text(200, std::move(*used));
}

Answer restore_number(Self self, Asked asked) {
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    auto number = fields->text("number").value_or("");
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (!self->parts().restore_number) co_return no_numbers();
    auto restoring = self->parts().restore_number(std::move(number));
    auto restored = co_await std::move(restoring);
    if (!restored) co_return number_problem(restored.error());
    co_return answer_json_text(200, std::move(*restored));
}

}  // namespace

const std::vector<Route>& bridge_routes() {
    static const std::vector<Route> routes{
        {"POST", "/session", begin_session, true},
        {"GET", "/session", show_session},
        {"DELETE", "/session", end_session},
        {"GET", "/events", events},
        {"GET", "/openapi.json", openapi, true},
        {"GET", "/agents", look_up<&Lookups::agents>},
        {"GET", "/devices", look_up<&Lookups::devices>},
        {"GET", "/doctor", look_up<&Lookups::doctor>},
        {"GET", "/config", look_up<&Lookups::config>},
        {"GET", "/numbers", look_up<&Lookups::numbers>},
        {"POST", "/numbers/use", use_number},
        {"POST", "/numbers/restore", restore_number},
    };
    return routes;
}

}  // namespace bridge::web
