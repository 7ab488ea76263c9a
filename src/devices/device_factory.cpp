#include "devices/device_factory.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/log.hpp"
#include "devices/file_device.hpp"
#include "devices/microphone.hpp"
#include "devices/null_device.hpp"
#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
#include "devices/portaudio_device.hpp"
#include "devices/portaudio_library.hpp"
#include "devices/system_devices.hpp"
#endif

namespace bridge::devices {
namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kLoopSuffix = ",loop";

bool is_default(std::string_view spec) {
    return spec.empty() || spec == "default";
}
bool is_card(std::string_view spec) {
    return spec != "none" && spec != "null" && !spec.starts_with(kFilePrefix);
}

/// What is wanted of the sound card; nothing: that side is not.
struct CardWishes {
    std::optional<std::string> output, input;
    std::shared_ptr<audio::DuplexTap> tap;
};

#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
std::shared_ptr<Card> make_card(const CardWishes& wishes, int channels) {
    return std::make_shared<PortAudioDevice>(
        PortAudioOptions{wishes.output, wishes.input, channels, wishes.tap});
}

std::shared_ptr<SupervisedDevice> make_supervised(const CardWishes& wishes,
                                                  const DeviceOptions& options) {
    const auto wish = [](const std::optional<std::string>& spec, bool may_be_missing) {
        const bool any = spec && is_default(*spec);
        return SupervisedParts::Wish{spec.has_value(), any, any && may_be_missing};
    };
    SupervisedParts parts;
    parts.make_card = [wishes, channels = options.channels] { return make_card(wishes, channels); };
    parts.make_null = [] {
        auto null = std::make_shared<NullDevice>();
        null->start();  // it cannot fail
        return null;
    };
    parts.output = wish(wishes.output, options.fall_back_to_null);
    parts.input = wish(wishes.input, true);
    if (parts.output.any_device || parts.input.any_device) {
        parts.default_device = [output = parts.output.any_device,
                                input = parts.input.any_device](Side side) -> std::uint64_t {
            return (side == Side::output ? output : input) ? default_device_id(side) : 0;
        };
    }
    parts.plugged_in = plugged_in_id;
    if (parts.input.any_device) parts.input_is_monitor = default_input_is_monitor;
    parts.on_change = options.on_change;
    return std::make_shared<SupervisedDevice>(std::move(parts));
}
#endif

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

/// Puts a Sound together.
class SoundMaker {
public:
    explicit SoundMaker(const DeviceOptions& options) : options_(options) {}

    Result<Sound> make(std::string_view speaker, std::string_view microphone) {
        if (auto made = make_microphone(microphone); !made) return tl::unexpected(made.error());
        if (auto made = make_speaker(speaker); !made) return tl::unexpected(made.error());
        if (wishes_.output || wishes_.input) {
            if (auto opened = open_card(); !opened) return tl::unexpected(opened.error());
        }
        return std::move(sound_);
    }

private:
    /// Those without a card; else it is told what the card is to do.
    Result<> make_microphone(std::string_view spec) {
        if (spec == "none") return {};
        if (spec == "null") {
            sound_.microphone = std::make_shared<NullMicrophone>();
            return {};
        }
        if (is_card(spec)) {
            wishes_.input = std::string(spec);
            wishes_.tap = std::make_shared<audio::DuplexTap>();
            return {};
        }
        spec.remove_prefix(kFilePrefix.size());
        const bool loop = spec.ends_with(kLoopSuffix);
        if (loop) spec.remove_suffix(kLoopSuffix.size());
        if (spec.empty())
            return fail(Errc::bad_field,
                        "\"file:\" needs the name of a sound file, as in file:speech.wav");
        auto file = FileMicrophone::open(
            std::filesystem::path(spec), options_.mic,
            loop ? FileMicrophone::Then::again : FileMicrophone::Then::silence);
        if (!file) return tl::unexpected(file.error());
        wishes_.tap = (*file)->tap();
        sound_.microphone = std::move(*file);
        return {};
    }

    Result<> make_speaker(std::string_view spec) {
        if (spec == "none") return {};
        if (is_card(spec)) {
            wishes_.output = std::string(spec);
            return {};
        }
        std::shared_ptr<audio::AudioDevice> device;
        if (spec == "null") {
            device = std::make_shared<NullDevice>(wishes_.tap);
        } else {
            const auto path = spec.substr(kFilePrefix.size());
            if (path.empty())
                return fail(Errc::bad_field,
                            "\"file:\" needs the name of a WAV file, as in file:call.wav");
            device = std::make_shared<FileDevice>(std::filesystem::path(path), wishes_.tap);
        }
        if (auto started = device->start(); !started) return started;
        sound_.speaker = std::move(device);
        return {};
    }

#if defined(AGENTBRIDGE_HAVE_PORTAUDIO)
    Result<> open_card() {
        return options_.on_change ? open_supervised() : open_once();
    }

