#include "transcribers/cut_side.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/spawn.hpp"
#include "net/awaiting.hpp"

namespace bridge::transcribers {
namespace {

using asio::experimental::awaitable_operators::operator||;
using call::TranscriptionStatus;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::uint64_t kPerMs = audio::kSamplesPerMs;
/// An utterance that a server which is there refuses so often is left out.
constexpr int kMostTries = 4;

bool is_away(const Error& error) {
    return error.code == Errc::unreachable || error.code == Errc::timed_out ||
           error.code == Errc::connection_lost;
}

}  // namespace

CutSide::CutSide(asio::any_io_executor executor, call::LineEnd end, Understand understand,
                 std::shared_ptr<Teller> teller, CutTimes times)
    : executor_(std::move(executor)),
      end_(end),
      understand_(std::move(understand)),
      teller_(std::move(teller)),
      times_(times),
      more_(executor_, Steady::time_point::max()),
      limit_(executor_, Steady::time_point::max()) {}

void CutSide::sound(std::uint64_t at, std::span<const std::int16_t> samples) {
    if (done_ || finishing_) return;
    const auto silence = time_.before(at);
    time_.sound(at, samples.size());
    give_silence(silence);
    give(samples);
}

void CutSide::silence_to(std::uint64_t at) {
    if (done_ || finishing_) return;
    give_silence(time_.silence_to(at));
}

void CutSide::give_silence(std::uint64_t samples) {
    in_silence(samples, [this](auto silence) { give(silence); });
}

void CutSide::give(std::span<const std::int16_t> samples) {
    while (!samples.empty()) {
        const auto part = std::min(frame_.pcm.size() - filled_, samples.size());
        std::copy_n(samples.begin(), part,
                    frame_.pcm.begin() + static_cast<std::ptrdiff_t>(filled_));
        samples = samples.subspan(part);
        filled_ += part;
        if (filled_ == frame_.pcm.size()) cut();
    }
}

void CutSide::cut() {
    filled_ = 0;
    cut_to_ += frame_.pcm.size();
    if (cutter_.hear(frame_) == audio::UtteranceCutter::Event::ended) enqueue();
}

void CutSide::enqueue() {
    Utterance next;
    next.samples = cutter_.take();
    next.from = cut_to_ - std::min<std::uint64_t>(cut_to_, next.samples.size());
    waiting_ += next.samples.size();
    queue_.push_back(std::move(next));
    while (queue_.size() > kMostUtterances || (waiting_ > kMostSamples && queue_.size() > 1)) {
        waiting_ -= queue_.front().samples.size();
        teller_->missed(milliseconds(queue_.front().samples.size() / kPerMs));
        queue_.pop_front();
    }
    if (!std::exchange(begun_, true))
        spawn(executor_, "transcript of one side", run(shared_from_this()));
    more_.cancel();
}

void CutSide::finish() {
    if (std::exchange(finishing_, true)) return;
    if (cutter_.speaking()) enqueue();
    if (!begun_) {
        done_ = true;
        asio::post(executor_, [self = shared_from_this()] { self->teller_->ended(self->end_); });
        return;
    }
    limit_.expires_after(times_.last_words);
    more_.cancel();
}

asio::awaitable<void> CutSide::run(std::shared_ptr<CutSide> self) {
    co_await (work(self) || out_of_time(self));
    self->done_ = true;
    if (self->waiting_ > 0) self->teller_->missed(milliseconds(self->waiting_ / kPerMs));
    self->queue_.clear();
    self->waiting_ = 0;
    self->teller_->ended(self->end_);
}

asio::awaitable<void> CutSide::out_of_time(std::shared_ptr<CutSide> self) {
    while (self->limit_.expiry() > Steady::now()) co_await self->limit_.async_wait(net::kTuple);
}

asio::awaitable<void> CutSide::work(std::shared_ptr<CutSide> self) {
    for (;;) {
        if (self->queue_.empty()) {
            if (self->finishing_) co_return;
            self->more_.expires_at(Steady::time_point::max());
            co_await self->more_.async_wait(net::kTuple);
            continue;
        }
        // It stays at the head of the queue until it is understood; the queue may drop it
        // meanwhile.
        const auto from = self->queue_.front().from;
        auto samples = self->queue_.front().samples;
        const auto size = samples.size();
        auto asking = self->understand_(std::move(samples));
        auto answer = co_await std::move(asking);
        if (!answer && self->failed(answer.error())) co_return;
        const bool given_up = !answer && self->failures_ >= kMostTries && !is_away(answer.error());
        if (!answer && !given_up) {
            co_await pause(self);
            continue;
        }
        if (!self->queue_.empty() && self->queue_.front().from == from) {
            self->queue_.pop_front();
            self->waiting_ -= size;
        }
        if (given_up) {
            self->failures_ = 0;
            self->teller_->missed(milliseconds(size / kPerMs));
            continue;
        }
        self->failures_ = 0;
        if (std::exchange(self->lost_, false)) self->teller_->reconnected();
        if (!std::exchange(self->running_, true))
            self->teller_->status(self->end_, TranscriptionStatus::running, {});
        self->tell(from, size, std::move(*answer));
    }
}

/// Whether for good.
bool CutSide::failed(const Error& error) {
    running_ = false;
    lost_ = true;
    ++failures_;
    const bool for_good = error.code == Errc::unauthorized || error.code == Errc::bad_config;
    teller_->status(end_, for_good ? TranscriptionStatus::failed : TranscriptionStatus::lost,
                    error.message);
    return for_good;
}

asio::awaitable<void> CutSide::pause(std::shared_ptr<CutSide> self) {
    const auto doubled = self->times_.first_pause * (1 << std::min(self->failures_ - 1, 8));
    const auto until = Steady::now() + std::min<milliseconds>(doubled, self->times_.longest_pause);
    while (Steady::now() < until) {
        self->more_.expires_at(until);
        co_await self->more_.async_wait(net::kTuple);
    }
}

void CutSide::tell(std::uint64_t from, std::size_t samples, net::WhisperAnswer answer) {
    if (answer.text.empty()) return;
    const auto place = [&](milliseconds in_utterance) {
        const auto at = static_cast<std::uint64_t>(std::max<std::int64_t>(in_utterance.count(), 0));
        return milliseconds(time_.timeline(from + std::min<std::uint64_t>(at * kPerMs, samples)) /
                            kPerMs);
    };
    call::TranscriptPiece piece;
    piece.speaker = end_;
    piece.number = ++number_;
    piece.final = true;
    piece.text = std::move(answer.text);
    piece.begin = place(milliseconds(0));
    piece.end = place(milliseconds(samples / kPerMs));
    float sum = 0;
    std::size_t sure = 0;
    for (auto& word : answer.words) {
        if (word.confidence) {
            sum += *word.confidence;
            ++sure;
        }
        piece.words.push_back(
            {std::move(word.text), place(word.begin), place(word.end), word.confidence});
    }
    if (!piece.words.empty()) {
        piece.begin = piece.words.front().begin;
        piece.end = std::max(piece.words.back().end, piece.begin);
    }
    if (sure > 0) piece.confidence = sum / static_cast<float>(sure);
    const auto heard = std::min(from + samples, time_.heard());
    teller_->took(milliseconds((time_.heard() - heard) / kPerMs));
    teller_->piece(std::move(piece));
}

}  // namespace bridge::transcribers
