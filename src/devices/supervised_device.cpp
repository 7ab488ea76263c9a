#include "devices/supervised_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;
using Device = std::shared_ptr<audio::AudioDevice>;

// A card that is gone again within so little time is not tried at once, but later and later.
constexpr std::chrono::seconds kShortLife{2};
constexpr std::chrono::seconds kLongestRetry{10};
constexpr milliseconds kFirstBlockPoll{5};

Time now() {
    return std::chrono::steady_clock::now();
}

double ms_since(Time then) {
    return std::chrono::duration<double, std::milli>(now() - then).count();
}

// "portaudio: default (pulse)" is for people "default (pulse)".
std::string label(const audio::AudioDevice& device) {
    const auto name = device.name();
    constexpr std::string_view kPrefix = "portaudio: ";
    const auto shown = name.rfind(kPrefix, 0) == 0 ? name.substr(kPrefix.size()) : name;
    return shown == "default" ? "the default output" : shown;
}

}  // namespace

struct SupervisedDevice::Core : std::enable_shared_from_this<Core> {
    /// From one `start` to its `stop`; a thread that was left behind still has its own.
    struct Run {
        bool stopping = false;
        bool ended = false;  ///< the thread
        // The thread's own:
        Time opened_at{};
        Time tried_at{};
        Time retry_at{};
        int short_lives = 0;
        std::uint64_t callbacks = 0;  ///< when last looked at
        Time looked_at{};
        milliseconds silent{0};
        std::uint64_t default_output = 0;
    };

    Core(SupervisedParts with_parts, SupervisedTiming with_timing)
        : parts(std::move(with_parts)), timing(with_timing) {}

    void supervise(const std::shared_ptr<Run>& run);
    void watch(Run& run);
    bool is_gone(Run& run, const audio::DeviceStats& stats) const;
    bool default_changed(Run& run) const;
    void let_go(Run& run, bool tell_loss);
    bool try_open(Run& run, DeviceChange::What what);
    bool asks_for_sound(const Run& run, const Device& card);
    void started_on_card(Run& run) const;
    Device move_lines_to(Device next, bool is_null);
    void tell(const Run& run, DeviceChange::What what, std::string text);
    bool is_stopping(const Run& run) const {
        const std::lock_guard lock(mutex);
        return run.stopping;
    }

    const SupervisedParts parts;
    const SupervisedTiming timing;
    std::mutex telling;        ///< held while on_change runs
    mutable std::mutex mutex;  ///< of all below and of a Run's two flags; not held while a device
                               ///< is opened or stopped
    std::condition_variable changed;
    std::vector<std::shared_ptr<audio::SpeakerLine>> lines;
    Device device;
    bool on_null = false;
    bool hurry = false;  ///< a call was attached: try now
    bool was_heard = false;
    std::string missing;
    Time lost_at{};
    audio::DeviceStats past;  ///< counters of the devices before this one
    std::shared_ptr<Run> current;
    std::thread thread;
};

void SupervisedDevice::Core::supervise(const std::shared_ptr<Run>& run) {
    std::unique_lock lock(mutex);
    while (!run->stopping) {
        const auto until = on_null ? run->retry_at : now() + timing.watch;
        changed.wait_until(lock, until, [&] { return run->stopping || (on_null && hurry); });
        if (run->stopping) break;
        if (!on_null) {
            lock.unlock();
            watch(*run);
            lock.lock();
        } else if (std::exchange(hurry, false)) {
            // Calls may come by the dozen: not more attempts for that.
            run->retry_at = std::min(run->retry_at, run->tried_at + timing.retry);
        } else if (now() >= run->retry_at) {
            lock.unlock();
            try_open(*run, DeviceChange::What::back);
            lock.lock();
        }
    }
    run->ended = true;
    changed.notify_all();
}

