#pragma once
// How loud the far end must be to be a person, while we speak: on bad lines our own speech comes
// back, late and quieter. A rule of energy, with no likeness: the delay does not matter.

#include <array>
#include <cstddef>

#include "audio/frame.hpp"
#include "audio/level.hpp"
#include "base/clock.hpp"

namespace bridge::audio {

/// Pure. No allocation.
class EchoGuard {
public:
    /// Echo is looked for until so long after it was heard: two ways over a mobile network.
    static constexpr std::chrono::milliseconds kReach{600};
    static constexpr float kAssumedLossDb = 20;  ///< until a second of speech has told
    static constexpr float kMarginDb = 6;
    static constexpr float kLeastLossDb = 14, kMostLossDb = 36;

    /// A frame of ours, which the far end hears at `heard_at`: soon, as a rule.
    void spoke(const AudioFrame& frame, Clock::Time heard_at) noexcept;
    /// What was to be heard after `now` will not be: it was cut off.
    void cut(Clock::Time now) noexcept;
    /// What comes now is a person only above this; kSilenceDbfs when nothing of ours can come back.
    float least_dbfs(Clock::Time now, float margin_db = kMarginDb) noexcept;
    /// How loud that was which came then: to learn how much of ours comes back.
    void heard(float level_dbfs) noexcept;
    float loss_db() const noexcept { return loss_db_; }

private:
    static constexpr std::size_t kFrames = 64;       ///< 1.28 s: what was and what is on its way
    static constexpr std::size_t kBlockFrames = 50;  ///< of our speech
    static constexpr std::size_t kBlocks = 4;
    struct Spoken {
        Clock::Time at{};
        float dbfs = kSilenceDbfs;
    };

    std::array<Spoken, kFrames> spoken_{};
    std::size_t next_ = 0;
    Clock::Time latest_{};                   ///< of them
    float ours_ = kSilenceDbfs;              ///< most that may come back now
    std::array<float, kBlocks> returned_{};  ///< most that came back in a block, over what went
    std::size_t blocks_ = 0, next_block_ = 0, in_block_ = 0;
    float most_ = kSilenceDbfs;  ///< of the block that is being filled
    float loss_db_ = kAssumedLossDb;
};

}  // namespace bridge::audio
