#include "call/speech_book.hpp"

#include <algorithm>
#include <utility>

#include "call/playout_estimate.hpp"

namespace bridge::call {

namespace {

/// Of a voice, with gaps between them, and not settled: a far end that answers no mark is no reason
/// to grow. They reach back much further than anything that can still be unheard.
constexpr std::size_t kMostSegments = 4096;

template <class T>
void push_growing(boost::circular_buffer<T>& ring, T value) {
    if (ring.full()) ring.set_capacity(ring.capacity() * 2);
    ring.push_back(std::move(value));
}

}  // namespace

SpeechBook::Lane& SpeechBook::open_lane() {
    return *lanes_.emplace_back(std::make_unique<Lane>());
}

void SpeechBook::close_lane(Lane& lane) {
    lane.open = false;
    drop_spent_lanes();
}

void SpeechBook::drop_spent_lanes() {
    std::erase_if(lanes_, [](const auto& lane) { return !lane->open && lane->segments.empty(); });
}

UtteranceId SpeechBook::begin(const Lane& lane) {
    if (unfinished_ == kMostUnfinished) lose_oldest();
    Utterance one;
    one.lane = &lane;
    utterances_.emplace(++last_, one);
    found_ = nullptr;
    ++unfinished_;
    return last_;
}

void SpeechBook::lose_oldest() {
    auto oldest = utterances_.end();
    for (auto one = utterances_.begin(); one != utterances_.end(); ++one) {
        if (one->second.finished) continue;
        if (oldest == utterances_.end() || one->first < oldest->first) oldest = one;
    }
    ++overflowed_;
    oldest->second.outcome = SpeechOutcome::lost;
    oldest->second.finished = true;
    --unfinished_;
    tell({News::What::finished, oldest->first});
}

void SpeechBook::received(UtteranceId id, std::uint64_t samples) {
    if (auto* one = find(id)) one->received += samples;
}

void SpeechBook::sent(Lane& lane, UtteranceId id, std::uint64_t at, std::uint64_t samples,
                      Clock::Time due) {
    if (samples == 0) return;
    if (auto* one = find(id)) {
        if (one->heard == 0 && one->unsettled == 0) one->first_due = due;
        one->sent += samples;
        one->unsettled += samples;
        if (!one->begun && (beginning_.empty() || beginning_.back() != id))
            push_growing(beginning_, id);
    }
    auto& segments = lane.segments;
    lane.unsettled += samples;
    if (!segments.empty() && segments.back().id == id &&
        segments.back().at + segments.back().length == at) {
        segments.back().length += samples;
        return;
    }
    if (segments.full() && segments.capacity() >= kMostSegments) {
        const auto oldest = segments.front();
        segments.pop_front();
        lane.unsettled -= oldest.length;
        credit(oldest, std::nullopt);
    }
    push_growing(segments, Segment{id, at, samples});
}

void SpeechBook::gave(Clock::Time now) {
    while (!beginning_.empty()) {
        const auto id = beginning_.front();
        beginning_.pop_front();
        auto* one = find(id);
        if (one == nullptr || std::exchange(one->begun, true)) continue;
        tell({News::What::began, id, now});
    }
}

void SpeechBook::unsend(std::uint64_t position) {
    beginning_.clear();
    for (auto& lane : lanes_) {
        for (;;) {
            const auto part = take_back(*lane, position, lane->unsettled);
            if (part.samples == 0) break;
            auto* one = find(part.id);
            if (one == nullptr) continue;
            one->dropped += part.samples;
            if (one->outcome == SpeechOutcome::pending) one->outcome = SpeechOutcome::lost;
            finish_if_over(part.id, *one);
        }
    }
}

void SpeechBook::dropped(UtteranceId id, std::uint64_t samples) {
    auto* one = find(id);
    if (one == nullptr) return;
    one->dropped += samples;
    finish_if_over(id, *one);
}

void SpeechBook::forgotten(UtteranceId id, std::uint64_t waiting) {
    auto* one = find(id);
    if (one == nullptr) return;
    one->dropped += waiting;
    if (waiting > 0) one->outcome = SpeechOutcome::cleared;
    one->ended = true;
    finish_if_over(id, *one);
}

void SpeechBook::ended(UtteranceId id) {
    auto* one = find(id);
    if (one == nullptr) return;
    one->ended = true;
    finish_if_over(id, *one);
}

void SpeechBook::settle(std::uint64_t position, Clock::Duration way) {
    for (auto& lane : lanes_) settle_lane(*lane, position, way);
    drop_spent_lanes();
}

void SpeechBook::settle_lane(Lane& lane, std::uint64_t position,
                             std::optional<Clock::Duration> way) {
    auto& segments = lane.segments;
    while (!segments.empty() && segments.front().at < position) {
        auto& front = segments.front();
        const auto part = std::min(front.length, position - front.at);
        const auto played = Segment{front.id, front.at, part};
        lane.unsettled -= part;
        front.at += part;
        front.length -= part;
        if (front.length == 0) segments.pop_front();
        credit(played, way);
    }
}

/// `part` was played.
void SpeechBook::credit(const Segment& part, std::optional<Clock::Duration> way) {
    auto* one = find(part.id);
    if (one == nullptr) return;
    one->heard += part.length;
    one->unsettled -= part.length;
    if (way && !std::exchange(one->heard_first, true))
        tell({News::What::heard_first, part.id, one->first_due + *way});
    finish_if_over(part.id, *one);
}

void SpeechBook::cut(std::uint64_t position, SpeechOutcome outcome) {
    for (auto& lane : lanes_) {
        settle_lane(*lane, position, std::nullopt);
        for (const auto& segment : lane->segments) {
            auto* one = find(segment.id);
            if (one == nullptr) continue;
            one->unsettled -= segment.length;
            one->outcome = outcome;
            // What waits of a lost one may be spoken yet, but nobody is to wait for that.
            finish_if_over(segment.id, *one, outcome == SpeechOutcome::lost);
        }
        lane->segments.clear();
        lane->unsettled = 0;
    }
    drop_spent_lanes();
}

SpeechBook::Stretch SpeechBook::take_back(Lane& lane, std::uint64_t position, std::uint64_t most) {
    if (lane.segments.empty()) return {};
    auto& last = lane.segments.back();
    const auto beyond =
        last.at + last.length - std::min(std::max(last.at, position), last.at + last.length);
    const auto part = std::min(beyond, most);
    if (part == 0) return {};
    const auto id = last.id;
    last.length -= part;
    lane.unsettled -= part;
    if (last.length == 0) lane.segments.pop_back();
    if (auto* one = find(id)) {
        one->sent -= part;
        one->unsettled -= part;
    }
    return {id, part};
}

std::optional<Heard> SpeechBook::heard(UtteranceId id, std::uint64_t position) const {
    const auto found = utterances_.find(id);
    if (found == utterances_.end()) return std::nullopt;
    return describe(id, found->second, position);
}

SpeechBook::News SpeechBook::take_news(std::uint64_t position) {
    auto news = news_.front();
    news_.pop_front();
    if (news.what != News::What::finished) return news;
    news.heard = describe(news.id, utterances_.at(news.id), position);
    if (remembered_.full()) utterances_.erase(remembered_.front());
    found_ = nullptr;
    remembered_.push_back(news.id);
    return news;
}

SpeechBook::Utterance* SpeechBook::find(UtteranceId id) {
    if (found_ != nullptr && found_id_ == id) return found_;
    const auto found = utterances_.find(id);
    if (found == utterances_.end()) return nullptr;
    found_id_ = id;
    return found_ = &found->second;
}

/// All of it is accounted for; or, if it is `gone`, nobody will tell of the rest.
void SpeechBook::finish_if_over(UtteranceId id, Utterance& one, bool gone) {
    if (one.finished || !one.ended || one.unsettled > 0) return;
    if (!gone && one.sent + one.dropped != one.received) return;
    if (one.outcome == SpeechOutcome::pending) one.outcome = SpeechOutcome::played;
    one.finished = true;
    --unfinished_;
    tell({News::What::finished, id});
}

void SpeechBook::tell(News news) {
    push_growing(news_, news);
}

std::uint64_t SpeechBook::heard_of(UtteranceId id, const Utterance& one,
                                   std::uint64_t position) const {
    auto heard = one.heard;
    if (one.unsettled == 0) return heard;
    for (const auto& segment : one.lane->segments) {
        if (position <= segment.at) break;
        if (segment.id == id) heard += std::min(segment.length, position - segment.at);
    }
    return heard;
}

Heard SpeechBook::describe(UtteranceId id, const Utterance& one, std::uint64_t position) const {
    Heard out;
    out.received = whole_ms(one.received);
    out.sent = whole_ms(one.sent);
    out.heard = std::min(out.sent, whole_ms(heard_of(id, one, position)));
    out.outcome = one.outcome;
    return out;
}

}  // namespace bridge::call
