#include "stores/memory_calls.hpp"

#include <algorithm>
#include <utility>

#include "stores/search_text.hpp"

namespace bridge::stores {
namespace {

using call::CallQuery;
using call::StoredCall;

bool is_wanted(const StoredCall& call, const CallQuery& query) {
    if (query.which != CallQuery::Which::all &&
        call.ended.has_value() != (query.which == CallQuery::Which::ended))
        return false;
    if (query.state && call.state != *query.state) return false;
    if (query.since && call.created < *query.since) return false;
    if (query.until && call.created >= *query.until) return false;
    if (query.direction && call.direction != *query.direction) return false;
    if (!query.number.empty() && call.to.find(query.number) == std::string::npos &&
        call.from.find(query.number) == std::string::npos)
        return false;
    return !query.after || is_newer(*query.after, place_of(call));
}

bool has_every_word(std::string_view body, const std::vector<std::string>& wanted) {
    const auto words = words_of(body);
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
        return std::any_of(words.begin(), words.end(),
                           [&](const TextWord& one) { return one.folded.starts_with(word); });
    });
}

}  // namespace

MemoryCalls::Kept* MemoryCalls::known(const CallId& call) {
    const auto found = std::find_if(calls_.rbegin(), calls_.rend(),
                                    [&](const Kept& one) { return one.call.id == call; });
    return found == calls_.rend() ? nullptr : &*found;
}

void MemoryCalls::add(Kept& to, const call::CallChange& change) {
    const bool transcribed = to.call.transcribed || !change.pieces.empty();
    to.call = change.call;
    to.call.transcribed = to.call.transcribed || transcribed;
    for (const auto& event : change.events) {
        const bool there = std::any_of(to.events.begin(), to.events.end(),
                                       [&](const auto& one) { return one.number == event.number; });
        if (!there) to.events.push_back(event);
    }
    auto& texts = to.texts;
    for (const auto& piece : change.pieces) {
        std::erase_if(texts.pieces, [&](const auto& one) {
            return one.speaker == piece.speaker && one.number == piece.number;
        });
        texts.pieces.push_back(piece);
    }
    std::sort(texts.pieces.begin(), texts.pieces.end(), is_said_before);
    texts.sayings.insert(texts.sayings.end(), change.sayings.begin(), change.sayings.end());
    texts.messages.insert(texts.messages.end(), change.messages.begin(), change.messages.end());
    if (!change.timeline.empty()) to.timeline = change.timeline;
}

Result<> MemoryCalls::write(const std::vector<call::CallChange>& changes) {
    for (const auto& given : changes) {
        auto change = given;
        clean(change);
        auto* kept = known(change.call.id);
        if (kept == nullptr) kept = &calls_.emplace_back();
        add(*kept, change);
    }
    auto over = static_cast<std::ptrdiff_t>(calls_.size()) - static_cast<std::ptrdiff_t>(kKept);
    for (auto call = calls_.begin(); over > 0 && call != calls_.end(); --over) {
        if (!call->call.ended) {
            ++call;
            continue;
        }
        call = calls_.erase(call);
        ++dropped_;
    }
    return {};
}

Result<std::vector<call::FoundCall>> MemoryCalls::page(const CallQuery& query) {
    std::vector<std::string> wanted;
    if (query.words) {
        wanted = wanted_words(*query.words);
        if (wanted.empty()) return std::vector<call::FoundCall>{};
    }
    std::vector<const Kept*> found;
    for (const auto& one : calls_) {
        if (!is_wanted(one.call, query)) continue;
        if (!wanted.empty() &&
            (!one.call.ended || !has_every_word(searched_body(one.call, one.texts), wanted)))
            continue;
        found.push_back(&one);
    }
    const auto count = std::min(found.size(), query.limit);
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count),
                      found.end(), [](const auto* left, const auto* right) {
                          return is_newer(place_of(left->call), place_of(right->call));
                      });
    std::vector<call::FoundCall> out;
    for (std::size_t i = 0; i < count; ++i) {
        call::FoundCall one{found[i]->call};
        if (!wanted.empty()) one.matches = find_matches(one.call, found[i]->texts, wanted);
        out.push_back(std::move(one));
    }
    return out;
}

Result<std::optional<StoredCall>> MemoryCalls::find(std::string_view id_or_sid) {
    const auto found = std::find_if(calls_.rbegin(), calls_.rend(), [&](const Kept& one) {
        return one.call.id.str() == id_or_sid ||
               (!one.call.sid.empty() && one.call.sid.str() == id_or_sid);
    });
    if (found == calls_.rend()) return std::optional<StoredCall>{};
    return std::optional(found->call);
}

Result<std::string> MemoryCalls::timeline(const CallId& call) {
    const auto* kept = known(call);
    return kept != nullptr ? kept->timeline : std::string();
}

Result<std::vector<call::StoredEvent>> MemoryCalls::events(const CallId& call) {
    const auto* kept = known(call);
    return kept != nullptr ? kept->events : std::vector<call::StoredEvent>{};
}

Result<std::vector<call::TranscriptPiece>> MemoryCalls::transcript(const CallId& call) {
    const auto* kept = known(call);
    return kept != nullptr ? kept->texts.pieces : std::vector<call::TranscriptPiece>{};
}

Result<bool> MemoryCalls::remove(const CallId& call) {
    return std::erase_if(calls_, [&](const Kept& one) { return one.call.id == call; }) > 0;
}

Result<std::vector<CallId>> MemoryCalls::ended_before(std::chrono::system_clock::time_point time,
                                                      std::size_t limit) {
    std::vector<const Kept*> found;
    for (const auto& one : calls_) {
        if (one.call.ended && *one.call.ended < time) found.push_back(&one);
    }
    std::sort(found.begin(), found.end(), [](const auto* left, const auto* right) {
        return left->call.created < right->call.created;
    });
    std::vector<CallId> out;
    for (const auto* one : found) {
        if (out.size() == limit) break;
        out.push_back(one->call.id);
    }
    return out;
}

Result<std::vector<StoredCall>> MemoryCalls::live() {
    std::vector<StoredCall> out;
    for (const auto& one : calls_) {
        if (!one.call.ended) out.push_back(one.call);
    }
    return out;
}

std::vector<call::CallChange> MemoryCalls::everything() const {
    std::vector<call::CallChange> all;
    for (const auto& one : calls_) {
        all.push_back({one.call, one.events, one.texts.pieces, one.texts.sayings,
                       one.texts.messages, one.timeline});
    }
    return all;
}

}  // namespace bridge::stores
