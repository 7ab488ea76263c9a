#include "devices/supervised_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/thread_name.hpp"

namespace bridge::devices {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;
using Device = std::shared_ptr<audio::AudioDevice>;
using What = DeviceChange::What;

// A card that is gone again within so little time is not tried at once, but later and later.
constexpr std::chrono::seconds kShortLife{2};
constexpr std::chrono::seconds kLongestRetry{10};
constexpr milliseconds kPoll{5};
constexpr std::size_t kOutput = 0;
constexpr std::size_t kInput = 1;

Time now() {
    return std::chrono::steady_clock::now();
}

double ms_since(Time then) {
    return std::chrono::duration<double, std::milli>(now() - then).count();
}

// "portaudio: default (pulse)" is for people "default (pulse)".
std::string label(const std::string& name, std::string_view of_default) {
    constexpr std::string_view kPrefix = "portaudio: ";
    const auto shown = name.rfind(kPrefix, 0) == 0 ? name.substr(kPrefix.size()) : name;
    return shown == "default" ? std::string(of_default) : shown;
}

constexpr std::size_t at(Side side) {
    return side == Side::output ? kOutput : kInput;
}

}  // namespace

struct SupervisedDevice::Core : std::enable_shared_from_this<Core> {
    /// From one `start` to its `stop`; a thread that was left behind still has its own. The sides'
    /// are that thread's.
    struct Run {
        bool stopping = false;
        bool ended = false;  ///< the thread
        struct {
            Time opened_at{};
            Time tried_at{};
            Time retry_at{};
            int short_lives = 0;
            std::uint64_t callbacks = 0;  ///< when last looked at
            Time looked_at{};
            milliseconds silent{0};
            std::uint64_t default_device = 0;
        } side[2];
        std::uint64_t plugged_in = 0;  ///< when the card was opened
        Time monitor_asked{};
        bool monitor = false;
    };
    /// What became of the two sides, for one line.
    struct News {
        bool output = false, input = false;
        bool& operator[](Side side) { return side == Side::output ? output : input; }
        bool operator[](Side side) const { return side == Side::output ? output : input; }
        bool any() const { return output || input; }
    };

    Core(SupervisedParts with_parts, SupervisedTiming with_timing)
        : parts(std::move(with_parts)), timing(with_timing) {}

    void supervise(const std::shared_ptr<Run>& run);
    Time next_look(const Run& run) const;
    void watch(Run& run);
    void look_for_missing(Run& run);
    bool is_gone(Run& run, Side side, const audio::DeviceStats& stats);
    bool is_monitor(Run& run);
    News changed_defaults(Run& run) const;
    void let_go(Run& run, News gone);
    void restart(Run& run, News cause);
    News open_anew(Run& run);
    bool open_beside(Run& run, Side side);
    bool beats(const Run& run, Side side, const Card& at_card, std::uint64_t before);
    void came_up(Run& run, Side side);
    void failed(Run& run, Side side);
    Device move_lines_to(Device next);
    std::shared_ptr<Card> drop_card();
    void leave_former();

    void tell(const Run& run, What what, News which, std::string text);
    std::string loss_text(News gone, const std::string& output, const std::string& input) const;
    std::string return_text(News back, const double* missing_ms, const bool* first) const;
    std::string move_text(News moved) const;

    const SupervisedParts::Wish& wish(Side side) const {
        return side == Side::output ? parts.output : parts.input;
    }
    bool is_stopping(const Run& run) const {
        const std::lock_guard lock(mutex);
        return run.stopping;
    }
    bool is_up(Side side) const {
        const std::lock_guard lock(mutex);
        return state[at(side)].up;
    }
    bool is_down(Side side) const { return wish(side).wanted && !is_up(side); }
    static std::uint64_t callbacks(const audio::DeviceStats& stats, Side side) {
        return side == Side::output ? stats.callbacks : stats.capture.callbacks;
    }

