#include "devices/line_mixer.hpp"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

namespace bridge::devices {
namespace {

constexpr float kKnee = 0.9F;
constexpr std::chrono::milliseconds kCallbackLimit{500};  // no callback of 10 ms takes longer

}  // namespace

float soft_limit(float x) noexcept {
    const auto size = std::abs(x);
    if (size <= kKnee) return x;
    const auto over = (size - kKnee) / (1.0F - kKnee);
    return std::copysign(kKnee + (1.0F - kKnee) * (over / (1.0F + over)), x);
}

bool LineMixer::attach(std::shared_ptr<audio::SpeakerLine> line, int sample_rate) {
    if (!line) return false;
    const std::lock_guard lock(mutex_);
    std::size_t free = kSlots;
    for (std::size_t i = 0; i < kSlots; ++i) {
        if (owners_[i] == line) return true;
        if (!owners_[i] && free == kSlots) free = i;
    }
    if (free == kSlots) return false;
    line->prepare(sample_rate);
    slots_[free].store(line.get());
    owners_[free] = std::move(line);
    return true;
}

void LineMixer::detach(const std::shared_ptr<audio::SpeakerLine>& line) {
    if (!line) return;
    const std::lock_guard lock(mutex_);
    const auto found = std::find(owners_.begin(), owners_.end(), line);
    if (found == owners_.end()) return;
    slots_[static_cast<std::size_t>(found - owners_.begin())].store(nullptr);
    wait_for_callback();
    found->reset();
}

// A callback that begins after the store sees the empty slot: only one that is inside right now
// matters.
void LineMixer::wait_for_callback() noexcept {
    const auto pass = passes_.load();
    if (pass % 2 == 0) return;
    const auto limit = std::chrono::steady_clock::now() + kCallbackLimit;
    while (passes_.load() == pass) {
        if (std::chrono::steady_clock::now() > limit) {
            // The device's thread is stuck (or was killed) in the middle. It may still hold any
            // line: none of those may ever be freed.
            for (const auto& owner : owners_)
                if (owner) stuck_.push_back(owner);
            return;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
}

std::size_t LineMixer::size() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        owners_.begin(), owners_.end(), [](const auto& owner) { return owner != nullptr; }));
}

template <class Render>
void LineMixer::for_each_line(Render render) noexcept {
    passes_.fetch_add(1);
    bool panned = false;
    for (auto& slot : slots_) {
        auto* line = slot.load();
        if (!line) continue;
        render(*line);
        panned = panned || line->panned();
    }
    panned_ = panned;
    passes_.fetch_add(1);
}

void LineMixer::render(std::span<float> out, int sample_rate, Clock::Time now) noexcept {
    std::fill(out.begin(), out.end(), 0.0F);
    for_each_line([&](audio::SpeakerLine& line) noexcept {
        line.render(out.data(), out.size(), sample_rate, now);
    });
    for (auto& x : out) x = soft_limit(x);
}

void LineMixer::render(std::span<float> left, std::span<float> right, int sample_rate,
                       Clock::Time now) noexcept {
    std::fill(left.begin(), left.end(), 0.0F);
    std::fill(right.begin(), right.end(), 0.0F);
    for_each_line([&](audio::SpeakerLine& line) noexcept {
        line.render(left.data(), right.data(), left.size(), sample_rate, now);
    });
    for (auto& x : left) x = soft_limit(x);
    for (auto& x : right) x = soft_limit(x);
}

void LineMixer::render(std::span<std::int16_t> out, int sample_rate, Clock::Time now) noexcept {
    std::array<float, 512> mixed;
    while (!out.empty()) {
        const auto block = std::span(mixed).first(std::min(out.size(), mixed.size()));
        render(block, sample_rate, now);
        for (std::size_t i = 0; i < block.size(); ++i)
            out[i] = static_cast<std::int16_t>(std::lrint(block[i] * 32767.0F));
        out = out.subspan(block.size());
    }
}

}  // namespace bridge::devices
