#include "web/listen_socket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <utility>

#include "audio/mulaw.hpp"
#include "base/log.hpp"
#include "call/talk_queue.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

static_assert(std::endian::native == std::endian::little, "samples go out as they lie in memory");

constexpr std::uint16_t kNormal = 1000, kTooSlow = 1008;
constexpr auto kLook = 500ms;
/// In the socket's own outbox; beyond that frames wait here, where the oldest can be dropped.
constexpr std::size_t kOutbox = 4 * 1024;

std::string message(json::object fields) {
    return json::serialize(fields);
}

}  // namespace

// --- what waits

std::size_t Backlog::push(std::string_view message) {
    if (bytes_.empty()) bytes_.resize(most_ * size_);
    std::size_t dropped = 0;
    if (count_ == most_) {
        pop();
        dropped = 1;
    }
    std::memcpy(&bytes_[(first_ + count_) % most_ * size_], message.data(), size_);
    ++count_;
    return dropped;
}

void Backlog::pop() {
    first_ = (first_ + 1) % most_;
    --count_;
}

ListenMetrics::ListenMetrics(metrics::Registry& registry)
    : listeners(registry.gauge("agentbridge_listeners",
                               "Browsers and terminals that listen to a call from outside.")),
      talkers(registry.gauge("agentbridge_talkers", "Of these, those whose mouth is open.")),
      dropped(registry.queue_drops("listener")),
      cut_off(registry.counter("agentbridge_listeners_cut_off_total",
                               "Listeners that took nothing for five seconds.")) {}

// --- its life

ListenSocket::ListenSocket(std::shared_ptr<net::ServerWebSocket> socket, const call::Call& call,
                           call::GuestId id, ListenOptions options, Clock& clock,
                           std::shared_ptr<ListenMetrics> metrics)
    : socket_(std::move(socket)),
      call_(std::const_pointer_cast<call::Call>(call.shared_from_this())),
      call_id_(call.id()),
      id_(id),
      options_(options),
      clock_(clock),
      metrics_(std::move(metrics)),
      backlog_(options.mulaw ? audio::kFrameSamples : audio::kFrameSamples * 2,
               kMostWaiting - kOutbox),
      took_(clock.now()) {}

ListenSocket::~ListenSocket() {
    clock_.cancel(timer_);
    mouth(false);
    if (joined_) metrics_->listeners.add(-1);
}

void ListenSocket::start(call::Call& call) {
    socket_->start([self = shared_from_this()](
                       std::span<const net::WebSocketMessage> batch) { self->take(batch); },
                   [self = shared_from_this()](const net::WebSocketEnd&) { self->ended(); });
    socket_->send(message({{"type", "hello"},
                           {"call", call_id_.str()},
                           {"format", options_.mulaw ? "mulaw" : "pcm16"},
                           {"rate", audio::kSampleRate},
                           {"frame_ms", audio::kFrameTime.count()},
                           {"talk", options_.talk}}));
    joined_ = true;
    metrics_->listeners.add(1);
    look_after_it();
    call.accept(call::input::GuestJoins{id_, shared_from_this(), options_.side, options_.talk});
}

void ListenSocket::ended() {
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    closing_ = true;
    leave();
}

void ListenSocket::leave() {
    mouth(false);
    if (std::exchange(joined_, false)) metrics_->listeners.add(-1);
    if (const auto call = call_.lock()) call->accept(call::input::GuestLeaves{id_});
}

void ListenSocket::mouth(bool open) {
    if (std::exchange(talking_, open) != open) metrics_->talkers.add(open ? 1 : -1);
}

void ListenSocket::close(std::uint16_t code, std::string_view reason) {
    if (std::exchange(closing_, true)) return;
    socket_->close(code, reason);
}

/// Twice a second: whether it still takes what it is sent, and is there at all.
void ListenSocket::look_after_it() {
    // Small enough for std::function to need no heap; the timer goes with this.
    timer_ = clock_.after(kLook, [this] { look_after_it(); });
    if (closing_) return;
    const auto now = clock_.now();
    flush();
    if (backlog_.empty() && socket_->outbox_bytes() == 0) took_ = now;
    const auto silent = now - socket_->last_heard();
    if (now - took_ < kPatience && silent < kPatience) {
        socket_->ping();
        return;
    }
    log::info({"listen", call_id_}, "a listener takes nothing any more, and is cut off");
    metrics_->cut_off.add();
    close(kTooSlow, "too slow");
    leave();
}