void SupervisedDevice::Core::watch(Run& run) {
    Device card;
    {
        const std::lock_guard lock(mutex);
        card = device;
    }
    if (is_gone(run, card->stats())) {
        run.short_lives = now() - run.opened_at < kShortLife ? run.short_lives + 1 : 0;
        let_go(run, true);
        if (run.short_lives == 0) try_open(run, DeviceChange::What::back);
    } else if (default_changed(run)) {
        // PortAudio sees another device only with every stream closed.
        let_go(run, false);
        if (!try_open(run, DeviceChange::What::moved))
            tell(run, DeviceChange::What::lost,
                 "the system's default output changed and cannot be opened: calls go on unheard "
                 "until it can");
    }
}

bool SupervisedDevice::Core::is_gone(Run& run, const audio::DeviceStats& stats) const {
    if (!stats.running) return true;
    const auto elapsed = std::chrono::duration_cast<milliseconds>(now() - run.looked_at);
    run.looked_at = now();
    run.silent = stats.callbacks == run.callbacks ? run.silent + std::min(elapsed, 2 * timing.watch)
                                                  : milliseconds(0);
    run.callbacks = stats.callbacks;
    return run.silent >= timing.silent;
}

bool SupervisedDevice::Core::default_changed(Run& run) const {
    if (!parts.default_output) return false;
    const auto id = parts.default_output();
    if (id == 0) return false;
    const auto before = std::exchange(run.default_output, id);
    return before != 0 && before != id;
}

// The lines go to a null device first: what the old one does when it is stopped is its own affair.
void SupervisedDevice::Core::let_go(Run& run, bool tell_loss) {
    const auto old = move_lines_to(parts.make_null(), true);
    {
        const std::lock_guard lock(mutex);
        lost_at = now();
        if (tell_loss) ++past.losses;
    }
    const auto doubled = std::clamp(run.short_lives - 1, 0, 8);
    const auto delay = std::min<milliseconds>(timing.retry * (1 << doubled), kLongestRetry);
    run.retry_at = now() + delay;
    if (tell_loss)
        tell(run, DeviceChange::What::lost,
             fmt::format("the sound card is gone ({}): calls go on unheard until {}", label(*old),
                         parts.any_device ? "there is one again" : "it is back"));
    old->stop();
}

bool SupervisedDevice::Core::try_open(Run& run, DeviceChange::What what) {
    run.tried_at = now();
    const auto opened = parts.open();
    if (!opened || !asks_for_sound(run, *opened)) {
        if (opened) (*opened)->stop();
        const std::lock_guard lock(mutex);
        run.retry_at = now() + (lines.empty() ? timing.retry_idle
                                              : std::max<milliseconds>(
                                                    timing.retry, timing.retry * run.short_lives));
        return false;
    }
    if (is_stopping(run)) {
        (*opened)->stop();
        return false;
    }
    double unheard_ms = 0;
    bool heard_before = false;
    {
        const std::lock_guard lock(mutex);
        unheard_ms = ms_since(lost_at);
        past.unheard_ms += unheard_ms;
        heard_before = std::exchange(was_heard, true);
    }
    const auto null = move_lines_to(*opened, false);
    null->stop();
    started_on_card(run);
    const auto on = label(**opened);
    if (what == DeviceChange::What::moved)
        tell(run, what, "the system's default output changed: calls are heard on " + on);
    else if (heard_before)
        tell(run, what, fmt::format("sound is back after {:.1f} s, on {}", unheard_ms / 1000, on));
    else
        tell(run, what, "there is a sound card now: calls are heard on " + on);
    return true;
}

bool SupervisedDevice::Core::asks_for_sound(const Run& run, const Device& card) {
    const auto limit = now() + timing.first_block;
    while (card->stats().callbacks == 0) {
        std::unique_lock lock(mutex);
        if (now() >= limit || changed.wait_for(lock, kFirstBlockPoll, [&] { return run.stopping; }))
            return false;
    }
    return true;
}

void SupervisedDevice::Core::started_on_card(Run& run) const {
    run.opened_at = run.looked_at = now();
    run.callbacks = 0;
    run.silent = milliseconds(0);
    run.default_output = parts.default_output ? parts.default_output() : 0;
}

