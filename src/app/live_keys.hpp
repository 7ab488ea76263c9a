#pragma once
// What the keys of the live view do. They steer the call that has the focus, through the same
// commands as the control API and `agentbridge calls`; `agentbridge help keys` lists them.
//
//   Keyboard ──Key──▶ LiveKeys ──Command──▶ Session (the desk) ──▶ the call
//                        └── prompt(): the line that asks for a number, or for yes or no

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/keyboard.hpp"
#include "app/session.hpp"
#include "base/clock.hpp"

namespace bridge::app {

/// Thread: main, for every member.
class LiveKeys : public std::enable_shared_from_this<LiveKeys> {
public:
    /// The call that has the focus, as the screen shows it.
    struct Focused {
        CallId id;
        std::string whom;
        bool recorded = false;  ///< at this moment
    };
    struct Parts {
        Session& session;
        Clock& clock;
        bool push_to_talk = false;
        std::function<std::optional<Focused>()> focused;
        std::function<void(const std::string& line)> say;
        std::function<void()> stop;  ///< as Ctrl-C
    };
    explicit LiveKeys(Parts parts) : parts_(std::move(parts)) {}
    ~LiveKeys() { parts_.clock.cancel(closing_); }
    LiveKeys(const LiveKeys&) = delete;
    LiveKeys& operator=(const LiveKeys&) = delete;

    void press(const Key& key);
    /// What is asked at the moment, with what was typed so far; empty: nothing.
    std::string prompt() const;

private:
    enum class Asking { nothing, transfer, warm_transfer, hang_up };

    void steer(char key);
    void type(const Key& key);
    void confirm(const Key& key);
    /// With push-to-talk. A terminal tells that a key repeats, not that it was let go.
    void talk();
    /// Begins, goes on after a pause, or ends.
    void record();
    void command(std::string what, call::Command command, std::optional<CallId> call = {});
    /// Asks about the focused call; says so if there is none.
    void ask(Asking what);

    const Parts parts_;
    Asking asking_ = Asking::nothing;
    Focused about_;
    std::string typed_;
    bool talking_ = false;
    Clock::TimerId closing_ = Clock::kNoTimer;
};

}  // namespace bridge::app
