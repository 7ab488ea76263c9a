#include "base/hot_lines.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace bridge {
namespace {

TEST(HotLines, CountsTheLinesOfTheCacheThatAnObjectTouches) {
    alignas(HotLines::kLine) const std::array<char, 4 * HotLines::kLine> bytes{};
    HotLines lines;
    const auto lines_of = [&](std::size_t from, std::size_t count) {
        lines.clear();
        lines.add(bytes.data() + from, count);
        return lines.lines();
    };
    EXPECT_EQ(lines_of(0, 1), 1U);
    EXPECT_EQ(lines_of(0, 64), 1U);
    EXPECT_EQ(lines_of(0, 65), 2U);
    EXPECT_EQ(lines_of(63, 2), 2U);
    EXPECT_EQ(lines_of(10, 0), 0U);
    lines.clear();
    lines.add_between(&bytes[1], &bytes[129]);
    EXPECT_EQ(lines.lines(), 3U);
    lines.clear();
    lines.add_shared(&bytes[64], 10);
    EXPECT_EQ(lines.lines(), 2U) << "the counts of its owners lie in front";
    lines.clear();
    lines.add_shared(nullptr, 10);
    EXPECT_EQ(lines.lines(), 0U);
}

TEST(HotLines, LeavesOutWhatDoesNotFit) {
    const std::vector<char> large(1 << 20);
    HotLines lines;
    for (int i = 0; i < 1000; ++i) lines.add(large.data(), large.size());
    EXPECT_GT(lines.lines(), 0U);
    EXPECT_LT(lines.lines(), 5000U);
    lines.prefetch_list();
    lines.prefetch();
}

TEST(HotLines, WhatIsGoneDoesNoHarm) {
    HotLines lines;
    {
        const auto gone = std::make_unique<std::vector<char>>(10000);
        lines.add(gone->data(), gone->size());
        lines.add_shared(gone.get(), sizeof(*gone));
    }
    lines.add_between(nullptr, reinterpret_cast<const void*>(std::uintptr_t{4096}));
    lines.prefetch();
}

}  // namespace
}  // namespace bridge
