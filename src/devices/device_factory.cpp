#include "devices/device_factory.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"
#include "devices/file_device.hpp"
#include "devices/null_device.hpp"
#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
#include "devices/default_output.hpp"
#include "devices/portaudio_device.hpp"
#include "devices/portaudio_library.hpp"
#endif

namespace bridge::devices {
namespace {

constexpr std::string_view kFilePrefix = "file:";

Result<OutputDevice> started(std::shared_ptr<audio::AudioDevice> device) {
    if (auto result = device->start(); !result) return tl::unexpected(result.error());
    return OutputDevice{std::move(device), false, {}};
}

#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
Result<OutputDevice> sound_card(const std::string& name, int channels) {
    return started(std::make_shared<PortAudioDevice>(name, channels));
}
std::uint64_t default_output() {
    return default_output_id();
}
#else
Result<OutputDevice> sound_card(const std::string& name, int) {
    const auto which = name.empty() || name == "default"
                           ? std::string("the default sound card")
                           : fmt::format("the sound device \"{}\"", name);
    return fail(Errc::no_device,
                fmt::format("{} cannot be used: this program was built without PortAudio", which));
}
std::uint64_t default_output() {
    return 0;
}
#endif

Result<OutputDevice> supervised(const std::string& name, bool is_default,
                                const DeviceOptions& options) {
    SupervisedParts parts;
    parts.open = [name,
                  channels = options.channels]() -> Result<std::shared_ptr<audio::AudioDevice>> {
        auto card = sound_card(name, channels);
        if (!card) return tl::unexpected(card.error());
        return std::move(card->device);
    };
    parts.make_null = [] {
        auto null = std::make_shared<NullDevice>();
        null->start();  // it cannot fail
        return null;
    };
    if (is_default) parts.default_output = default_output;
    parts.on_change = options.on_change;
    parts.any_device = is_default;
    parts.may_be_missing = is_default && options.fall_back_to_null && has_sound_cards();
    auto device = std::make_shared<SupervisedDevice>(std::move(parts));
    if (auto result = device->start(); !result) return tl::unexpected(result.error());
    const auto missing = device->missing();
    return OutputDevice{std::move(device), !missing.empty(), missing};
}

}  // namespace

bool has_sound_cards() noexcept {
#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
    return true;
#else
    return false;
#endif
}

Result<std::vector<DeviceListing>> list_devices() {
#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
    return list_portaudio_devices();
#else
    return fail(Errc::device_failed,
                "sound cards cannot be listed: this program was built without PortAudio");
#endif
}

Result<OutputDevice> make_output_device(std::string_view spec, const DeviceOptions& options) {
    if (spec == "none") return OutputDevice{};
    if (spec == "null") return started(std::make_shared<NullDevice>());
    if (spec.starts_with(kFilePrefix)) {
        const auto path = spec.substr(kFilePrefix.size());
        if (path.empty())
            return fail(Errc::bad_field,
                        "\"file:\" needs the name of a WAV file, as in file:call.wav");
        return started(std::make_shared<FileDevice>(std::filesystem::path(path)));
    }

    const bool is_default = spec.empty() || spec == "default";
    auto device = options.on_change ? supervised(std::string(spec), is_default, options)
                                    : sound_card(std::string(spec), options.channels);
    if (device || !is_default || !options.fall_back_to_null) return device;
    auto null = started(std::make_shared<NullDevice>());
    if (!null) return null;
    null->fell_back = true;
    null->note = device.error().message;
    log::warning("device", "{}; the sound goes to a null device", device.error().message);
    return null;
}

}  // namespace bridge::devices
