#include "devices/system_devices.hpp"

#if defined(__APPLE__)
#include <CoreAudio/CoreAudio.h>
#elif defined(__linux__)
#include <dlfcn.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#endif

namespace bridge::devices {

#if defined(__APPLE__)

namespace {

AudioObjectPropertyAddress of_the_system(AudioObjectPropertySelector selector) noexcept {
    AudioObjectPropertyAddress wanted{};
    wanted.mSelector = selector;
    wanted.mScope = kAudioObjectPropertyScopeGlobal;
    wanted.mElement = 0;  // the main element; its name differs between SDKs
    return wanted;
}

}  // namespace

std::uint64_t default_device_id(Side side) noexcept {
    const auto wanted =
        of_the_system(side == Side::output ? kAudioHardwarePropertyDefaultOutputDevice
                                           : kAudioHardwarePropertyDefaultInputDevice);
    AudioDeviceID device = 0;
    UInt32 size = sizeof device;
    const auto status =
        AudioObjectGetPropertyData(kAudioObjectSystemObject, &wanted, 0, nullptr, &size, &device);
    return status == 0 ? device : 0;
}

std::uint64_t plugged_in_id() noexcept {
    const auto wanted = of_the_system(kAudioHardwarePropertyDevices);
    AudioDeviceID devices[64] = {};
    UInt32 size = sizeof devices;
    if (AudioObjectGetPropertyData(kAudioObjectSystemObject, &wanted, 0, nullptr, &size, devices) !=
        0)
        return 0;
    std::uint64_t id = 1469598103934665603U;  // FNV-1a
    for (UInt32 i = 0; i < size / sizeof devices[0]; ++i) id = (id ^ devices[i]) * 1099511628211U;
    return id;
}

bool default_input_is_monitor() {
    return false;
}

#elif defined(__linux__)

namespace {

// The little of libpulse that is needed, as its headers declare it. It is there when ALSA's plugin
// for PulseAudio has loaded it; we do not bring it along.
struct Pulse {
    struct Mainloop;
    struct Api;
    struct Context;
    struct Operation;
    struct SampleSpec {
        int format;
        std::uint32_t rate;
        std::uint8_t channels;
    };
    struct ServerInfo {
        const char* user_name;
        const char* host_name;
        const char* server_version;
        const char* server_name;
        SampleSpec sample_spec;
        const char* default_sink_name;
        const char* default_source_name;
    };
    static constexpr int kReady = 4, kFailed = 5, kTerminated = 6;  // pa_context_state
    static constexpr int kNoAutoSpawn = 1;                          // PA_CONTEXT_NOAUTOSPAWN

    Mainloop* (*mainloop_new)();
    void (*mainloop_free)(Mainloop*);
    Api* (*get_api)(Mainloop*);
    int (*prepare)(Mainloop*, int timeout_us);
    int (*poll)(Mainloop*);
    int (*dispatch)(Mainloop*);
    Context* (*context_new)(Api*, const char* name);
    int (*connect)(Context*, const char* server, int flags, const void* spawn);
    int (*state)(const Context*);
    void (*disconnect)(Context*);
    void (*unref)(Context*);
    Operation* (*get_server_info)(Context*, void (*)(Context*, const ServerInfo*, void*), void*);
    void (*operation_unref)(Operation*);
    bool complete = false;

    explicit Pulse(void* library) {
        complete = true;
        const auto find = [&](auto& function, const char* name) {
            function = reinterpret_cast<std::decay_t<decltype(function)> >(::dlsym(library, name));
            complete = complete && function;
        };
        find(mainloop_new, "pa_mainloop_new");
        find(mainloop_free, "pa_mainloop_free");
        find(get_api, "pa_mainloop_get_api");
        find(prepare, "pa_mainloop_prepare");
        find(poll, "pa_mainloop_poll");
        find(dispatch, "pa_mainloop_dispatch");
        find(context_new, "pa_context_new");
        find(connect, "pa_context_connect");
        find(state, "pa_context_get_state");
        find(disconnect, "pa_context_disconnect");
        find(unref, "pa_context_unref");
        find(get_server_info, "pa_context_get_server_info");
        find(operation_unref, "pa_operation_unref");
    }
};

// Null as long as nobody has loaded it.
const Pulse* pulse() {
    static std::mutex mutex;
    static void* library = nullptr;  // once it is there it is kept
    const std::lock_guard lock(mutex);
    if (!library) library = ::dlopen("libpulse.so.0", RTLD_NOW | RTLD_NOLOAD);
    if (!library) return nullptr;
    static const Pulse functions(library);
    return functions.complete ? &functions : nullptr;
}

// Empty when the server is not reached.
std::string default_source(const Pulse& pulse) {
    constexpr std::chrono::milliseconds kLimit{500};
    constexpr int kTurn = 50'000;  // µs
    const auto until = std::chrono::steady_clock::now() + kLimit;
    struct Answer {
        bool come = false;
        std::string source;
    } answer;
    auto* loop = pulse.mainloop_new();
    if (!loop) return {};
    auto* context = pulse.context_new(pulse.get_api(loop), "agentbridge");
    const auto turn = [&] {
        return std::chrono::steady_clock::now() < until && pulse.prepare(loop, kTurn) >= 0 &&
               pulse.poll(loop) >= 0 && pulse.dispatch(loop) >= 0;
    };
    const auto failed = [&] {
        const auto state = pulse.state(context);
        return state == Pulse::kFailed || state == Pulse::kTerminated;
    };
    if (context && pulse.connect(context, nullptr, Pulse::kNoAutoSpawn, nullptr) >= 0) {
        while (pulse.state(context) != Pulse::kReady && !failed() && turn()) {
        }
        if (pulse.state(context) == Pulse::kReady) {
            auto* asked = pulse.get_server_info(
                context,
                [](Pulse::Context*, const Pulse::ServerInfo* told, void* to) {
                    auto& into = *static_cast<Answer*>(to);
                    into.come = true;
                    if (told && told->default_source_name) into.source = told->default_source_name;
                },
                &answer);
            while (!answer.come && !failed() && turn()) {
            }
            if (asked) pulse.operation_unref(asked);
        }
        pulse.disconnect(context);
    }
    if (context) pulse.unref(context);
    pulse.mainloop_free(loop);
    return answer.source;
}

}  // namespace

std::uint64_t default_device_id(Side) noexcept {
    return 0;
}

std::uint64_t plugged_in_id() noexcept {
    std::uint64_t id = 1469598103934665603U;  // FNV-1a
    try {
        for (const auto* file : {"/proc/asound/cards", "/proc/asound/pcm"}) {
            std::ifstream in(file);
            for (std::istreambuf_iterator<char> at(in), end; at != end; ++at)
                id = (id ^ static_cast<unsigned char>(*at)) * 1099511628211U;
        }
    } catch (const std::exception&) {
        return 0;
    }
    return id;
}

bool default_input_is_monitor() {
    const auto* functions = pulse();
    if (!functions) return false;
    const auto source = default_source(*functions);
    constexpr std::string_view kMonitor = ".monitor";
    return std::string_view(source).ends_with(kMonitor);
}

#else

std::uint64_t default_device_id(Side) noexcept {
    return 0;
}

std::uint64_t plugged_in_id() noexcept {
    return 0;
}

bool default_input_is_monitor() {
    return false;
}

#endif

}  // namespace bridge::devices
