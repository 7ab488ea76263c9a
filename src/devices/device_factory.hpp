#pragma once
// From what a user writes to a device that plays.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audio/device.hpp"
#include "audio/microphone.hpp"
#include "base/result.hpp"
#include "devices/supervised_device.hpp"

namespace bridge::devices {

/// One sound device of the system, for `devices list`.
struct DeviceListing {
    std::string name;
    std::string host_api;  ///< ALSA, Core Audio, …
    int inputs = 0;        ///< channels
    int outputs = 0;
    double default_rate = 0;  ///< Hz
    bool default_input = false;
    bool default_output = false;
};

struct DeviceOptions {
    /// Without a usable default sound card: true gives a null device (and says so), false an error.
    bool fall_back_to_null = true;
    /// 2: a sound card that has two channels is opened with both, the same on each.
    int channels = 1;
    /// Given: a sound card is supervised (supervised_device.hpp), so that calls outlive it, and
    /// what happens to it is told here. Thread: the supervisor's, never an io thread.
    std::function<void(const DeviceChange&)> on_change = {};
    audio::MicOptions mic{};  ///< what is done to a microphone's sound
};

struct OutputDevice {
    std::shared_ptr<audio::AudioDevice> device;  ///< started; null for "none"
    bool fell_back = false;                      ///< the default was asked for and there is none
    std::string note;                            ///< if so, one sentence for the user: why
};

/// Both ways of a program's sound.
class Sound {
public:
    std::shared_ptr<audio::AudioDevice> speaker;    ///< started; null for "none"
    std::shared_ptr<audio::Microphone> microphone;  ///< null: none is wanted, or there can be none
    bool fell_back = false;  ///< the default speaker was asked for and there is none
    std::string note;        ///< if so, one sentence for the user: why
    std::string mic_note;    ///< the same of the default microphone; empty: it is there

    /// Of the device with the microphone, which may be the speaker too. Null: neither is a sound
    /// card.
    const std::shared_ptr<audio::AudioDevice>& card() const noexcept { return card_; }
    /// Everything, within two seconds. Thread: any but an io thread.
    void stop();

private:
    friend class SoundMaker;
    std::shared_ptr<audio::AudioDevice> card_;
    std::function<void()> stop_microphone_;
};

/// False: this program was built without PortAudio and knows no sound cards.
bool has_sound_cards() noexcept;

/// Empty on a machine with neither sound card nor sound server. Thread: any; may take a second.
/// Errors: device_failed (the sound system does not answer, or sound cards were left out of this
/// program).
Result<std::vector<DeviceListing>> list_devices();

/// `speaker`: "" or "default": the system's default output. "null": keeps time, says nothing.
/// "none": no device at all. "file:PATH": a WAV file of what would have been heard. Anything else:
/// the name of a device, or a part of it, in any case.
/// `microphone`: the same with "file:PATH" a sound file that is played as if somebody spoke it, and
/// again and again with ",loop" behind it; "null" is silence.
/// Both run when this returns. A default that is missing is none of the errors (with
/// `fall_back_to_null` for the speaker), and is waited for if there is an `on_change`. Errors:
/// no_device (listing what there is), device_failed, io, not_found, bad_field (the files). Thread:
/// any but an io thread; may take a second.
Result<Sound> make_sound(std::string_view speaker, std::string_view microphone,
                         const DeviceOptions& options = {});

/// The speaker alone.
Result<OutputDevice> make_output_device(std::string_view spec, const DeviceOptions& options = {});

}  // namespace bridge::devices
