#include "agents/local/mouth.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "agents/local/sentences.hpp"
#include "audio/frame.hpp"

namespace bridge::agents::local {
namespace {

/// Calls a copy: who is told may stop the mouth, and with it what is being called.
template <class... A, class... B>
void tell(std::function<void(A...)> whom, const B&... what) {
    if (whom) whom(what...);
}

constexpr std::size_t kMostWaiting = 64;  // sentences: minutes of speech
constexpr std::size_t kMadeAhead = 3;

}  // namespace

Mouth::Mouth(WorkerPool& pool, asio::any_io_executor executor, Synthesize synthesize)
    : pool_(pool), executor_(std::move(executor)), synthesize_(std::move(synthesize)) {}

void Mouth::start(std::shared_ptr<call::VoiceSink> voice, Told told) {
    waiting_.clear();
    playing_.clear();
    told_over_ = true;
    voice_ = std::move(voice);
    told_ = std::move(told);
}

void Mouth::stop() {
    start(nullptr, {});
}

void Mouth::say(const std::string& text, std::uint64_t tag) {
    if (!voice_) return;
    for (auto& sentence : sentences_of(speakable(text))) {
        if (waiting_.size() == kMostWaiting) break;
        waiting_.push_back({std::move(sentence), tag, ++last_, false, false, {}});
        told_over_ = false;
    }
    make_more();
}

void Mouth::make_more() {
    std::size_t ahead = 0;
    for (auto& one : waiting_) {
        if (++ahead > kMadeAhead) return;
        if (one.asked) continue;
        one.asked = true;
        auto work = [synthesize = synthesize_, text = one.text] { return synthesize(text); };
        offload(pool_, executor_, std::move(work),
                [weak = weak_from_this(),
                 number = one.number](Result<std::vector<std::int16_t>> sound) {
                    if (const auto self = weak.lock()) self->made(number, std::move(sound));
                });
    }
}

void Mouth::made(std::uint64_t number, Result<std::vector<std::int16_t>> sound) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& one) { return one.number == number; });
    if (found == waiting_.end()) return;  // hushed meanwhile
    found->done = true;
    if (sound) {
        found->sound = std::make_shared<const std::vector<std::int16_t>>(std::move(*sound));
    } else {
        tell(told_.failed, sound.error().message);
    }
    play_ready();
}

void Mouth::play_ready() {
    while (voice_ && !waiting_.empty() && waiting_.front().done) {
        auto one = std::move(waiting_.front());
        waiting_.pop_front();
        if (!one.sound || one.sound->empty()) continue;
        // Not `play`: that would take the place of the sentence before it. The books are written
        // first, since the line may tell at once what became of an utterance.
        const auto voice = voice_;
        const auto id = voice->begin();
        playing_.push_back({id, one.text, one.tag, one.sound->size(), {}});
        tell(told_.speaks, one.text, id);
        voice->write(*one.sound);
        voice->end();
    }
    make_more();
    tell_if_over();
}

void Mouth::hush() {
    const bool sounding = !playing_.empty();
    waiting_.clear();
    playing_.clear();
    told_over_ = true;
    if (sounding && voice_) voice_->cancel();
}

void Mouth::spoken(call::UtteranceId utterance) {
    settle(utterance, std::numeric_limits<double>::infinity());
}

void Mouth::interrupted(call::UtteranceId utterance, const call::Heard& heard) {
    waiting_.clear();
    settle(utterance, static_cast<double>(heard.heard.count()) * audio::kSamplesPerMs);
}

/// What was cut off before it was sent is known at once, what was sent only when the far end has
/// told: so the books may be filled from behind, and are read out from the front.
void Mouth::settle(call::UtteranceId utterance, double samples_heard) {
    const auto found = std::find_if(playing_.begin(), playing_.end(),
                                    [&](const Playing& one) { return one.id == utterance; });
    if (found == playing_.end()) return;
    found->heard = std::min(1.0, samples_heard / static_cast<double>(found->samples));
    while (!playing_.empty() && playing_.front().heard) {
        const auto one = std::move(playing_.front());
        playing_.pop_front();
        tell(told_.heard, one.text, *one.heard, one.tag);
    }
    tell_if_over();
}

void Mouth::tell_if_over() {
    if (told_over_ || !silent()) return;
    told_over_ = true;
    tell(told_.over);
}

}  // namespace bridge::agents::local
