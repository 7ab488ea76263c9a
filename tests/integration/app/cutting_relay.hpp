#pragma once
// Stands between a client and a server of this machine and breaks their connections in every way a
// network can: reset, ended, or silent with nobody told.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/spawn.hpp"

namespace bridge::test {

/// Thread: the loop's.
class CuttingRelay : public std::enable_shared_from_this<CuttingRelay> {
public:
    enum class Cut {
        reset,      ///< RST
        end,        ///< FIN, without a close frame
        half_open,  ///< nothing comes or goes any more, and nobody says so
    };

    CuttingRelay(asio::any_io_executor executor, std::uint16_t backend)
        : executor_(std::move(executor)),
          acceptor_(executor_, {asio::ip::address_v4::loopback(), 0}),
          backend_(backend) {}

    void start() { spawn(executor_, "relay", accept(shared_from_this())); }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    /// Connections there have been.
    std::size_t connections() const { return connections_; }
    /// The connection there is.
    void cut(Cut how) {
        if (!link_) return;
        auto& link = *link_;
        boost::system::error_code ignored;
        switch (how) {
            case Cut::reset:
                link.client.set_option(asio::socket_base::linger(true, 0), ignored);
                link.client.close(ignored);
                link.server.close(ignored);
                break;
            case Cut::end:
                link.client.shutdown(Tcp::socket::shutdown_send, ignored);
                link.server.close(ignored);
                link.deaf = true;
                break;
            case Cut::half_open:
                link.deaf = true;
                break;
        }
    }
    /// What comes next is cut as soon as it has connected; nothing: it is let through.
    void greet_with(std::optional<Cut> how) { greeting_ = how; }
    void stop() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        for (const auto& weak : all_) {
            if (const auto link = weak.lock()) link->close();
        }
    }

private:
    using Tcp = asio::ip::tcp;
    static constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
    struct Link {
        explicit Link(asio::any_io_executor executor) : client(executor), server(executor) {}
        void close() {
            boost::system::error_code ignored;
            client.close(ignored);
            server.close(ignored);
        }
        Tcp::socket client, server;
        bool deaf = false;
    };

    static asio::awaitable<void> accept(std::shared_ptr<CuttingRelay> self) {
        while (true) {
            auto link = std::make_shared<Link>(self->executor_);
            auto [error] = co_await self->acceptor_.async_accept(link->client, kTuple);
            if (error) co_return;
            ++self->connections_;
            std::erase_if(self->all_, [](const auto& one) { return one.expired(); });
            self->all_.push_back(link);
            self->link_ = link;
            if (const auto how = std::exchange(self->greeting_, std::nullopt)) self->cut(*how);
            const Tcp::endpoint there(asio::ip::address_v4::loopback(), self->backend_);
            auto [refused] = co_await link->server.async_connect(there, kTuple);
            if (refused) {
                link->close();
                continue;
            }
            spawn(self->executor_, "relay up", pass(link, true));
            spawn(self->executor_, "relay down", pass(link, false));
        }
    }

    static asio::awaitable<void> pass(std::shared_ptr<Link> link, bool up) {
        std::vector<char> bytes(65536);
        auto& from = up ? link->client : link->server;
        auto& to = up ? link->server : link->client;
        while (true) {
            auto [error, size] = co_await from.async_read_some(asio::buffer(bytes), kTuple);
            if (error) break;
            if (link->deaf) continue;
            auto [failed, written] =
                co_await asio::async_write(to, asio::buffer(bytes.data(), size), kTuple);
            if (failed) break;
        }
        // A half-open connection stays, whatever its other half does.
        if (!link->deaf || up) link->close();
    }

    asio::any_io_executor executor_;
    Tcp::acceptor acceptor_;
    std::uint16_t backend_;
    std::size_t connections_ = 0;
    std::optional<Cut> greeting_;
    std::shared_ptr<Link> link_;
    std::vector<std::weak_ptr<Link>> all_;
};

}  // namespace bridge::test
