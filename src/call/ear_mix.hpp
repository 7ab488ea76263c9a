#pragma once
// Who hears whom: every ear gets a mix of all voices but its own (mix-minus). Mute, whisper, hold
// and take-over are gains in this matrix, not code paths.
//
//             voices                        ears
//   phone ───────────────┬──▶ ( × gain ) ─▶ local speaker
//   agent, browser, … ───┘──▶ ( × gain ) ─▶ agent, listeners, …
//
// (The phone's own ear is the outbound line, which mixes and paces for itself.)

#include <array>
#include <boost/container/small_vector.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "audio/frame.hpp"
#include "base/clock.hpp"

namespace bridge::call {

/// The phone drives: each of its frames leaves at once, with whatever the other voices have
/// waiting. While the phone is silent on the wire, `tick` drives instead. Thread: the call's io
/// thread. No allocation per frame.
class EarMix {
public:
    using VoiceId = std::size_t;
    using EarId = std::size_t;
    static constexpr VoiceId kPhone = 0;  ///< always there
    static constexpr VoiceId kNone = ~std::size_t{0};
    /// Frames a voice may have waiting; more and its oldest is dropped and counted.
    static constexpr std::size_t kWaiting = 10;
    /// With no phone frame for this long, `tick` takes over the driving.
    static constexpr std::chrono::milliseconds kPhoneGone{60};

    EarMix();

    /// A voice other than the phone.
    VoiceId add_voice();
    /// It speaks no more; its place is taken by the next one.
    void remove_voice(VoiceId voice);
    /// `own`: the voice this ear must not hear (itself). The sink is forgotten when it is gone.
    EarId add_ear(std::weak_ptr<audio::AudioSink> sink, VoiceId own = kNone);
    void remove_ear(EarId ear);
    /// The ear must not hear this voice from now on.
    void set_own(EarId ear, VoiceId own);
    /// 0 silences, 1 is as it came. Takes effect over the next frame, without a click; at once
    /// where the ear has heard, or the voice has said, nothing yet.
    void set_gain(VoiceId voice, EarId ear, float gain);

    void write(VoiceId voice, const audio::AudioFrame& frame, Clock::Time now);
    /// Every 20 ms while the call has other voices than the phone.
    void tick(Clock::Time now);

    std::uint64_t dropped_frames() const { return dropped_; }

private:
    struct Gain {
        float now = 1.0F;
        float next = 1.0F;
    };
    /// Frames of one voice that no phone frame has picked up yet, as a ring.
    struct Voice {
        std::vector<audio::AudioFrame> frames;  ///< kWaiting of them, from its first on
        std::size_t first = 0;
        std::size_t count = 0;
        bool used = false;
        bool silent = true;  ///< it has said nothing so far
    };
    struct Ear {
        bool used = false;
        bool fresh = true;  ///< it has heard nothing so far
        std::weak_ptr<audio::AudioSink> sink;
        VoiceId own = kNone;
        /// One for each voice, the phone first; with a microphone and prompts there are three.
        boost::container::small_vector<Gain, 4> gains;
    };

    void drive(const audio::AudioFrame* phone, std::chrono::milliseconds at);

    Clock::Time last_phone_{};
    std::chrono::milliseconds next_at_{0};
    std::size_t waiting_ = 0;  ///< frames of all voices
    bool phone_seen_ = false;
    // The usual few lie here: a frame's way makes no detour over the heap.
    boost::container::small_vector<Ear, 2> ears_;
    std::vector<std::unique_ptr<Voice>> voices_;  ///< without the phone: voice n is voices_[n - 1]
    std::uint64_t dropped_ = 0;
};

}  // namespace bridge::call
