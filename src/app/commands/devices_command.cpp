// `agentbridge devices list|test`

#include "devices/device_factory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "app/commands/commands.hpp"
#include "devices/test_tone.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

ExitCode failed(const Error& error, Console& console) {
    console.err << "agentbridge: " << error.message << "\n";
    if (error.code == Errc::no_device) console.err << "    the names: agentbridge devices list\n";
    return exit_code_for(error);
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
        console.out << fmt::format("  {:<{}}  {:>3}  {:>3}  {:>8}  {}\n", "name", width, "out",
                                   "in", "rate", "system");
    }
    for (const auto& device : found) {
        console.out << fmt::format("{} {:<{}}  {:>3}  {:>3}  {:>8.0f}  {}\n",
                                   device.default_output ? "*" : " ", device.name, width,
                                   device.outputs, device.inputs, device.default_rate,
                                   device.host_api);
    }
    if (!devices::has_sound_cards()) {
        console.err << "this program was built without PortAudio and knows no sound cards\n";
    } else if (found.empty()) {
        console.err << "there is no sound card and no sound server\n";
    }
    console.err << "besides these: file:PATH (a WAV file), null (timed, silent), none\n";
    return ExitCode::ok;
}

ExitCode test(const Invocation& invocation, const DevicesCommand& command, Console& console) {
    const auto loaded = load_for(invocation, {}, console);
    if (!loaded) return ExitCode::configuration;
    const LogSession log(*loaded, console.terminal,
                         [&console](std::string_view line) { console.err << line << std::flush; });
    const auto spec = command.device.empty() ? loaded->config.speaker : command.device;
    if (spec == "none") {
        console.err << "agentbridge: none is no device; name one: agentbridge devices list\n";
        return ExitCode::no_device;
    }
    devices::DeviceOptions options;
    options.fall_back_to_null = false;
    const auto opened = devices::make_output_device(spec, options);
    if (!opened) return failed(opened.error(), console);
    const auto& device = opened->device;
    console.err << fmt::format("rising tones on {}\n", device->name());
    const auto report = devices::play_test_tone(device);
    device->stop();
    if (!report) return failed(report.error(), console);
    const auto& stats = report->device;
    if (invocation.json) {
        console.out << json::serialize(
                           json::object{{"device", device->name()},
                                        {"sample_rate", stats.sample_rate},
                                        {"block_samples", stats.block_samples},
                                        {"reported_latency_ms", stats.reported_latency_ms},
                                        {"callbacks", stats.callbacks},
                                        {"underflows", stats.underflows},
                                        {"longest_gap_ms", stats.longest_gap_ms},
                                        {"played_ms", report->took.count()}})
                    << "\n";
    } else {
        console.out << fmt::format(
            "{}: {} Hz, blocks of {} samples, {} callbacks, {} underflows, longest gap {:.0f} ms, "
            "the sound "
            "server's own buffer {:.0f} ms\n",
            device->name(), stats.sample_rate, stats.block_samples, stats.callbacks,
            stats.underflows, stats.longest_gap_ms, stats.reported_latency_ms);
    }
    return ExitCode::ok;
}

}  // namespace

ExitCode run_devices(const Invocation& invocation, const DevicesCommand& command,
                     Console& console) {
    return command.action == DevicesCommand::Action::list ? list(invocation, console)
                                                          : test(invocation, command, console);
}

}  // namespace bridge::app
