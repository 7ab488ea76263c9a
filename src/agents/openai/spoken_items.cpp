#include "agents/openai/spoken_items.hpp"

#include <algorithm>

namespace bridge::agents {
namespace {

constexpr std::size_t kItems = 64;
constexpr std::size_t kSilenced = 64;

}  // namespace

SpokenItem& SpokenItems::at(std::uint64_t session, std::string_view response,
                            std::string_view item) {
    const auto found = std::find_if(items_.rbegin(), items_.rend(), [&](const SpokenItem& one) {
        return one.session == session && one.item == item;
    });
    if (found != items_.rend()) return *found;
    if (items_.size() == kItems) items_.pop_front();
    SpokenItem fresh;
    fresh.session = session;
    fresh.response = response;
    fresh.item = item;
    items_.push_back(std::move(fresh));
    return items_.back();
}

SpokenItem* SpokenItems::find(call::UtteranceId utterance) {
    const auto found = std::find_if(items_.rbegin(), items_.rend(), [&](const SpokenItem& one) {
        return one.utterance == utterance && utterance != 0;
    });
    return found == items_.rend() ? nullptr : &*found;
}

bool SpokenItems::speaking() const {
    return std::any_of(items_.begin(), items_.end(),
                       [](const SpokenItem& one) { return one.utterance != 0 && !one.over; });
}

void SpokenItems::silence(std::string_view response) {
    if (response.empty() || is_silenced(response)) return;
    if (silenced_.size() == kSilenced) silenced_.pop_front();
    silenced_.emplace_back(response);
}

bool SpokenItems::is_silenced(std::string_view response) const {
    return std::find(silenced_.begin(), silenced_.end(), response) != silenced_.end();
}

void SpokenItems::clear() {
    items_.clear();
    silenced_.clear();
}

}  // namespace bridge::agents