    const SupervisedParts parts;
    const SupervisedTiming timing;
    std::mutex telling;        ///< held while on_change runs
    mutable std::mutex mutex;  ///< of all below and of a Run's two flags; not held while a device
                               ///< is opened or stopped
    std::condition_variable changed;
    std::vector<std::shared_ptr<audio::SpeakerLine>> lines;
    std::shared_ptr<Card> card;  ///< null: both sides are down
    Device device;               ///< that has the lines: the card, or a null device
    struct SideState {
        bool up = false;
        bool was_up = false;  ///< at some time
        std::string missing;  ///< at the start
        Time lost_at{};
    } state[2];
    bool hurry = false;       ///< a call was attached: try now
    audio::DeviceStats past;  ///< counters of the devices before this one
    std::shared_ptr<Run> current;
    std::thread thread;
};

void SupervisedDevice::Core::supervise(const std::shared_ptr<Run>& run) {
    name_this_thread("sound card");
    std::unique_lock lock(mutex);
    const auto hurried = [&] { return hurry && parts.output.wanted && !state[kOutput].up; };
    while (!run->stopping) {
        changed.wait_until(lock, next_look(*run), [&] { return run->stopping || hurried(); });
        if (run->stopping) break;
        if (hurried()) {
            // Calls may come by the dozen: not more attempts for that.
            for (auto& side : run->side)
                side.retry_at = std::min(side.retry_at, side.tried_at + timing.retry);
        }
        hurry = false;
        const bool any_up = state[kOutput].up || state[kInput].up;
        lock.unlock();
        if (any_up) watch(*run);
        look_for_missing(*run);
        lock.lock();
    }
    run->ended = true;
    changed.notify_all();
}

// With the mutex held.
Time SupervisedDevice::Core::next_look(const Run& run) const {
    auto next = now() + std::chrono::hours(1);
    for (const auto side : {Side::output, Side::input}) {
        if (state[at(side)].up)
            next = std::min(next, now() + timing.watch);
        else if (wish(side).wanted)
            next = std::min(next, run.side[at(side)].retry_at);
    }
    return next;
}

void SupervisedDevice::Core::watch(Run& run) {
    std::shared_ptr<Card> watched;
    {
        const std::lock_guard lock(mutex);
        watched = card;
    }
    if (!watched) return;
    News gone;
    const auto look = [&] {
        const auto stats = watched->stats();
        for (const auto side : {Side::output, Side::input})
            if (is_up(side) && !gone[side]) gone[side] = is_gone(run, side, stats);
    };
    look();
    if (gone.any()) {
        const auto until = now() + timing.together;
        const auto both = [&] {
            return (gone.output || !is_up(Side::output)) && (gone.input || !is_up(Side::input));
        };
        while (!both() && now() < until) {
            std::unique_lock lock(mutex);
            if (changed.wait_for(lock, std::min(timing.watch, timing.together),
                                 [&] { return run.stopping; }))
                return;
            lock.unlock();
            look();
        }
        return let_go(run, gone);
    }
    auto moved = changed_defaults(run);
    if (!moved.any()) return;
    {
        std::unique_lock lock(mutex);
        if (changed.wait_for(lock, timing.together, [&] { return run.stopping; })) return;
    }
    const auto also = changed_defaults(run);
    moved.output = moved.output || also.output;
    moved.input = moved.input || also.input;
    restart(run, moved);
}

// Sides that are down and whose time has come.
void SupervisedDevice::Core::look_for_missing(Run& run) {
    const auto due = [&](Side side) {
        return is_down(side) && now() >= run.side[at(side)].retry_at;
    };
    if (due(Side::input) && is_monitor(run)) failed(run, Side::input);
    if (!due(Side::output) && !due(Side::input)) return;
    bool any_up = false;
    {
        const std::lock_guard lock(mutex);
        any_up = state[kOutput].up || state[kInput].up;
    }
    if (!any_up) return restart(run, {});
    for (const auto side : {Side::output, Side::input}) {
        if (!due(side) || is_stopping(run)) continue;
        if (open_beside(run, side)) continue;
        if (!parts.plugged_in) continue;
        const auto there = parts.plugged_in();
        if (there != 0 && there != run.plugged_in) return restart(run, {});
    }
}

bool SupervisedDevice::Core::is_gone(Run& run, Side side, const audio::DeviceStats& stats) {
    auto& mine = run.side[at(side)];
    if (!(side == Side::output ? stats.running : stats.capture.running)) return true;
    if (side == Side::input && is_monitor(run)) return true;
    const auto elapsed = std::chrono::duration_cast<milliseconds>(now() - mine.looked_at);
    mine.looked_at = now();
    mine.silent = callbacks(stats, side) == mine.callbacks
                      ? mine.silent + std::min(elapsed, 2 * timing.watch)
                      : milliseconds(0);
    mine.callbacks = callbacks(stats, side);
    return mine.silent >= timing.silent;
}

