#pragma once
// Passes bytes between a client and a server of this machine, and swallows them on command: both
// TCP connections stay, and nobody is heard any more.

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/spawn.hpp"

namespace bridge::test {

/// Thread: the loop's.
class FreezingRelay : public std::enable_shared_from_this<FreezingRelay> {
public:
    FreezingRelay(asio::any_io_executor executor, std::uint16_t backend)
        : executor_(std::move(executor)),
          acceptor_(executor_, {asio::ip::address_v4::loopback(), 0}),
          backend_(backend) {}

    void start() { spawn(executor_, "relay", accept(shared_from_this())); }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    void freeze() { frozen_ = true; }
    void thaw() { frozen_ = false; }
    void stop() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        for (const auto& socket : sockets_) socket->close(ignored);
    }

private:
    using Tcp = asio::ip::tcp;
    using Socket = std::shared_ptr<Tcp::socket>;
    static constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

    static asio::awaitable<void> accept(std::shared_ptr<FreezingRelay> self) {
        while (true) {
            auto client = std::make_shared<Tcp::socket>(self->executor_);
            auto [error] = co_await self->acceptor_.async_accept(*client, kTuple);
            if (error) co_return;
            auto server = std::make_shared<Tcp::socket>(self->executor_);
            const Tcp::endpoint there(asio::ip::address_v4::loopback(), self->backend_);
            auto [refused] = co_await server->async_connect(there, kTuple);
            if (refused) continue;
            self->sockets_.push_back(client);
            self->sockets_.push_back(server);
            spawn(self->executor_, "relay up", pass(self, client, server));
            spawn(self->executor_, "relay down", pass(self, server, client));
        }
    }

    static asio::awaitable<void> pass(std::shared_ptr<FreezingRelay> self, Socket from, Socket to) {
        std::array<char, 65536> bytes{};
        boost::system::error_code ignored;
        while (true) {
            auto [error, size] = co_await from->async_read_some(asio::buffer(bytes), kTuple);
            if (error) break;
            if (self->frozen_) continue;
            auto [failed, written] =
                co_await asio::async_write(*to, asio::buffer(bytes.data(), size), kTuple);
            if (failed) break;
        }
        from->close(ignored);
        to->close(ignored);
    }

    asio::any_io_executor executor_;
    Tcp::acceptor acceptor_;
    std::uint16_t backend_;
    bool frozen_ = false;
    std::vector<Socket> sockets_;
};

}  // namespace bridge::test
