#include "web/file_body.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace bridge::web {
namespace {

std::string range(std::string_view header, std::uint64_t size) {
    bool outside = false;
    const auto found = parse_range(header, size, outside);
    if (outside) return "outside";
    if (!found) return "all";
    return std::to_string(found->first) + "-" + std::to_string(found->last);
}

TEST(ParseRangeTest, GivesWhatThereIsOfWhatIsWanted) {
    EXPECT_EQ(range("bytes=0-9", 100), "0-9");
    EXPECT_EQ(range("bytes=90-", 100), "90-99");
    EXPECT_EQ(range("bytes=90-1000", 100), "90-99");
    EXPECT_EQ(range("bytes=-10", 100), "90-99");
    EXPECT_EQ(range("bytes=-1000", 100), "0-99");
}

TEST(ParseRangeTest, TellsWhatIsOutside) {
    EXPECT_EQ(range("bytes=100-", 100), "outside");
    EXPECT_EQ(range("bytes=-0", 100), "outside");
    EXPECT_EQ(range("bytes=0-", 0), "outside");
}

TEST(ParseRangeTest, WhatItDoesNotUnderstandMeansAll) {
    for (const auto* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4",
                               "bytes=1-2,4-5", "lines=1-2", "bytes=99999999999999999999-"})
        EXPECT_EQ(range(header, 100), "all") << header;
}

}  // namespace
}  // namespace bridge::web