bool SupervisedDevice::Core::is_monitor(Run& run) {
    if (!parts.input_is_monitor) return false;
    if (now() - run.monitor_asked >= timing.monitor) {
        run.monitor_asked = now();
        run.monitor = parts.input_is_monitor();
    }
    return run.monitor;
}

SupervisedDevice::Core::News SupervisedDevice::Core::changed_defaults(Run& run) const {
    News moved;
    if (!parts.default_device) return moved;
    for (const auto side : {Side::output, Side::input}) {
        if (!wish(side).wanted) continue;
        auto& mine = run.side[at(side)];
        const auto id = parts.default_device(side);
        if (id == 0) continue;
        const auto before = std::exchange(mine.default_device, id);
        moved[side] = before != 0 && before != id;
    }
    return moved;
}

// The lines go to a null device first: what the old one does when it is stopped is its own affair.
void SupervisedDevice::Core::let_go(Run& run, News gone) {
    std::shared_ptr<Card> old;
    bool none_left = false;
    {
        const std::lock_guard lock(mutex);
        old = card;
    }
    const auto output = label(old->name(), "the default output");
    const auto input = label(old->input_name(), "the default input");
    if (gone.output) move_lines_to(parts.make_null());
    {
        const std::lock_guard lock(mutex);
        for (const auto side : {Side::output, Side::input}) {
            if (!gone[side]) continue;
            state[at(side)].up = false;
            state[at(side)].lost_at = now();
            ++(side == Side::output ? past.losses : past.capture.losses);
        }
        none_left = !state[kOutput].up && !state[kInput].up;
    }
    for (const auto side : {Side::output, Side::input}) {
        if (!gone[side]) continue;
        auto& mine = run.side[at(side)];
        mine.short_lives = now() - mine.opened_at < kShortLife ? mine.short_lives + 1 : 0;
        const auto doubled = std::clamp(mine.short_lives - 1, 0, 8);
        const auto delay =
            mine.short_lives == 0
                ? milliseconds(0)
                : std::min<milliseconds>(timing.retry * (1 << doubled), kLongestRetry);
        mine.retry_at = now() + delay;
    }
    tell(run, What::lost, gone, loss_text(gone, output, input));
    if (none_left) {
        drop_card();
        old->stop();
    } else {
        old->close(gone.output ? Side::output : Side::input);
    }
}

// Everything closed and opened anew. `cause`: the sides whose default changed.
void SupervisedDevice::Core::restart(Run& run, News cause) {
    News before;
    double missing_ms[2] = {};
    bool first[2] = {};
    std::string names[2];
    {
        const std::lock_guard lock(mutex);
        for (const auto side : {Side::output, Side::input}) before[side] = state[at(side)].up;
        if (card) {
            names[kOutput] = label(card->name(), "the default output");
            names[kInput] = label(card->input_name(), "the default input");
        }
    }
    if (before.output) move_lines_to(parts.make_null());
    {
        const std::lock_guard lock(mutex);
        for (const auto side : {Side::output, Side::input}) {
            if (!before[side]) continue;
            state[at(side)].up = false;
            state[at(side)].lost_at = now();
        }
        for (const auto side : {Side::output, Side::input}) {
            missing_ms[at(side)] = ms_since(state[at(side)].lost_at);
            first[at(side)] = !state[at(side)].was_up;
        }
    }
    // PortAudio sees another device only with every stream closed.
    if (const auto old = drop_card()) old->stop();
    const auto opened = open_anew(run);
    News back, lost, moved;
    for (const auto side : {Side::output, Side::input}) {
        back[side] = opened[side] && !before[side];
        lost[side] = before[side] && !opened[side];
        moved[side] = before[side] && opened[side] && cause[side];
    }
    if (is_stopping(run)) return;
    if (moved.any()) tell(run, What::moved, moved, move_text(moved));
    if (lost.any()) {
        {
            const std::lock_guard lock(mutex);
            if (lost.output) ++past.losses;
            if (lost.input) ++past.capture.losses;
        }
        const bool on_move = cause.output && lost.output;
        tell(run, What::lost, lost,
             on_move ? "the system's default output changed and cannot be opened: calls go on "
                       "unheard until it can"
                     : loss_text(lost, names[kOutput], names[kInput]));
    }
    if (back.any()) tell(run, What::back, back, return_text(back, missing_ms, first));
}

