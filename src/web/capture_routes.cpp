// What was captured of a call: as a file for `agentbridge replay`, and what a replay finds in it.

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/history_answers.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

/// A call that lives, one that the history knows, or, by its CallId alone, one of a former run.
boost::asio::awaitable<CallId> call_named(std::shared_ptr<Api> api, std::string name) {
    using Call = std::optional<call::StoredCall>;
    if (const auto live = api->parts().calls->find(name)) co_return *live;
    if (name.starts_with("c_") || !api->parts().history) co_return CallId(name);
    std::function<void(call::History&, call::History::Told<Call>)> ask =
        [name](call::History& history, auto told) { history.find(name, std::move(told)); };
    auto asking = ask_history<Call>(std::move(api), std::move(ask));
    auto found = co_await std::move(asking);
    co_return found && found->has_value() ? (*found)->id : CallId(name);
}

Answer capture(std::shared_ptr<Api> self, Asked asked) {
    const auto find = self->parts().capture;
    if (!find) co_return problem(404, "no_capture", "this program keeps no captures");
    auto naming = call_named(self, asked.id);
    auto named = co_await std::move(naming);
    auto finding = find(self->executor(), std::move(named));
    auto found = co_await std::move(finding);
    if (!found && found.error().code == Errc::not_found)
        co_return problem(404, "no_capture", "nothing was captured of this call");
    if (!found) co_return problem(503, "unavailable", found.error().message);
    auto response = net::respond(200, "application/octet-stream", "");
    response.headers.set("Cache-Control", "no-store");
    response.headers.set("Content-Disposition", "attachment; filename=\"" + found->name + "\"");
    if (asked.request.method != "HEAD") response.stream = std::move(found->body);
    co_return response;
}

/// The call is done again for it, which takes a second or two for each hour.
Answer report(std::shared_ptr<Api> self, Asked asked) {
    const auto make = self->parts().capture_report;
    if (!make) co_return problem(404, "no_capture", "this program keeps no captures");
    auto naming = call_named(self, asked.id);
    auto named = co_await std::move(naming);
    auto making = make(self->executor(), std::move(named));
    auto made = co_await std::move(making);
    if (!made && made.error().code == Errc::not_found)
        co_return problem(404, "no_capture", "nothing was captured of this call");
    if (!made && made.error().code == Errc::refused)
        co_return problem(503, "busy", "other captures are being looked at; ask again");
    if (!made && made.error().code == Errc::bad_field)
        co_return problem(409, "bad_capture", made.error().message);
    if (!made) co_return problem(503, "unavailable", made.error().message);
    co_return answer_json_text(200, std::move(*made));
}

}  // namespace

const std::vector<Route>& capture_routes() {
    static const std::vector<Route> routes{{"GET", "/calls/{id}/capture", capture},
                                           {"GET", "/calls/{id}/capture/report", report}};
    return routes;
}

}  // namespace bridge::web
