#pragma once
// Says back what it hears, `delay` later, until the other side hangs up.

#include <deque>

#include "emulator/personas/person.hpp"

namespace bridge::emulator {

class Echo final : public Person {
public:
    explicit Echo(PersonOptions options);
    void hear(const MulawFrame& frame) override;

protected:
    Speech say(MulawFrame& out) override;

private:
    std::deque<MulawFrame> heard_;  ///< always as many frames as the delay has
};

}  // namespace bridge::emulator
