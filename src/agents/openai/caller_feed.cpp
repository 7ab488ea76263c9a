#include "agents/openai/caller_feed.hpp"

#include <algorithm>

#include "agents/openai/realtime_requests.hpp"
#include "audio/mulaw.hpp"

namespace bridge::agents {

bool CallerFeed::append(const Encoded& frame, RealtimeSession& to) {
    format_append(frame, text_);
    return to.send(text_);
}

bool CallerFeed::write(const audio::AudioFrame& frame, RealtimeSession* to) {
    Encoded encoded;
    audio::encode_mulaw(frame.pcm, encoded);
    if (to == nullptr) keep();
    if (!kept_.empty()) {
        kept_[frames_ % kKept] = encoded;
        if (frames_ - kept_from_ >= kKept) kept_from_ = frames_ - kKept + 1;
    }
    ++frames_;
    if (to == nullptr) return true;
    unsent_from_ = frames_;
    return append(encoded, *to);
}

void CallerFeed::keep() {
    if (!kept_.empty()) return;
    kept_.resize(kKept);
    kept_from_ = frames_;
}

bool CallerFeed::hand_over(RealtimeSession& to, std::uint64_t from) {
    auto next = std::min(from, unsent_from_);
    next = kept_.empty() ? frames_ : std::clamp(next, kept_from_, frames_);
    session_from_ = next;
    bool taken = true;
    for (; next < frames_ && taken; ++next) taken = append(kept_[next % kKept], to);
    unsent_from_ = frames_;
    kept_ = {};
    return taken;
}

void CallerFeed::reset() {
    kept_ = {};
    kept_from_ = frames_ = unsent_from_ = session_from_ = 0;
}

std::uint64_t CallerFeed::frame_at(std::uint64_t session_ms) const {
    const auto frame = session_ms / static_cast<std::uint64_t>(audio::kFrameTime.count());
    return std::min(session_from_ + frame, frames_);
}

}  // namespace bridge::agents
