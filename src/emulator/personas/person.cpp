#include "emulator/personas/person.hpp"

#include "emulator/mulaw.hpp"

namespace bridge::emulator {

Persona::Speech Person::speak(MulawFrame& out) {
    out.fill(kMulawSilence);
    if (options_.max && on_the_line() >= *options_.max) return Speech::hung_up;
    const auto doing = say(out);
    ++frames_;
    return doing;
}

}  // namespace bridge::emulator
