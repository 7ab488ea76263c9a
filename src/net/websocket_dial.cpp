#include "net/websocket_dial.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "net/awaiting.hpp"

namespace bridge::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Stage = ConnectFailure::Stage;

std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.empty() || text.size() > 5) return std::nullopt;
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value == 0 || value > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(value);
}

struct Resolved {
    bool done = false;
    error_code error;
    std::vector<tcp::endpoint> endpoints;
};

/// The system's resolver cannot be interrupted; whoever waits for it can walk away.
asio::awaitable<Resolved> resolve(asio::any_io_executor executor, WebSocketUrl url,
                                  std::chrono::milliseconds time) {
    Resolved result;
    if (url.is_address) {
        result.done = true;
        result.endpoints.emplace_back(asio::ip::make_address(url.host), url.port);
        co_return result;
    }
    auto shared = std::make_shared<Resolved>();
    auto bell = std::make_shared<asio::steady_timer>(executor, time);
    tcp::resolver resolver(executor);
    resolver.async_resolve(
        url.host, std::to_string(url.port),
        [shared, bell](const error_code& error, const tcp::resolver::results_type& found) {
            shared->done = true;
            shared->error = error;
            for (const auto& entry : found) shared->endpoints.push_back(entry.endpoint());
            bell->expires_at(asio::steady_timer::time_point::min());
        });
    co_await bell->async_wait(kTuple);
    co_return *shared;
}

Stage connect_stage(const error_code& error) {
    if (error == asio::error::connection_refused) return Stage::connect_refused;
    if (error == asio::error::timed_out) return Stage::connect_timeout;
    return Stage::unreachable;
}

/// Before the connection: the receiver's window is made from its buffer.
void size_buffers(tcp::socket& socket, const tcp::endpoint& endpoint,
                  const WebSocketTarget& target) {
    if (target.send_buffer <= 0 && target.receive_buffer <= 0) return;
    error_code ignored;
    socket.open(endpoint.protocol(), ignored);
    if (target.send_buffer > 0) {
        socket.set_option(tcp::socket::send_buffer_size(target.send_buffer), ignored);
    }
    if (target.receive_buffer > 0) {
        socket.set_option(tcp::socket::receive_buffer_size(target.receive_buffer), ignored);
    }
}

}  // namespace

tl::unexpected<ConnectFailure> connect_failure(Stage stage, std::string message, int http_status) {
    return tl::unexpected(ConnectFailure{stage, http_status, std::move(message)});
}

tl::expected<WebSocketUrl, ConnectFailure> parse_websocket_url(std::string_view text) {
    const auto bad = [text](std::string_view why) {
        return connect_failure(Stage::bad_url, "'" + std::string(text) + "': " + std::string(why));
    };
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F) return bad("has a blank in it");
    }
    WebSocketUrl url;
    std::string_view rest = text;
    const auto mark = rest.find("://");
    const auto scheme = rest.substr(0, mark == std::string_view::npos ? 0 : mark);
    if (boost::beast::iequals(scheme, "wss")) {
        url.tls = true;
    } else if (!boost::beast::iequals(scheme, "ws")) {
        return bad("does not begin with ws:// or wss://");
    }
    rest.remove_prefix(mark + 3);
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(authority.size());
    if (rest.find('#') != std::string_view::npos) return bad("has a fragment");
    url.target = rest.empty() || rest.front() != '/' ? "/" + std::string(rest) : std::string(rest);
    if (authority.find('@') != std::string_view::npos) return bad("has a user name");

    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return bad("has an unfinished IPv6 address");
        url.host = authority.substr(1, end - 1);
        const auto after = authority.substr(end + 1);
        if (!after.empty() && after.front() != ':') return bad("has something after the address");
        if (!after.empty()) port = after.substr(1);
    } else {
        const auto colon = authority.find(':');
        url.host = authority.substr(0, colon);
        if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    }
    if (url.host.empty()) return bad("has no host");
    const std::uint16_t usual = url.tls ? 443 : 80;
    url.port = usual;
    if (!port.empty()) {
        const auto number = parse_port(port);
        if (!number) return bad("has a port that is none");
        url.port = *number;
    }
    error_code error;
    const auto address = asio::ip::make_address(url.host, error);
    url.is_address = !error;
    url.authority = url.is_address && address.is_v6() ? "[" + url.host + "]" : url.host;
    if (url.port != usual) url.authority += ":" + std::to_string(url.port);
    return url;
}

asio::awaitable<tl::expected<tcp::socket, ConnectFailure>> connect_tcp(
    asio::any_io_executor executor, WebSocketUrl url, WebSocketTarget target) {
    const auto time = target.connect_timeout;
    const auto until = std::chrono::steady_clock::now() + time;
    const auto found = co_await resolve(executor, url, time);
    if (!found.done)
        co_return connect_failure(Stage::resolve,
                                  "the name " + url.host + " was not found in time");
    if (found.error || found.endpoints.empty()) {
        co_return connect_failure(Stage::resolve,
                                  "the name " + url.host + " was not found" +
                                      (found.error ? ": " + found.error.message() : ""));
    }
    ConnectFailure last{Stage::unreachable, 0, "no address"};
    for (const auto& endpoint : found.endpoints) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        tcp::socket socket(executor);
        size_buffers(socket, endpoint, target);
        const Deadline deadline(socket, std::max(left, std::chrono::milliseconds(0)));
        auto [error] = co_await socket.async_connect(endpoint, kTuple);
        if (!error) {
            socket.set_option(tcp::no_delay(true), error);
            co_return socket;
        }
        const auto where = url.authority + " (" + endpoint.address().to_string() + ")";
        if (deadline.passed()) {
            co_return connect_failure(Stage::connect_timeout, "no answer from " + where);
        }
        last = {connect_stage(error), 0, where + ": " + error.message()};
    }
    co_return tl::unexpected(std::move(last));
}

}  // namespace bridge::net
