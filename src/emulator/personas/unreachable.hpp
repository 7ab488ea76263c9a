#pragma once
// Phones that say nothing: silent ones, and those that are not answered at all.

#include "emulator/personas/person.hpp"

namespace bridge::emulator {

/// On the line without a word until `max`, or until the other side hangs up.
class Silent final : public Person {
public:
    explicit Silent(PersonOptions options) : Person(std::move(options)) {}

protected:
    Speech say(MulawFrame& out) override;
};

}  // namespace bridge::emulator
