#include "audio/time_cut.hpp"

#include <algorithm>
#include <cmath>

namespace bridge::audio {

std::size_t quiet_run(std::span<const float> x, float level) noexcept {
    constexpr float kQuiet = 0.00316F;  // -50 dBFS
    const auto limit = std::max(kQuiet, level * 0.1F);
    std::size_t run = 0;
    while (run + kCutBlend <= x.size()) {
        float energy = 0;
        for (std::size_t i = 0; i < kCutBlend; ++i) energy += x[run + i] * x[run + i];
        if (energy > limit * limit * static_cast<float>(kCutBlend)) break;
        run += kCutBlend;
    }
    return run;
}

std::size_t best_cut(std::span<const float> x, std::size_t min, std::size_t max) noexcept {
    std::size_t best = max;
    float best_likeness = -2;
    float energy_here = 1e-9F;
    for (std::size_t i = 0; i < kCutBlend; ++i) energy_here += x[i] * x[i];
    for (auto distance = min; distance <= max; ++distance) {
        float sum = 0;
        float energy = 1e-9F;
        for (std::size_t i = 0; i < kCutBlend; ++i) {
            sum += x[i] * x[distance + i];
            energy += x[distance + i] * x[distance + i];
        }
        const auto likeness = sum / std::sqrt(energy * energy_here);
        // Of equals the farthest: it takes fewer cuts.
        if (likeness >= best_likeness) {
            best_likeness = likeness;
            best = distance;
        }
    }
    return best;
}

}  // namespace bridge::audio