// --- what it hears

void ListenSocket::write(const audio::AudioFrame& frame) {
    if (closing_) return;
    std::array<std::uint8_t, audio::kFrameSamples> coded;
    std::string_view bytes(reinterpret_cast<const char*>(frame.pcm.data()), sizeof frame.pcm);
    if (options_.mulaw) {
        audio::encode_mulaw(frame.pcm, coded);
        bytes = {reinterpret_cast<const char*>(coded.data()), coded.size()};
    }
    if (backlog_.empty() && socket_->outbox_bytes() < kOutbox && socket_->send_binary(bytes)) {
        took_ = clock_.now();
        return;
    }
    const auto dropped = backlog_.push(bytes);
    dropped_ += dropped;
    metrics_->dropped.add(dropped);
    flush();
}

/// As much of what waits as the socket takes.
void ListenSocket::flush() {
    if (dropped_ != dropped_told_ && socket_->outbox_bytes() < kOutbox &&
        socket_->send(message({{"type", "dropped"}, {"frames", dropped_ - dropped_told_}})))
        dropped_told_ = dropped_;
    while (!backlog_.empty() && socket_->outbox_bytes() < kOutbox &&
           socket_->send_binary(backlog_.front())) {
        backlog_.pop();
        took_ = clock_.now();
    }
}

void ListenSocket::held(bool on) {
    if (!closing_) socket_->send(message({{"type", "held"}, {"on", on}}));
}

void ListenSocket::talks(bool on) {
    mouth(on);
    if (!closing_) socket_->send(message({{"type", "talk"}, {"on", on}}));
}

void ListenSocket::over(const std::string& reason) {
    mouth(false);
    if (closing_) return;
    flush();
    socket_->send(message({{"type", "end"}, {"reason", reason}}));
    close(kNormal, "the call is over");
}

// --- what it says

void ListenSocket::take(std::span<const net::WebSocketMessage> batch) {
    for (const auto& one : batch) {
        if (closing_) return;
        if (one.text) {
            take_text(one.payload);
        } else {
            take_sound(one.payload);
        }
    }
}

void ListenSocket::take_text(std::string_view text) {
    if (text.size() > 1024) return;  // nothing that we know is as long
    boost::system::error_code bad;
    const auto value = json::parse(json::string_view(text.data(), text.size()), bad);
    const auto* fields = bad ? nullptr : value.if_object();
    const auto* type = fields ? fields->if_contains("type") : nullptr;
    if (!type || !type->is_string()) return;
    if (type->get_string() == "ping") {
        const auto* id = fields->if_contains("id");
        if (id && id->is_number()) socket_->send(message({{"type", "pong"}, {"id", *id}}));
    } else if (type->get_string() == "talk" && options_.talk) {
        const auto* on = fields->if_contains("on");
        const auto call = call_.lock();
        if (on && on->is_bool() && call) call->accept(call::input::GuestTalks{id_, on->get_bool()});
    }
}

void ListenSocket::take_sound(std::string_view bytes) {
    const auto call = call_.lock();
    if (!talking_ || !call) return;
    std::array<std::int16_t, audio::kFrameSamples> block;
    const std::size_t width = options_.mulaw ? 1 : 2;
    // The oldest of more than fits would be dropped: it need not be decoded.
    const auto most = call::TalkQueue::kCapacity * width;
    if (bytes.size() > most) bytes.remove_prefix((bytes.size() - most + 1) / 2 * 2);
    thread_local std::vector<std::int16_t> samples;  // one for all listeners of the thread
    samples.clear();
    while (bytes.size() >= width) {
        const auto count = std::min(block.size(), bytes.size() / width);
        if (options_.mulaw) {
            const std::span coded(reinterpret_cast<const std::uint8_t*>(bytes.data()), count);
            audio::decode_mulaw(coded, block);
        } else {
            std::memcpy(block.data(), bytes.data(), count * width);
        }
        samples.insert(samples.end(), block.begin(),
                       block.begin() + static_cast<std::ptrdiff_t>(count));
        bytes.remove_prefix(count * width);
    }
    if (!samples.empty()) call->accept(call::input::GuestSpeech{id_, samples});
}

}  // namespace bridge::web
