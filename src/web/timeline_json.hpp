#pragma once
// A call's timeline as the control API shows it.

#include <chrono>
#include <string>

#include "base/ids.hpp"
#include "call/timeline.hpp"

namespace bridge::web {

/// `now`: the call's age, or how long it was.
std::string timeline_text(const CallId& id, const call::Timeline& timeline,
                          std::chrono::milliseconds now);

}  // namespace bridge::web
