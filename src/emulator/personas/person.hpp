#pragma once
// What all personas have in common: how the phone is answered, and how long it stays on the line.

#include <chrono>
#include <cstdint>
#include <optional>

#include "emulator/persona.hpp"

namespace bridge::emulator {

struct PersonOptions {
    Reaction reaction;
    bool hangup = true;  ///< when it has nothing more to say
    bool repeat = false;
    std::chrono::milliseconds delay{0};  ///< before the first word; for an echo: of the echo
    std::optional<std::chrono::milliseconds>
        max{};  ///< hangs up after this long, whatever it is doing
};

class Person : public Persona {
public:
    explicit Person(PersonOptions options) : options_(std::move(options)) {}
    Reaction reaction() const override { return options_.reaction; }
    Speech speak(MulawFrame& out) final;
    void hear(const MulawFrame&) override {}
    void hear_digit(char) override {}
    std::string press() override { return {}; }

protected:
    /// `out` is silence; on the line since `on_the_line()`.
    virtual Speech say(MulawFrame& out) = 0;
    const PersonOptions& options() const { return options_; }
    /// Time since it answered, at the start of the frame being made.
    std::chrono::milliseconds on_the_line() const {
        return std::chrono::milliseconds(frames_ * 20);
    }

private:
    PersonOptions options_;
    std::int64_t frames_ = 0;
};

}  // namespace bridge::emulator
