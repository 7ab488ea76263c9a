#include "devices/default_output.hpp"

#if defined(__APPLE__)
#include <CoreAudio/CoreAudio.h>
#endif

namespace bridge::devices {

#if defined(__APPLE__)

std::uint64_t default_output_id() noexcept {
    AudioObjectPropertyAddress wanted{};
    wanted.mSelector = kAudioHardwarePropertyDefaultOutputDevice;
    wanted.mScope = kAudioObjectPropertyScopeGlobal;
    wanted.mElement = 0;  // the main element; its name differs between SDKs
    AudioDeviceID device = 0;
    UInt32 size = sizeof device;
    const auto status =
        AudioObjectGetPropertyData(kAudioObjectSystemObject, &wanted, 0, nullptr, &size, &device);
    return status == 0 ? device : 0;
}

#else

std::uint64_t default_output_id() noexcept {
    return 0;
}

#endif

}  // namespace bridge::devices
