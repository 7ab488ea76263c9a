#include "transcribers/stream_side.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>
#include <variant>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "net/awaiting.hpp"
#include "net/wire_text.hpp"

namespace bridge::transcribers {
namespace {

using asio::experimental::awaitable_operators::operator||;
using call::TranscriptionStatus;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::uint64_t kStreamPerMs = audio::kSamplesPerMs;
/// A service that takes no more is not given more: its sound waits here, where it can be counted.
constexpr std::size_t kMostOutbox = 32 * 1024;
/// A burst that is allowed beyond the service's pace: what its own jitter would be.
constexpr double kBurst = 2.0 * audio::kSampleRate;
constexpr milliseconds kPump{50};

}  // namespace

StreamSide::StreamSide(asio::any_io_executor executor, call::LineEnd end,
                       std::shared_ptr<const Service> service, std::shared_ptr<Teller> teller,
                       StreamTimes times)
    : executor_(std::move(executor)),
      end_(end),
      service_(std::move(service)),
      teller_(std::move(teller)),
      times_(times),
      more_(executor_, Steady::time_point::max()),
      limit_(executor_, Steady::time_point::max()) {}

// --- sound

void StreamSide::sound(std::uint64_t at, std::span<const std::int16_t> samples) {
    if (done_ || finishing_) return;
    const auto silence = time_.before(at);
    time_.sound(at, samples.size());
    keep_silence(silence);
    keep(samples);
    begin();
}

void StreamSide::silence_to(std::uint64_t at) {
    if (done_ || finishing_) return;
    keep_silence(time_.silence_to(at));
}

void StreamSide::keep_silence(std::uint64_t samples) {
    in_silence(samples, [this](auto silence) { keep(silence); });
}

void StreamSide::keep(std::span<const std::int16_t> samples) {
    kept_.insert(kept_.end(), samples.begin(), samples.end());
    trim();
    if (waiting() >= service_->chunk_samples) ring();
}

/// What is understood for good is needed no more; of the rest the oldest goes.
void StreamSide::trim() {
    const auto needed = std::min(sent_, std::max(settled_, kept_from_));
    auto drop = needed - kept_from_;
    if (kept_.size() - drop > kMostKept) {
        const auto more = kept_.size() - drop - kMostKept;
        const auto unsent = kept_from_ + drop + more;
        if (unsent > sent_) {
            teller_->missed(milliseconds((unsent - sent_) / kStreamPerMs));
            sent_ = unsent;
        }
        drop += more;
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(drop));
    kept_from_ += drop;
}

std::size_t StreamSide::waiting() const {
    return kept_.size() - static_cast<std::size_t>(sent_ - kept_from_);
}

std::size_t StreamSide::unsettled() const {
    return sent_ > settled_ ? static_cast<std::size_t>(sent_ - settled_) : 0;
}

void StreamSide::begin() {
    if (std::exchange(begun_, true)) return;
    spawn(executor_, "transcript of one side", run(shared_from_this()));
}

void StreamSide::ring() {
    more_.cancel();
}

void StreamSide::finish() {
    if (std::exchange(finishing_, true)) return;
    if (!begun_) {
        done_ = true;
        asio::post(executor_, [self = shared_from_this()] { self->teller_->ended(self->end_); });
        return;
    }
    // Its coroutine waits anew. A file is given so fast that some of it still waits.
    limit_.expires_after(
        times_.last_words +
        std::min<milliseconds>(times_.last_words, milliseconds(waiting() / kStreamPerMs)));
    ring();
}

// --- its connection

asio::awaitable<void> StreamSide::run(std::shared_ptr<StreamSide> self) {
    while (!self->done_) {
        const bool again = co_await session(self);
        if (!again || self->nothing_left()) break;
        co_await pause(self);
        if (self->finishing_ && self->limit_.expiry() <= Steady::now()) break;
    }
    self->done_ = true;
    self->close_open_pieces();
    const auto end = self->kept_from_ + self->kept_.size();
    if (!self->heard_all_ && end > self->settled_)
        self->teller_->missed(milliseconds((end - self->settled_) / kStreamPerMs));
    self->socket_.reset();
    self->teller_->ended(self->end_);
}

/// Until it is over for good (false) or broke.
asio::awaitable<bool> StreamSide::session(std::shared_ptr<StreamSide> self) {
    auto connected = co_await (net::WebSocketClient::connect(self->executor_, self->target()) ||
                               out_of_time(self));
    if (connected.index() == 1) {
        if (self->waiting() > 0) self->lose("it was not reached in time");
        co_return false;
    }
    auto& socket = std::get<0>(connected);
    if (!socket) co_return self->refused(socket.error());
    self->socket_ = *socket;
    self->dialect_ = self->service_->session(*self->service_);
    self->session_from_ = self->sent_ = std::max(self->settled_, self->kept_from_);
    self->pieces_before_ = self->last_final_;
    self->open_.clear();  // told again by what is heard again
    self->said_end_ = false;
    self->allowance_ = kBurst;
    self->allowance_at_ = self->sent_at_ = Steady::now();
    for (const auto& message : self->dialect_->opened()) self->send(message);

    auto over = co_await (hear_all(self) || send_all(self) || out_of_time(self));
    const bool finished = self->heard_all_ = self->dialect_->finished();
    if (over.index() == 0 && !finished && !self->done_) {
        self->socket_->abort();
        self->lose(std::get<0>(over));
        co_return true;
    }
    self->socket_->close(1000, "");
    co_return false;
}

net::WebSocketTarget StreamSide::target() const {
    net::WebSocketTarget out;
    out.url = service_->url;
    out.ca_file = service_->ca_file;
    if (!service_->key_header.empty() && !service_->key.empty()) {
        const auto colon = service_->key_header.find(": ");
        out.headers.add(service_->key_header.substr(0, colon),
                        service_->key_header.substr(colon + 2) + service_->key.reveal());
    }
    out.ping_interval = times_.ping;
    out.silence_limit = times_.silence;
    return out;
}

/// Whether to try again.
bool StreamSide::refused(const net::ConnectFailure& failure) {
    using Stage = net::ConnectFailure::Stage;
    const auto status = failure.http_status;
    if (status == 401 || status == 403) {
        fail_for_good(
            fmt::format("{} refuses the key; check {}", service_->people, service_->key_setting));
        return false;
    }
    const bool too_many = status == 408 || status == 429;
    if ((status >= 400 && status < 500 && !too_many) || failure.stage == Stage::bad_url) {
        fail_for_good(fmt::format(
            "{} does not take the session ({}); check AGENTBRIDGE_TRANSCRIBER_URL, "
            "_MODEL and _LANGUAGE",
            service_->people, status == 0 ? "its URL is not one" : fmt::format("HTTP {}", status)));
        return false;
    }
    lose(fmt::format("{} cannot be reached ({})", service_->people,
                     net::quoted(failure.message, service_->key)));
    return true;
}

/// The first pause is short: most breaks are over at once.
asio::awaitable<void> StreamSide::pause(std::shared_ptr<StreamSide> self) {
    const auto doubled = self->times_.first_pause * (1 << std::min(self->failures_ - 1, 8));
    const auto longest = std::min<milliseconds>(doubled, self->times_.longest_pause);
    // Calls that broke together do not come back together.
    const auto jitter = static_cast<unsigned char>(random_bytes(1).front());
    const auto until = Steady::now() + longest / 2 + longest * jitter / 512;
    while (Steady::now() < until && !self->done_) {
        if (self->finishing_ && self->limit_.expiry() <= Steady::now()) co_return;
        self->more_.expires_at(self->finishing_ ? std::min(until, self->limit_.expiry()) : until);
        co_await self->more_.async_wait(net::kTuple);
    }
}

/// Ends when the last words had their time, or after a failure for good.
asio::awaitable<void> StreamSide::out_of_time(std::shared_ptr<StreamSide> self) {
    while (!self->done_ && self->limit_.expiry() > Steady::now())
        co_await self->limit_.async_wait(net::kTuple);
}

/// Why it broke; or it has finished.
asio::awaitable<std::string> StreamSide::hear_all(std::shared_ptr<StreamSide> self) {
    while (!self->done_ && !self->dialect_->finished()) {
        auto message = co_await self->socket_->receive();
        if (!message) {
            const auto& end = self->socket_->end();
            const auto why = end.reason.empty() ? message.error().message : end.reason;
            co_return fmt::format("{} closed the connection ({})", self->service_->people,
                                  net::quoted(why, self->service_->key));
        }
        self->take(self->dialect_->received(message->payload, message->text));
        self->ring();
    }
    co_return std::string();
}

asio::awaitable<void> StreamSide::send_all(std::shared_ptr<StreamSide> self) {
    while (!self->done_) {
        self->send_sound();
        const auto now = Steady::now();
        if (now - self->sent_at_ >= self->times_.keep_alive) {
            if (const auto sign = self->dialect_->keep_alive()) self->send(*sign);
            self->sent_at_ = now;
        }
        const bool behind = self->waiting() >= self->service_->chunk_samples ||
                            (self->finishing_ && !self->said_end_);
        self->more_.expires_at(behind ? now + kPump : self->sent_at_ + self->times_.keep_alive);
        co_await self->more_.async_wait(net::kTuple);
    }
}

void StreamSide::send(const Message& message) {
    if (message.text) {
        socket_->send(message.payload);
    } else {
        socket_->send_binary(message.payload);
    }
    sent_at_ = Steady::now();
}

/// Samples that may be sent by the service's pace.
std::size_t StreamSide::allowance() {
    if (service_->fastest <= 0) return kMostKept;
    const auto now = Steady::now();
    const std::chrono::duration<double> passed = now - allowance_at_;
    allowance_at_ = now;
    allowance_ =
        std::min(kBurst, allowance_ + passed.count() * service_->fastest * audio::kSampleRate);
    return static_cast<std::size_t>(std::max(allowance_, 0.0));
}

void StreamSide::send_sound() {
    if (said_end_) return;
    std::vector<std::int16_t> chunk;
    auto left = allowance();
    while (dialect_->takes_sound() && socket_->outbox_bytes() < kMostOutbox) {
        const auto size = std::min(service_->chunk_samples, waiting());
        if (size == 0 || size > left || (size < service_->chunk_samples && !finishing_)) break;
        const auto first = kept_.begin() + static_cast<std::ptrdiff_t>(sent_ - kept_from_);
        chunk.assign(first, first + static_cast<std::ptrdiff_t>(size));
        send(dialect_->sound(chunk));
        sent_ += size;
        left -= size;
        allowance_ -= static_cast<double>(size);
    }
    if (!finishing_ || waiting() > 0 || !dialect_->takes_sound()) return;
    said_end_ = true;
    for (const auto& message : dialect_->finish()) send(message);
    limit_.expires_after(times_.last_words);
}

// --- what it understood

milliseconds StreamSide::timeline(milliseconds in_session) const {
    const auto samples =
        static_cast<std::uint64_t>(std::max<std::int64_t>(in_session.count(), 0)) * kStreamPerMs;
    return milliseconds(time_.timeline(std::min(session_from_ + samples, time_.heard())) /
                        kStreamPerMs);
}

void StreamSide::take(Replies replies) {
    if (!running_ && dialect_->takes_sound()) {
        // With the first answer, not with the connection: a service may take one and go.
        running_ = true;
        failures_ = 0;
        if (std::exchange(was_lost_, false)) teller_->reconnected();
        teller_->status(end_, TranscriptionStatus::running, {});
    }
    for (auto& hearing : replies.heard) tell(std::move(hearing));
    if (replies.settled) {
        const auto place =
            session_from_ + static_cast<std::uint64_t>(replies.settled->count()) * kStreamPerMs;
        settled_ = std::max(settled_, std::min(place, sent_));
        trim();
    }
    if (!replies.failure) return;
    if (replies.failure->permanent) {
        fail_for_good(fmt::format("{}: {}", service_->people, replies.failure->what));
    } else {
        log::warning("transcript", "{}: {}", service_->people, replies.failure->what);
    }
}

void StreamSide::tell(Hearing hearing) {
    call::TranscriptPiece piece;
    piece.speaker = end_;
    piece.number = pieces_before_ + hearing.utterance;
    piece.final = hearing.final;
    piece.begin = timeline(hearing.begin);
    piece.end = timeline(hearing.end);
    piece.text = std::move(hearing.text);
    piece.confidence = hearing.confidence;
    piece.words = std::move(hearing.words);
    for (auto& word : piece.words) {
        word.begin = timeline(word.begin);
        word.end = timeline(word.end);
    }
    if (piece.final) {
        open_.erase(piece.number);
        last_final_ = std::max(last_final_, piece.number);
        const auto heard =
            std::min(session_from_ + static_cast<std::uint64_t>(hearing.end.count()) * kStreamPerMs,
                     time_.heard());
        teller_->took(milliseconds((time_.heard() - heard) / kStreamPerMs));
    } else {
        open_[piece.number] = piece;
    }
    last_number_ = std::max(last_number_, piece.number);
    teller_->piece(std::move(piece));
}

/// What was guessed last is what is known.
void StreamSide::close_open_pieces() {
    for (auto& [number, piece] : std::exchange(open_, {})) {
        piece.final = true;
        teller_->piece(std::move(piece));
    }
}

void StreamSide::lose(std::string reason) {
    running_ = false;
    was_lost_ = true;
    ++failures_;
    // Pieces before the last final one are not heard again.
    while (!open_.empty() && open_.begin()->first <= last_final_) {
        auto piece = std::move(open_.begin()->second);
        open_.erase(open_.begin());
        piece.final = true;
        teller_->piece(std::move(piece));
    }
    teller_->status(end_, TranscriptionStatus::lost, std::move(reason));
}

void StreamSide::fail_for_good(std::string reason) {
    done_ = true;
    limit_.cancel();
    ring();
    teller_->status(end_, TranscriptionStatus::failed, std::move(reason));
}

}  // namespace bridge::transcribers
