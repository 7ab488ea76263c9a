#include "call/carrier_time.hpp"

#include "audio/frame.hpp"
#include "call/playout_estimate.hpp"

namespace bridge::call {

namespace {

constexpr auto kPerMs = static_cast<std::int64_t>(audio::kSamplesPerMs);
/// A timestamp that is off by no more is rounding.
constexpr std::int64_t kRounding = 10 * kPerMs;
/// Frames that come later than this after the last one have stopped coming.
constexpr std::int64_t kStopped = 200 * kPerMs;
/// The same, where a frame that comes late is still wanted.
constexpr std::int64_t kLongestStall = 5000 * kPerMs;
/// The shortest transit ages by 500 parts in a million: no two clocks run further apart.
constexpr std::int64_t kAgeing = 2000;

}  // namespace

std::int64_t CarrierTime::by_clock(Clock::Time time) const {
    if (!began_) return 0;
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(time - *began_).count();
    return micros * kPerMs / 1000;
}

void CarrierTime::begin_stream(Clock::Time now) {
    if (!began_) began_ = now;
    stream_clock_ = by_clock(now);
    offset_.reset();
}

std::optional<std::uint64_t> CarrierTime::frame(std::chrono::milliseconds timestamp,
                                                std::size_t samples, Clock::Time now) {
    const auto length = static_cast<std::int64_t>(samples);
    const auto arrival = by_clock(now);
    const auto in_stream = timestamp.count() * kPerMs;
    if (!offset_) {
        // The first stream is where the timeline begins; of a later one the first frame has been
        // under way for as long as the frames of the one before were.
        const bool first = !transit_ && next_ == 0;
        const auto begin = transit_ ? arrival - *transit_ - length - in_stream : stream_clock_;
        offset_ = first && stream_clock_ == 0 ? 0 : std::max(next_ - in_stream, begin);
    }
    auto at = *offset_ + in_stream;
    if (at < next_ - kRounding) return std::nullopt;
    if (at <= next_ + kRounding) at = next_;
    const auto took = arrival - (at + length);
    transit_ =
        transit_
            ? std::min(took, *transit_ + std::max<std::int64_t>(arrival - arrived_, 0) / kAgeing)
            : took;
    arrived_ = arrival;
    next_ = at + length;
    return static_cast<std::uint64_t>(at);
}

/// By the clock, as if a frame came at this moment, once none has come for longer than `patience`.
std::int64_t CarrierTime::place_at(Clock::Time now, std::int64_t patience) const {
    const auto clock = by_clock(now);
    if (offset_ && clock - arrived_ <= patience) return next_;
    return std::max(next_, clock - transit_.value_or(0));
}

std::uint64_t CarrierTime::now(Clock::Time now) const {
    return static_cast<std::uint64_t>(place_at(now, kStopped));
}

std::uint64_t CarrierTime::settled(Clock::Time now) const {
    const auto frame = static_cast<std::int64_t>(audio::kFrameSamples);
    return static_cast<std::uint64_t>(std::max(next_, place_at(now, kLongestStall) - frame));
}

}  // namespace bridge::call
