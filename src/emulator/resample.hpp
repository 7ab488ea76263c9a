#pragma once
// Any sample rate to the telephone's 8 kHz.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace bridge::emulator {

/// Mono sound in pieces, kept in step across them; the filter's delay is taken out at both ends.
class ToTelephoneRate {
public:
    /// `rate` in Hz, 1 000 … 384 000. At 8 000 samples pass unchanged.
    explicit ToTelephoneRate(int rate);
    ~ToTelephoneRate();
    ToTelephoneRate(const ToTelephoneRate&) = delete;
    ToTelephoneRate& operator=(const ToTelephoneRate&) = delete;

    /// Samples of 16-bit size (±32768), appended to `out` at 8 kHz.
    void write(std::span<const float> samples, std::vector<float>& out);
    /// The rest that was still in the filter: together exactly length × 8000 / rate samples,
    /// rounded.
    void finish(std::vector<float>& out);

private:
    struct Filter;
    std::unique_ptr<Filter> filter_;
    int rate_;
    std::uint64_t taken_ = 0, given_ = 0;
};

/// Rounds and clips to 16 bits, then mu-law.
std::vector<std::uint8_t> mulaw_from_float(std::span<const float> samples);

}  // namespace bridge::emulator
