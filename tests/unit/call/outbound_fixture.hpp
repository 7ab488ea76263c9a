#pragma once
// An outbound line with a phone at its far end, on a clock that the test moves.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "call/outbound_line.hpp"
#include "tests/unit/call/far_end.hpp"

namespace bridge::call {

/// Samples that tell where they stand: no two neighbours alike, none of them silent.
inline std::vector<std::int16_t> speech(std::size_t count, int seed = 0) {
    std::vector<std::int16_t> out(count);
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::int16_t>(1 + (i * 37 + static_cast<std::size_t>(seed)) % 9000);
    return out;
}

/// Samples that tell which they are, over any four seconds: 1, 2, 3, …
constexpr std::size_t kNumbers = 32000;
inline std::vector<std::int16_t> numbered(std::size_t count, std::size_t from = 0) {
    std::vector<std::int16_t> out(count);
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::int16_t>(1 + (from + i) % kNumbers);
    return out;
}

struct OutboundLineTest : testing::Test {
    static constexpr std::chrono::milliseconds kWay{15};

    void SetUp() override { make({}); }

    void make(OutboundOptions options, Clock::Duration there = kWay, Clock::Duration back = kWay) {
        line.reset();
        OutboundLine::Hooks hooks;
        hooks.finished = [this](UtteranceId id, const Heard& what) {
            finished.emplace_back(id, what);
        };
        hooks.began = [this](UtteranceId id, Clock::Time at) { began.emplace_back(id, at); };
        hooks.heard_first = [this](UtteranceId id, Clock::Time at) {
            heard_first.emplace_back(id, at);
        };
        hooks.pull_live = [this](Clock::Time) {
            if (bring_live) bring_live();
        };
        line.emplace(clock, std::chrono::milliseconds(7), options, hooks);
        far = std::make_shared<FarEnd>(clock, there, back);
        far->line = &*line;
        line->attach(far);
    }

    /// What the phone heard of `said`, from its start, without the padding at the end.
    void expect_heard(const std::vector<std::int16_t>& said) {
        auto& heard = far->heard();
        ASSERT_GE(heard.size(), said.size());
        ASSERT_LT(heard.size(), said.size() + audio::kFrameSamples);
        EXPECT_TRUE(std::equal(said.begin(), said.end(), heard.begin()));
        EXPECT_TRUE(std::all_of(heard.begin() + static_cast<std::ptrdiff_t>(said.size()),
                                heard.end(), [](auto x) { return x == 0; }));
    }

    StallingClock clock;
    std::optional<OutboundLine> line;
    std::shared_ptr<FarEnd> far;
    std::vector<std::pair<UtteranceId, Heard>> finished;
    std::vector<std::pair<UtteranceId, Clock::Time>> began, heard_first;
    std::function<void()> bring_live;
};

}  // namespace bridge::call
