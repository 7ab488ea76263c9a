#include "app/nearest.hpp"

#include <gtest/gtest.h>

namespace bridge::app {
namespace {

TEST(Nearest, CountsEdits) {
    EXPECT_EQ(edit_distance("", ""), 0u);
    EXPECT_EQ(edit_distance("abc", "abc"), 0u);
    EXPECT_EQ(edit_distance("abc", "ABC"), 0u);
    EXPECT_EQ(edit_distance("abc", "ab"), 1u);
    EXPECT_EQ(edit_distance("abc", "acb"), 1u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(Nearest, FindsWhatWasMeantAndNothingForAnotherWord) {
    EXPECT_EQ(nearest("tagret", {"target", "time-limit"}), "target");
    EXPECT_EQ(nearest("cal", {"call", "serve"}), "call");
    EXPECT_EQ(nearest("banana", {"call", "serve"}), "");
    EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace bridge::app
