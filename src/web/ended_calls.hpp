#pragma once
// The calls of this run that are over: what they were in the end, for lists and for whoever comes
// back to the page of one.

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "call/event.hpp"

namespace bridge::web {

/// A place in the list of calls, which begins with the newest.
struct CallPlace {
    std::chrono::system_clock::time_point created;
    CallId id;
};
/// Whether `left` comes before `right`.
bool is_newer(const CallPlace& left, const CallPlace& right);
CallPlace place_of(const call::CallSnapshot& call);
/// For a client to bring back; it says nothing to it.
std::string format_cursor(const CallPlace& place);
/// Nothing: it is none of ours.
std::optional<CallPlace> parse_cursor(std::string_view text);

struct CallQuery {
    std::optional<call::CallState> state;                        ///< that they ended in
    std::optional<std::chrono::system_clock::time_point> since;  ///< created then or later
    std::optional<CallPlace> after;                              ///< further down in the list
    std::size_t limit = 50;
};

/// Thread: the control plane's.
class EndedCalls {
public:
    static constexpr std::size_t kKept = 1000;

    void keep(call::CallSnapshot call);
    /// The newest first, at most `limit`.
    std::vector<call::CallSnapshot> page(const CallQuery& query) const;
    /// By CallId or CallSid; null: it is not known.
    const call::CallSnapshot* find(std::string_view id_or_sid) const;

private:
    std::deque<call::CallSnapshot> calls_;  ///< as they ended
};

}  // namespace bridge::web
