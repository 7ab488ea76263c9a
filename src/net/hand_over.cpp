#include "net/hand_over.hpp"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "base/log.hpp"

namespace bridge::net {
namespace {

using asio::ip::tcp;

/// A socket on its way from one thread to another; closed if it never arrives.
class TravellingSocket {
public:
    TravellingSocket(tcp protocol, int descriptor) : protocol_(protocol), descriptor_(descriptor) {}
    TravellingSocket(TravellingSocket&& other) noexcept
        : protocol_(other.protocol_), descriptor_(std::exchange(other.descriptor_, -1)) {}
    TravellingSocket& operator=(TravellingSocket&&) = delete;
    ~TravellingSocket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    std::optional<tcp::socket> arrive(const asio::any_io_executor& executor) {
        tcp::socket socket(executor);
        boost::system::error_code error;
        socket.assign(protocol_, descriptor_, error);
        if (error) return std::nullopt;
        descriptor_ = -1;
        return socket;
    }

private:
    tcp protocol_;
    int descriptor_;
};

}  // namespace

Result<bool> hand_over(Upgrade upgrade, asio::any_io_executor executor,
                       std::function<void(Upgrade)> arrived) {
    if (upgrade.socket.get_executor() == executor) {
        arrived(std::move(upgrade));
        return false;
    }
    boost::system::error_code error;
    const auto local = upgrade.socket.local_endpoint(error);
    if (error) return fail(Errc::io, "the connection is gone: " + error.message());
    const auto descriptor = upgrade.socket.release(error);
    if (error)
        return fail(Errc::io,
                    "the socket cannot be handed to another io thread: " + error.message());
    asio::post(executor, [executor, arrived = std::move(arrived), head = std::move(upgrade.head),
                          leftover = std::move(upgrade.leftover), tls = std::move(upgrade.tls),
                          socket = TravellingSocket(local.protocol(), descriptor)]() mutable {
        auto here = socket.arrive(executor);
        if (!here) {
            log::error("http", "a socket could not be taken over by its io thread");
            return;
        }
        arrived(Upgrade{std::move(head), std::move(*here), std::move(leftover), std::move(tls)});
    });
    return true;
}

}  // namespace bridge::net
