// Where a Twilio media message becomes input of a call:
//
//   ServerWebSocket -> start()'s batch callback -> handle(): JSON -> MediaMessage -> on_message()
//                                                   -> call::input::… -> Call::accept

#include "twilio/media_stream.hpp"

#include <fmt/format.h>

#include <utility>

#include "audio/mulaw.hpp"
#include "base/log.hpp"

namespace bridge::twilio {
namespace {

namespace input = call::input;

constexpr std::chrono::seconds kSweep{1};
constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kPolicy = 1008;

}  // namespace

MediaStream::MediaStream(std::shared_ptr<call::Call> call, CallSid expected, std::uint64_t stream,
                         std::shared_ptr<net::ServerWebSocket> socket, Clock& clock,
                         std::shared_ptr<MediaScratch> scratch, MediaStreamOptions options,
                         std::shared_ptr<metrics::Registry> metrics)
    : call_(std::move(call)),
      socket_(std::move(socket)),
      scratch_(std::move(scratch)),
      stream_(stream),
      listen_only_(call_->spec().listen_only),
      expected_(std::move(expected)),
      clock_(clock),
      options_(options),
      metrics_(metrics::registry_or_own(std::move(metrics))),
      opened_(clock_.now()),
      quiet_since_(opened_) {}

void MediaStream::start() {
    const auto self = shared_from_this();
    schedule_sweep();
    socket_->start(
        // One pointer: the function lies in the socket, not on the heap. The one below, which goes
        // last, keeps us.
        [this](std::span<const net::WebSocketMessage> batch) {
            for (const auto& one : batch) {
                if (closing_) return;
                if (one.text) {
                    handle(one.payload);
                } else {
                    bad("a binary message");
                }
            }
        },
        [self](const net::WebSocketEnd& end) { self->end(end); });
}

// --- from the phone

void MediaStream::handle(std::string_view text) {
    const auto message = scratch_->parser.parse(text);
    if (message) {
        std::visit([this](const auto& one) { on_message(one); }, *message);
        return;
    }
    if (message.error().code == Errc::unknown_event) {
        // Twilio may add events; they are no fault and no reason to end a call.
        if (++unknown_events_ == 1)
            log::info({"media", call_->id()}, "ignored: {}", message.error().message);
        return;
    }
    bad(message.error().message);
}

void MediaStream::on_message(const message::Connected& connected) {
    log::info({"media", call_->id()}, "socket connected, protocol {} version {}",
              connected.protocol.substr(0, 20), connected.version.substr(0, 20));
}

void MediaStream::on_message(const message::Start& start) {
    if (started_) return bad("a second start");
    if (start.call_sid != expected_.str()) {
        log::warning({"media", call_->id()},
                     "start names call {} and the token belongs to {}; closed",
                     shortened(start.call_sid), shortened(expected_.str()));
        return refuse("wrong_call", "start.callSid is not this call");
    }
    if (start.encoding != "audio/x-mulaw" || start.sample_rate != 8000 || start.channels != 1) {
        log::error(
            {"media", call_->id()},
            "the stream is {} at {} Hz with {} channels; only mu-law, 8000 Hz, mono is understood",
            start.encoding.substr(0, 40), start.sample_rate, start.channels);
        return refuse("format", "only audio/x-mulaw, 8000 Hz, 1 channel");
    }
    started_ = true;
    stream_sid_ = StreamSid{std::string(start.stream_sid)};
    log::info({"media", call_->id()}, "stream {} started, {} parameters",
              shortened(start.stream_sid), start.parameters.size());
    call_->accept(input::StreamStarted{stream_, shared_from_this()});
}

void MediaStream::on_message(const message::Media& media) {
    if (!belongs("media", media.stream_sid)) return;
    if (log::enabled(log::Level::debug)) {
        log::debug({"media", call_->id()}, "media sequence={} timestamp={} bytes={} track={}",
                   media.sequence, media.timestamp.count(), media.mulaw.size(),
                   media.track == MediaTrack::inbound ? "inbound" : "outbound");
    }
    const auto track =
        media.track == MediaTrack::inbound ? call::Track::inbound : call::Track::outbound;
    call_->accept(input::Media{stream_, media.sequence, media.timestamp, track, media.mulaw});
}

void MediaStream::on_message(const message::Dtmf& dtmf) {
    if (!belongs("dtmf", dtmf.stream_sid)) return;
    call_->accept(input::DtmfReceived{stream_, dtmf.sequence, dtmf.digit});
}

void MediaStream::on_message(const message::Mark& mark) {
    if (!belongs("mark", mark.stream_sid)) return;
    call_->accept(input::MarkEchoed{stream_, mark.sequence, std::string(mark.name)});
}

void MediaStream::on_message(const message::Stop& stop) {
    if (!belongs("stop", stop.stream_sid)) return;
    stopped_ = true;
    stopped_at_ = clock_.now();
    log::info({"media", call_->id()}, "stream {} stopped by the carrier",
              shortened(stream_sid_.str()));
    call_->accept(input::StreamStopped{stream_});
}

/// True if a message may come now and names this stream (or none).
bool MediaStream::belongs(std::string_view event, std::string_view stream_sid) {
    if (!started_) {
        bad(fmt::format("{} before start", event));
        return false;
    }
    if (!stream_sid.empty() && stream_sid != stream_sid_.str()) {
        bad(fmt::format("{}: streamSid is of another stream", event));
        return false;
    }
    return true;
}

void MediaStream::bad(std::string reason) {
    ++bad_;
    if (bad_ == 1) {
        log::warning({"media", call_->id()}, "a message that cannot be used: {}", reason);
    } else {
        log::debug({"media", call_->id()}, "bad message {}: {}", bad_, reason);
    }
    call_->accept(input::BadMessage{stream_, std::move(reason)});
    if (bad_ < options_.bad_messages || closing_) return;
    log::warning({"media", call_->id()}, "{} messages could not be used; the stream is closed",
                 bad_);
    refuse("bad_messages", "too many bad messages");
}

void MediaStream::refuse(const char* cause, std::string_view reason) {
    refusal_ = cause;
    refused_because_ = std::string(reason);
    closing_ = true;
    socket_->close(kPolicy, reason);
}

// --- to the phone

bool MediaStream::send(std::span<const audio::AudioFrame> frames) {
    if (!may_send()) return false;
    auto& mulaw = scratch_->mulaw;
    mulaw.resize(frames.size() * audio::kFrameSamples);
    auto at = std::span<std::uint8_t>(mulaw);
    for (const auto& frame : frames) {
        audio::encode_mulaw(std::span<const std::int16_t>(frame.pcm), at);
        at = at.subspan(audio::kFrameSamples);
    }
    if (mulaw.empty()) return true;  // Twilio has no use for an empty payload
    format_media(stream_sid_.str(), mulaw, scratch_->out);
    return socket_->send(scratch_->out);
}

bool MediaStream::mark(std::string_view name) {
    if (!may_send()) return false;
    format_mark(stream_sid_.str(), name, scratch_->out);
    return socket_->send(scratch_->out);
}

bool MediaStream::clear() {
    if (!may_send()) return false;
    format_clear(stream_sid_.str(), scratch_->out);
    return socket_->send(scratch_->out);
}

void MediaStream::close() {
    hung_up_ = true;
    if (closing_) return;
    closing_ = true;
    socket_->close(kNormal, "done");
}

// --- time and the end

void MediaStream::schedule_sweep() {
    // One pointer: the timer's function needs no heap. end() cancels it before the stream can go.
    sweep_timer_ = clock_.after(kSweep, [this] { sweep(); });
}

/// What a frame touches, as it is laid out now.
void MediaStream::list_hot() {
    hot_.clear();
    hot_.add_shared(this, 0);
    hot_.add_between(this, &ended_);
    hot_.add(stream_sid_.str().data(), stream_sid_.str().size());
    call_->list_hot(hot_);
    socket_->expect(&hot_);
}

void MediaStream::sweep() {
    sweep_timer_ = Clock::kNoTimer;
    if (ended_) return;
    schedule_sweep();
    if (closing_) return;
    list_hot();
    const auto now = clock_.now();
    if (!started_ && now - opened_ >= options_.start_time) {
        log::warning({"media", call_->id()}, "no start within {} s of the upgrade; closed",
                     options_.start_time.count());
        return refuse("no_start", "no start");
    }
    if (stopped_ && now - stopped_at_ >= options_.stop_time) return close();
    const auto heard = socket_->last_heard();
    if (now - heard >= options_.close_after) {
        const auto reason =
            fmt::format("nothing came for {} s, not even an answer to a ping: nobody is there",
                        options_.close_after.count());
        log::warning({"media", call_->id()}, "{}", reason);
        return refuse("silent", reason);
    }
    if (now - heard >= options_.ping_after && pinged_at_ < heard) {
        pinged_at_ = now;
        log::info({"media", call_->id()}, "nothing heard on the media socket for {} s; pinged",
                  options_.ping_after.count());
        socket_->ping();
    }
    const auto sent = socket_->stats().messages_out;
    if (std::exchange(sent_, sent) != sent) quiet_since_ = now;
    if (options_.ping_every.count() > 0 && now - quiet_since_ >= options_.ping_every) {
        quiet_since_ = now;
        socket_->ping();
    }
}

void MediaStream::end(const net::WebSocketEnd& end) {
    if (ended_) return;
    ended_ = true;
    closing_ = true;
    clock_.cancel(sweep_timer_);
    const bool clean =
        (end.code != 1006 || stopped_) && end.fault.empty() && refused_because_.empty();
    std::string reason;
    if (!refused_because_.empty()) {
        reason = fmt::format("closed by this side: {}", refused_because_);
    } else if (!end.fault.empty()) {
        reason = fmt::format("the peer broke the WebSocket protocol: {}", end.fault);
    } else if (end.code == 1006) {
        reason = stopped_ ? "stopped, then the connection ended"
                          : "the connection was lost without a close";
    } else {
        reason =
            fmt::format("closed by {} with code {}{}{}", end.by_peer ? "the carrier" : "this side",
                        end.code, end.reason.empty() ? "" : ": ", end.reason);
    }
    const auto stats = socket_->stats();
    count_end(end, stats);
    log::info({"media", call_->id()},
              "socket ended: {}; {} messages in, {} out, {} bad, {} refused by a full outbox",
              reason, stats.messages_in, stats.messages_out, bad_, stats.refused_out);
    call_->accept(input::StreamClosed{stream_, clean, std::move(reason)});
}

/// By the first of these that holds: our own refusal, a broken protocol, a connection that was
/// lost, who closed it.
void MediaStream::count_end(const net::WebSocketEnd& end, const net::WebSocketStats& stats) {
    const char* reason = end.by_peer ? "carrier" : "bridge";
    if (refusal_ != nullptr) {
        reason = refusal_;
    } else if (!end.fault.empty()) {
        reason = "protocol";
    } else if (end.code == 1006) {
        reason = stopped_ ? "stopped" : "lost";
    }
    metrics_
        ->counter("agentbridge_websocket_closes_total", "Media connections ended, by why.",
                  {{"reason", reason}})
        .add();
    if (stats.refused_out > 0) metrics_->queue_drops("media_outbox").add(stats.refused_out);
}

}  // namespace bridge::twilio
