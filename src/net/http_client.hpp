#pragma once
// An asynchronous HTTP client: libcurl's multi interface on Asio, for its TLS, proxies and
// connection reuse. Nothing blocks the io thread, name resolution included.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/http_message.hpp"

namespace bridge::net {

namespace asio = boost::asio;

struct HttpCall {
    std::string method = "GET";
    std::string url;  ///< http:// or https://; the request line carries it byte for byte
    Headers headers;
    std::string body;
    std::string user;  ///< Basic auth, with `password`; empty: none
    Secret password;
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds total_timeout{30000};
    std::size_t response_bytes = 4 * 1024 * 1024;  ///< more: too_large
    /// Follows redirects (as GET for 303, same method for 307/308), from https to https only. The
    /// other host, or port, is not told the password.
    int max_redirects = 0;
    /// Takes the body of a 2xx answer piece by piece, as it comes, in place of HttpResponse::body;
    /// other answers are collected as ever. False ends the transfer, as `cancelled`. Called from
    /// inside the client: it makes no request and does not destroy the client. `response_bytes` is
    /// the limit of all pieces together.
    std::function<bool(std::string_view)> on_body;
};

struct HttpFailure {
    /// unreachable: nothing was sent (name, connection, TLS); timed_out or connection_lost: the
    /// request may have been acted on; too_large, protocol: an answer came and was unusable.
    Error error;
    enum class Stage { resolve, connect, tls, send, wait, receive, other } stage = Stage::other;
    bool request_sent = false;  ///< at least one byte of the request may have left
};

struct HttpClientOptions {
    std::string ca_file;    ///< PEM file to trust instead of the system's; empty: the system's
    bool use_proxy = true;  ///< https_proxy, http_proxy, no_proxy from the environment
    /// Takes any certificate: only for a server of this machine that proves itself in another way.
    bool any_certificate = false;
    std::string user_agent;
};

/// Thread: the executor's (one thread). Requests still running when it is destroyed end as
/// `cancelled`.
class HttpClient {
public:
    static std::shared_ptr<HttpClient> make(asio::any_io_executor executor,
                                            HttpClientOptions options);
    virtual ~HttpClient() = default;
    /// Cancellation of the coroutine ends the transfer.
    virtual asio::awaitable<tl::expected<HttpResponse, HttpFailure>> request(HttpCall call) = 0;
};

}  // namespace bridge::net
