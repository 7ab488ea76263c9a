#include "agents/openai/realtime_session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/spawn.hpp"

namespace bridge::agents {
namespace {

using net::asio::experimental::awaitable_operators::operator||;

net::asio::awaitable<void> woken(net::asio::steady_timer& timer) {
    co_await timer.async_wait(net::asio::as_tuple(net::asio::use_awaitable));
}

}  // namespace

RealtimeSession::RealtimeSession(net::asio::any_io_executor executor, Listener& listener)
    : executor_(std::move(executor)), listener_(&listener), closed_(executor_) {
    closed_.expires_at(net::asio::steady_timer::time_point::max());
}

std::shared_ptr<RealtimeSession> RealtimeSession::open(net::asio::any_io_executor executor,
                                                       net::WebSocketTarget target,
                                                       Listener& listener) {
    auto session = std::make_shared<RealtimeSession>(executor, listener);
    spawn(std::move(executor), "realtime session", run(session, std::move(target)));
    return session;
}

net::asio::awaitable<void> RealtimeSession::run(std::shared_ptr<RealtimeSession> self,
                                                net::WebSocketTarget target) {
    if (self->listener_ == nullptr) co_return;
    auto connecting = net::WebSocketClient::connect(self->executor_, std::move(target));
    auto outcome = co_await (std::move(connecting) || woken(self->closed_));
    if (outcome.index() == 1) co_return;  // closed before it stood
    auto& connected = std::get<0>(outcome);
    if (!connected) {
        self->lost({std::move(connected.error()), {}});
        co_return;
    }
    self->socket_ = std::move(*connected);
    if (self->listener_ == nullptr) {
        self->socket_->close(1000, "");
    } else {
        self->listener_->on_open(*self);
    }
    while (true) {
        const auto message = co_await self->socket_->receive();
        if (!message) {
            self->lost({std::nullopt, message.error().message});
            co_return;
        }
        if (self->listener_ == nullptr) continue;  // until the close handshake is over
        if (!message->text) continue;
        const auto event = self->parser_.parse(message->payload);
        if (event) {
            self->listener_->on_event(*self, *event);
        } else {
            log::debug("openai", "passed over an event that cannot be read: {}",
                       event.error().message);
        }
    }
}

void RealtimeSession::lost(Loss loss) {
    if (auto* const listener = std::exchange(listener_, nullptr)) {
        listener->on_lost(*this, std::move(loss));
    }
}

bool RealtimeSession::send(std::string_view text) {
    return listener_ != nullptr && socket_ != nullptr && socket_->send(text);
}

void RealtimeSession::close() {
    listener_ = nullptr;
    closed_.cancel();
    if (socket_) socket_->close(1000, "");
}

}  // namespace bridge::agents
