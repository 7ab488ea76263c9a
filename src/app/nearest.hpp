#pragma once
// "Did you mean …?": the known word closest to the one that was typed.

#include <string>
#include <string_view>
#include <vector>

namespace bridge::app {

/// Letters to insert, remove, change or swap to get from `a` to `b`, without regard to case.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known`, or empty if none is near (more than a third of its letters differ).
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace bridge::app
