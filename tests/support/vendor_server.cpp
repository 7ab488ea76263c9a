#include "tests/support/vendor_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

namespace bridge::test {

VendorServer::VendorServer(boost::asio::any_io_executor executor) {
    auto server = net::HttpServer::listen(
        std::move(executor), {},
        [this](net::HttpRequest request) { return answer(this, std::move(request)); },
        [this](net::Upgrade asked) { upgrade(std::move(asked)); });
    if (!server) throw std::runtime_error(server.error().message);
    server_ = *server;
    port_ = server_->port();
    server_->start();
}

VendorServer::~VendorServer() {
    stop();
}

void VendorServer::stop() {
    *alive_ = false;
    server_->stop();
    if (socket_) socket_->close(1001, "");
    socket_.reset();
}

void VendorServer::cut() {
    if (socket_) ::shutdown(fd_, SHUT_RDWR);
}

boost::asio::awaitable<net::HttpResponse> VendorServer::answer(VendorServer* self,
                                                               net::HttpRequest request) {
    co_return self->respond_to(request);
}

void VendorServer::upgrade(net::Upgrade asked) {
    const int status = refuse_with != 0 ? refuse_with : judge(asked.head);
    if (status != 0 || !net::ServerWebSocket::check(asked.head)) {
        net::refuse(std::move(asked), net::respond(status == 0 ? 400 : status, "text/plain", ""));
        return;
    }
    fd_ = asked.socket.native_handle();
    net::WebSocketLimits limits;
    limits.message_bytes = 1024 * 1024;
    limits.outbox_bytes = 8 * 1024 * 1024;
    socket_ = net::ServerWebSocket::accept(std::move(asked), limits);
    ++connections;
    const auto mine = ++generation_;
    socket_->start(
        [this, alive = alive_, mine](std::span<const net::WebSocketMessage> batch) {
            for (const auto& message : batch) {
                if (*alive && mine == generation_ && answers) {
                    received(message.payload, message.text);
                }
            }
        },
        [this, alive = alive_, mine](const net::WebSocketEnd& end) {
            if (!*alive) return;
            if (end.by_peer && end.code == 1000) ++goodbyes;
            if (mine == generation_) socket_.reset();
        });
    if (answers) opened();
}

void VendorServer::complain(std::string what) {
    complaints.push_back(std::move(what));
}

bool VendorServer::only(const boost::json::object& object, std::string_view where,
                        std::initializer_list<std::string_view> known) {
    bool good = true;
    for (const auto& field : object) {
        const std::string_view key(field.key().data(), field.key().size());
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        complain(std::string(where) + ": \"" + std::string(key) + "\" is not known");
        good = false;
    }
    return good;
}

std::string query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return std::string(pair.substr(equals + 1));
        }
    }
    return {};
}

}  // namespace bridge::test
