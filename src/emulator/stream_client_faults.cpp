// What goes wrong with a media stream when it is told to (see faults.hpp).

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.hpp"
#include "emulator/stream_client.hpp"
#include "net/beast_websocket.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;

namespace {
constexpr std::size_t kTrickleBytes = 64;
}

asio::awaitable<bool> StreamClient::fail_handshake() {
    if (request_.faults.cut_off) {
        fail_with(31902, "connection refused: the tunnel is gone");
        co_return true;
    }
    const auto& fault = request_.faults.socket;
    if (!fault) co_return false;
    if (fault->is("refused")) {
        fail_with(31920, fmt::format("the server answered {} instead of 101", fault->argument));
        co_return true;
    }
    if (fault->is("unanswered")) {
        reading_.expires_after(fault->time());
        co_await reading_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!over_) fail_with(31901, "no answer from the server");
        co_return true;
    }
    // Nobody connects and nobody says so: the call goes on until somebody ends it.
    co_return fault->is("absent");
}

void StreamClient::later(milliseconds time, std::function<void()> act) {
    if (time.count() == 0) return act();
    timers_.push_back(std::make_unique<asio::steady_timer>(executor_, time));
    timers_.back()->async_wait(
        [weak = weak_from_this(), act = std::move(act)](const boost::system::error_code& error) {
            const auto stream = weak.lock();
            if (!error && stream && !stream->over_) act();
        });
}

void StreamClient::misbehave(const StreamFaults& faults) {
    if (!open_ || over_) return;
    if (faults.socket) {
        later(faults.socket->after, [this, fault = *faults.socket] { bend_socket(fault); });
    }
    if (faults.pace) {
        later(faults.pace->after, [this, fault = *faults.pace] { bend_pace(fault); });
    }
    if (faults.tunnel && request_.faults.tunnel_dies) {
        // Posted by way of the timer: it ends this stream too.
        later(std::max(faults.tunnel->after, milliseconds(1)),
              [dies = request_.faults.tunnel_dies, time = faults.tunnel->time()] { dies(time); });
    }
}

void StreamClient::cut(const std::string& why) {
    if (over_) return;
    stopped_.cancel();
    if (!open_) return fail_with(31902, "connection refused: " + why);
    socket_->abort();
    fail_with(31903, "the connection broke without a close: " + why);
}

void StreamClient::bend_socket(const Fault& fault) {
    if (over_) return;
    log::info({"emulator", request_.call_sid}, "fault {} on stream {}", fault.what,
              request_.stream_sid);
    if (fault.is("drop")) return cut("a fault");
    if (fault.is("fin")) {
        socket_->hang_up();
        return fail_with(31903, "the connection ended without a close: a fault");
    }
    if (fault.is("half_open")) {
        frozen_ = true;
        socket_->freeze();
    } else if (fault.is("slow_read")) {
        read_pause_ = fault.time();
    } else if (fault.is("trickle")) {
        socket_->trickle(kTrickleBytes, fault.time());
    }
}

void StreamClient::bend_pace(const Fault& fault) {
    if (over_) return;
    log::info({"emulator", request_.call_sid}, "fault {} on stream {}", fault.what,
              request_.stream_sid);
    if (pace_) pace_->end();
    pace_ = std::make_shared<MediaPace>(executor_, fault, request_.faults.seed,
                                        [weak = weak_from_this()](const std::string& message) {
                                            const auto stream = weak.lock();
                                            if (stream && stream->socket_)
                                                stream->socket_->send(message);
                                        });
}

void StreamClient::send(std::string message) {
    if (frozen_) return;
    if (pace_) {
        pace_->push(std::move(message));
    } else {
        socket_->send(message);
    }
}

void StreamClient::send_frame(std::string message) {
    const bool asked = request_.faults.next_frame && held_back_.empty();
    const auto fault = asked ? request_.faults.next_frame() : std::optional<Fault>{};
    if (fault && fault->is("missing")) return;
    if (fault && fault->is("reordered") && held_back_.empty()) {
        held_back_ = std::move(message);
        return;
    }
    if (fault && fault->is("duplicated")) send(message);
    send(std::move(message));
    if (!held_back_.empty()) send(std::exchange(held_back_, {}));
}

}  // namespace bridge::emulator
