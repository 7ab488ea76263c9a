#pragma once
// A WebSocket server that stands in for the bridge, and the loop that both ends of a test run on.

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emulator/call_line.hpp"
#include "net/server_websocket.hpp"

namespace bridge::emulator {

class StreamServer {
public:
    struct Received {
        boost::json::object message;
        std::chrono::steady_clock::time_point at;
    };

    StreamServer();
    ~StreamServer();
    StreamServer(const StreamServer&) = delete;
    StreamServer& operator=(const StreamServer&) = delete;

    boost::asio::io_context& io() { return io_; }
    std::uint16_t port() const;
    std::string url(const std::string& path = "/media") const;
    StreamRequest request(bool bidirectional = true) const;

    /// Runs the loop until `done`, at most `time`. False: it was not done in time.
    bool run_until(const std::function<bool()>& done,
                   std::chrono::milliseconds time = std::chrono::seconds(5));
    /// Runs a coroutine of the test on the loop.
    void spawn(boost::asio::awaitable<void> task);

    void send(const std::string& text) { socket->send(text); }
    void send_media(std::size_t bytes, std::uint8_t value = 0x33);
    void send_mark(const std::string& name);
    void send_clear();

    /// No coroutine runs but the server's own.
    bool nothing_left() const;

    std::vector<const Received*> of(const std::string& event) const;
    std::size_t count(const std::string& event) const { return of(event).size(); }

    int refuse_with = 0;  ///< an HTTP status instead of 101
    std::function<void(const boost::json::object&)> on_message;
    std::optional<net::HttpRequest> head;
    std::shared_ptr<net::ServerWebSocket> socket;
    std::vector<Received> received;
    std::optional<net::WebSocketEnd> end;

private:
    void upgrade(net::Upgrade upgrade);

    boost::asio::io_context io_;
    std::shared_ptr<net::HttpServer> server_;
    std::size_t own_tasks_ = 0;
};

/// Keeps what a stream reported.
struct Reports {
    std::shared_ptr<std::vector<StreamReport>> all = std::make_shared<std::vector<StreamReport>>();
    std::function<void(const StreamReport&)> sink() const {
        return [kept = all](const StreamReport& report) { kept->push_back(report); };
    }
    std::size_t count(int code) const;
    bool ended() const;
    const StreamReport& last() const { return all->back(); }
};

}  // namespace bridge::emulator
