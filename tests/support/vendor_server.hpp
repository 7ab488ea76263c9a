#pragma once
// What the stand-ins of agents' services have in common: an HTTP server on loopback whose
// WebSockets are read strictly. What the service would refuse is refused and kept as a complaint.

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.hpp"
#include "net/server_websocket.hpp"

namespace bridge::test {

/// Thread: the loop's, for every member; one connection at a time is spoken to, the newest.
class VendorServer {
public:
    explicit VendorServer(boost::asio::any_io_executor executor);
    virtual ~VendorServer();
    VendorServer(const VendorServer&) = delete;
    VendorServer& operator=(const VendorServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// Closes what is open and accepts nothing more.
    void stop();

    bool connected() const { return socket_ != nullptr; }
    void send(std::string_view text) {
        if (socket_) socket_->send(text);
    }
    void send_binary(std::string_view bytes) {
        if (socket_) socket_->send_binary(bytes);
    }
    void close(std::uint16_t code, std::string_view reason) {
        if (socket_) socket_->close(code, reason);
    }
    /// Ends the TCP connection without a close frame.
    void cut();

    int refuse_with = 0;  ///< HTTP status for every handshake; 0: as the service would
    bool answers = true;  ///< false: it takes connections and says nothing
    int connections = 0;  ///< WebSockets that were accepted
    int goodbyes = 0;     ///< closed by the client with 1000
    std::vector<std::string> complaints;  ///< what the service would not have taken

protected:
    /// 0, or the HTTP status that the service refuses the handshake with.
    virtual int judge(const net::HttpRequest& head) = 0;
    virtual net::HttpResponse respond_to(const net::HttpRequest&) { return {404, {}, "", {}}; }
    virtual void opened() = 0;
    virtual void received(std::string_view payload, bool text) = 0;

    void complain(std::string what);
    /// False, with a complaint, if `object` has a field that is not in `known`.
    bool only(const boost::json::object& object, std::string_view where,
              std::initializer_list<std::string_view> known);

private:
    static boost::asio::awaitable<net::HttpResponse> answer(VendorServer* self,
                                                            net::HttpRequest request);
    void upgrade(net::Upgrade upgrade);

    std::shared_ptr<net::HttpServer> server_;
    std::shared_ptr<net::ServerWebSocket> socket_;
    int fd_ = -1;
    std::uint64_t generation_ = 0;
    std::uint16_t port_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The value of one parameter of a query, as it is written there.
std::string query_value(std::string_view query, std::string_view name);

}  // namespace bridge::test
