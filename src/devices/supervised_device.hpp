#pragma once
// A sound card that may go away and come back while calls go on.
//
//              ┌─ in use ─▶ the card: looked at every 50 ms (does it run? does it ask for sound?)
//   lines ─────┤                │ gone                        ▲ opened again, and asks for sound
//              └─ meanwhile ─▶ a null device, so that playout, its statistics and its drain go on

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "audio/device.hpp"

namespace bridge::devices {

/// What happened to the sound card, for the user.
struct DeviceChange {
    enum class What {
        lost,   ///< calls go on unheard
        back,   ///< heard again, or for the first time
        moved,  ///< the system's default output is another one now
    };
    What what;
    std::string text;  ///< one line
};

struct SupervisedParts {
    /// A new device, started; or why there is none. Thread: the supervisor's (the first time, that
    /// of `start`); may take seconds.
    std::function<Result<std::shared_ptr<audio::AudioDevice>>()> open;
    /// Takes the sound while there is no card.
    std::function<std::shared_ptr<audio::AudioDevice>()> make_null;
    /// Changes when another device must be opened although this one works; 0: not known. Empty:
    /// never. Thread: the supervisor's.
    std::function<std::uint64_t()> default_output;
    /// Never called after `stop`. Thread: the supervisor's, which holds no lock then.
    std::function<void(const DeviceChange&)> on_change;
    /// Any device will do, not only the one that was lost: how the user is told.
    bool any_device = true;
    /// `start` without a card begins on the null device.
    bool may_be_missing = true;
};

struct SupervisedTiming {
    std::chrono::milliseconds watch{50};
    /// A card that runs but has asked for nothing for so long is gone. Time in which this thread
    /// itself was not run (a machine that slept) does not count.
    std::chrono::milliseconds silent{1000};
    /// Between two attempts to open while a call is attached: each looks through all sound systems,
    /// 3 to 6 ms of CPU. With half a second for opening, sound is back within 2 s of the card.
    std::chrono::milliseconds retry{600};
    /// … and while none is. A new call makes it try at once.
    std::chrono::milliseconds retry_idle{5000};
    /// A reopened card has to ask for sound within this time, else it counts as missing.
    std::chrono::milliseconds first_block{1000};
    std::chrono::milliseconds stop{200};  ///< waited for an attempt to open that is under way
};

/// Owns the lines and moves them: nobody else needs to know which device plays. Attach, detach and
/// stats wait at most for lines to be moved, microseconds unless a device's callback is stuck (then
/// half a second).
class SupervisedDevice final : public audio::AudioDevice {
public:
    explicit SupervisedDevice(SupervisedParts parts, SupervisedTiming timing = {});
    ~SupervisedDevice() override;

    /// Of the device in use, or "null (no sound card)".
    std::string name() const override;
    /// Errors: those of `open`, unless the card may be missing; then `missing` says why.
    Result<> start() override;
    /// Within a second. An attempt to open that hangs is left behind and closes what it opens.
    void stop() override;
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override;
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override;
    /// Counters go on over all devices; rate, block and latency are those of the present one.
    audio::DeviceStats stats() const override;

    /// Why there was no card at the start; empty if there was.
    std::string missing() const;

private:
    struct Core;
    const std::shared_ptr<Core> core_;  ///< shared with the supervisor's thread
};

}  // namespace bridge::devices
