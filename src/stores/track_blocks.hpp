#pragma once
// Both sides of a call, which come apart and one later than the other, put together in blocks of
// 0.4 s for whoever writes them down.
//
//   far end  ▁▂▃▄▅▆│▇           a block leaves once nothing of it can come any more
//   near end ▁▂▃▄  │

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace bridge::stores {

/// What is never told is silence. Thread: one at a time.
class TrackBlocks {
public:
    static constexpr std::size_t kBlock = 3200;  ///< samples of each side
    /// Sound of one side is kept for so many blocks while the other side is missing.
    static constexpr std::size_t kMostOpen = 30;

    struct Block {
        std::uint64_t at = 0;     ///< on the recording's own time; what lies before it is silence
        std::size_t samples = 0;  ///< of each side
        std::array<std::int16_t, kBlock> far{}, near{};
    };
    using Take = std::function<void(std::unique_ptr<Block>)>;

    /// The recording begins at `begin` on the call's timeline; what lies before it is left out.
    TrackBlocks(std::uint64_t begin, Take take) : begin_(begin), take_(std::move(take)) {}

    void far_end(std::uint64_t at, std::span<const std::int16_t> samples);
    void near_end(std::uint64_t at, std::span<const std::int16_t> samples);
    void near_known(std::uint64_t at);
    /// From there on both sides are silence, also what comes only later; until `resume`.
    void pause(std::uint64_t at);
    void resume(std::uint64_t at);
    /// Nothing comes any more: the rest leaves.
    void finish();

private:
    enum class Side { far, near };
    void put(Side side, std::uint64_t at, std::span<const std::int16_t> samples);
    bool is_paused(std::uint64_t at) const;
    Block& block_of(std::uint64_t at);
    void leave(std::size_t samples);
    void leave_known();

    const std::uint64_t begin_;
    const Take take_;
    std::deque<std::unique_ptr<Block>> open_;  ///< one after the other, from first_ on
    std::uint64_t first_ = 0;                  ///< on the recording's own time, as all below
    std::uint64_t far_ = 0, near_ = 0;         ///< known up to there
    std::uint64_t end_ = 0;                    ///< of what was told
    std::deque<std::pair<std::uint64_t, std::uint64_t>> pauses_;
};

}  // namespace bridge::stores
