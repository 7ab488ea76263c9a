#include "call/inbound_audio.hpp"

#include <algorithm>

namespace bridge::call {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

bool InboundAudio::count(std::uint64_t sequence) {
    if (sequence == 0) return true;  // the message carried none: nothing can be said
    if (last_sequence_ != 0 && sequence <= last_sequence_) {
        ++stats_.duplicates;
        return false;
    }
    if (last_sequence_ != 0) stats_.missed_messages += sequence - last_sequence_ - 1;
    last_sequence_ = sequence;
    return true;
}

bool InboundAudio::note(const input::Media& message, Clock::Time now) {
    if (!count(message.sequence)) return false;
    ++stats_.messages;
    stats_.bytes += message.mulaw.size();

    if (last_arrival_) {
        const auto silence = now - *last_arrival_;
        if (silence > kStall) {
            ++stats_.stalls;
            stats_.longest_stall_ms =
                std::max(stats_.longest_stall_ms, duration<double, std::milli>(silence).count());
        }
    }
    const auto since = last_arrival_ ? now - *last_arrival_ : Clock::Duration::zero();
    last_arrival_ = now;

    const microseconds timestamp = message.timestamp;
    const microseconds length{message.mulaw.size() * 1000 / audio::kSamplesPerMs};
    if (expected_ && timestamp > *expected_ + kGap) {
        ++stats_.gaps;
        stats_.lost_ms +=
            static_cast<std::uint64_t>(duration_cast<milliseconds>(timestamp - *expected_).count());
    }
    // The carrier's timestamps are whole milliseconds: small differences are rounding, not time.
    const auto rounding = expected_ ? std::chrono::abs(timestamp - *expected_) <= kGap : false;
    expected_ = (rounding ? *expected_ : timestamp) + length;

    const auto transit = now.time_since_epoch() - Clock::Duration(timestamp);
    if (best_transit_) {
        // The best one ages by 500 parts in a million, so that two clocks that run apart do not
        // make every frame late in the end.
        *best_transit_ += since / 2000;
        if (transit > *best_transit_ + kLate) ++stats_.late;
    }
    best_transit_ = best_transit_ ? std::min(*best_transit_, transit) : transit;
    return true;
}

}  // namespace bridge::call
