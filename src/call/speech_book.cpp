#include "call/speech_book.hpp"

#include <algorithm>

#include "call/playout_estimate.hpp"

namespace bridge::call {

UtteranceId SpeechBook::begin() {
    Utterance one;
    one.id = ++last_;
    utterances_.push_back(std::move(one));
    return last_;
}

void SpeechBook::received(UtteranceId id, std::uint64_t samples) {
    if (auto* one = find(id)) one->received += samples;
}

void SpeechBook::sent(UtteranceId id, std::uint64_t at, std::uint64_t samples) {
    auto* one = find(id);
    if (one == nullptr || samples == 0) return;
    one->sent += samples;
    auto& segments = one->segments;
    if (!segments.empty() && segments.back().at + segments.back().length == at) {
        segments.back().length += samples;
    } else {
        segments.push_back({at, samples});
    }
}

void SpeechBook::dropped(UtteranceId id, std::uint64_t samples) {
    if (auto* one = find(id)) one->dropped += samples;
}

void SpeechBook::forgotten(UtteranceId id, std::uint64_t waiting) {
    auto* one = find(id);
    if (one == nullptr) return;
    one->dropped += waiting;
    if (waiting > 0) one->outcome = SpeechOutcome::cleared;
    one->ended = true;
}

void SpeechBook::ended(UtteranceId id) {
    if (auto* one = find(id)) one->ended = true;
}

void SpeechBook::settle(std::uint64_t position) {
    for (auto& one : utterances_) {
        while (!one.segments.empty() &&
               one.segments.front().at + one.segments.front().length <= position) {
            one.heard += one.segments.front().length;
            one.segments.erase(one.segments.begin());
        }
        if (one.outcome == SpeechOutcome::pending && one.ended && one.segments.empty() &&
            one.sent + one.dropped == one.received) {
            one.outcome = SpeechOutcome::played;
        }
    }
}

void SpeechBook::cut(std::uint64_t position, SpeechOutcome outcome) {
    for (auto& one : utterances_) {
        if (one.segments.empty()) continue;
        const auto heard = heard_of(one, position);
        const auto unheard = heard < one.sent;
        one.heard = heard;
        one.segments.clear();
        if (unheard) one.outcome = outcome;
    }
}

void SpeechBook::unsend(std::uint64_t position) {
    for (auto& one : utterances_) {
        auto& segments = one.segments;
        while (!segments.empty() && segments.back().at + segments.back().length > position) {
            auto& last = segments.back();
            const auto kept = position > last.at ? position - last.at : 0;
            one.sent -= last.length - kept;
            one.dropped += last.length - kept;
            last.length = kept;
            if (one.outcome == SpeechOutcome::pending) one.outcome = SpeechOutcome::lost;
            if (kept == 0) segments.pop_back();
        }
    }
}

std::optional<Heard> SpeechBook::heard(UtteranceId id, std::uint64_t position) const {
    const auto* one = find(id);
    if (one == nullptr) return std::nullopt;
    return describe(*one, position);
}

std::optional<std::pair<UtteranceId, Heard>> SpeechBook::take_finished(std::uint64_t position) {
    const auto found =
        std::find_if(utterances_.begin(), utterances_.end(), [](const Utterance& one) {
            return one.ended && !one.told && one.segments.empty() &&
                   one.outcome != SpeechOutcome::pending;
        });
    if (found == utterances_.end()) return std::nullopt;
    found->told = true;
    return std::pair(found->id, describe(*found, position));
}

SpeechBook::Utterance* SpeechBook::find(UtteranceId id) {
    const auto found = std::find_if(utterances_.begin(), utterances_.end(),
                                    [&](const Utterance& one) { return one.id == id; });
    return found == utterances_.end() ? nullptr : &*found;
}

const SpeechBook::Utterance* SpeechBook::find(UtteranceId id) const {
    const auto found = std::find_if(utterances_.begin(), utterances_.end(),
                                    [&](const Utterance& one) { return one.id == id; });
    return found == utterances_.end() ? nullptr : &*found;
}

std::uint64_t SpeechBook::heard_of(const Utterance& one, std::uint64_t position) {
    auto heard = one.heard;
    for (const auto& segment : one.segments) {
        if (position <= segment.at) break;
        heard += std::min(segment.length, position - segment.at);
    }
    return heard;
}

Heard SpeechBook::describe(const Utterance& one, std::uint64_t position) {
    Heard out;
    out.received = whole_ms(one.received);
    out.sent = whole_ms(one.sent);
    out.heard = std::min(out.sent, whole_ms(heard_of(one, position)));
    out.outcome = one.outcome;
    return out;
}

}  // namespace bridge::call
