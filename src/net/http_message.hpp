#pragma once
// HTTP requests and answers as plain values, the same for servers and clients.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge::net {

class BodyStream;

/// Header fields in the order they came; names compare without regard to case.
class Headers {
public:
    void add(std::string name, std::string value) {
        fields_.emplace_back(std::move(name), std::move(value));
    }
    /// Replaces every field of that name.
    void set(std::string_view name, std::string value);
    /// The first field of that name.
    std::optional<std::string_view> find(std::string_view name) const;
    /// True if any comma-separated element of the fields of that name equals `token` (no case).
    bool has_token(std::string_view name, std::string_view token) const;
    const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
    std::string method;  ///< "GET", "POST", …
    std::string target;  ///< path and query exactly as they came: what a signature covers
    Headers headers;
    std::string body;
    std::string peer;       ///< "127.0.0.1:50432"
    unsigned version = 11;  ///< 10 for HTTP/1.0, 11 for HTTP/1.1

    /// `target` up to the first '?'.
    std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
    /// `target` after the first '?', empty if there is none.
    std::string_view query() const {
        const auto mark = target.find('?');
        return mark == std::string::npos ? std::string_view{}
                                         : std::string_view(target).substr(mark + 1);
    }
};

struct HttpResponse {
    int status = 200;
    Headers headers;
    std::string body;
    /// For servers: what follows the head instead of `body`, until it ends or the client goes.
    std::shared_ptr<BodyStream> stream = {};
    /// For servers that play a broken peer: the connection is reset before the whole answer is out.
    struct Break {
        bool head = false;           ///< the head is sent
        std::size_t body_bytes = 0;  ///< and so much of the body
    };
    std::optional<Break> broken = {};
};

/// A response with a body of the given type, e.g. `respond(200, "text/xml", twiml)`.
HttpResponse respond(int status, std::string content_type, std::string body);

}  // namespace bridge::net
