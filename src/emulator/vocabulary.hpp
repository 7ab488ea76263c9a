#pragma once
// What may be asked of the emulator, in words for people who choose from a list.

#include <boost/json/object.hpp>

namespace bridge::emulator {

/// {"personas": [{"name", "description"}], "faults": [{"name", "description", "value"}]}; `value`
/// is one that is worth a try. docs/emulator.md has all of it.
boost::json::object vocabulary_json();

}  // namespace bridge::emulator
