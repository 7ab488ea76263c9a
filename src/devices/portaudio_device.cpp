#include "devices/portaudio_device.hpp"

#include <fmt/format.h>
#include <portaudio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <span>
#include <utility>
#include <vector>

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
// A time that a callback is told and that is further off is none.
constexpr double kMostLatency = 0.5;

Clock::Duration seconds(double time) {
    return std::chrono::duration_cast<Clock::Duration>(std::chrono::duration<double>(time));
}

bool is_sane(double latency) noexcept {
    return latency > 0 && latency < kMostLatency;
}

}  // namespace

struct PortAudioDevice::Streams : MixingDevice::Output {
    explicit Streams(PortAudioOptions with) : options(std::move(with)) {}

    const PortAudioOptions options;
    std::atomic<bool> stopping{true};  ///< a callback that still comes has nothing to say

    /// One of the two, as it was opened.
    struct Way {
        PaStream* handle = nullptr;  // inside with_portaudio only
        std::mutex mutex;            ///< of what follows; no callback takes it
        std::string device;          ///< its own name
        std::optional<Error> trouble;
    };
    Way out, in;
    /// What the input's callback works on, beside MixingDevice::Output's for the output's.
    struct Capture {
        Heartbeat heartbeat;
        std::atomic<int> sample_rate{0};
        std::atomic<int> block{0};
        std::atomic<int> channels{1};
        std::atomic<double> latency_ms{0};
        std::atomic<bool> running{false};
        std::vector<float> mono;
    } capture;
    std::vector<float> left, right;  ///< the output callback's

    // Inside with_portaudio only:
    bool initialised = false;
    bool beside = false;  ///< the side being opened joins one that runs
    Result<> open_all();
    Result<> open(Side side);
    PaError open_stream(Side side, int index, std::array<int, 4> counts, int& count, double& rate);
    PaError open_output(int index);
    PaError open_input(int index);
    PaError start(Way& way, std::atomic<bool>& runs);
    void close(Side side) noexcept;
    void close_all() noexcept;

    /// Why that side is not open.
    void blame(Side side, std::optional<Error> trouble) {
        const std::lock_guard lock(way(side).mutex);
        way(side).trouble = std::move(trouble);
    }
    Way& way(Side side) noexcept { return side == Side::output ? out : in; }
    const std::optional<std::string>& wanted(Side side) const noexcept {
        return side == Side::output ? options.output : options.input;
    }

    void play(float* to, std::size_t frames, Clock::Time now, Clock::Duration latency) noexcept;
    static int play_callback(const void*, void* output, unsigned long frames,
                             const PaStreamCallbackTimeInfo* times, PaStreamCallbackFlags flags,
                             void* self) noexcept;
    static int capture_callback(const void* input, void*, unsigned long frames,
                                const PaStreamCallbackTimeInfo* times, PaStreamCallbackFlags flags,
                                void* self) noexcept;
    static void play_finished(void* self) noexcept;
    static void capture_finished(void* self) noexcept;
};

int PortAudioDevice::Streams::play_callback(const void*, void* output, unsigned long frames,
                                            const PaStreamCallbackTimeInfo* times,
                                            PaStreamCallbackFlags flags, void* self) noexcept {
    auto& streams = *static_cast<Streams*>(self);
    const auto now = std::chrono::steady_clock::now();
    streams.heartbeat.beat(now);
    if ((flags & paOutputUnderflow) != 0) streams.heartbeat.underflow();
    auto latency = streams.latency_ms.load(std::memory_order_relaxed) / 1000;
    if (times && times->currentTime > 0 && is_sane(times->outputBufferDacTime - times->currentTime))
        latency = times->outputBufferDacTime - times->currentTime;
    streams.play(static_cast<float*>(output), frames, now, seconds(latency));
    return paContinue;
}

