#pragma once
// Sound that is made when it is needed: a tone, a prompt, music that never ends.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace bridge::audio {

/// 8 kHz, mono. Thread: one.
class SampleSource {
public:
    virtual ~SampleSource() = default;
    /// Fills `out` and returns how much; less than asked is the end.
    virtual std::size_t read(std::span<std::int16_t> out) = 0;
};

/// Samples from memory, once or for ever.
class PcmSource final : public SampleSource {
public:
    PcmSource(std::shared_ptr<const std::vector<std::int16_t>> samples, bool loop)
        : samples_(std::move(samples)), loop_(loop) {}
    std::size_t read(std::span<std::int16_t> out) override {
        std::size_t done = 0;
        while (done < out.size() && !samples_->empty()) {
            if (at_ == samples_->size()) {
                if (!loop_) break;
                at_ = 0;
            }
            const auto part = std::min(out.size() - done, samples_->size() - at_);
            std::copy_n(samples_->data() + at_, part, out.data() + done);
            at_ += part;
            done += part;
        }
        return done;
    }

private:
    const std::shared_ptr<const std::vector<std::int16_t>> samples_;
    const bool loop_;
    std::size_t at_ = 0;
};

}  // namespace bridge::audio
