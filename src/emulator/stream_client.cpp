#include "emulator/stream_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <variant>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "emulator/url.hpp"
#include "net/beast_websocket.hpp"

namespace bridge::emulator {
namespace {

// Small enough that a server which does not read is noticed in seconds: the kernel would take
// megabytes of audio without a word.
constexpr int kSendBuffer = 32 * 1024;
constexpr int kSlowReaderBuffer = 4096;
// A second of audio waiting to leave: Twilio drops what follows and says 31930.
constexpr std::size_t kMediaMessageBytes = 400;
constexpr std::size_t kFramesPerSecond = 50;
// Ten minutes of audio in one message, which is all that could be played, in base64.
constexpr std::size_t kLongestMessage = 8UL * 1024 * 1024;

using asio::experimental::awaitable_operators::operator||;
using Clock = std::chrono::steady_clock;

asio::awaitable<void> wait_for(asio::steady_timer& timer) {
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

StreamReport told(const char* event) {
    StreamReport report;
    report.event = event;
    return report;
}

StreamReport told_error(int code, const std::string& what, bool warning) {
    return {"stream-error", code, what, warning};
}

std::string with_reason(std::string text, const std::string& reason) {
    return reason.empty() ? text : text + ": " + reason;
}

}  // namespace

Result<std::string> stream_url(const std::string& url) {
    const auto unprintable = [](unsigned char c) { return c <= ' ' || c == 0x7F; };
    if (std::any_of(url.begin(), url.end(), unprintable)) {
        return fail(Errc::bad_field, "the stream's URL has white space in it: \"" + url + "\"");
    }
    auto parsed = parse_url(url);
    if (!parsed) return tl::unexpected(parsed.error());
    if (parsed->scheme != "wss" && parsed->scheme != "ws") {
        return fail(Errc::refused,
                    "the stream's URL must begin with wss://, not " + parsed->scheme + "://");
    }
    if (parsed->scheme == "ws" && !is_loopback_host(parsed->host)) {
        return fail(Errc::refused,
                    "ws:// is for this machine only; " + parsed->host + " needs wss://");
    }
    parsed->target = parsed->path();
    return parsed->str();
}

StreamClient::StreamClient(asio::any_io_executor executor, StreamRequest request, OnReport report,
                           std::chrono::milliseconds frame_time)
    : executor_(std::move(executor)),
      request_(std::move(request)),
      report_(std::move(report)),
      stopped_(executor_),
      playout_(std::make_shared<PlayoutBook>(request_.stream_sid, frame_time)),
      reading_(executor_) {
    if (!report_) report_ = [](const StreamReport&) {};
    if (request_.name.empty()) request_.name = request_.stream_sid;
    wants_inbound_ = request_.bidirectional || request_.track != "outbound_track";
    wants_outbound_ = !request_.bidirectional && request_.track != "inbound_track";
    start_ = {
        request_.account_sid, request_.call_sid, request_.stream_sid, {}, request_.parameters};
    if (wants_inbound_) start_.tracks.emplace_back("inbound");
    if (wants_outbound_) start_.tracks.emplace_back("outbound");
    stopped_.expires_at(asio::steady_timer::time_point::max());
}

StreamClient::~StreamClient() = default;

void StreamClient::start(std::function<void()> on_over) {
    on_over_ = std::move(on_over);
    spawn(executor_, "emulated media stream " + request_.stream_sid, run(self()));
}

void StreamClient::stop() {
    if (over_) return;
    if (open_ && frozen_) {
        socket_->abort();
    } else if (open_) {
        send(format_stop(++sequence_, start_));
        if (pace_) pace_->end();
        socket_->close(1000, "");
    }
    stopped_.cancel();
    finish(told("stream-stopped"));
}

void StreamClient::frame(const MulawFrame& inbound, const MulawFrame& outbound) {
    if (!open_ || over_) return;
    if (socket_->broken_by_peer()) {
        fail_with(31924, "the server broke the WebSocket protocol");
        return socket_->hang_up();
    }
    if (wants_inbound_) send_media("inbound", inbound);
    if (wants_outbound_) send_media("outbound", outbound);
    ++frames_;
}

void StreamClient::play(MulawFrame& out) {
    if (over_) return;  // Twilio plays nothing of what a stream leaves behind
    const auto due = playout_->tick(out, Clock::now());
    if (open_) echo(due);
}

void StreamClient::press(char digit) {
    if (!open_ || over_ || !request_.bidirectional) return;
    send(format_dtmf(++sequence_, request_.stream_sid, digit));
}

// `self` keeps the stream alive until its socket is closed, also when its call is gone.
asio::awaitable<void> StreamClient::run([[maybe_unused]] std::shared_ptr<StreamClient> self) {
    if (over_) co_return;
    if (!request_.bidirectional) {
        if (request_.track != "inbound_track" && request_.track != "outbound_track" &&
            request_.track != "both_tracks") {
            fail_with(31941, "the track \"" + request_.track + "\" is not known");
            co_return;
        }
    } else if (request_.track != "inbound_track" && !request_.track.empty()) {
        fail_with(31941, "a bidirectional stream has the track inbound_track only, not \"" +
                             request_.track + "\"");
        co_return;
    }
    const auto url = stream_url(request_.url);
    if (!url) {
        fail_with(url.error().code == Errc::refused ? 31922 : 31923, url.error().message);
        co_return;
    }
    const bool failed = co_await fail_handshake();
    if (failed) co_return;
    net::WebSocketTarget target;
    target.url = *url;
    target.send_buffer = kSendBuffer;
    const auto& socket_fault = request_.faults.socket;
    if (socket_fault && socket_fault->is("slow_read")) target.receive_buffer = kSlowReaderBuffer;
    target.ca_file = request_.ca_file;
    target.message_bytes = kLongestMessage;
    if (!request_.signature.empty()) target.headers.add("X-Twilio-Signature", request_.signature);

    auto connecting = net::BeastWebSocket::connect(executor_, std::move(target));
    auto outcome = co_await (std::move(connecting) || wait_for(stopped_));
    if (outcome.index() == 1) co_return;  // stopped before it stood
    auto& connected = std::get<0>(outcome);
    if (!connected) {
        failed_to_connect(connected.error());
        co_return;
    }
    if (!open(std::move(*connected))) co_return;
    co_await receive_all();
}

bool StreamClient::open(std::shared_ptr<net::BeastWebSocket> socket) {
    if (over_) {
        socket->abort();
        return false;
    }
    socket_ = std::move(socket);
    open_ = true;
    playout_->started(Clock::now());
    socket_->send(format_connected());
    socket_->send(format_start(++sequence_, start_));
    report_(told("stream-started"));
    misbehave(request_.faults);
    return true;
}

asio::awaitable<void> StreamClient::receive_all() {
    for (;;) {
        const auto message = co_await socket_->receive();
        if (!message) {
            if (over_ || frozen_) co_return;
            const auto end = socket_->end();
            if (message.error().code == Errc::connection_lost) {
                fail_with(31903, with_reason("the connection broke without a close", end.fault));
            } else if (message.error().code != Errc::cancelled) {
                fail_with(31924, with_reason("the server broke the WebSocket protocol",
                                             message.error().message));
            } else if (request_.bidirectional) {
                finish(told("stream-stopped"));  // the documented way to end <Connect>
            } else {
                fail_with(31921, with_reason(fmt::format("the server closed with {}", end.code),
                                             end.reason));
            }
            co_return;
        }
        if (over_) continue;  // `stop` was sent; wait for the close
        if (!request_.bidirectional) {
            socket_->close(1002, "");
            fail_with(31924, "the server sent a message on a stream that only listens");
        } else if (!message->text) {
            warn_once(31950, "the server sent a binary message");
        } else {
            handle(message->payload);
        }
        if (read_pause_.count() > 0 && !over_) {
            reading_.expires_after(read_pause_);
            co_await wait_for(reading_);
        }
    }
}

void StreamClient::handle(const std::string& text) {
    auto command = parse_stream_command(text, request_.stream_sid);
    if (!command) {
        warn_once(31951, command.error().message);
    } else if (const auto* media = std::get_if<MediaIn>(&*command)) {
        if (!playout_->append(media->mulaw)) {
            warn_once(31931,
                      "more than ten minutes of audio wait to be played; the rest is dropped");
        }
    } else if (auto* mark = std::get_if<MarkIn>(&*command)) {
        if (playout_->mark(mark->name, Clock::now())) echo({mark->name});
    } else {
        echo(playout_->clear(Clock::now()));
    }
}

void StreamClient::send_media(std::string_view track, const MulawFrame& frame) {
    ++chunk_;
    const std::size_t tracks = wants_inbound_ && wants_outbound_ ? 2 : 1;
    if (socket_->outbox_bytes() > kMediaMessageBytes * kFramesPerSecond * tracks) {
        warn_once(31930, "the server reads too slowly; audio to it is dropped");
        return;
    }
    send_frame(format_media(++sequence_, request_.stream_sid, track, chunk_, frames_ * 20, frame));
}

void StreamClient::echo(const std::vector<std::string>& marks) {
    for (const auto& name : marks) send(format_mark(++sequence_, request_.stream_sid, name));
}

void StreamClient::warn_once(int code, const std::string& what) {
    log::debug({"emulator", request_.call_sid}, "stream {} warning {}: {}", request_.stream_sid,
               code, what);
    if (!warned_.insert(code).second) return;
    report_(told_error(code, what, true));
}

void StreamClient::fail_with(int code, const std::string& what) {
    finish(told_error(code, what, false));
}

void StreamClient::failed_to_connect(const net::ConnectFailure& failure) {
    using Stage = net::ConnectFailure::Stage;
    switch (failure.stage) {
        case Stage::bad_url:
            return fail_with(31923, failure.message);
        case Stage::connect_refused:
            return fail_with(31902, failure.message);
        case Stage::connect_timeout:
            return fail_with(31901, failure.message);
        case Stage::resolve:
        case Stage::unreachable:
            return fail_with(31904, failure.message);
        case Stage::tls:
            return fail_with(31910, failure.message);
        case Stage::handshake:
            if (failure.http_status == 0) return fail_with(31920, failure.message);
            return fail_with(
                31920, fmt::format("the server answered {} instead of 101", failure.http_status));
    }
    fail_with(31900, failure.message);
}

void StreamClient::finish(const StreamReport& last) {
    if (over_) return;
    over_ = true;
    const auto self = shared_from_this();  // the callbacks may let go of the stream
    timers_.clear();
    reading_.cancel();
    playout_->ended(Clock::now());
    auto report = last;
    report.frames = frames_;
    report_(report);
    if (const auto tell = std::exchange(on_over_, {})) tell();
}

}  // namespace bridge::emulator
