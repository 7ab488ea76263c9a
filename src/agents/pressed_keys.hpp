#pragma once
// Keys that a caller presses, told to an agent as a sentence: those that follow each other closely
// are one number, not many messages.

#include <chrono>
#include <functional>
#include <string>

#include "base/clock.hpp"

namespace bridge::agents {

/// Thread: the call's io thread.
class PressedKeys {
public:
    static constexpr std::chrono::milliseconds kPause{1000};  ///< without a key: that was all
    static constexpr std::size_t kMost = 64;                  ///< and then it is told at once

    /// `tell` is given "The caller pressed 1 2 3 #."
    PressedKeys(Clock& clock, std::function<void(std::string sentence)> tell)
        : clock_(clock), tell_(std::move(tell)) {}
    ~PressedKeys() { forget(); }
    PressedKeys(const PressedKeys&) = delete;
    PressedKeys& operator=(const PressedKeys&) = delete;

    void press(char key);
    void forget();

private:
    void tell();

    Clock& clock_;
    std::function<void(std::string)> tell_;
    std::string keys_;
    Clock::TimerId timer_ = Clock::kNoTimer;
};

}  // namespace bridge::agents
