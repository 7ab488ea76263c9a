#include "agents/agent_socket.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <span>
#include <utility>
#include <variant>

#include "base/spawn.hpp"

namespace bridge::agents {
namespace {

using asio::experimental::awaitable_operators::operator||;
using How = AgentSocket::End::How;

// What the kernel holds of a peer that no longer answers: the smaller, the sooner it shows. Speech
// is 11 kB a second, so this is no limit for a peer that reads.
constexpr int kSendBuffer = 16 * 1024;
// A peer that reads has no second of speech waiting for it, but for moments; one that has for so
// long is gone or frozen. (Seven seconds after it stopped reading, the kernel's share included.)
constexpr std::size_t kBehindBytes = 8 * 1024;
constexpr std::chrono::seconds kStuckTime{3};

asio::awaitable<void> wait_for(asio::steady_timer& timer) {
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

AgentSocket::End end_of(const net::ConnectFailure& failure) {
    AgentSocket::End end;
    end.how = failure.http_status == 0 ? How::unreachable : How::rejected;
    end.http_status = failure.http_status;
    // A URL that cannot be used is quoted in there, and it may hold a signature.
    end.what = failure.stage == net::ConnectFailure::Stage::bad_url ? "its URL is not one"
                                                                    : failure.message;
    return end;
}

AgentSocket::End end_of(const net::WebSocketEnd& end) {
    if (end.silent) return {How::broken, 0, 0, "nothing has come from it for too long"};
    if (end.code == 1006) return {How::broken, 0, 0, end.fault.empty() ? end.reason : end.fault};
    return {How::closed, 0, end.code, end.reason};
}

}  // namespace

AgentSocket::AgentSocket(asio::any_io_executor executor, Clock& clock, Owner& owner)
    : executor_(std::move(executor)), clock_(clock), closed_(executor_), owner_(&owner) {
    closed_.expires_at(asio::steady_timer::time_point::max());
}

std::shared_ptr<AgentSocket> AgentSocket::open(asio::any_io_executor executor, Clock& clock,
                                               std::string name, asio::awaitable<Target> target,
                                               Owner& owner) {
    auto self = std::make_shared<AgentSocket>(executor, clock, owner);
    spawn(std::move(executor), std::move(name), run(self, std::move(target)));
    return self;
}

asio::awaitable<AgentSocket::Target> AgentSocket::at(net::WebSocketTarget target) {
    co_return target;
}

asio::awaitable<void> AgentSocket::run(std::shared_ptr<AgentSocket> self,
                                       asio::awaitable<Target> target) {
    // Not from inside `open`: the agent has yet to take the socket it gets.
    co_await asio::post(self->executor_, asio::use_awaitable);
    if (self->owner_ == nullptr) co_return;
    auto found = co_await (std::move(target) || wait_for(self->closed_));
    if (found.index() == 1 || self->owner_ == nullptr) co_return;
    auto& where = std::get<0>(found);
    if (!where) {
        self->finish(where.error());
        co_return;
    }
    where->send_buffer = kSendBuffer;
    auto connecting = net::WebSocketClient::connect(self->executor_, std::move(*where));
    auto outcome = co_await (std::move(connecting) || wait_for(self->closed_));
    if (outcome.index() == 1) co_return;
    auto& connected = std::get<0>(outcome);
    if (self->owner_ == nullptr) {
        if (connected) (*connected)->abort();
        co_return;
    }
    if (!connected) {
        self->finish(end_of(connected.error()));
        co_return;
    }
    self->begin(std::move(*connected));
}

void AgentSocket::begin(std::shared_ptr<net::WebSocketClient> socket) {
    socket_ = std::move(socket);
    kept_up_ = clock_.now();
    owner_->opened();
    // Once the agent has let go of us nobody is told; a goodbye goes on without us.
    const auto weak = weak_from_this();
    socket_->start(
        [weak](std::span<const net::WebSocketMessage> batch) {
            const auto self = weak.lock();
            for (const auto& message : batch) {
                if (!self || self->owner_ == nullptr) return;
                self->owner_->received(message.payload, message.text);
            }
        },
        [weak](const net::WebSocketEnd& end) {
            if (const auto self = weak.lock()) self->finish(end_of(end));
        });
}

void AgentSocket::send(std::string_view payload, bool text) {
    if (owner_ == nullptr || !socket_) return;
    const auto now = clock_.now();
    if (socket_->outbox_bytes() < kBehindBytes) kept_up_ = now;
    if (now - kept_up_ > kStuckTime) {
        const auto self = shared_from_this();
        socket_->abort();
        return finish({How::stuck, 0, 0, "it has taken nothing of what was sent for seconds"});
    }
    // What does not fit is lost: that is more than a minute of speech, and the peer is stuck.
    if (text) {
        socket_->send(payload);
    } else {
        socket_->send_binary(payload);
    }
}

void AgentSocket::close() {
    owner_ = nullptr;
    closed_.expires_at(asio::steady_timer::time_point::min());
    if (socket_) socket_->close(1000, "");
}

void AgentSocket::abort() {
    owner_ = nullptr;
    closed_.expires_at(asio::steady_timer::time_point::min());
    if (socket_) socket_->abort();
}

void AgentSocket::finish(const End& end) {
    if (auto* owner = std::exchange(owner_, nullptr)) owner->ended(end);
}

}  // namespace bridge::agents
