#include "emulator/personas/unreachable.hpp"

namespace bridge::emulator {

Persona::Speech Silent::say(MulawFrame&) {
    // Answered against its nature: nobody is there.
    return options().reaction.kind == Reaction::Kind::answer ? Speech::silent : Speech::hung_up;
}

}  // namespace bridge::emulator
