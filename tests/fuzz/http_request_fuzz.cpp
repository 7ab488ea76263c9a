// A request's head, as far as it is read by our own code: the target's path and query, header
// fields and their tokens, the public address's prefix, the check of a WebSocket handshake. The
// first line is the target, then "Name: value" lines.

#include <string>

#include "net/http_message.hpp"
#include "net/websocket_handshake.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "twilio/public_url.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    auto rest = fuzz::text_of(bytes, count);
    const auto line = [&rest] {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto text = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return text;
    };
    net::HttpRequest request;
    request.method = "GET";
    request.target = std::string(line());
    while (!rest.empty()) {
        const auto field = line();
        const auto colon = std::min(field.find(':'), field.size());
        const auto value = field.substr(std::min(colon + 1, field.size()));
        request.headers.add(std::string(field.substr(0, colon)), std::string(value));
    }
    fuzz::must(request.path().size() + request.query().size() <= request.target.size(),
               "path and query are parts of the target");
    fuzz::must(request.path().find('?') == std::string_view::npos, "a path has no query");
    static_cast<void>(request.headers.has_token("Connection", "upgrade"));
    const auto checked = net::check_handshake(request);
    if (checked) {
        fuzz::must(net::accept_key(*request.headers.find("Sec-WebSocket-Key")).size() == 28,
                   "an accept key has 28 letters");
    } else {
        const auto status = net::handshake_refusal(request).status;
        fuzz::must(status == 400 || status == 426, "a refusal is 400 or 426");
    }
    static const auto url = twilio::PublicUrl::parse("https://bridge.example.net:8443/a/b");
    const auto below = url->below_base(request.target);
    fuzz::must(below.size() <= request.target.size(), "a prefix is taken off, nothing added");
    static_cast<void>(url->below_media_base(request.path()));
    static_cast<void>(twilio::PublicUrl::parse(request.target));
    return 0;
}
