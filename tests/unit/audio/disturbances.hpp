#pragma once
// Disturbances of a long simulated call: one every half minute, of three kinds in turn, and of
// three lengths.

#include <array>
#include <cmath>

namespace bridge::audio::simulation {

/// Times in ms since the start of the run.
struct Disturbances {
    static constexpr double kEvery = 30000;

    /// Of the `which`th, counted from 1; its kind is which % 3 + 1.
    static double length_of(int which) { return std::array{150.0, 600.0, 2000.0}[which / 3 % 3]; }
    /// How long one of that kind still lasts at that time; 0: there is none.
    static double left(double at, int kind) {
        const auto which = static_cast<int>(at / kEvery);
        const auto since = std::fmod(at, kEvery);
        return which > 0 && which % 3 + 1 == kind && since < length_of(which)
                   ? length_of(which) - since
                   : 0.0;
    }
};

}  // namespace bridge::audio::simulation
