#include "web/placed_calls.hpp"

#include <algorithm>
#include <utility>

namespace bridge::web {
namespace {

constexpr std::size_t kKeyBytes = 255;

}  // namespace

bool PlacedCalls::is_key(std::string_view key) {
    return !key.empty() && key.size() <= kKeyBytes &&
           std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

const PlacedCalls::Placed* PlacedCalls::find(const std::string& key) const {
    const auto found = placed_.find(key);
    return found == placed_.end() ? nullptr : &found->second;
}

void PlacedCalls::remember(const std::string& key, Placed placed) {
    placed_.emplace(key, std::move(placed));
    order_.push_back(key);
    if (order_.size() <= kRemembered) return;
    placed_.erase(order_.front());
    order_.pop_front();
}

}  // namespace bridge::web
