#pragma once
// Text spoken by Flite's linked voice "slt": prompts of a few sentences, made once at start-up.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace bridge::speech {

/// English, 8 kHz mono, loud enough for a telephone. Takes some tens of milliseconds for each
/// second of speech: not for an io thread. Thread: any, one at a time (a lock sees to it).
/// Errors: too_large (over 4096 characters), internal (Flite made no sound of it).
Result<std::vector<std::int16_t>> synthesize(const std::string& text);

}  // namespace bridge::speech
