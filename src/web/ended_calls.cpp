#include "web/ended_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace bridge::web {

bool is_newer(const CallPlace& left, const CallPlace& right) {
    return std::tie(left.created, left.id) > std::tie(right.created, right.id);
}

CallPlace place_of(const call::CallSnapshot& call) {
    return {call.created, call.id};
}

std::string format_cursor(const CallPlace& place) {
    return fmt::format("{}.{}", place.created.time_since_epoch().count(), place.id);
}

std::optional<CallPlace> parse_cursor(std::string_view text) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos || text.size() > 80) return std::nullopt;
    std::chrono::system_clock::rep count = 0;
    const auto* const end = text.data() + dot;
    const auto [stopped, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc() || stopped != end) return std::nullopt;
    using Time = std::chrono::system_clock::time_point;
    return CallPlace{Time(Time::duration(count)), CallId(std::string(text.substr(dot + 1)))};
}

void EndedCalls::keep(call::CallSnapshot call) {
    if (calls_.size() == kKept) calls_.pop_front();
    calls_.push_back(std::move(call));
}

std::vector<call::CallSnapshot> EndedCalls::page(const CallQuery& query) const {
    std::vector<const call::CallSnapshot*> found;
    for (const auto& call : calls_) {
        if (query.state && call.state != *query.state) continue;
        if (query.since && call.created < *query.since) continue;
        if (query.after && !is_newer(*query.after, place_of(call))) continue;
        found.push_back(&call);
    }
    const auto count = std::min(found.size(), query.limit);
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count),
                      found.end(), [](const auto* left, const auto* right) {
                          return is_newer(place_of(*left), place_of(*right));
                      });
    std::vector<call::CallSnapshot> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) out.push_back(*found[i]);
    return out;
}

const call::CallSnapshot* EndedCalls::find(std::string_view id_or_sid) const {
    const auto found = std::find_if(calls_.rbegin(), calls_.rend(), [&](const auto& call) {
        return call.id.str() == id_or_sid || call.sid.str() == id_or_sid;
    });
    return found == calls_.rend() ? nullptr : &*found;
}

}  // namespace bridge::web