// Of a card that is new: the sides that are up then.
SupervisedDevice::Core::News SupervisedDevice::Core::open_anew(Run& run) {
    News opened;
    for (auto& side : run.side) side.tried_at = now();
    if (parts.plugged_in) run.plugged_in = parts.plugged_in();
    const auto fresh = parts.make_card();
    const auto started = fresh->start();
    if (started) {
        for (const auto side : {Side::output, Side::input}) {
            if (!wish(side).wanted) continue;
            opened[side] = !fresh->trouble(side) && beats(run, side, *fresh, 0) &&
                           (side == Side::output || !is_monitor(run));
        }
    }
    if (!opened.any() || is_stopping(run)) {
        if (started) fresh->stop();
        for (const auto side : {Side::output, Side::input})
            if (is_down(side)) failed(run, side);
        return {};
    }
    {
        const std::lock_guard lock(mutex);
        card = fresh;
    }
    for (const auto side : {Side::output, Side::input}) {
        if (opened[side]) {
            came_up(run, side);
        } else if (wish(side).wanted) {
            fresh->close(side);
            failed(run, side);
        }
    }
    return opened;
}

// Of the card whose other side runs.
bool SupervisedDevice::Core::open_beside(Run& run, Side side) {
    std::shared_ptr<Card> beside;
    double missing_ms[2] = {};
    bool first[2] = {};
    {
        const std::lock_guard lock(mutex);
        beside = card;
        missing_ms[at(side)] = ms_since(state[at(side)].lost_at);
        first[at(side)] = !state[at(side)].was_up;
    }
    run.side[at(side)].tried_at = now();
    const auto before = callbacks(beside->stats(), side);
    const bool opened = beside->reopen(side).has_value();
    if (!opened || !beats(run, side, *beside, before)) {
        if (opened) beside->close(side);
        failed(run, side);
        return false;
    }
    came_up(run, side);
    News back;
    back[side] = true;
    tell(run, What::back, back, return_text(back, missing_ms, first));
    return true;
}

bool SupervisedDevice::Core::beats(const Run& run, Side side, const Card& at_card,
                                   std::uint64_t before) {
    const auto limit = now() + timing.first_block;
    while (callbacks(at_card.stats(), side) == before) {
        std::unique_lock lock(mutex);
        if (now() >= limit || changed.wait_for(lock, kPoll, [&] { return run.stopping; }))
            return false;
    }
    return true;
}

void SupervisedDevice::Core::came_up(Run& run, Side side) {
    auto& mine = run.side[at(side)];
    mine.opened_at = mine.looked_at = now();
    mine.callbacks = 0;
    mine.silent = milliseconds(0);
    mine.default_device = parts.default_device ? parts.default_device(side) : 0;
    Device idle;
    {
        const std::lock_guard lock(mutex);
        auto& shown = state[at(side)];
        const auto lasted = ms_since(shown.lost_at);
        (side == Side::output ? past.unheard_ms : past.capture.missing_ms) += lasted;
        shown.up = shown.was_up = true;
        if (side == Side::output) idle = card;
    }
    if (!idle) return;
    if (const auto null = move_lines_to(idle)) null->stop();
}

void SupervisedDevice::Core::failed(Run& run, Side side) {
    auto& mine = run.side[at(side)];
    const std::lock_guard lock(mutex);
    const bool idle = parts.output.wanted && lines.empty();
    mine.retry_at =
        now() + (idle ? timing.retry_idle
                      : std::max<milliseconds>(timing.retry, timing.retry * mine.short_lives));
}

// Returns the device that had them, for the caller to stop.
Device SupervisedDevice::Core::move_lines_to(Device next) {
    const std::lock_guard lock(mutex);
    for (const auto& line : lines) {
        if (device) device->detach(line);
        next->attach(line);
    }
    // What a null device has counted is of the sound's way too; a card's is taken when it goes.
    if (device && device != card) {
        const auto done = device->stats();
        past.callbacks += done.callbacks;
        past.longest_gap_ms = std::max(past.longest_gap_ms, done.longest_gap_ms);
    }
    return std::exchange(device, std::move(next));
}

