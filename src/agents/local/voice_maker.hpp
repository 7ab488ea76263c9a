#pragma once
// Text into sound. The voice itself lives elsewhere (speech/flite_voice.hpp) and is given to the
// agents by who puts the program together.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace bridge::agents::local {

/// 8 kHz mono. Thread: a worker; several at once.
using Synthesize = std::function<Result<std::vector<std::int16_t>>(const std::string& text)>;

/// `voice` without the silence it puts before and after a text, and with the last `remembered`
/// texts kept: a receptionist says the same few sentences all day.
Synthesize remembering(Synthesize voice, std::size_t remembered = 128);

}  // namespace bridge::agents::local
