#pragma once
// A sound card that may go away and come back while calls go on: its output, its input, or both.
//
//              ┌─ in use ─▶ the card: looked at every 50 ms (does it run? does it ask for sound?)
//   lines ─────┤                │ gone                        ▲ opened again, and asks for sound
//              └─ meanwhile ─▶ a null device, so that playout, its statistics and its drain go on
//
//   microphone ─▶ the same looks; while it is gone the calls are one-way

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "devices/card.hpp"

namespace bridge::devices {

/// What happened to the sound card, for the user.
struct DeviceChange {
    enum class What {
        lost,   ///< calls go on unheard, or one-way
        back,   ///< heard again, or for the first time
        moved,  ///< the system's default is another device now
    };
    What what;
    std::string text;                   ///< one line
    bool output = true, input = false;  ///< which it happened to
};

struct SupervisedParts {
    /// A new card, not started. Thread: the supervisor's (the first time, that of `start`), as for
    /// all that is done with it; `start` may take seconds.
    std::function<std::shared_ptr<Card>()> make_card;
    /// Takes the sound while there is no card.
    std::function<std::shared_ptr<audio::AudioDevice>()> make_null;
    /// Changes when another device must be opened although this one works; 0: not known. Empty:
    /// never. Thread: the supervisor's.
    std::function<std::uint64_t(Side)> default_device{};
    /// Changes when a device is plugged in or out that a started card does not see; 0: not known.
    /// Empty: never. Thread: the supervisor's.
    std::function<std::uint64_t()> plugged_in{};
    /// What would be captured now is no microphone but what a loudspeaker plays (sound servers
    /// offer that where there is nothing else). Empty: never. Thread: the supervisor's.
    std::function<bool()> input_is_monitor{};
    /// Never called after `stop`. Thread: the supervisor's, which holds no lock then.
    std::function<void(const DeviceChange&)> on_change{};
    struct Wish {
        bool wanted = false;
        /// Any device will do, not only the one that was lost: how the user is told.
        bool any_device = true;
        /// `start` without it goes on without it.
        bool may_be_missing = true;
    };
    Wish output{true, true, true}, input{};
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
    /// A reopened side has to ask for sound, or bring some, within this time, else it counts as
    /// missing.
    std::chrono::milliseconds first_block{1000};
    /// Both sides of one device seldom go in the same instant: so long the second is waited for,
    /// and both are told in one line.
    std::chrono::milliseconds together{200};
    /// Between two looks at whether the input is a monitor.
    std::chrono::milliseconds monitor{250};
    std::chrono::milliseconds stop{200};  ///< waited for an attempt to open that is under way
};

/// Owns the lines and moves them: nobody else needs to know which device plays. Attach, detach and
/// stats wait at most for lines to be moved, microseconds unless a device's callback is stuck (then
/// half a second).
///
/// One side that is lost does not disturb the other, nor does looking for it, unless a device was
/// plugged in that can only be seen with everything closed: then both are opened anew.
class SupervisedDevice final : public audio::AudioDevice {
public:
    explicit SupervisedDevice(SupervisedParts parts, SupervisedTiming timing = {});
    ~SupervisedDevice() override;

    /// Of the device in use, or "null (no sound card)".
    std::string name() const override;
    /// Of the microphone in use, or "no microphone".
    std::string input_name() const;
    /// Errors: those of the card's sides that may not be missing; for the others `missing` says
    /// why.
    Result<> start() override;
    /// Within a second. An attempt to open that hangs is left behind and closes what it opens.
    void stop() override;
    /// False also without an output.
    bool attach(std::shared_ptr<audio::SpeakerLine> line) override;
    void detach(const std::shared_ptr<audio::SpeakerLine>& line) override;
    /// Counters go on over all devices; rate, block and latency are those of the present one.
    audio::DeviceStats stats() const override;

    /// Why a side that is wanted was not there at the start; empty if it was.
    std::string missing(Side side = Side::output) const;

private:
    struct Core;
    const std::shared_ptr<Core> core_;  ///< shared with the supervisor's thread
};

}  // namespace bridge::devices
