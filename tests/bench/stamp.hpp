#pragma once
// A frame's number and the time it was sent, written into its sound: each mu-law byte carries four
// bits. mu-law to PCM and back is exact for these bytes, so the mark is found wherever the frame
// comes out, and a frame whose sound was changed on the way has none.

#include <time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace bench {

struct Stamp {
    std::uint32_t call = 0;    ///< the driver's number of the call
    std::uint32_t number = 0;  ///< of the frame in its call, from 0
    std::uint64_t sent_ns = 0;
};

inline constexpr std::size_t kStampBytes = 4 + 8 + 8 + 16;
inline constexpr std::uint32_t kMagic = 0x6b17;

/// CLOCK_MONOTONIC: one clock for all processes of the machine.
inline std::uint64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(now.tv_nsec);
}

namespace stamp_detail {

inline void put(std::uint8_t*& at, std::uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i)
        *at++ = static_cast<std::uint8_t>(0x80U | ((value >> (4 * i)) & 15U));
}

inline bool get(const std::uint8_t*& at, std::uint64_t& value, int digits) {
    value = 0;
    bool good = true;
    for (int i = 0; i < digits; ++i) {
        const auto byte = *at++;
        good = good && (byte & 0xF0U) == 0x80U;
        value = value << 4U | (byte & 15U);
    }
    return good;
}

}  // namespace stamp_detail

inline void write_stamp(const Stamp& stamp, std::span<std::uint8_t, kStampBytes> out) {
    auto* at = out.data();
    stamp_detail::put(at, kMagic, 4);
    stamp_detail::put(at, stamp.call, 8);
    stamp_detail::put(at, stamp.number, 8);
    stamp_detail::put(at, stamp.sent_ns, 16);
}

inline std::optional<Stamp> read_stamp(std::span<const std::uint8_t, kStampBytes> in) {
    const auto* at = in.data();
    std::uint64_t magic = 0, call = 0, number = 0, sent = 0;
    const bool good = stamp_detail::get(at, magic, 4) && stamp_detail::get(at, call, 8) &&
                      stamp_detail::get(at, number, 8) && stamp_detail::get(at, sent, 16);
    if (!good || magic != kMagic) return std::nullopt;
    return Stamp{static_cast<std::uint32_t>(call), static_cast<std::uint32_t>(number), sent};
}

}  // namespace bench
