#include "agents/stream_bot/bot_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agents/stream_bot/bot_signature.hpp"
#include "audio/mulaw.hpp"
#include "base/spawn.hpp"

namespace bridge::agents {
namespace {

using call::AgentEnd;
using Stage = net::ConnectFailure::Stage;

/// Twilio keeps ten minutes for playback (error 31931).
constexpr std::size_t kMostWaiting = std::size_t{10} * 60 * audio::kSampleRate;
/// Small, so that a bot that does not read is noticed within two seconds of sound.
constexpr int kSendBuffer = 32 * 1024;
/// Of a WebSocket frame, at most.
constexpr std::size_t kFrameHead = 14;
/// A bot may say nothing for minutes, but it answers pings.
constexpr std::chrono::seconds kPing{4}, kSilence{10};

/// "bot.example.com:8080": a path or a query may hold what is not to be shown.
std::string host_of(std::string_view url) {
    const auto mark = url.find("://");
    if (mark != std::string_view::npos) url.remove_prefix(mark + 3);
    return std::string(url.substr(0, url.find_first_of("/?#")));
}

/// What a bot said about its close, fit for one line.
std::string shown(std::string_view text) {
    std::string out(text.substr(0, 120));
    for (auto& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

}  // namespace

BotConnection::BotConnection(StreamBotOptions options, std::shared_ptr<call::VoiceSink> voice,
                             Hooks hooks)
    : options_(std::move(options)),
      where_(host_of(options_.url)),
      hooks_(std::move(hooks)),
      book_(std::move(voice), [this](std::string_view name) { echo(name); }) {
    stream_.account_sid =
        options_.account_sid.empty() ? "AC" + std::string(32, '0') : options_.account_sid;
    stream_.parameters = options_.parameters;
}

net::WebSocketTarget BotConnection::target() const {
    net::WebSocketTarget target;
    target.url = options_.url;
    if (!options_.auth_token.empty())
        target.headers.add("X-Twilio-Signature", sign_upgrade(options_.auth_token, options_.url));
    target.ca_file = options_.ca_file;
    target.message_bytes = options_.message_bytes;
    target.outbox_bytes = options_.outbox_bytes;
    target.send_buffer = kSendBuffer;
    target.ping_interval = kPing;
    target.silence_limit = kSilence;
    return target;
}

void BotConnection::connect(boost::asio::any_io_executor executor) {
    spawn(executor, "bot's media stream", run(shared_from_this(), executor));
}

boost::asio::awaitable<void> BotConnection::run(std::shared_ptr<BotConnection> self,
                                                boost::asio::any_io_executor executor) {
    auto connected = co_await net::WebSocketClient::connect(executor, self->target());
    if (!connected) {
        self->failed(connected.error());
        co_return;
    }
    const auto socket = *connected;
    // Once the agent has let go of us nobody is told; a goodbye goes on without us.
    socket->start(
        [weak = self->weak_from_this()](std::span<const net::WebSocketMessage> batch) {
            const auto us = weak.lock();
            for (const auto& message : batch) {
                if (us) us->take(message);
            }
        },
        [weak = self->weak_from_this()](const net::WebSocketEnd& close) {
            if (const auto us = weak.lock()) us->closed(close);
        });
    self->opened(socket);
}

void BotConnection::opened(std::shared_ptr<net::WebSocketClient> socket) {
    socket_ = std::move(socket);
    if (left_) {
        socket_->close(1000, "");
        return;
    }
    BotMessageWriter::connected(text_);
    send();
    if (begun()) send_start();
    if (const auto open = hooks_.open) open();  // it may be left from inside
}

void BotConnection::begin(const call::AgentCall& call) {
    stream_.call_sid = call.sid.str();
    stream_.stream_sid = call.stream_sid.str();
    if (socket_) send_start();
}

void BotConnection::send_start() {
    writer_.start(stream_, text_);
    streaming_ = send();
    for (const auto& name : std::exchange(early_marks_, {})) echo(name);
}

void BotConnection::hear(const audio::AudioFrame& frame) {
    if (!streaming_) return;
    if (!started_) started_ = frame.at;
    latest_ = std::max(latest_, frame.at - *started_);
    if (socket_->outbox_bytes() > options_.media_outbox_bytes) {
        warn_once(31930, "the bot reads too slowly, and does not hear all of the call");
        return;
    }
    std::array<std::uint8_t, audio::kFrameSamples> mulaw;  // every byte is written
    audio::encode_mulaw(frame.pcm, mulaw);
    writer_.media(stream_.stream_sid, latest_, mulaw, text_);
    send();
}

void BotConnection::dtmf(char digit) {
    if (!streaming_) return;
    writer_.dtmf(stream_.stream_sid, digit, text_);
    send();
}

bool BotConnection::send() {
    if (socket_->send(text_)) return true;
    streaming_ = false;
    // Where there is room it is closing already, and its end will be told.
    if (socket_->outbox_bytes() + text_.size() + kFrameHead <= options_.outbox_bytes) return false;
    fault_ = "does not read what it is sent";
    socket_->abort();
    return false;
}

void BotConnection::take(const net::WebSocketMessage& message) {
    if (left_) return;
    if (!message.text) {
        warn_once(31950, "the bot sent a binary message, which is ignored");
        return;
    }
    const auto read = reader_.read(message.payload, streaming_ ? stream_sid() : std::string_view());
    if (!read) {
        warn_once(31951, "a message of the bot was ignored, " + read.error().message);
        return;
    }
    if (const auto* media = std::get_if<bot::Media>(&*read)) {
        speak(media->mulaw);
    } else if (const auto* mark = std::get_if<bot::Mark>(&*read)) {
        set_mark(mark->name);
    } else {
        book_.clear();
    }
}

void BotConnection::speak(std::span<const std::uint8_t> mulaw) {
    std::array<std::int16_t, 1024> pcm;  // what is read of it is written first
    while (!mulaw.empty()) {
        const auto room = kMostWaiting - std::min(kMostWaiting, book_.waiting());
        const auto size = std::min({mulaw.size(), pcm.size(), room});
        audio::decode_mulaw(mulaw.first(size), pcm);
        if (size == 0 || book_.speak(std::span(pcm).first(size)) < size) {
            if (!left_) warn_once(31931, "over ten minutes wait to be played; the rest is dropped");
            return;
        }
        mulaw = mulaw.subspan(size);
    }
}

void BotConnection::set_mark(std::string_view name) {
    if (!book_.mark(name))
        warn_once(0, "the bot has too many marks waiting; further ones are not echoed");
}

void BotConnection::echo(std::string_view name) {
    if (left_) return;
    if (!streaming_) {
        if (!begun() && early_marks_.size() < MarkBook::kMostMarks) early_marks_.emplace_back(name);
        return;
    }
    writer_.mark(stream_.stream_sid, name, text_);
    send();
}

void BotConnection::warn_once(int code, std::string_view what) {
    if (std::find(warned_.begin(), warned_.end(), code) != warned_.end()) return;
    warned_.push_back(code);
    if (!hooks_.warning) return;
    hooks_.warning(
        code == 0 ? std::string(what)
                  : fmt::format("{} (Twilio's warning {}, told once for each stream)", what, code));
}

void BotConnection::leave(bool forget) {
    if (std::exchange(left_, true)) return;
    hooks_ = {};
    if (socket_) {
        if (std::exchange(streaming_, false)) {
            writer_.stop(stream_, text_);
            socket_->send(text_);
        }
        socket_->close(1000, "");
    }
    book_.close(forget);
}

void BotConnection::failed(const net::ConnectFailure& failure) {
    const auto reason = fmt::format("no connection to the bot: {}", failure.message);
    if (failure.stage == Stage::bad_url) {
        end(AgentEnd::refused, fmt::format("the bot's address cannot be used ({}); it is written "
                                           "ws://HOST:PORT/PATH or wss://HOST/PATH",
                                           where_));
    } else if (failure.http_status == 401 || failure.http_status == 403) {
        end(AgentEnd::refused,
            reason + (options_.auth_token.empty()
                          ? "; it may want Twilio's signature: set AGENTBRIDGE_BOT_AUTH_TOKEN to "
                            "the auth token it checks with"
                          : "; check that AGENTBRIDGE_BOT_AUTH_TOKEN is the one it checks with, "
                            "and that it knows itself by the address it is called at"));
    } else if (failure.http_status == 404) {
        end(AgentEnd::refused, reason + "; check the path of its address");
    } else {
        end(AgentEnd::dropped, reason);
    }
}

void BotConnection::closed(const net::WebSocketEnd& close) {
    const auto lost = [this](std::string_view what) {
        end(AgentEnd::dropped, fmt::format("the bot at {} {}", where_, what));
    };
    if (!fault_.empty()) {
        lost(fault_);
    } else if (close.silent) {
        lost("has gone silent: it does not even answer pings");
    } else if (!close.fault.empty()) {
        lost("sent what cannot be taken: " + close.fault);
    } else if (close.code == 1000 || close.code == 1005) {  // 1005: a close without a code
        end(AgentEnd::finished, fmt::format("the bot at {} has closed its stream", where_));
    } else if (close.code == 1006) {
        lost("was lost: its connection broke");
    } else {
        lost(fmt::format("closed its stream with {}{}{}", close.code,
                         close.reason.empty() ? "" : ": ", shown(close.reason)));
    }
}

void BotConnection::end(call::AgentEnd how, std::string reason) {
    streaming_ = false;
    left_ = true;
    const auto hooks = std::exchange(hooks_, {});
    book_.close(false);
    if (hooks.ended) hooks.ended(how, std::move(reason));
}

}  // namespace bridge::agents