void PortAudioDevice::Streams::play(float* to, std::size_t frames, Clock::Time now,
                                    Clock::Duration latency) noexcept {
    const auto rate = sample_rate.load(std::memory_order_relaxed);
    const auto count = static_cast<std::size_t>(channels.load(std::memory_order_relaxed));
    const bool told = options.tap && !stopping.load(std::memory_order_relaxed);
    if (count >= 2 && mixer.panned() && frames <= left.size()) {
        const auto l = std::span(left).first(frames);
        const auto r = std::span(right).first(frames);
        mixer.render(l, r, rate, now);
        for (std::size_t i = 0; i < frames; ++i) {
            for (std::size_t c = 0; c < count; ++c) to[i * count + c] = c % 2 == 0 ? l[i] : r[i];
            l[i] = (l[i] + r[i]) * 0.5F;
        }
        if (told) options.tap->played(l, rate, now, latency);
        return;
    }
    // The mono signal goes into the beginning and is spread from its end, in place.
    mixer.render(std::span(to, frames), rate, now);
    if (told) options.tap->played(std::span<const float>(to, frames), rate, now, latency);
    if (count == 1) return;
    for (std::size_t i = frames; i-- > 0;) std::fill_n(to + i * count, count, to[i]);
}

int PortAudioDevice::Streams::capture_callback(const void* input, void*, unsigned long frames,
                                               const PaStreamCallbackTimeInfo* times,
                                               PaStreamCallbackFlags flags, void* self) noexcept {
    auto& streams = *static_cast<Streams*>(self);
    auto& capture = streams.capture;
    const auto now = std::chrono::steady_clock::now();
    capture.heartbeat.beat(now);
    if ((flags & paInputOverflow) != 0) capture.heartbeat.underflow();
    if (!input || !streams.options.tap || streams.stopping.load(std::memory_order_relaxed))
        return paContinue;
    const auto rate = capture.sample_rate.load(std::memory_order_relaxed);
    const auto block = static_cast<double>(frames) / rate;
    auto latency = capture.latency_ms.load(std::memory_order_relaxed) / 1000;
    // Told of the first sample; the last one is a block younger.
    if (times && times->currentTime > 0 && is_sane(times->currentTime - times->inputBufferAdcTime))
        latency = std::max(0.0, times->currentTime - times->inputBufferAdcTime - block);

    const auto* in = static_cast<const float*>(input);
    const auto count = static_cast<std::size_t>(capture.channels.load(std::memory_order_relaxed));
    if (count == 1) {
        streams.options.tap->captured(std::span(in, frames), rate, now, seconds(latency));
        return paContinue;
    }
    // Two are one microphone in stereo; of more, the first is the one that somebody speaks into.
    const auto mono =
        std::span(capture.mono).first(std::min<std::size_t>(frames, capture.mono.size()));
    for (std::size_t i = 0; i < mono.size(); ++i)
        mono[i] = count == 2 ? (in[2 * i] + in[2 * i + 1]) * 0.5F : in[count * i];
    streams.options.tap->captured(mono, rate, now, seconds(latency));
    return paContinue;
}

void PortAudioDevice::Streams::play_finished(void* self) noexcept {
    static_cast<Streams*>(self)->running.store(false);
}

void PortAudioDevice::Streams::capture_finished(void* self) noexcept {
    static_cast<Streams*>(self)->capture.running.store(false);
}

Result<> PortAudioDevice::Streams::open_all() {
    close_all();  // of a device that went away
    beside = false;
    if (auto opened = open_portaudio(); !opened) {
        for (const auto side : {Side::output, Side::input}) blame(side, opened.error());
        return opened;
    }
    initialised = true;
    if (options.tap) options.tap->restarted();
    auto result = Result<>{};
    bool any = false;
    for (const auto side : {Side::input, Side::output}) {
        if (!wanted(side)) continue;
        auto opened = open(side);
        any = any || opened;
        if (!opened) result = std::move(opened);  // the output's, if both fail
    }
    if (any) return {};
    close_all();
    return result;
}

Result<> PortAudioDevice::Streams::open(Side side) {
    close(side);
    auto& at = way(side);
    auto result = [&]() -> Result<> {
        const auto index = find_portaudio_device(side, *wanted(side));
        if (!index) return tl::unexpected(index.error());
        const std::string device = Pa_GetDeviceInfo(*index)->name;
        const QuietStderr quiet;
        const auto error = side == Side::output ? open_output(*index) : open_input(*index);
        if (error != paNoError)
            return fail(Errc::device_failed,
                        fmt::format("the {} \"{}\" cannot be opened (PortAudio: {})",
                                    side == Side::output ? "sound device" : "microphone", device,
                                    Pa_GetErrorText(error)));
        const std::lock_guard lock(at.mutex);
        at.device = device;
        return {};
    }();
    blame(side, result ? std::nullopt : std::optional(result.error()));
    return result;
}

