#pragma once
// ALSA, JACK and PortAudio print to stderr while they look for devices and when one goes away. Our
// terminal is not theirs.

namespace bridge::devices {

/// Before the first call into PortAudio; once is enough. On Linux with glibc this is all that is
/// needed: ALSA and JACK are told to keep quiet, PortAudio's lines are taken out of what goes
/// through C's `stderr`, and file descriptor 2 stays what it is, so nothing else is lost.
/// Thread: inside with_portaudio.
void silence_sound_libraries() noexcept;

/// Elsewhere: sends file descriptor 2 to /dev/null for its lifetime, some ten milliseconds while a
/// device is opened or closed. It is the whole process's descriptor: take only one at a time
/// (inside with_portaudio). What we say ourselves has a way of its own (base/own_stderr.hpp) and is
/// not touched.
class QuietStderr {
public:
    QuietStderr() noexcept;
    ~QuietStderr();
    QuietStderr(const QuietStderr&) = delete;
    QuietStderr& operator=(const QuietStderr&) = delete;

private:
    [[maybe_unused]] int saved_ = -1;
};

}  // namespace bridge::devices
