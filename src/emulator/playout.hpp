#pragma once
// What Twilio keeps for a bidirectional stream: the audio still to be played to the phone, in
// order, and the marks set in it.
//
//   media ─▶ [ 160 B being played | queued … │mark … │mark ] ─20 ms a tick─▶ phone
//
// Knows no clock: tick() is called every 20 ms.

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "emulator/persona.hpp"

namespace bridge::emulator {

class Playout {
public:
    /// Ten minutes; what comes beyond is dropped (Twilio's 31931).
    static constexpr std::size_t kCapacity = 10UL * 60 * 8000;
    static constexpr std::size_t kMaxMarks = 100'000;

    /// Queues mu-law of any length. False: some of it did not fit and was dropped.
    bool append(std::span<const std::uint8_t> mulaw);

    /// Sets a mark behind everything queued. True: nothing is queued or being played, so the mark
    /// is due at once and is not kept. Over kMaxMarks the mark counts as due at once too.
    bool mark(std::string name);

    /// Drops what is queued, what is being played included. Every outstanding mark, in order.
    std::vector<std::string> clear();

    /// 20 ms pass: the frame taken by the tick before has been played, so the marks up to its end
    /// are due and returned; then `out` is filled with the next 20 ms, 0xFF where there is nothing.
    std::vector<std::string> tick(MulawFrame& out);

    std::size_t queued_bytes() const { return bytes_.size() - head_; }
    std::size_t outstanding_marks() const { return marks_.size(); }
    /// Bytes handed to the phone since the stream began.
    std::uint64_t played_bytes() const { return taken_; }

private:
    struct Mark {
        std::uint64_t at;  ///< bytes that must have been played
        std::string name;
    };

    std::vector<std::string> due_marks();

    std::vector<std::uint8_t> bytes_;  ///< queued from head_ on
    std::size_t head_ = 0;
    std::uint64_t taken_ = 0;     ///< given to tick()'s caller, or dropped by clear()
    std::uint64_t finished_ = 0;  ///< of these, played to the end
    std::deque<Mark> marks_;
};

}  // namespace bridge::emulator
