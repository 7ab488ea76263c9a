#include "devices/portaudio_library.hpp"

#include <fmt/format.h>
#include <portaudio.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/thread_name.hpp"
#include "devices/alsa.hpp"
#include "devices/quiet_libraries.hpp"

namespace bridge::devices {
namespace {

constexpr std::chrono::seconds kListLimit{5};

// The one thread that enters PortAudio. It is never joined, and its state never destroyed: a call
// into a sick sound server may outlive main.
class Worker {
public:
    bool run(std::chrono::milliseconds limit, std::function<void()> work, Late late) {
        auto job = std::make_shared<Job>();
        job->work = std::move(work);
        std::unique_lock lock(mutex_);
        if (!started_) std::thread([this] { loop(); }).detach();
        started_ = true;
        waiting_.push_back(job);
        changed_.notify_all();
        const bool done = changed_.wait_for(lock, limit, [&] { return job->done; });
        if (!done && late == Late::forget)
            waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), job), waiting_.end());
        return done;
    }

private:
    struct Job {
        std::function<void()> work;
        bool done = false;
    };

    void loop() {
        name_this_thread("portaudio");
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return !waiting_.empty(); });
            const auto job = waiting_.front();
            waiting_.pop_front();
            lock.unlock();
            job->work();
            job->work = nullptr;
            lock.lock();
            job->done = true;
            changed_.notify_all();
        }
    }

    std::mutex mutex_;  // of all of these; not held while PortAudio works
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Job>> waiting_;
    bool started_ = false;
};

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace

bool with_portaudio(std::chrono::milliseconds limit, std::function<void()> work, Late late) {
    static auto* const worker = new Worker;
    return worker->run(limit, std::move(work), late);
}

Result<> open_portaudio() {
    const QuietStderr quiet;
    silence_sound_libraries();
    static int times = 0;  // once at the start, once to find the next card; more: we wait for one
    if (++times == 3) keep_alsa_plugins();
    if (auto usable = check_alsa_config(); !usable) return usable;
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

Result<int> find_portaudio_device(Side side, const std::string& name) {
    const bool output = side == Side::output;
    const auto channels = [output](const PaDeviceInfo* device) {
        if (!device) return 0;
        return output ? device->maxOutputChannels : device->maxInputChannels;
    };
    std::vector<std::pair<int, std::string>> devices;
    const auto count = Pa_GetDeviceCount();
    for (int i = 0; i < count; ++i) {
        const auto* device = Pa_GetDeviceInfo(i);
        if (channels(device) > 0) devices.emplace_back(i, device->name);
    }
    if (name.empty() || lower(name) == "default") {
        const auto index = output ? Pa_GetDefaultOutputDevice() : Pa_GetDefaultInputDevice();
        if (index >= 0 && channels(Pa_GetDeviceInfo(index)) > 0) return index;
        if (!devices.empty()) return devices.front().first;
        return fail(Errc::no_device,
                    output ? "this machine has no sound card and no sound server that can play"
                           : "this machine has no microphone");
    }
    const auto wanted = lower(name);
    for (const auto& [index, found] : devices)
        if (found == name) return index;
    for (const auto& [index, found] : devices)
        if (lower(found) == wanted) return index;
    for (const auto& [index, found] : devices)
        if (lower(found).find(wanted) != std::string::npos) return index;

    std::string known;
    for (const auto& device : devices) known += (known.empty() ? "" : ", ") + device.second;
    return fail(Errc::no_device, fmt::format("there is no {} named \"{}\"; there {}",
                                             output ? "output device" : "microphone", name,
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
