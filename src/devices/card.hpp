#pragma once
// A sound card in both directions, as its supervisor sees it: either may be missing while the other
// works.

#include <optional>
#include <string>

#include "audio/device.hpp"

namespace bridge::devices {

enum class Side { output, input };

/// `start` opens what is wanted of it, and fails only if none of that can be had. What runs is in
/// `stats`: `running` of the output, `capture` of the input.
class Card : public virtual audio::AudioDevice {
public:
    /// As `name`, of the input.
    virtual std::string input_name() const = 0;
    /// Why a side that is wanted was not opened the last time it was tried. Nothing: it was, or is
    /// not wanted.
    virtual std::optional<Error> trouble(Side side) const = 0;
    /// Lets go of one side; the other goes on. Within a second, as `stop`.
    virtual void close(Side side) = 0;
    /// Tries one side again while the other goes on. It finds only a device that was there when the
    /// card was started, for the list of devices is fixed meanwhile. Errors: as `start`.
    virtual Result<> reopen(Side side) = 0;
};

}  // namespace bridge::devices
