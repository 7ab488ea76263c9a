#pragma once
// What is kept of a call for whoever asks later: its sound both ways, the keys, the playout of its
// streams.

#include <cstdint>
#include <deque>
#include <memory>

#include "emulator/playout_book.hpp"
#include "emulator/sound_record.hpp"

namespace bridge::emulator {

/// Thread: the emulator's. Outlives the line that writes it.
struct CallTrace {
    struct Digit {
        char digit;
        std::int64_t at_ms;  ///< since the answer
    };
    static constexpr std::size_t kDigitsKept = 1000;
    static constexpr std::size_t kPlayoutsKept = 16;

    SoundRecord heard, said;
    std::deque<Digit> digits_heard, digits_pressed;
    /// Of the streams of <Connect>, the latest last.
    std::deque<std::shared_ptr<const PlayoutBook>> playouts;
};

}  // namespace bridge::emulator
