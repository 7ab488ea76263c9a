#include "agents/openai/conversation.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::agents {
namespace {

// An item costs its record as well; a service that names thousands of empty ones gains nothing.
constexpr std::size_t kItems = 400;
constexpr std::size_t kLongest = 4000;

}  // namespace

std::string_view within(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
    return text.substr(0, bytes);
}

std::string heard_part(std::string_view text, double part) {
    if (!(part > 0.0)) return {};
    if (part >= 1.0) return std::string(text);
    const auto wanted =
        static_cast<std::size_t>(std::floor(part * static_cast<double>(text.size())));
    const auto cut = within(text, wanted);
    const bool word_ends = cut.size() == text.size() || text[cut.size()] == ' ';
    if (word_ends) return std::string(cut);
    const auto space = cut.rfind(' ');
    return std::string(space == std::string_view::npos ? cut : cut.substr(0, space));
}

Conversation::Item& Conversation::at(Kind kind, std::string_view id) {
    const auto found = std::find_if(items_.rbegin(), items_.rend(), [&](const Item& item) {
        return item.kind == kind && item.id == id;
    });
    if (found != items_.rend()) return *found;
    items_.push_back({kind, std::string(id), {}, {}, false});
    return items_.back();
}

void Conversation::add(Item item) {
    item.text = within(item.text, kLongest);
    held_ += item.text.size();
    items_.push_back(std::move(item));
    trim();
}

void Conversation::set(Kind kind, std::string_view id, std::string_view text) {
    auto& item = at(kind, id);
    held_ -= item.text.size();
    item.text = within(text, kLongest);
    held_ += item.text.size();
    trim();
}

void Conversation::append(Kind kind, std::string_view id, std::string_view text) {
    auto& item = at(kind, id);
    const auto more = within(text, kLongest - std::min(kLongest, item.text.size()));
    item.text += more;
    held_ += more.size();
    trim();
}

const Conversation::Item* Conversation::find(Kind kind, std::string_view id) const {
    for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
        if (item->kind == kind && item->id == id) return &*item;
    }
    return nullptr;
}

bool Conversation::begun() const {
    return std::any_of(items_.begin(), items_.end(), [](const Item& item) {
        return item.kind != Kind::note && !item.text.empty();
    });
}

void Conversation::forget_carried() {
    for (auto& item : items_) item.carried = false;
}

void Conversation::clear() {
    items_.clear();
    held_ = 0;
}

void Conversation::trim() {
    while (items_.size() > 1 && (held_ > characters_ || items_.size() > kItems)) {
        const auto gone = std::move(items_.front());
        items_.pop_front();
        held_ -= gone.text.size();
        if (gone.kind != Kind::call) continue;
        // The service refuses a result whose call it never heard of.
        const auto orphan = std::find_if(items_.begin(), items_.end(), [&](const Item& item) {
            return item.kind == Kind::result && item.id == gone.id;
        });
        if (orphan == items_.end()) continue;
        held_ -= orphan->text.size();
        items_.erase(orphan);
    }
}

}  // namespace bridge::agents
