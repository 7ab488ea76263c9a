#include "agents/stream_bot/mark_book.hpp"

#include <algorithm>
#include <utility>

namespace bridge::agents {

std::size_t MarkBook::speak(std::span<const std::int16_t> samples) {
    const auto voice = voice_;  // `close` may come from inside
    if (!voice) return 0;
    if (!growing_ && next_ == 0) next_ = voice->begin();
    if (!growing_ && next_ == 0) return 0;  // the session is over
    // The book first: the line may tell that the utterance is over from inside `write`.
    const bool fresh = !growing_;
    if (fresh) {
        spoken_.push_back(std::exchange(next_, 0));
        growing_ = true;
    }
    const auto taken = voice->write(samples);
    if (taken == 0 && fresh && growing_) {  // no sound in it: nobody needs to wait for it
        next_ = spoken_.back();
        spoken_.pop_back();
        growing_ = false;
    }
    return taken;
}

bool MarkBook::mark(std::string_view name) {
    if (marks_.size() >= kMostMarks) return false;
    marks_.push_back({std::string(name), spoken_.empty() ? 0 : spoken_.back()});
    if (growing_ && spoken_.size() < kMostUtterances) finish_current();
    echo_due();
    return true;
}

void MarkBook::finish_current() {
    growing_ = false;
    // The line joins the two without a gap, and says at once if the first has been played already.
    if (const auto voice = voice_) next_ = voice->begin();
}

void MarkBook::clear() {
    growing_ = false;
    next_ = 0;
    spoken_.clear();
    if (const auto voice = voice_) voice->cancel();
    echo_due();
}

void MarkBook::over(call::UtteranceId utterance, bool lost) {
    const auto found = std::find(spoken_.begin(), spoken_.end(), utterance);
    if (found == spoken_.end()) return;
    if (found + 1 == spoken_.end()) growing_ = false;
    spoken_.erase(found);
    while (lost && !marks_.empty() && marks_.front().after <= utterance) marks_.pop_front();
    echo_due();
    // Marks that share the utterance under way, because there were too many.
    const bool shared = growing_ && !marks_.empty() && marks_.back().after == spoken_.back();
    if (shared && spoken_.size() < kMostUtterances) finish_current();
}

void MarkBook::echo_due() {
    while (!marks_.empty() && (spoken_.empty() || marks_.front().after < spoken_.front())) {
        const auto name = std::move(marks_.front().name);
        marks_.pop_front();
        echo_(name);
    }
}

void MarkBook::close(bool forget) {
    marks_.clear();
    spoken_.clear();
    growing_ = false;
    const auto voice = std::exchange(voice_, nullptr);
    if (!voice) return;
    if (forget) {
        voice->cancel();
    } else {
        voice->end();
    }
}

}  // namespace bridge::agents
