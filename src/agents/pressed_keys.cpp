#include "agents/pressed_keys.hpp"

#include <utility>

namespace bridge::agents {

void PressedKeys::press(char key) {
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    keys_.push_back(key);
    if (keys_.size() >= kMost) return tell();
    timer_ = clock_.after(kPause, [this] {
        timer_ = Clock::kNoTimer;
        tell();
    });
}

void PressedKeys::forget() {
    clock_.cancel(std::exchange(timer_, Clock::kNoTimer));
    keys_.clear();
}

void PressedKeys::tell() {
    std::string sentence = "The caller pressed";
    for (const char key : std::exchange(keys_, {})) {
        sentence += ' ';
        sentence += key;
    }
    tell_(sentence + ".");
}

}  // namespace bridge::agents