    Result<> open_supervised() {
        const auto device = make_supervised(wishes_, options_);
        if (auto started = device->start(); !started) return started;
        if (wishes_.output) {
            sound_.speaker = device;
            sound_.note = device->missing(Side::output);
            sound_.fell_back = !sound_.note.empty();
        }
        sound_.mic_note = device->missing(Side::input);
        use_microphone_of(device, [of = std::weak_ptr(device)] {
            const auto still = of.lock();
            return still ? still->input_name() : std::string("no microphone");
        });
        return {};
    }

    // For a look or a test: what is missing is not waited for.
    Result<> open_once() {
        const auto card = make_card(wishes_, options_.channels);
        const auto started = card->start();
        const auto trouble = [&](Side side) {
            auto told = card->trouble(side);
            return !told && !started ? std::optional(started.error()) : told;
        };
        if (const auto wrong = wishes_.output ? trouble(Side::output) : std::nullopt) {
            if (!is_default(*wishes_.output) || !options_.fall_back_to_null) {
                card->stop();
                return tl::unexpected(*wrong);
            }
            fall_back(*wrong);
        } else if (wishes_.output) {
            sound_.speaker = card;
        }
        if (!wishes_.input) return {};
        auto wrong = trouble(Side::input);
        if (!wrong && is_default(*wishes_.input) && default_input_is_monitor()) {
            card->close(Side::input);
            wrong = Error{Errc::no_device,
                          "this machine has no microphone, only what its loudspeaker plays"};
        }
        if (wrong && !is_default(*wishes_.input)) {
            card->stop();
            return tl::unexpected(*wrong);
        }
        if (wrong)
            sound_.mic_note = wrong->message;
        else
            use_microphone_of(card, [of = std::weak_ptr(card)] {
                const auto still = of.lock();
                return still ? still->input_name() : std::string("no microphone");
            });
        return {};
    }

    void use_microphone_of(const std::shared_ptr<audio::AudioDevice>& device,
                           std::function<std::string()> name) {
        if (!wishes_.input) return;
        sound_.card_ = device;
        const auto microphone =
            std::make_shared<TapMicrophone>(wishes_.tap, options_.mic, std::move(name));
        microphone->start();
        sound_.stop_microphone_ = [microphone] { microphone->stop(); };
        sound_.microphone = microphone;
    }
#else
    Result<> open_card() {
        const auto without = [](const std::string& name, const char* what) {
            const auto which = is_default(name) ? fmt::format("the default {}", what)
                                                : fmt::format("the {} \"{}\"", what, name);
            return Error{
                Errc::no_device,
                fmt::format("{} cannot be used: this program was built without PortAudio", which)};
        };
        if (wishes_.input) {
            const auto wrong = without(*wishes_.input, "microphone");
            if (!is_default(*wishes_.input)) return tl::unexpected(wrong);
            sound_.mic_note = wrong.message;
        }
        if (wishes_.output) {
            const auto wrong = without(*wishes_.output, "sound card");
            if (!is_default(*wishes_.output) || !options_.fall_back_to_null)
                return tl::unexpected(wrong);
            fall_back(wrong);
        }
        return {};
    }
#endif

    void fall_back(const Error& why) {
        auto null = std::make_shared<NullDevice>();
        null->start();  // it cannot fail
        sound_.speaker = std::move(null);
        sound_.fell_back = true;
        sound_.note = why.message;
        log::warning("device", "{}; the sound goes to a null device", why.message);
    }

    const DeviceOptions& options_;
    CardWishes wishes_;
    Sound sound_;
};

void Sound::stop() {
    if (speaker) speaker->stop();
    if (card_ && card_ != speaker) card_->stop();
    if (stop_microphone_) stop_microphone_();
}

Result<Sound> make_sound(std::string_view speaker, std::string_view microphone,
                         const DeviceOptions& options) {
    return SoundMaker(options).make(speaker, microphone);
}

Result<OutputDevice> make_output_device(std::string_view spec, const DeviceOptions& options) {
    auto sound = make_sound(spec, "none", options);
    if (!sound) return tl::unexpected(sound.error());
    return OutputDevice{std::move(sound->speaker), sound->fell_back, std::move(sound->note)};
}

}  // namespace bridge::devices
