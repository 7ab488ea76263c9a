#pragma once
// Walks through a dialogue: what to say now, what to listen for, what to do. It knows neither sound
// nor time; the agent around it (receptionist_agent.hpp) tells it what was heard and when it was
// quiet too long.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agents/local/dialogue.hpp"

namespace bridge::agents::local {

class Receptionist {
public:
    /// What it wants done. None of these calls back into it before it returns.
    class Desk {
    public:
        virtual ~Desk() = default;
        /// After what it said before; `prompt_over` follows when the caller has heard it all.
        virtual void say(const std::string& text) = 0;
        /// The caller has answered: what is still being said is not wanted any more.
        virtual void hush() = 0;
        /// Answered by `tool_done`. `arguments`: JSON of an object.
        virtual void use_tool(const std::string& name, const std::string& arguments) = 0;
    };

    /// `caller`: the number of the other end. `speech`: words are understood, not only keys.
    Receptionist(std::shared_ptr<const Dialogue> dialogue, Desk& desk, std::string caller,
                 bool speech);

    /// The first time: welcomes; later (after its session was lost): repeats where it was.
    void begin();
    /// Everything it said has been heard, or was cut off by the caller.
    void prompt_over();
    /// The caller said something; no words: nothing that was listened for.
    void understood(const std::vector<std::string>& words);
    void key(char digit);
    /// The caller has been quiet as long as `silence` says.
    void quiet();
    /// While `recording`: the caller spoke for so long and has finished.
    void recorded(std::chrono::milliseconds spoken);
    void tool_done(bool failed);

    /// It waits for the caller: for words, keys or a recording.
    bool listening() const { return phase_ == Phase::listening; }
    bool recording() const { return listening() && state().record.has_value(); }
    StateId state_id() const { return at_; }
    const State& state() const { return dialogue_->states[at_]; }
    /// How long to wait for an answer before `quiet`: shorter while keys come in.
    std::chrono::milliseconds silence() const;

private:
    enum class Phase { idle, speaking, listening, using_tool, over };

    void enter(StateId id);
    void go(StateId id);
    void speak(const std::string& text);
    void say_prompt(bool with_keys);
    void missed(const std::string& apology);
    void take_digits();
    void act();
    void end_call(const std::string& reason);
    std::string text_of(const std::string& text, bool spoken) const;

    const std::shared_ptr<const Dialogue> dialogue_;
    Desk& desk_;
    const std::string caller_;
    const bool speech_;
    Phase phase_ = Phase::idle;
    StateId at_ = 0;
    Slots slots_;
    std::string gathered_;  ///< digits so far
    int misses_ = 0;        ///< in a row, in this state
    int unheard_ = 0;       ///< states since the caller was last heard
};

}  // namespace bridge::agents::local
