#pragma once
// ALSA, JACK and PortAudio print to stderr while they look for devices. Our terminal is not theirs.

namespace bridge::devices {

/// Sends file descriptor 2 to /dev/null for its lifetime. It is the whole process's descriptor:
/// keep it short, and take only one at a time (the caller holds PortAudio's lock).
class QuietStderr {
public:
    QuietStderr() noexcept;
    ~QuietStderr();
    QuietStderr(const QuietStderr&) = delete;
    QuietStderr& operator=(const QuietStderr&) = delete;

private:
    int saved_ = -1;
};

/// Tells ALSA and JACK, where they are part of this process, to keep to themselves what they would
/// print later on, from their own threads. Once is enough.
void silence_sound_libraries() noexcept;

}  // namespace bridge::devices
