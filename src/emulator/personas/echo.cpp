#include "emulator/personas/echo.hpp"

#include <algorithm>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {

Echo::Echo(PersonOptions options) : Person(std::move(options)) {
    MulawFrame silence;
    silence.fill(kMulawSilence);
    // It speaks before it hears in each 20 ms, so one frame is the least there can be.
    const auto frames = std::max<std::int64_t>(1, this->options().delay.count() / 20);
    heard_.assign(static_cast<std::size_t>(frames), silence);
}

void Echo::hear(const MulawFrame& frame) {
    heard_.push_back(frame);
}

Persona::Speech Echo::say(MulawFrame& out) {
    if (heard_.empty()) return Speech::silent;
    out = heard_.front();
    heard_.pop_front();
    const bool quiet = std::all_of(out.begin(), out.end(),
                                   [](std::uint8_t byte) { return (byte & 0x7FU) == 0x7FU; });
    return quiet ? Speech::silent : Speech::speaking;
}

}  // namespace bridge::emulator