// For the caller to stop. The lines are elsewhere.
std::shared_ptr<Card> SupervisedDevice::Core::drop_card() {
    const std::lock_guard lock(mutex);
    if (!card) return nullptr;
    const auto done = card->stats();
    past.callbacks += done.callbacks;
    past.underflows += done.underflows;
    past.longest_gap_ms = std::max(past.longest_gap_ms, done.longest_gap_ms);
    past.capture.callbacks += done.capture.callbacks;
    past.capture.overflows += done.capture.overflows;
    past.capture.longest_gap_ms =
        std::max(past.capture.longest_gap_ms, done.capture.longest_gap_ms);
    return std::exchange(card, nullptr);
}

// What a former run has left: its devices are stopped already.
void SupervisedDevice::Core::leave_former() {
    const auto former = drop_card();
    const std::lock_guard lock(mutex);
    if (!device || device != former) return;
    for (const auto& line : lines) device->detach(line);
    device = nullptr;
}

void SupervisedDevice::Core::tell(const Run& run, What what, News which, std::string text) {
    const std::lock_guard lock(telling);
    if (parts.on_change && !is_stopping(run))
        parts.on_change({what, std::move(text), which.output, which.input});
}

std::string SupervisedDevice::Core::loss_text(News gone, const std::string& output,
                                              const std::string& input) const {
    const auto until = [](const SupervisedParts::Wish& wish) {
        return wish.any_device ? "there is one again" : "it is back";
    };
    if (!gone.output)
        return fmt::format(
            "the microphone is gone ({}): the phone hears nothing from here until {}", input,
            until(parts.input));
    return fmt::format(
        "the sound card is gone ({}): calls go on unheard until {}{}", output, until(parts.output),
        gone.input ? fmt::format("; the microphone is gone too ({})", input) : std::string());
}

std::string SupervisedDevice::Core::return_text(News back, const double* missing_ms,
                                                const bool* first) const {
    const std::lock_guard lock(mutex);
    std::string text;
    if (back.output) {
        const auto on = label(card->name(), "the default output");
        text = first[kOutput] ? "there is a sound card now: calls are heard on " + on
                              : fmt::format("sound is back after {:.1f} s, on {}",
                                            missing_ms[kOutput] / 1000, on);
    }
    if (back.input) {
        const auto from = label(card->input_name(), "the default input");
        if (back.output)
            text += "; the microphone is " + from;
        else
            text = first[kInput] ? "there is a microphone now: " + from
                                 : fmt::format("the microphone is back after {:.1f} s: {}",
                                               missing_ms[kInput] / 1000, from);
    }
    return text;
}

std::string SupervisedDevice::Core::move_text(News moved) const {
    const std::lock_guard lock(mutex);
    std::string text;
    if (moved.output)
        text = "the system's default output changed: calls are heard on " +
               label(card->name(), "the default output");
    if (moved.input)
        text +=
            fmt::format("{}the system's default input changed: the microphone is {}",
                        moved.output ? "; " : "", label(card->input_name(), "the default input"));
    return text;
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
    core.leave_former();
    auto run = std::make_shared<Core::Run>();
    if (core.parts.plugged_in) run->plugged_in = core.parts.plugged_in();
    auto card = core.parts.make_card();
    const auto started = card->start();
    std::optional<Error> trouble[2];
    for (const auto side : {Side::output, Side::input}) {
        if (!core.wish(side).wanted) continue;
        auto& mine = trouble[at(side)];
        mine = card->trouble(side);
        if (!mine && !started) mine = started.error();
        if (!mine && side == Side::input && core.is_monitor(*run)) {
            mine = Error{Errc::no_device,
                         "this machine has no microphone, only what its loudspeaker plays"};
            card->close(side);
        }
        if (mine && !core.wish(side).may_be_missing) {
            if (started) card->stop();
            return tl::unexpected(*mine);
        }
    }
    const bool up[2] = {core.parts.output.wanted && !trouble[kOutput],
                        core.parts.input.wanted && !trouble[kInput]};
    if (started && !up[kOutput] && !up[kInput]) card->stop();
    for (const auto side : {Side::output, Side::input}) {
        auto& mine = run->side[at(side)];
        mine.opened_at = mine.looked_at = mine.tried_at = now();
        mine.retry_at = now() + core.timing.retry;
        mine.default_device = core.parts.default_device ? core.parts.default_device(side) : 0;
    }
    if (core.parts.output.wanted) {
        if (up[kOutput])
            core.move_lines_to(card);
        else
            core.move_lines_to(core.parts.make_null());
    }
    const std::lock_guard lock(core.mutex);
    core.card = up[kOutput] || up[kInput] ? card : nullptr;
    for (const auto side : {Side::output, Side::input}) {
        auto& shown = core.state[at(side)];
        const auto& mine = trouble[at(side)];
        shown = {up[at(side)], up[at(side)], mine ? mine->message : std::string(), now()};
    }
    core.current = run;
    core.thread = std::thread([core = core_, run] { core->supervise(run); });
    return {};
}

