#include "devices/portaudio_library.hpp"

#include <fmt/format.h>
#include <portaudio.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "devices/quiet_stderr.hpp"

namespace bridge::devices {
namespace {

constexpr std::chrono::seconds kListLimit{5};

// Never destroyed: a thread that PortAudio holds may outlive main.
std::mutex& portaudio_mutex() {
    static auto* mutex = new std::mutex;
    return *mutex;
}

struct Waiter {
    std::mutex mutex;
    std::condition_variable done_changed;
    bool done = false;
};

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace

bool with_portaudio(std::chrono::milliseconds limit, std::function<void()> work) {
    auto waiter = std::make_shared<Waiter>();
    std::thread thread([waiter, work = std::move(work)] {
        {
            const std::lock_guard turn(portaudio_mutex());
            work();
        }
        const std::lock_guard lock(waiter->mutex);
        waiter->done = true;
        waiter->done_changed.notify_all();
    });
    std::unique_lock lock(waiter->mutex);
    const bool done = waiter->done_changed.wait_for(lock, limit, [&] { return waiter->done; });
    lock.unlock();
    if (done)
        thread.join();
    else
        thread.detach();
    return done;
}

Result<> open_portaudio() {
    const QuietStderr quiet;
    silence_sound_libraries();
    const auto error = Pa_Initialize();
    if (error != paNoError)
        return fail(
            Errc::device_failed,
            fmt::format("the sound system cannot be used (PortAudio: {})", Pa_GetErrorText(error)));
    return {};
}

void close_portaudio() {
    const QuietStderr quiet;
    Pa_Terminate();
}

std::vector<DeviceListing> portaudio_devices() {
    std::vector<DeviceListing> devices;
    const auto count = Pa_GetDeviceCount();
    for (int i = 0; i < count; ++i) {
        const auto* device = Pa_GetDeviceInfo(i);
        const auto* api = device ? Pa_GetHostApiInfo(device->hostApi) : nullptr;
        if (!device) continue;
        devices.push_back({device->name, api ? api->name : "", device->maxInputChannels,
                           device->maxOutputChannels, device->defaultSampleRate,
                           i == Pa_GetDefaultInputDevice(), i == Pa_GetDefaultOutputDevice()});
    }
    return devices;
}

Result<int> find_portaudio_output(const std::string& name) {
    std::vector<std::pair<int, std::string>> outputs;
    const auto count = Pa_GetDeviceCount();
    for (int i = 0; i < count; ++i) {
        const auto* device = Pa_GetDeviceInfo(i);
        if (device && device->maxOutputChannels > 0) outputs.emplace_back(i, device->name);
    }
    if (name.empty() || lower(name) == "default") {
        const auto index = Pa_GetDefaultOutputDevice();
        if (index >= 0 && Pa_GetDeviceInfo(index) && Pa_GetDeviceInfo(index)->maxOutputChannels > 0)
            return index;
        if (!outputs.empty()) return outputs.front().first;
        return fail(Errc::no_device,
                    "this machine has no sound card and no sound server that can play");
    }
    const auto wanted = lower(name);
    for (const auto& [index, found] : outputs)
        if (found == name) return index;
    for (const auto& [index, found] : outputs)
        if (lower(found) == wanted) return index;
    for (const auto& [index, found] : outputs)
        if (lower(found).find(wanted) != std::string::npos) return index;

    std::string known;
    for (const auto& output : outputs) known += (known.empty() ? "" : ", ") + output.second;
    return fail(Errc::no_device,
                fmt::format("there is no output device named \"{}\"; there {}", name,
                            known.empty() ? "is none at all" : "are: " + known));
}

Result<std::vector<DeviceListing>> list_portaudio_devices() {
    auto found = std::make_shared<std::optional<Result<std::vector<DeviceListing>>>>();
    const bool done = with_portaudio(kListLimit, [found] {
        if (auto opened = open_portaudio(); !opened) {
            *found = tl::unexpected(opened.error());
            return;
        }
        *found = portaudio_devices();
        close_portaudio();
    });
    if (!done) return fail(Errc::device_failed, "the sound system did not answer within 5 seconds");
    return **found;
}

}  // namespace bridge::devices
