// `agentbridge devices list|test`

#include "devices/device_factory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <ostream>
#include <utility>

#include "app/commands/commands.hpp"
#include "app/mic_text.hpp"
#include "app/terminal.hpp"
#include "devices/test_microphone.hpp"
#include "devices/test_tone.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

ExitCode failed(const Error& error, Console& console) {
    console.err << "agentbridge: " << error.message << "\n";
    if (error.code == Errc::no_device) console.err << "    the names: agentbridge devices list\n";
    return exit_code_for(error);
}

std::string_view default_of(const devices::DeviceListing& device) {
    if (device.default_output && device.default_input) return "speaker, microphone";
    if (device.default_output) return "speaker";
    return device.default_input ? "microphone" : "";
}

ExitCode list(const Invocation& invocation, Console& console) {
    std::vector<devices::DeviceListing> found;
    if (devices::has_sound_cards()) {
        auto listed = devices::list_devices();
        if (!listed) return failed(listed.error(), console);
        found = std::move(*listed);
    }
    if (invocation.json) {
        json::array out;
        for (const auto& device : found) {
            out.push_back(json::object{{"name", device.name},
                                       {"host_api", device.host_api},
                                       {"inputs", device.inputs},
                                       {"outputs", device.outputs},
                                       {"default_rate", device.default_rate},
                                       {"default_input", device.default_input},
                                       {"default_output", device.default_output}});
        }
        console.out << json::serialize(out) << "\n";
        return ExitCode::ok;
    }
    std::size_t width = 4;
    for (const auto& device : found) width = std::max(width, device.name.size());
    if (!found.empty()) {
        console.out << fmt::format("  {:<{}}  {:>3}  {:>3}  {:>8}  {:<10}  {}\n", "name", width,
                                   "out", "in", "rate", "system", "default");
    }
    for (const auto& device : found) {
        console.out << fmt::format("{} {:<{}}  {:>3}  {:>3}  {:>8.0f}  {:<10}  {}\n",
                                   device.default_output || device.default_input ? "*" : " ",
                                   device.name, width, device.outputs, device.inputs,
                                   device.default_rate, device.host_api, default_of(device));
    }
    if (!devices::has_sound_cards()) {
        console.err << "this program was built without PortAudio and knows no sound cards\n";
    } else if (found.empty()) {
        console.err << "there is no sound card and no sound server\n";
    }
    console.err << "besides these: file:PATH (a WAV file), null (timed, silent), none\n";
    return ExitCode::ok;
}

json::object speaker_json(const audio::AudioDevice& device, const devices::TestToneReport& report) {
    const auto& stats = report.device;
    return {{"device", device.name()},
            {"sample_rate", stats.sample_rate},
            {"block_samples", stats.block_samples},
            {"reported_latency_ms", stats.reported_latency_ms},
            {"callbacks", stats.callbacks},
            {"underflows", stats.underflows},
            {"longest_gap_ms", stats.longest_gap_ms},
            {"played_ms", report.took.count()}};
}

std::string speaker_text(const audio::AudioDevice& device, const devices::TestToneReport& report) {
    const auto& stats = report.device;
    return fmt::format(
        "{}: {} Hz, blocks of {} samples, {} callbacks, {} underflows, longest gap {:.0f} ms, "
        "the sound server's own buffer {:.0f} ms\n",
        device.name(), stats.sample_rate, stats.block_samples, stats.callbacks, stats.underflows,
        stats.longest_gap_ms, stats.reported_latency_ms);
}

/// Three seconds of it, metered while they last where somebody can see it.
Result<devices::MicReport> hear(const std::shared_ptr<audio::Microphone>& microphone,
                                Console& console) {
    const bool watched = console.terminal.err_tty && console.terminal.redraw;
    LiveLine live([&console](std::string_view bytes) { console.err << bytes << std::flush; },
                  watched);
    live.print(fmt::format("{} for three seconds, with {}\n",
                           watched ? "say something: it is recorded" : "listening",
                           microphone->name()));
    bool too_loud = false;
    return devices::listen(microphone, std::chrono::seconds(3), [&](const devices::MicMoment& now) {
        too_loud = too_loud || now.clipped;
        const auto shown = format_mic_moment(now, too_loud, console.terminal.unicode);
        live.show(
            {console.terminal.color && too_loud ? fmt::format("\x1b[31m{}\x1b[0m", shown) : shown});
    });
}

/// A test in the order in which it is heard: tones, silence to speak into, what was spoken.
class SoundTest {
public:
    SoundTest(const Invocation& invocation, Console& console, devices::Sound& sound,
              bool with_microphone)
        : json_(invocation.json), console_(console), sound_(sound), mic_(with_microphone) {}

    ExitCode run() {
        if (sound_.speaker) {
            if (const auto played = tones(); !played) return failed(played.error(), console_);
        }
        auto code = ExitCode::ok;
        if (mic_ && !sound_.microphone) {
            console_.err << fmt::format("agentbridge: {}\n", sound_.mic_note);
            out_["microphone"] = json::object{{"device", nullptr}, {"why", sound_.mic_note}};
            code = ExitCode::no_device;
        } else if (mic_) {
            if (const auto heard = microphone(); !heard) return failed(heard.error(), console_);
        }
        if (json_) console_.out << json::serialize(out_) << "\n";
        return code;
    }

private:
    Result<> tones() {
        console_.err << fmt::format("rising tones on {}\n", sound_.speaker->name()) << std::flush;
        const auto report = devices::play_test_tone(sound_.speaker);
        if (!report) return tl::unexpected(report.error());
        out_ = speaker_json(*sound_.speaker, *report);
        if (!json_) console_.out << speaker_text(*sound_.speaker, *report) << std::flush;
        return {};
    }

    Result<> microphone() {
        const auto heard = hear(sound_.microphone, console_);
        if (!heard) return tl::unexpected(heard.error());
        auto figures = mic_json(*heard);
        if (!json_) console_.out << format_mic_report(*heard) << "\n" << std::flush;
        for (const auto& advice : mic_advice(*heard)) console_.err << "    " << advice << "\n";
        if (sound_.speaker) {
            console_.err << fmt::format("now the same on {}\n", sound_.speaker->name())
                         << std::flush;
            const auto played = devices::play_samples(sound_.speaker, heard->samples);
            if (!played) return tl::unexpected(played.error());
            figures["played_back_ms"] = played->took.count();
        }
        out_["microphone"] = std::move(figures);
        return {};
    }

    const bool json_;
    Console& console_;
    devices::Sound& sound_;
    const bool mic_;
    json::object out_;
};

ExitCode test(const Invocation& invocation, const DevicesCommand& command, Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    const auto speaker = command.device.empty() ? loaded->config.speaker : command.device;
    const auto microphone = command.no_mic ? std::string("none") : loaded->config.microphone;
    if (speaker == "none" && microphone == "none") {
        console.err << "agentbridge: none is no device; name one: agentbridge devices list\n";
        return ExitCode::no_device;
    }
    devices::DeviceOptions options;
    options.fall_back_to_null = false;
    options.mic = loaded->config.mic;
    auto sound = devices::make_sound(speaker, microphone, options);
    if (!sound) return failed(sound.error(), console);
    const auto code = SoundTest(invocation, console, *sound, microphone != "none").run();
    sound->stop();
    return code;
}

}  // namespace

ExitCode run_devices(const Invocation& invocation, const DevicesCommand& command,
                     Console& console) {
    return command.action == DevicesCommand::Action::list ? list(invocation, console)
                                                          : test(invocation, command, console);
}

}  // namespace bridge::app
