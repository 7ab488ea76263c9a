#pragma once
// Presses keys one after the other, half a second apart, and is otherwise silent.

#include "emulator/personas/person.hpp"

namespace bridge::emulator {

class KeyPresser final : public Person {
public:
    /// `keys`: digits, and 'w' for half a second more. The first comes after `delay`.
    KeyPresser(PersonOptions options, std::string keys);
    std::string press() override;

protected:
    Speech say(MulawFrame& out) override;

private:
    std::string keys_;
    std::size_t at_ = 0;
    std::chrono::milliseconds next_;  ///< when something is pressed next, or when it hangs up
};

}  // namespace bridge::emulator