// Opens way(side), not started: with the first number of channels and the first rate that the
// device takes, its own before all others.
PaError PortAudioDevice::Streams::open_stream(Side side, int index, std::array<int, 4> counts,
                                              int& count, double& rate) {
    const bool output = side == Side::output;
    const auto* info = Pa_GetDeviceInfo(index);
    const auto most = output ? info->maxOutputChannels : info->maxInputChannels;
    PaStreamParameters parameters{};
    parameters.device = index;
    parameters.sampleFormat = paFloat32;
    parameters.suggestedLatency =
        std::max(kLeastLatency,
                 output ? std::min(info->defaultLowOutputLatency, info->defaultHighOutputLatency)
                        : std::min(info->defaultLowInputLatency, info->defaultHighInputLatency));
    auto error = static_cast<PaError>(paInvalidChannelCount);
    for (const auto hz : {info->defaultSampleRate, 48000.0, 44100.0, 16000.0, 8000.0}) {
        for (const auto channels_tried : counts) {
            if (channels_tried < 1 || channels_tried > most) continue;
            parameters.channelCount = count = channels_tried;
            rate = hz;
            error = Pa_OpenStream(
                &way(side).handle, output ? nullptr : &parameters, output ? &parameters : nullptr,
                rate, static_cast<unsigned long>(std::lrint(rate / 100)), paNoFlag,
                output ? &Streams::play_callback : &Streams::capture_callback, this);
            if (error == paNoError) return error;
        }
        if (error != paInvalidSampleRate) break;
    }
    return error;
}

PaError PortAudioDevice::Streams::open_output(int index) {
    const auto most = Pa_GetDeviceInfo(index)->maxOutputChannels;
    int count = 1;
    double rate = 0;
    const auto error =
        open_stream(Side::output, index, {options.channels, 1, 2, most}, count, rate);
    if (error != paNoError) return error;
    Pa_SetStreamFinishedCallback(out.handle, &Streams::play_finished);
    channels = count;
    sample_rate = static_cast<int>(std::lrint(rate));
    block = static_cast<int>(std::lrint(rate / 100));
    if (const auto* opened = Pa_GetStreamInfo(out.handle)) {
        latency_ms = opened->outputLatency * 1000;
        sample_rate = static_cast<int>(std::lrint(opened->sampleRate));
    }
    left.assign(static_cast<std::size_t>(block), 0.0F);
    right.assign(static_cast<std::size_t>(block), 0.0F);
    heartbeat.restart();
    return start(out, running);
}

PaError PortAudioDevice::Streams::open_input(int index) {
    const auto most = Pa_GetDeviceInfo(index)->maxInputChannels;
    int count = 1;
    double rate = 0;
    const auto error = open_stream(Side::input, index, {1, 2, most, 0}, count, rate);
    if (error != paNoError) return error;
    Pa_SetStreamFinishedCallback(in.handle, &Streams::capture_finished);
    capture.channels = count;
    capture.sample_rate = static_cast<int>(std::lrint(rate));
    capture.block = static_cast<int>(std::lrint(rate / 100));
    if (const auto* opened = Pa_GetStreamInfo(in.handle)) {
        capture.latency_ms = opened->inputLatency * 1000;
        capture.sample_rate = static_cast<int>(std::lrint(opened->sampleRate));
    }
    capture.mono.assign(static_cast<std::size_t>(capture.block), 0.0F);
    capture.heartbeat.restart();
    return start(in, capture.running);
}

PaError PortAudioDevice::Streams::start(Way& way, std::atomic<bool>& runs) {
    if (beside && options.tap) options.tap->restarted();
    runs = true;
    const auto error = Pa_StartStream(way.handle);
    if (error == paNoError) return error;
    runs = false;
    Pa_CloseStream(way.handle);
    way.handle = nullptr;
    return error;
}

void PortAudioDevice::Streams::close(Side side) noexcept {
    auto& at = way(side);
    if (!at.handle) return;
    const QuietStderr quiet;
    // Abort, not stop: what the device has queued is not worth waiting for.
    Pa_AbortStream(at.handle);
    Pa_CloseStream(at.handle);
    at.handle = nullptr;
}

void PortAudioDevice::Streams::close_all() noexcept {
    close(Side::input);
    close(Side::output);
    if (std::exchange(initialised, false)) close_portaudio();
}

PortAudioDevice::PortAudioDevice(PortAudioOptions options)
    : PortAudioDevice(options, std::make_shared<Streams>(options)) {}

