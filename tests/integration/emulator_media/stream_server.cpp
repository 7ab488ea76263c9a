#include "tests/integration/emulator_media/stream_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/spawn.hpp"
#include "emulator/base64.hpp"
#include "net/http_server.hpp"

namespace bridge::emulator {
namespace {

asio::awaitable<net::HttpResponse> no_page(net::HttpRequest) {
    co_return net::respond(404, "text/plain", "no page");
}

}  // namespace

StreamServer::StreamServer() {
    auto server =
        net::HttpServer::listen(io_.get_executor(), {}, no_page,
                                [this](net::Upgrade request) { upgrade(std::move(request)); });
    if (!server) throw std::runtime_error(server.error().message);
    server_ = std::move(*server);
    server_->start();
    own_tasks_ = live_tasks();
}

StreamServer::~StreamServer() {
    server_->stop();
    if (socket && !end) socket->close(1001, "");
    run_until([this] { return live_tasks() < own_tasks_; }, std::chrono::seconds(3));
    socket.reset();
}

bool StreamServer::nothing_left() const {
    return live_tasks() <= own_tasks_;
}

std::uint16_t StreamServer::port() const {
    return server_->port();
}

std::string StreamServer::url(const std::string& path) const {
    return "ws://127.0.0.1:" + std::to_string(port()) + path;
}

StreamRequest StreamServer::request(bool bidirectional) const {
    StreamRequest request;
    request.url = url();
    request.bidirectional = bidirectional;
    request.stream_sid = "MZ00000000000000000000000000000001";
    request.account_sid = "AC00000000000000000000000000000002";
    request.call_sid = "CA00000000000000000000000000000003";
    request.parameters = {{"token", "abc"}, {"who", "Zoë \"Z\""}};
    request.signature = "c2lnbmF0dXJl";
    return request;
}

bool StreamServer::run_until(const std::function<bool()>& done, std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= until) return false;
        io_.restart();
        io_.run_one_for(std::chrono::milliseconds(10));
    }
    return true;
}

void StreamServer::spawn(asio::awaitable<void> task) {
    bridge::spawn(io_.get_executor(), "test", std::move(task));
}

void StreamServer::send_media(std::size_t bytes, std::uint8_t value) {
    send(R"({"event":"media","streamSid":")" + request().stream_sid + R"(","media":{"payload":")" +
         base64_encode(std::vector<std::uint8_t>(bytes, value)) + R"("}})");
}

void StreamServer::send_mark(const std::string& name) {
    send(R"({"event":"mark","streamSid":")" + request().stream_sid + R"(","mark":{"name":")" +
         name + R"("}})");
}

void StreamServer::send_clear() {
    send(R"({"event":"clear","streamSid":")" + request().stream_sid + R"("})");
}

std::vector<const StreamServer::Received*> StreamServer::of(const std::string& event) const {
    std::vector<const Received*> found;
    for (const auto& each : received) {
        if (each.message.at("event") == boost::json::value(event)) found.push_back(&each);
    }
    return found;
}

void StreamServer::upgrade(net::Upgrade request) {
    head = request.head;
    if (refuse_with != 0) {
        net::refuse(std::move(request), net::respond(refuse_with, "text/plain", "no"));
        return;
    }
    socket = net::ServerWebSocket::accept(std::move(request), {});
    socket->start(
        [this](std::span<const net::WebSocketMessage> batch) {
            for (const auto& message : batch) {
                EXPECT_TRUE(message.text);
                received.push_back({boost::json::parse(message.payload).as_object(),
                                    std::chrono::steady_clock::now()});
                if (on_message) on_message(received.back().message);
            }
        },
        [this](const net::WebSocketEnd& how) { end = how; });
}

std::size_t Reports::count(int code) const {
    return static_cast<std::size_t>(
        std::count_if(all->begin(), all->end(),
                      [code](const auto& report) { return report.error_code == code; }));
}

bool Reports::ended() const {
    return std::any_of(all->begin(), all->end(), [](const StreamReport& report) {
        return report.event == "stream-stopped" ||
               (report.event == "stream-error" && !report.warning);
    });
}

}  // namespace bridge::emulator
