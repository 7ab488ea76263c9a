#include "web/page.hpp"

#include <algorithm>
#include <string>

#include "web/problem.hpp"

namespace bridge::web {
namespace {

constexpr std::string_view kIndex = "/index.html";
constexpr std::string_view kAssets = "/assets/";

constexpr auto kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool wants_html(const net::HttpRequest& request) {
    return request.headers.find("Accept").value_or("").find("text/html") != std::string_view::npos;
}

/// Without weighing: whoever names gzip with q=0 does not exist.
bool takes_gzip(const net::HttpRequest& request) {
    return request.headers.find("Accept-Encoding").value_or("").find("gzip") !=
           std::string_view::npos;
}

net::HttpResponse answer_file(const PageFile& file, const net::HttpRequest& request) {
    net::HttpResponse response;
    const bool hashed = file.path.starts_with(kAssets);
    response.headers.set("Cache-Control",
                         hashed ? "public, max-age=31536000, immutable" : "no-cache");
    response.headers.set("ETag", std::string(file.etag));
    if (!file.gzip.empty()) response.headers.set("Vary", "Accept-Encoding");
    if (request.headers.has_token("If-None-Match", file.etag)) {
        response.status = 304;
        return response;
    }
    response.headers.set("Content-Type", std::string(file.type));
    if (!file.gzip.empty() && takes_gzip(request)) {
        response.headers.set("Content-Encoding", "gzip");
        response.body = std::string(file.gzip);
    } else {
        response.body = std::string(file.bytes);
    }
    return response;
}

}  // namespace

const PageFile* Page::find(std::string_view path) const {
    const auto found = std::find_if(files_.begin(), files_.end(),
                                    [&](const PageFile& file) { return file.path == path; });
    return found == files_.end() ? nullptr : &*found;
}

std::optional<net::HttpResponse> Page::answer(const net::HttpRequest& request) const {
    const auto path = request.path();
    const auto* file = path == "/" ? find(kIndex) : find(path);
    if (file == nullptr && !path.starts_with(kAssets) && wants_html(request)) file = find(kIndex);
    if (file == nullptr) return std::nullopt;
    if (request.method != "GET" && request.method != "HEAD") {
        auto response = problem(405, "method_not_allowed",
                                request.method + " is not for a file; GET, HEAD are");
        response.headers.set("Allow", "GET, HEAD");
        return response;
    }
    return answer_file(*file, request);
}

void add_security_headers(net::HttpResponse& response) {
    auto& headers = response.headers;
    headers.set("Content-Security-Policy", kContentPolicy);
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Permissions-Policy", "microphone=(self)");
}

}  // namespace bridge::web