PortAudioDevice::PortAudioDevice(PortAudioOptions options, std::shared_ptr<Streams> streams)
    : MixingDevice(streams), options_(std::move(options)), streams_(std::move(streams)) {}

PortAudioDevice::~PortAudioDevice() {
    stop();
}

namespace {

std::string shown_name(const std::optional<std::string>& wanted, const std::string& found) {
    const auto shown = wanted && !wanted->empty() ? *wanted : std::string("default");
    if (found.empty() || found == shown) return "portaudio: " + shown;
    return fmt::format("portaudio: {} ({})", shown, found);
}

// Runs `open` where PortAudio is entered. What is opened after nobody waits any longer is closed by
// `undo`.
Result<> open_in_time(std::function<Result<>()> open, std::function<void()> undo) {
    struct Outcome {
        std::mutex mutex;
        bool given_up = false;
        std::optional<Result<>> result;
    };
    auto outcome = std::make_shared<Outcome>();
    const bool done =
        with_portaudio(kStartLimit, [outcome, open = std::move(open), undo = std::move(undo)] {
            auto result = open();
            const std::lock_guard lock(outcome->mutex);
            if (outcome->given_up && result) undo();
            outcome->result = std::move(result);
        });
    const std::lock_guard lock(outcome->mutex);
    if (!done && !outcome->result) {
        outcome->given_up = true;
        return fail(Errc::device_failed, "the sound system did not answer within 5 seconds");
    }
    return *outcome->result;
}

}  // namespace

std::string PortAudioDevice::name() const {
    const std::lock_guard lock(streams_->out.mutex);
    return shown_name(options_.output, streams_->out.device);
}

std::string PortAudioDevice::input_name() const {
    const std::lock_guard lock(streams_->in.mutex);
    return shown_name(options_.input, streams_->in.device);
}

Result<> PortAudioDevice::start() {
    const auto streams = streams_;
    if (streams->running || streams->capture.running) return {};
    streams->stopping = false;
    auto result = open_in_time([streams] { return streams->open_all(); },
                               [streams] {
                                   streams->stopping = true;
                                   streams->close_all();
                               });
    if (result) return result;
    streams->stopping = true;  // there is nothing to close
    for (const auto side : {Side::output, Side::input})
        if (streams->wanted(side) && !trouble(side)) streams->blame(side, result.error());
    return result;
}

void PortAudioDevice::stop() {
    const auto streams = streams_;
    if (streams->stopping.exchange(true)) return;
    const bool done = with_portaudio(
        kStopLimit, [streams] { streams->close_all(); }, Late::keep);
    streams->running = false;
    streams->capture.running = false;
    if (!done)
        log::warning("device", "{} does not let itself be closed; left behind",
                     options_.output ? name() : input_name());
}

std::optional<Error> PortAudioDevice::trouble(Side side) const {
    auto& at = streams_->way(side);
    const std::lock_guard lock(at.mutex);
    return at.trouble;
}

void PortAudioDevice::close(Side side) {
    const auto streams = streams_;
    with_portaudio(
        kStopLimit, [streams, side] { streams->close(side); }, Late::keep);
    (side == Side::output ? streams->running : streams->capture.running) = false;
}

Result<> PortAudioDevice::reopen(Side side) {
    const auto streams = streams_;
    return open_in_time(
        [streams, side]() -> Result<> {
            if (streams->stopping || !streams->initialised)
                return fail(Errc::device_failed, "the sound card is closed");
            if (!streams->wanted(side))
                return fail(Errc::no_device, "this side of the sound card is not wanted");
            streams->beside = true;
            return streams->open(side);
        },
        [streams, side] { streams->close(side); });
}

audio::DeviceStats PortAudioDevice::stats() const {
    auto stats = MixingDevice::stats();
    const auto& from = streams_->capture;
    stats.capture.wanted = options_.input.has_value();
    stats.capture.running = from.running;
    stats.capture.sample_rate = from.sample_rate;
    stats.capture.block_samples = from.block;
    stats.capture.channels = from.channels;
    stats.capture.reported_latency_ms = from.latency_ms;
    stats.capture.callbacks = from.heartbeat.callbacks();
    stats.capture.overflows = from.heartbeat.underflows();
    stats.capture.longest_gap_ms = from.heartbeat.longest_gap_ms();
    return stats;
}

}  // namespace bridge::devices
