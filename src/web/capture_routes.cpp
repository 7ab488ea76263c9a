// What was captured of a call, as a file for `agentbridge replay`.

#include <utility>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

CallId call_named(const Api& api, const std::string& id) {
    if (const auto live = api.parts().calls->find(id)) return *live;
    if (const auto* ended = api.parts().ended->find(id)) return ended->id;
    return CallId(id);  // of a former run
}

Answer capture(std::shared_ptr<Api> self, Asked asked) {
    const auto find = self->parts().capture;
    if (!find) co_return problem(404, "no_capture", "this program keeps no captures");
    auto finding = find(self->executor(), call_named(*self, asked.id));
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

}  // namespace

const std::vector<Route>& capture_routes() {
    static const std::vector<Route> routes{{"GET", "/calls/{id}/capture", capture}};
    return routes;
}

}  // namespace bridge::web
