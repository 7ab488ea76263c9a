#include "web/transcript_book.hpp"

#include <algorithm>
#include <utility>

namespace bridge::web {

TranscriptBook::Entry& TranscriptBook::entry(const CallId& call) {
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                    [&](const Entry& one) { return one.call == call; });
    if (found != entries_.rend()) return *found;
    entries_.push_back({call, {}, {}, false});
    return entries_.back();
}

void TranscriptBook::take(const call::CallEvent& event) {
    if (const auto* changed = std::get_if<call::event::TranscriptionChanged>(&event.what)) {
        auto& one = entry(event.call);
        const auto& state = changed->transcription;
        if (!state.engine.empty()) one.engine = state.engine;
        one.complete = state.status == call::TranscriptionStatus::off && state.reason.empty();
        forget_old();
    } else if (const auto* heard = std::get_if<call::event::Transcribed>(&event.what)) {
        auto& pieces = entry(event.call).pieces;
        bytes_ -= pieces.bytes();
        pieces.take(heard->piece);
        bytes_ += pieces.bytes();
        forget_old();
    }
}

void TranscriptBook::put(call::TranscriptDocument document) {
    auto& one = entry(document.call);
    bytes_ -= one.pieces.bytes();
    one.engine = std::move(document.engine);
    one.pieces = {};
    for (const auto& piece : document.pieces) one.pieces.take(piece);
    one.complete = document.complete;
    bytes_ += one.pieces.bytes();
    forget_old();
}

std::optional<call::TranscriptDocument> TranscriptBook::find(const CallId& call) const {
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                    [&](const Entry& one) { return one.call == call; });
    if (found == entries_.rend()) return std::nullopt;
    call::TranscriptDocument out;
    out.call = call;
    out.engine = found->engine;
    out.pieces = found->pieces.pieces();
    out.dropped = found->pieces.dropped();
    out.complete = found->complete && out.dropped == 0;
    return out;
}

void TranscriptBook::forget_old() {
    while (entries_.size() > 1 && (entries_.size() > kKept || bytes_ > kMostBytes)) {
        bytes_ -= entries_.front().pieces.bytes();
        entries_.pop_front();
    }
}

}  // namespace bridge::web
