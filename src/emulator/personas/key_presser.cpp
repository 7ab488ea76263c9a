#include "emulator/personas/key_presser.hpp"

namespace bridge::emulator {

using std::chrono::milliseconds;

namespace {
constexpr milliseconds kApart{500};
}

KeyPresser::KeyPresser(PersonOptions options, std::string keys)
    : Person(std::move(options)), keys_(std::move(keys)), next_(this->options().delay) {}

std::string KeyPresser::press() {
    if (at_ >= keys_.size() || on_the_line() < next_) return {};
    next_ += kApart;
    const char key = keys_[at_++];
    return key == 'w' ? std::string{} : std::string(1, key);
}

Persona::Speech KeyPresser::say(MulawFrame&) {
    const bool done = at_ >= keys_.size() && on_the_line() >= next_ + kApart;
    return done && options().hangup ? Speech::hung_up : Speech::silent;
}

}  // namespace bridge::emulator
