#include "emulator/personas/recorded_voice.hpp"

#include <algorithm>

namespace bridge::emulator {

using std::chrono::milliseconds;

RecordedVoice::RecordedVoice(PersonOptions options, Sound sound, milliseconds pause)
    : Person(std::move(options)), sound_(std::move(sound)), pause_(pause), silence_left_(pause) {}

Persona::Speech RecordedVoice::say(MulawFrame& out) {
    if (on_the_line() < options().delay) return Speech::silent;
    if (at_ >= sound_->size()) {
        if (silence_left_ > milliseconds::zero()) {
            silence_left_ -= milliseconds(20);
            return Speech::silent;
        }
        if (!options().repeat || sound_->empty())
            return options().hangup ? Speech::hung_up : Speech::silent;
        at_ = 0;
        silence_left_ = pause_;
    }
    const std::size_t size = std::min(out.size(), sound_->size() - at_);
    std::copy_n(sound_->begin() + static_cast<std::ptrdiff_t>(at_), size, out.begin());
    at_ += size;
    return Speech::speaking;
}

}  // namespace bridge::emulator
