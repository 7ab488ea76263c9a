#pragma once
// Seam: a voice agent on a call. It hears the caller, speaks through a voice of the call's outbound
// line, and tells the call what it notices. The call keeps it alive: it starts it again when its
// session drops, and decides who may speak (agent_seat.hpp).
//
//   from_phone ─▶ EarMix ─▶ Agent::write          its ear: everybody but itself
//   Agent ─▶ VoiceSink ─▶ OutboundLine ─▶ phone   its voice
//   Agent ─▶ AgentEvents ─▶ CallInput             what it tells
//   Call  ─▶ answered, interrupted, spoken, dtmf, tool_result, context

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "audio/frame.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/agent_tools.hpp"
#include "call/event.hpp"
#include "call/voice_sink.hpp"

namespace bridge::call {

/// The call an agent is on, as far as it is known.
struct AgentCall {
    CallId id;
    CallSid sid;           ///< may be empty before `answered`
    StreamSid stream_sid;  ///< empty before `answered`
    Direction direction = Direction::outbound;
    std::string from, to;
};

/// How an agent's session ended.
enum class AgentEnd {
    finished,  ///< it is done with the call: the call is hung up
    dropped,   ///< lost, closed without need, or it could not be reached: worth another try
    refused,   ///< credentials or settings are wrong: another try would end the same
};

enum class Speaker { caller, agent };

/// Words as an agent's service understood or meant to say them.
struct AgentText {
    Speaker speaker = Speaker::caller;
    std::string text;
    bool final = true;          ///< false: a piece that is still growing
    UtteranceId utterance = 0;  ///< of the agent's own words, where it is known
};

/// What an agent tells its call; each becomes a CallInput. Thread: the call's io thread. What an
/// agent says after it was stopped, or started again, is ignored.
class AgentEvents {
public:
    virtual ~AgentEvents() = default;
    /// It hears now, and may speak. After every start.
    virtual void ready() = 0;
    /// The session is over. `reason`: one sentence for people. The agent may be started again.
    virtual void ended(AgentEnd how, std::string reason) = 0;
    /// Its own detector says that the caller begins (or stops) speaking. A hint: the call weighs it
    /// together with its own detector, unless the agent decides alone.
    virtual void caller_speaks(bool speaking) = 0;
    /// What it is saying is to be cut off at once, for good.
    virtual void give_way() = 0;
    virtual void text(AgentText said) = 0;
    /// Answered by Agent::tool_result, sooner or later, once.
    virtual void call_tool(ToolCall call) = 0;
    /// Something people should know; the session goes on.
    virtual void warning(std::string text) = 0;
};

/// Thread: the call's io thread, for every member; none blocks, and none throws. Its events come
/// from inside a member or from handlers of its own on the same thread. All members but `start` do
/// nothing while no session is open.
class Agent : public audio::AudioSink {
public:
    /// What an agent is given when it starts. `voice` and `events` outlive the session.
    struct Ear {
        std::shared_ptr<VoiceSink> voice;
        AgentEvents* events = nullptr;
    };

    /// Opens a session: connects and configures itself, as a rule while the phone still rings. What
    /// it says before the phone is there is kept and spoken at once. After `ended` it may be
    /// started again and then carries on the same conversation.
    virtual void start(const AgentCall& call, Ear with) = 0;
    /// The phone is there (again, after a transfer or keys): a stream carries sound both ways.
    /// Comes after `ready`, for every session once at least.
    virtual void answered(const AgentCall& call) = 0;
    /// What is heard: 20 ms every 20 ms while the phone's stream is up (silence where nobody
    /// speaks), in the order of time.
    void write(const audio::AudioFrame& frame) override = 0;
    /// Of `utterance` no more than `heard.heard` reached the caller, and nothing more will: it was
    /// cut off. What was not sent yet is forgotten already. Not for utterances the agent cancelled
    /// itself.
    virtual void interrupted(UtteranceId utterance, const Heard& heard) = 0;
    /// All of `utterance` was played, or was lost with the stream.
    virtual void spoken(UtteranceId, const Heard&) {}
    virtual void dtmf(char digit) = 0;
    virtual void tool_result(const ToolResult& result) = 0;
    /// Something it should know that nobody said to the caller (a person took over, and hands
    /// back). It is not to be answered.
    virtual void context(std::string_view) {}
    /// A person speaks with the caller from now on (true), or hands the call back (false). Told
    /// before the `context` that says so in words. Meanwhile nothing it says is heard: an agent
    /// that acts on the clock waits.
    virtual void taken_over(bool) {}
    /// The caller is on hold from now on (true) and hears music, or is back (false): an agent that
    /// acts on the clock stops it. Told whether a session is open or not.
    virtual void on_hold(bool) {}
    /// Closes the session, without `ended`. May be called twice. Nothing is told or said after it.
    virtual void stop() = 0;

    /// True: it decides alone when it is interrupted (`give_way`), as a program that thinks it
    /// speaks to Twilio does. False: the call's own detector pauses it, and resumes it after a
    /// cough.
    virtual bool decides_interruptions() const { return false; }
    /// For people and metrics: "openai", "local", "bot".
    virtual std::string_view kind() const = 0;
};

/// Where an agent of one call lives.
struct AgentHome {
    CallId call;
    boost::asio::any_io_executor executor;  ///< of the call's io thread
    Clock& clock;
    std::uint64_t seed;                 ///< of its own random generator
    std::shared_ptr<AgentTools> tools;  ///< offered to it; may be null
};

/// Makes agents and their tools. Thread: any.
class AgentShelf {
public:
    virtual ~AgentShelf() = default;
    /// The agent that `name` asks for: "openai", "ws://…", "echo". Errors: bad_config (what is
    /// missing or wrong, and how to mend it).
    virtual Result<std::shared_ptr<Agent>> agent(const std::string& name,
                                                 const AgentHome& home) = 0;
    /// The tools of one call; null: there are none.
    virtual std::shared_ptr<AgentTools> tools(const AgentHome& home) = 0;
    /// Nothing runs for agents any more. Before the io threads' loops go.
    virtual void stop() {}
};

}  // namespace bridge::call
