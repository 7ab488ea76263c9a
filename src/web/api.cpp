#include "web/api.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>
#include <vector>

#include "web/answers.hpp"
#include "web/problem.hpp"

namespace bridge::web {
namespace {

using Group = const std::vector<Route>& (*)();
constexpr std::array<Group, 8> kGroups{history_routes,   call_routes,       sound_routes,
                                       recording_routes, transcript_routes, capture_routes,
                                       bridge_routes,    emulator_routes};

/// "calls", "{id}", … off the front.
std::string_view take_part(std::string_view& path) {
    path.remove_prefix(1);  // the slash
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    return part;
}

struct Match {
    std::string_view id, verb;
};

/// Nothing: the path is not of this shape.
std::optional<Match> match(std::string_view path, std::string_view shape) {
    Match out;
    while (!path.empty() && !shape.empty()) {
        const auto part = take_part(path);
        const auto wanted = take_part(shape);
        if (wanted == "{id}") {
            if (part.empty()) return std::nullopt;
            out.id = part;
            if (!shape.empty()) out.verb = shape.substr(1);
        } else if (part != wanted) {
            return std::nullopt;
        }
    }
    if (!path.empty() || !shape.empty()) return std::nullopt;
    return out;
}

struct Matched {
    const Route* route = nullptr;
    Match match;
    std::vector<std::string_view> allowed;  ///< methods of this path; empty: there is no such path
};

Matched find(std::string_view method, std::string_view path) {
    Matched found;
    if (!path.starts_with(kApiPrefix)) return found;
    path.remove_prefix(kApiPrefix.size());
    if (!path.starts_with('/')) return found;
    if (method == "HEAD") method = "GET";
    for (const auto group : kGroups) {
        for (const auto& route : group()) {
            const auto parts = match(path, route.path);
            if (!parts) continue;
            found.allowed.push_back(route.method);
            if (route.method == "GET") found.allowed.push_back("HEAD");
            if (route.method != method) continue;
            found.route = &route;
            found.match = *parts;
        }
    }
    return found;
}

net::HttpResponse wrong_method(const std::string& method,
                               const std::vector<std::string_view>& allowed) {
    const auto list = fmt::format("{}", fmt::join(allowed, ", "));
    auto response =
        problem(405, "method_not_allowed", fmt::format("{} is not for this; {} is", method, list));
    response.headers.set("Allow", list);
    return response;
}

}  // namespace

bool Api::is_api(std::string_view path) {
    return path == "/api" || path.starts_with("/api/");
}

bool Api::is_open(const net::HttpRequest& request) {
    const auto found = find(request.method, request.path());
    return found.route != nullptr && found.route->open;
}

std::vector<Route> Api::routes() {
    std::vector<Route> all;
    for (const auto group : kGroups) all.insert(all.end(), group().begin(), group().end());
    return all;
}

Answer Api::answer(std::shared_ptr<Api> self, net::HttpRequest request) {
    const auto found = find(request.method, request.path());
    if (found.allowed.empty()) co_return problem(404, "not_found", "there is no such route");
    if (found.route == nullptr) co_return wrong_method(request.method, found.allowed);
    Asked asked{{}, std::string(found.match.id), found.match.verb};
    asked.request = std::move(request);
    auto answering = found.route->answer(std::move(self), std::move(asked));
    co_return co_await std::move(answering);
}

}  // namespace bridge::web
