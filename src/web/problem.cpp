#include "web/problem.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

namespace bridge::web {
namespace {

std::string_view title_of(int status) {
    switch (status) {
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 426:
            return "Upgrade Required";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        default:
            return "Internal Server Error";
    }
}

boost::json::string view_text(std::string_view view) {
    return boost::json::string(view.data(), view.size());
}

}  // namespace

net::HttpResponse problem(int status, std::string_view code, std::string detail,
                          std::string_view field) {
    boost::json::object body{{"type", "about:blank"},
                             {"title", view_text(title_of(status))},
                             {"status", status},
                             {"code", view_text(code)},
                             {"detail", std::move(detail)}};
    if (!field.empty()) body["field"] = view_text(field);
    auto response =
        net::respond(status, "application/problem+json", boost::json::serialize(body) + "\n");
    response.headers.set("Cache-Control", "no-store");
    return response;
}

net::HttpResponse problem_of(const Error& error) {
    const auto& what = error.message;
    if (error.code == Errc::bad_field) {
        const auto colon = what.find(": ");
        if (colon == std::string::npos) return problem(422, "bad_field", what);
        return problem(422, "bad_field", what, std::string_view(what).substr(0, colon));
    }
    if (error.code == Errc::not_found) return problem(404, "no_such_call", what);
    if (error.code == Errc::refused) return problem(409, "wrong_state", what);
    if (error.code == Errc::exists) return problem(409, "already", what);
    if (error.code == Errc::cancelled) return problem(503, "draining", what);
    if (error.code == Errc::unreachable) return problem(503, "not_ready", what);
    if (error.code == Errc::timed_out) return problem(504, "timed_out", what);
    return problem(500, "internal", what);
}

}  // namespace bridge::web
