#include "app/session_sound.hpp"

#include <fmt/format.h>

#include <utility>

#include "audio/resample.hpp"
#include "audio/wav.hpp"
#include "base/log.hpp"
#include "speech/flite_voice.hpp"
#include "stores/voicemail_store.hpp"

namespace bridge::app {
namespace {

constexpr auto kDemoFile = "demo.wav";
constexpr auto kGreeting =
    "Hello. Nobody can take your call right now. Please leave a message after the tone, and press "
    "the hash key, or hang up, when you are done.";

void log_microphone(const devices::Sound& sound) {
    const auto heard = sound.microphone->stats();
    const auto captured =
        sound.card() ? sound.card()->stats().capture : audio::DeviceStats::Capture{};
    log::info("audio",
              "microphone {} stopped callbacks={} overflows={} longest_gap_ms={:.1f} losses={} "
              "missing_ms={:.0f} rate={} gaps={} dropped={} clipped={} echo_delay_ms={:.0f} "
              "erle_db={:.1f}",
              sound.microphone->name(), captured.callbacks, captured.overflows,
              captured.longest_gap_ms, captured.losses, captured.missing_ms, heard.sample_rate,
              heard.gaps, heard.dropped_samples, heard.clipped_samples, heard.echo_delay_ms,
              heard.erle_db);
}

/// A sound file that a setting names. Errors: configuration.
Outcome<audio::Samples> load(const std::string& setting, const std::string& file) {
    auto sound = audio::read_sound(file);
    if (!sound) {
        return tl::unexpected(
            Failure{ExitCode::configuration, setting + " " + sound.error().message});
    }
    return std::make_shared<const std::vector<std::int16_t>>(
        audio::resample(sound->samples, sound->sample_rate, audio::kSampleRate));
}

}  // namespace

Outcome<SessionSound> open_sound(const SessionOptions& options) {
    const auto& config = options.config;
    SessionSound out;
    auto spec = options.play_locally ? config.speaker : std::string("none");
    if (options.play_locally && !options.wav_file.empty()) spec = "file:" + options.wav_file;
    const auto microphone = options.mic ? config.microphone : std::string("none");
    devices::DeviceOptions how;
    how.channels = config.channels;
    how.mic = config.mic;
    how.on_change = [](const devices::DeviceChange& change) {
        log::warning("device", "{}", change.text);
    };
    const auto cannot = [](const Error& error) {
        // Only a sound card or microphone that was named can fail so: it cannot be used, which
        // is the same.
        const bool missing = error.code == Errc::device_failed;
        return tl::unexpected(
            Failure{missing ? ExitCode::no_device : exit_code_for(error), error.message});
    };
    auto opened = devices::make_sound(spec, microphone, how);
    if (!opened) return cannot(opened.error());
    if (opened->fell_back && options.kind == SessionOptions::Kind::demo) {
        // Nobody can hear it here, so it is kept: a device that keeps its own time, and a file.
        out.lines.push_back(opened->note);
        opened->stop();
        opened = devices::make_sound(fmt::format("file:{}", kDemoFile), microphone, how);
        if (!opened) return cannot(opened.error());
        out.wav_file = kDemoFile;
        out.lines.push_back(
            fmt::format("playing to a null device; the sound goes to {}", kDemoFile));
    } else if (opened->fell_back) {
        out.lines.push_back(opened->note);
        out.lines.push_back(
            "playing to a null device until there is one; --speaker file:call.wav keeps the "
            "sound");
    } else if (options.play_locally) {
        if (!options.wav_file.empty()) out.wav_file = options.wav_file;
        if (opened->speaker) out.lines.push_back("sound goes to " + opened->speaker->name());
    }
    if (!opened->mic_note.empty()) {
        out.lines.push_back(fmt::format("{}: the phone hears nothing from here{}", opened->mic_note,
                                        opened->microphone ? " until there is one" : ""));
    } else if (opened->microphone) {
        out.lines.push_back("the microphone is " + opened->microphone->name());
    }
    out.devices = std::move(*opened);
    return out;
}

Outcome<audio::Samples> open_machine_message(const Config& config) {
    if (config.on_machine != OnMachine::message) return audio::Samples{};
    auto message = load("AGENTBRIDGE_ON_MACHINE", config.machine_message);
    if (message && (*message)->empty()) {
        return tl::unexpected(Failure{
            ExitCode::configuration,
            "AGENTBRIDGE_ON_MACHINE " + config.machine_message + ": there is no sound in it"});
    }
    return message;
}

Outcome<> open_recorded_sounds(const Config& config, std::shared_ptr<metrics::Registry> metrics,
                               BridgeOptions& bridge) {
    if (!config.hold_music.empty()) {
        auto music = load("AGENTBRIDGE_HOLD_MUSIC", config.hold_music);
        if (!music) return tl::unexpected(music.error());
        bridge.hold_music = *music;
    }
    if (!bridge.inbound_call.ring || config.unanswered != Unanswered::voicemail) return {};
    bridge.inbound_call.voicemail = true;
    stores::VoicemailOptions box;
    box.folder = config.state_dir / "voicemail";
    box.limit = config.voicemail_limit;
    box.metrics = std::move(metrics);
    if (!config.voicemail_greeting.empty()) {
        auto greeting = load("AGENTBRIDGE_VOICEMAIL_GREETING", config.voicemail_greeting);
        if (!greeting) return tl::unexpected(greeting.error());
        box.greeting = *greeting;
    } else {
        auto spoken = speech::synthesize(kGreeting);
        if (!spoken) return tl::unexpected(Failure{ExitCode::failure, spoken.error().message});
        box.greeting = std::make_shared<const std::vector<std::int16_t>>(std::move(*spoken));
    }
    auto opened = stores::VoicemailStore::open(std::move(box));
    if (!opened) return tl::unexpected(Failure{ExitCode::configuration, opened.error().message});
    bridge.voicemail = *opened;
    return {};
}

void log_sound(const devices::Sound& sound) {
    if (sound.speaker) {
        const auto stats = sound.speaker->stats();
        log::info("audio",
                  "{} stopped callbacks={} underflows={} longest_gap_ms={:.1f} losses={} "
                  "unheard_ms={:.0f} rate={} block={} channels={}",
                  sound.speaker->name(), stats.callbacks, stats.underflows, stats.longest_gap_ms,
                  stats.losses, stats.unheard_ms, stats.sample_rate, stats.block_samples,
                  stats.channels);
    }
    if (sound.microphone) log_microphone(sound);
}

}  // namespace bridge::app