// Returns the device that had them, for the caller to stop.
Device SupervisedDevice::Core::move_lines_to(Device next, bool is_null) {
    const std::lock_guard lock(mutex);
    for (const auto& line : lines) {
        device->detach(line);
        next->attach(line);
    }
    if (device) {
        const auto done = device->stats();
        past.callbacks += done.callbacks;
        past.underflows += done.underflows;
        past.longest_gap_ms = std::max(past.longest_gap_ms, done.longest_gap_ms);
    }
    on_null = is_null;
    return std::exchange(device, std::move(next));
}

void SupervisedDevice::Core::tell(const Run& run, DeviceChange::What what, std::string text) {
    const std::lock_guard lock(telling);
    if (parts.on_change && !is_stopping(run)) parts.on_change({what, std::move(text)});
}

SupervisedDevice::SupervisedDevice(SupervisedParts parts, SupervisedTiming timing)
    : core_(std::make_shared<Core>(std::move(parts), timing)) {}

SupervisedDevice::~SupervisedDevice() {
    stop();
}

Result<> SupervisedDevice::start() {
    auto& core = *core_;
    {
        const std::lock_guard lock(core.mutex);
        if (core.current) return {};
    }
    auto opened = core.parts.open();
    if (!opened && !core.parts.may_be_missing) return tl::unexpected(opened.error());
    const bool is_null = !opened;
    core.move_lines_to(opened ? *opened : core.parts.make_null(), is_null);

    auto run = std::make_shared<Core::Run>();
    core.started_on_card(*run);
    run->tried_at = now();
    run->retry_at = now() + core.timing.retry;
    const std::lock_guard lock(core.mutex);
    core.missing = is_null ? opened.error().message : std::string();
    core.was_heard = !is_null;
    core.lost_at = now();
    core.current = run;
    core.thread = std::thread([core = core_, run] { core->supervise(run); });
    return {};
}

void SupervisedDevice::stop() {
    auto& core = *core_;
    Device device;
    std::thread thread;
    bool ended = false;
    {
        std::unique_lock lock(core.mutex);
        const auto run = std::exchange(core.current, nullptr);
        if (!run) return;
        run->stopping = true;
        core.changed.notify_all();
        ended = core.changed.wait_for(lock, core.timing.stop, [&] { return run->ended; });
        if (core.on_null) core.past.unheard_ms += ms_since(core.lost_at);
        core.on_null = false;
        device = core.device;
        thread = std::move(core.thread);
    }
    if (ended)
        thread.join();
    else
        thread.detach();
    { const std::lock_guard last_word(core.telling); }
    device->stop();
}

bool SupervisedDevice::attach(std::shared_ptr<audio::SpeakerLine> line) {
    auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    if (!core.device || !core.device->attach(line)) return false;
    if (std::find(core.lines.begin(), core.lines.end(), line) == core.lines.end())
        core.lines.push_back(std::move(line));
    core.hurry = core.on_null;
    core.changed.notify_all();
    return true;
}

void SupervisedDevice::detach(const std::shared_ptr<audio::SpeakerLine>& line) {
    auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    if (core.device) core.device->detach(line);
    core.lines.erase(std::remove(core.lines.begin(), core.lines.end(), line), core.lines.end());
}

audio::DeviceStats SupervisedDevice::stats() const {
    const auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    auto stats = core.device ? core.device->stats() : audio::DeviceStats{};
    stats.callbacks += core.past.callbacks;
    stats.underflows += core.past.underflows;
    stats.longest_gap_ms = std::max(stats.longest_gap_ms, core.past.longest_gap_ms);
    stats.losses = core.past.losses;
    stats.unheard_ms = core.past.unheard_ms + (core.on_null ? ms_since(core.lost_at) : 0.0);
    stats.running = core.current != nullptr;
    return stats;
}

std::string SupervisedDevice::name() const {
    const auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    if (core.on_null || !core.device) return "null (no sound card)";
    return core.device->name();
}

std::string SupervisedDevice::missing() const {
    const std::lock_guard lock(core_->mutex);
    return core_->missing;
}

}  // namespace bridge::devices
