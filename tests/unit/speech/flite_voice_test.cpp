#include "speech/flite_voice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace bridge::speech {
namespace {

TEST(FliteVoice, SpeaksAtTelephoneRateLoudEnoughAndWithoutClipping) {
    const auto sound = synthesize("Please leave a message after the tone.");
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_GT(sound->size(), 8000U);
    EXPECT_LT(sound->size(), 8U * 8000U);
    int peak = 0;
    for (const auto sample : *sound) peak = std::max(peak, std::abs(int{sample}));
    EXPECT_NEAR(peak, 19660, 2);
}

TEST(FliteVoice, RefusesATextThatIsTooLong) {
    EXPECT_EQ(synthesize(std::string(4097, 'a')).error().code, Errc::too_large);
}

}  // namespace
}  // namespace bridge::speech