void SupervisedDevice::stop() {
    auto& core = *core_;
    Device device;
    std::shared_ptr<Card> card;
    std::thread thread;
    bool ended = false;
    {
        std::unique_lock lock(core.mutex);
        const auto run = std::exchange(core.current, nullptr);
        if (!run) return;
        run->stopping = true;
        core.changed.notify_all();
        ended = core.changed.wait_for(lock, core.timing.stop, [&] { return run->ended; });
        for (const auto side : {Side::output, Side::input}) {
            auto& shown = core.state[at(side)];
            if (core.wish(side).wanted && !shown.up)
                (side == Side::output ? core.past.unheard_ms : core.past.capture.missing_ms) +=
                    ms_since(shown.lost_at);
            shown.up = true;  // its time without a device does not go on
        }
        device = core.device;
        card = core.card;
        thread = std::move(core.thread);
    }
    if (ended)
        thread.join();
    else
        thread.detach();
    { const std::lock_guard last_word(core.telling); }
    if (device && device != card) device->stop();
    if (card) card->stop();
}

bool SupervisedDevice::attach(std::shared_ptr<audio::SpeakerLine> line) {
    auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    if (!core.device || !core.device->attach(line)) return false;
    if (std::find(core.lines.begin(), core.lines.end(), line) == core.lines.end())
        core.lines.push_back(std::move(line));
    core.hurry = true;
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
    if (core.card && core.card != core.device) {
        const auto captured = core.card->stats();
        stats.callbacks += captured.callbacks;  // before its output went
        stats.underflows += captured.underflows;
        stats.longest_gap_ms = std::max(stats.longest_gap_ms, captured.longest_gap_ms);
        stats.capture = captured.capture;
    }
    stats.callbacks += core.past.callbacks;
    stats.underflows += core.past.underflows;
    stats.longest_gap_ms = std::max(stats.longest_gap_ms, core.past.longest_gap_ms);
    stats.losses = core.past.losses;
    const auto missing = [&](Side side) {
        const auto& shown = core.state[at(side)];
        return core.wish(side).wanted && !shown.up ? ms_since(shown.lost_at) : 0.0;
    };
    stats.unheard_ms = core.past.unheard_ms + missing(Side::output);
    stats.running = core.current != nullptr;
    auto& capture = stats.capture;
    capture.wanted = core.parts.input.wanted;
    capture.running = capture.wanted && core.current && core.state[kInput].up;
    capture.callbacks += core.past.capture.callbacks;
    capture.overflows += core.past.capture.overflows;
    capture.longest_gap_ms = std::max(capture.longest_gap_ms, core.past.capture.longest_gap_ms);
    capture.losses = core.past.capture.losses;
    capture.missing_ms = core.past.capture.missing_ms + missing(Side::input);
    return stats;
}

std::string SupervisedDevice::name() const {
    const auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    if (!core.card || core.device != core.card) return "null (no sound card)";
    return core.device->name();
}

std::string SupervisedDevice::input_name() const {
    const auto& core = *core_;
    const std::lock_guard lock(core.mutex);
    return core.card && core.state[kInput].up ? core.card->input_name() : "no microphone";
}

std::string SupervisedDevice::missing(Side side) const {
    const std::lock_guard lock(core_->mutex);
    return core_->state[at(side)].missing;
}

}  // namespace bridge::devices
