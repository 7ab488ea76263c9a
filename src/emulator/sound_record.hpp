#pragma once
// Sound of a call on the call's own timeline: byte n is what was there n/8 ms after the answer.

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "emulator/persona.hpp"

namespace bridge::emulator {

/// Seconds of nothing but silence take no room. The last hour is kept; what is older reads as
/// silence, so that the rest stays where it was.
class SoundRecord {
public:
    void add(const MulawFrame& frame);
    /// `frames` of 20 ms in which nothing came.
    void skip(std::size_t frames) { frames_ += frames; }
    /// Everything from the answer on.
    std::vector<std::uint8_t> all() const;
    std::size_t frames() const { return frames_; }
    void clear();

private:
    static constexpr std::size_t kFramesInBlock = 50;
    static constexpr std::size_t kKeptBlocks = 3600;
    using Block = std::array<std::uint8_t, kFramesInBlock * 160>;

    std::deque<std::unique_ptr<Block>> blocks_;  ///< a second each; none: silence
    std::size_t first_block_ = 0;                ///< seconds that are gone from the front
    std::size_t frames_ = 0;
};

}  // namespace bridge::emulator
