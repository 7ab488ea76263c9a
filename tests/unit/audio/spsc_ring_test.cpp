#include "audio/spsc_ring.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

namespace bridge::audio {
namespace {

TEST(SpscRing, GivesBackInOrderAndRefusesWhenFull) {
    SpscRing<int> ring(3);
    EXPECT_TRUE(ring.push(1));
    EXPECT_TRUE(ring.push(2));
    EXPECT_TRUE(ring.push(3));
    EXPECT_FALSE(ring.push(4));
    EXPECT_EQ(ring.peek(2), 3);
    ring.pop();
    EXPECT_TRUE(ring.push(5));
    EXPECT_EQ(ring.peek(0), 2);
    EXPECT_EQ(ring.peek(2), 5);
    ring.pop(3);
    EXPECT_EQ(ring.size(), 0U);
}

TEST(SpscRing, CarriesEveryValueBetweenTwoThreads) {
    SpscRing<std::uint64_t> ring(16);
    constexpr std::uint64_t kCount = 200000;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < kCount;)
            if (ring.push(i))
                ++i;
            else
                std::this_thread::yield();
    });
    std::uint64_t wrong = 0;
    for (std::uint64_t expected = 0; expected < kCount;) {
        if (ring.size() == 0) {
            std::this_thread::yield();
            continue;
        }
        if (ring.peek(0) != expected) ++wrong;
        ring.pop();
        ++expected;
    }
    writer.join();
    EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace bridge::audio
