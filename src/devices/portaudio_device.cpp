#include "devices/portaudio_device.hpp"

#include <fmt/format.h>
#include <portaudio.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "base/log.hpp"
#include "devices/portaudio_library.hpp"
#include "devices/quiet_libraries.hpp"

namespace bridge::devices {
namespace {

constexpr std::chrono::seconds kStartLimit{5};
constexpr std::chrono::milliseconds kStopLimit{700};
// Behind a sound server less than this runs dry when the machine is busy (measured with
// PulseAudio).
constexpr double kLeastLatency = 0.020;

}  // namespace

struct PortAudioDevice::Stream : MixingDevice::Output {
    std::atomic<bool> stopping{true};
    int wanted_channels = 1;

    // Inside with_portaudio only:
    std::string device;
    PaStream* handle = nullptr;

    Result<> open(const std::string& wanted);
    Result<> open_handle(int index);
    void close() noexcept;

    static int callback(const void*, void* output, unsigned long frames,
                        const PaStreamCallbackTimeInfo*, PaStreamCallbackFlags flags,
                        void* self) noexcept;
    static void finished(void* self) noexcept;
};

int PortAudioDevice::Stream::callback(const void*, void* output, unsigned long frames,
                                      const PaStreamCallbackTimeInfo*, PaStreamCallbackFlags flags,
                                      void* self) noexcept {
    auto& stream = *static_cast<Stream*>(self);
    const auto now = std::chrono::steady_clock::now();
    stream.heartbeat.beat(now);
    if ((flags & paOutputUnderflow) != 0) stream.heartbeat.underflow();
    auto* out = static_cast<float*>(output);
    const auto rate = stream.sample_rate.load(std::memory_order_relaxed);
    // The mono signal goes into the beginning and is spread from its end, in place.
    stream.mixer.render(std::span(out, frames), rate, now);
    const auto channels = static_cast<std::size_t>(stream.channels.load(std::memory_order_relaxed));
    if (channels == 1) return paContinue;
    for (std::size_t i = frames; i-- > 0;) std::fill_n(out + i * channels, channels, out[i]);
    return paContinue;
}

void PortAudioDevice::Stream::finished(void* self) noexcept {
    static_cast<Stream*>(self)->running.store(false);
}

Result<> PortAudioDevice::Stream::open(const std::string& wanted) {
    if (auto opened = open_portaudio(); !opened) return opened;
    auto result = [&]() -> Result<> {
        const auto index = find_portaudio_output(wanted);
        if (!index) return tl::unexpected(index.error());
        device = Pa_GetDeviceInfo(*index)->name;
        return open_handle(*index);
    }();
    if (!result) close_portaudio();
    return result;
}

Result<> PortAudioDevice::Stream::open_handle(int index) {
    const QuietStderr quiet;
    const auto* info = Pa_GetDeviceInfo(index);
    const auto rate = info->defaultSampleRate;
    PaStreamParameters parameters{};
    parameters.device = index;
    parameters.sampleFormat = paFloat32;
    parameters.suggestedLatency = std::max(
        kLeastLatency, std::min(info->defaultLowOutputLatency, info->defaultHighOutputLatency));

    const auto samples = static_cast<unsigned long>(std::lrint(rate / 100));
    auto error = static_cast<PaError>(paInvalidChannelCount);
    for (const auto count : {wanted_channels, 1, 2, info->maxOutputChannels}) {
        if (count < 1 || count > info->maxOutputChannels) continue;
        parameters.channelCount = count;
        channels = count;
        error = Pa_OpenStream(&handle, nullptr, &parameters, rate, samples, paNoFlag,
                              &Stream::callback, this);
        if (error == paNoError) break;
    }
    sample_rate = static_cast<int>(std::lrint(rate));
    block = static_cast<int>(samples);
    if (error == paNoError) {
        Pa_SetStreamFinishedCallback(handle, &Stream::finished);
        if (const auto* opened = Pa_GetStreamInfo(handle)) {
            latency_ms = opened->outputLatency * 1000;
            sample_rate = static_cast<int>(std::lrint(opened->sampleRate));
        }
        running = true;
        error = Pa_StartStream(handle);
        if (error != paNoError) {
            running = false;
            stopping = true;
            Pa_CloseStream(handle);
            handle = nullptr;
        }
    }
    if (error == paNoError) return {};
    return fail(Errc::device_failed,
                fmt::format("the sound device \"{}\" cannot be opened (PortAudio: {})", device,
                            Pa_GetErrorText(error)));
}

void PortAudioDevice::Stream::close() noexcept {
    if (!handle) return;
    const QuietStderr quiet;
    // Abort, not stop: what the device has queued is not worth waiting for.
    Pa_AbortStream(handle);
    Pa_CloseStream(handle);
    handle = nullptr;
    Pa_Terminate();
}

PortAudioDevice::PortAudioDevice(std::string wanted, int channels)
    : PortAudioDevice(std::move(wanted), std::make_shared<Stream>()) {
    stream_->wanted_channels = channels;
}

PortAudioDevice::PortAudioDevice(std::string wanted, std::shared_ptr<Stream> stream)
    : MixingDevice(stream), wanted_(std::move(wanted)), stream_(std::move(stream)) {}

PortAudioDevice::~PortAudioDevice() {
    stop();
}

std::string PortAudioDevice::name() const {
    const std::lock_guard lock(mutex_);
    const auto& shown = wanted_.empty() ? std::string("default") : wanted_;
    if (found_.empty() || found_ == shown) return "portaudio: " + shown;
    return fmt::format("portaudio: {} ({})", shown, found_);
}

Result<> PortAudioDevice::start() {
    const auto stream = stream_;
    if (stream->running) return {};
    stream->stopping = false;
    stream->heartbeat.restart();
    struct Outcome {
        std::mutex mutex;
        bool given_up = false;
        std::optional<Result<>> result;
    };
    auto outcome = std::make_shared<Outcome>();
    const bool done = with_portaudio(kStartLimit, [stream, outcome, wanted = wanted_] {
        if (stream->handle) stream->close();  // a stream whose device went away
        auto result = stream->open(wanted);
        const std::lock_guard lock(outcome->mutex);
        if (outcome->given_up && result) {
            stream->stopping = true;
            stream->close();
        }
        outcome->result = std::move(result);
    });
    const std::lock_guard lock(outcome->mutex);
    if (!done && !outcome->result) {
        outcome->given_up = true;
        return fail(Errc::device_failed, "the sound system did not answer within 5 seconds");
    }
    if (*outcome->result) {
        const std::lock_guard named(mutex_);
        found_ = stream->device;
    } else {
        stream->stopping = true;  // there is nothing to close
    }
    return *outcome->result;
}

void PortAudioDevice::stop() {
    const auto stream = stream_;
    if (stream->stopping.exchange(true)) return;
    const bool done = with_portaudio(
        kStopLimit, [stream] { stream->close(); }, Late::keep);
    stream->running = false;
    if (!done) log::warning("device", "{} does not let itself be closed; left behind", name());
}

}  // namespace bridge::devices
