// What is said and played into a call by request, who hears it from elsewhere, and its timeline.

#include <utility>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/history_answers.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

using Self = std::shared_ptr<Api>;

net::HttpResponse no_sayings() {
    return problem(404, "not_found", "this program says nothing by request");
}

Answer say(Self self, Asked asked) {
    const auto sayings = self->parts().sayings;
    if (!sayings) co_return no_sayings();
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    auto saying = Sayings::say(sayings, *id, std::move(asked.request));
    co_return co_await std::move(saying);
}

Answer play(Self self, Asked asked) {
    const auto sayings = self->parts().sayings;
    if (!sayings) co_return no_sayings();
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    auto playing = Sayings::play(sayings, *id, std::move(asked.request));
    co_return co_await std::move(playing);
}

Answer timeline(Self self, Asked asked) {
    const auto sayings = self->parts().sayings;
    if (!sayings) co_return no_sayings();
    const auto name = asked.id;
    auto showing = Sayings::timeline(sayings, std::move(asked.id));
    auto shown = co_await std::move(showing);
    if (shown.status != 404) co_return shown;
    co_return co_await show_stored_timeline(self, name);
}

/// The WebSocket itself is the control plane's (audio_door.hpp); this is for who asks without one.
Answer audio(Self, Asked) {
    auto response = problem(426, "upgrade_required", "this is a WebSocket; ask with Upgrade");
    response.headers.set("Upgrade", "websocket");
    co_return response;
}

}  // namespace

const std::vector<Route>& sound_routes() {
    static const std::vector<Route> routes{
        {"POST", "/calls/{id}/say", say},
        {"POST", "/calls/{id}/play", play},
        {"GET", "/calls/{id}/timeline", timeline},
        {"GET", "/calls/{id}/audio", audio},
    };
    return routes;
}

}  // namespace bridge::web
