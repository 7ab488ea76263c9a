#pragma once
// Flite keeps its state in globals. The bridge and the emulator each speak with it, in the demo in
// one process: they take turns.

#include <mutex>

namespace bridge {

/// Held while any function of Flite runs.
inline std::mutex& flite_turn() {
    static std::mutex turn;
    return turn;
}

}  // namespace bridge
