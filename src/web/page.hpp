#pragma once
// The web page's files, which are part of the program, as answers to a browser. They hold no data,
// so they need no token.

#include <optional>
#include <span>
#include <string_view>

#include "net/http_message.hpp"

namespace bridge::web {

/// Bytes that live as long as the program.
struct PageFile {
    std::string_view path;  ///< "/index.html", "/assets/index-0a1b.js"
    std::string_view type;  ///< as Content-Type has it
    std::string_view etag;  ///< in quotes
    std::string_view bytes;
    std::string_view gzip;  ///< the same, compressed; empty: it is not worth it
};

/// The built page (web/dist), written by cmake/embed_page.cmake.
std::span<const PageFile> page_files();

class Page {
public:
    explicit Page(std::span<const PageFile> files) : files_(files) {}
    /// Files under their names, the page itself at "/" and wherever a browser wants HTML: it shows
    /// by the path what is asked for. Nothing: the path is none of its.
    std::optional<net::HttpResponse> answer(const net::HttpRequest& request) const;

private:
    const PageFile* find(std::string_view path) const;

    std::span<const PageFile> files_;
};

/// What every answer of the control plane says to browsers: no script but the page's own, no frame,
/// no other site's anything.
void add_security_headers(net::HttpResponse& response);

}  // namespace bridge::web
