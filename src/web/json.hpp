#pragma once
// A call as JSON: the control API's answers and the command line's --json have the same keys.

#include <boost/json/object.hpp>

#include "call/desk.hpp"
#include "call/event.hpp"

namespace bridge::web {

boost::json::object call_json(const call::CallSnapshot& call);
/// With what only the desk knows, in "local": volume and solo.
boost::json::object call_json(const call::CallSnapshot& call, const call::Desk::Place& place);

}  // namespace bridge::web
