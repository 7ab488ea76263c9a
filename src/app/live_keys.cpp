#include "app/live_keys.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

#include "app/help.hpp"
#include "app/phone_number.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

constexpr int kVolumeStep = 10;
/// A held key begins to repeat after 250 to 660 ms, and then comes every 30 or so.
constexpr auto kUntilItRepeats = 700ms;
constexpr auto kWhileItRepeats = 400ms;
constexpr std::size_t kLongestNumber = 256;

}  // namespace

void LiveKeys::press(const Key& key) {
    switch (asking_) {
        case Asking::transfer:
        case Asking::warm_transfer:
            type(key);
            return;
        case Asking::hang_up:
            confirm(key);
            return;
        case Asking::nothing:
            break;
    }
    if (key.kind == Key::Kind::tab) parts_.session.focus_next();
    if (key.kind == Key::Kind::character) steer(key.character);
}

std::string LiveKeys::prompt() const {
    switch (asking_) {
        case Asking::transfer:
            return fmt::format("transfer {} to (Enter; Esc leaves): {}_", about_.whom, typed_);
        case Asking::warm_transfer:
            return fmt::format("hold {} and speak first to (Enter; Esc leaves): {}_", about_.whom,
                               typed_);
        case Asking::hang_up:
            return fmt::format("hang up {}? y or n", about_.whom);
        case Asking::nothing:
            break;
    }
    return "";
}

void LiveKeys::steer(char key) {
    if (std::string_view("0123456789*#").find(key) != std::string_view::npos) {
        command(fmt::format("key {}", key), call::command::Digits{std::string(1, key)});
        return;
    }
    switch (key) {
        case 'm':
            command("mute", call::command::Mute{});
            break;
        case ' ':
            talk();
            break;
        case 'h':
            command("hold", call::command::Hold{});
            break;
        case 't':
            ask(Asking::transfer);
            break;
        case 'T':
            ask(Asking::warm_transfer);
            break;
        case 'j':
            command("join", call::command::Join{});
            break;
        case 'b':
            command("back", call::command::CancelTransfer{});
            break;
        case 'n':
            parts_.session.focus_next();
            break;
        case 's':
            command("solo", call::command::Solo{});
            break;
        case '+':
        case '=':
            command("louder", call::command::Volume{kVolumeStep, true});
            break;
        case '-':
            command("quieter", call::command::Volume{-kVolumeStep, true});
            break;
        case 'a':
            command("accept", call::command::Accept{});
            break;
        case 'r':
            command("refuse", call::command::Reject{});
            break;
        case 'x':
            ask(Asking::hang_up);
            break;
        case 'c':
            command("clear", call::command::Clear{});
            break;
        case 'e':
            record();
            break;
        case 'o':
            command("take over", call::command::AgentTurn{});
            break;
        case 'w':
            command("whisper", call::command::AgentTurn{call::AgentMode::whisper});
            break;
        case 'g':
            command("speak too", call::command::AgentTurn{call::AgentMode::together});
            break;
        case 'l':
            command("listen", call::command::AgentTurn{call::AgentMode::speaks});
            break;
        case '?':
            parts_.say(help_topic("keys").value_or(""));
            break;
        case 'q':
            parts_.stop();
            break;
        default:
            break;
    }
}

void LiveKeys::ask(Asking what) {
    auto focused = parts_.focused();
    if (!focused) {
        parts_.say("there is no call for that");
        return;
    }
    about_ = std::move(*focused);
    typed_.clear();
    asking_ = what;
}

void LiveKeys::type(const Key& key) {
    switch (key.kind) {
        case Key::Kind::escape:
            asking_ = Asking::nothing;
            break;
        case Key::Kind::backspace:
            if (!typed_.empty()) typed_.pop_back();
            break;
        case Key::Kind::character:
            if (typed_.size() < kLongestNumber) typed_ += key.character;
            break;
        case Key::Kind::enter: {
            const auto target = parse_target(typed_);
            if (!target) {
                parts_.say(target.error().message);
                break;
            }
            call::command::Transfer transfer{*target};
            transfer.warm = std::exchange(asking_, Asking::nothing) == Asking::warm_transfer;
            command("transfer", std::move(transfer), about_.id);
            break;
        }
        case Key::Kind::tab:
            break;
    }
}

void LiveKeys::confirm(const Key& key) {
    asking_ = Asking::nothing;
    if (key == Key{Key::Kind::character, 'y'} || key == Key{Key::Kind::character, 'Y'})
        command("hang up", call::command::HangUp{}, about_.id);
}

void LiveKeys::talk() {
    if (!parts_.push_to_talk) {
        parts_.say("the space bar is for --push-to-talk; m mutes");
        return;
    }
    const bool repeats = std::exchange(talking_, true);
    if (!repeats) parts_.session.talk(true);
    parts_.clock.cancel(closing_);
    closing_ =
        parts_.clock.after(repeats ? kWhileItRepeats : kUntilItRepeats, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            self->talking_ = false;
            self->parts_.session.talk(false);
        });
}

void LiveKeys::record() {
    const auto focused = parts_.focused();
    if (!focused) {
        parts_.say("there is no call for that");
        return;
    }
    const auto status =
        focused->recorded ? call::RecordingStatus::stopped : call::RecordingStatus::recording;
    command("record", call::command::Record{status}, focused->id);
}

void LiveKeys::command(std::string what, call::Command command, std::optional<CallId> call) {
    parts_.session.command(
        std::move(call), std::move(command),
        [weak = weak_from_this(), what = std::move(what)](const Result<call::CallSnapshot>& done) {
            const auto self = weak.lock();
            if (self && !done) self->parts_.say(fmt::format("{}: {}", what, done.error().message));
        });
}

}  // namespace bridge::app
