#include "call/journal.hpp"

#include <array>
#include <utility>

namespace bridge::call {
namespace {

constexpr std::array<std::pair<Hold, std::string_view>, 5> kHolds{{
    {Hold::stream, "stream"},
    {Hold::listen_only, "listen-only"},
    {Hold::held, "held"},
    {Hold::conference, "conference"},
    {Hold::transferred, "transferred"},
}};

}  // namespace

std::string_view to_string(Hold hold) {
    for (const auto& [value, word] : kHolds) {
        if (value == hold) return word;
    }
    return "stream";
}

std::optional<Hold> parse_hold(std::string_view word) {
    for (const auto& [value, name] : kHolds) {
        if (name == word) return value;
    }
    return std::nullopt;
}

}  // namespace bridge::call
