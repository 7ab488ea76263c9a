#include "emulator/sound_record.hpp"

#include <algorithm>

#include "emulator/mulaw.hpp"

namespace bridge::emulator {

void SoundRecord::add(const MulawFrame& frame) {
    const auto place = frames_++;
    const bool silent = std::all_of(frame.begin(), frame.end(),
                                    [](std::uint8_t byte) { return byte == kMulawSilence; });
    if (silent) return;
    const auto block = place / kFramesInBlock;
    while (first_block_ + blocks_.size() <= block) blocks_.emplace_back();
    while (blocks_.size() > kKeptBlocks) {
        blocks_.pop_front();
        ++first_block_;
    }
    auto& second = blocks_[block - first_block_];
    if (!second) {
        second = std::make_unique<Block>();
        second->fill(kMulawSilence);
    }
    const auto at = (place % kFramesInBlock) * frame.size();
    std::copy(frame.begin(), frame.end(), second->begin() + static_cast<std::ptrdiff_t>(at));
}

std::vector<std::uint8_t> SoundRecord::all() const {
    std::vector<std::uint8_t> out(frames_ * std::tuple_size_v<MulawFrame>, kMulawSilence);
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
        if (!blocks_[k]) continue;
        const auto at = (first_block_ + k) * std::tuple_size_v<Block>;
        const auto size = std::min(std::tuple_size_v<Block>, out.size() - at);
        std::copy_n(blocks_[k]->begin(), size, out.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return out;
}

void SoundRecord::clear() {
    blocks_.clear();
    first_block_ = 0;
    frames_ = 0;
}

}  // namespace bridge::emulator
