#pragma once
// Says what is ready as sound: a greeting, a text, a file, a tone, a voicemail's announcement.

#include <memory>
#include <vector>

#include "emulator/personas/person.hpp"

namespace bridge::emulator {

class RecordedVoice final : public Person {
public:
    using Sound = std::shared_ptr<const std::vector<std::uint8_t>>;

    /// `pause`: silence after the sound, before it hangs up or says it again.
    RecordedVoice(PersonOptions options, Sound sound, std::chrono::milliseconds pause);

protected:
    Speech say(MulawFrame& out) override;

private:
    Sound sound_;
    std::size_t at_ = 0;
    std::chrono::milliseconds pause_, silence_left_;
};

}  // namespace bridge::emulator
