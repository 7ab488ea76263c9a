#pragma once
// An ElevenLabs agent on a call (elevenlabs.io, Agents): what it is like is set on their side; we
// bring the caller's voice, the call's facts and the tools, and play what it says.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agents/agent_socket.hpp"
#include "agents/agent_voice.hpp"
#include "agents/elevenlabs/agent_audio.hpp"
#include "agents/elevenlabs/conversation_events.hpp"
#include "agents/pressed_keys.hpp"
#include "agents/talk_so_far.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "call/agent.hpp"
#include "net/http_client.hpp"

namespace bridge::agents {

struct ElevenLabsOptions {
    std::string agent_id;  ///< ELEVENLABS_AGENT_ID
    /// ELEVENLABS_API_KEY. With one, each conversation is opened by a signed URL, as private agents
    /// ask for; without, the agent must be public.
    Secret key;
    /// Other regions have other names; http:// is for this machine.
    std::string url = "https://api.elevenlabs.io";
    std::string ca_file;
    /// Overrides of the agent's own settings. An agent that does not allow them (its security
    /// settings) refuses the conversation, so an empty one is not sent.
    std::string prompt, first_message, language, voice_id;
    /// Added to what the agent's texts may use as {{name}}.
    std::map<std::string, std::string> variables;
    std::chrono::milliseconds ready_time{10000};  ///< from the connection to the conversation
    /// ElevenLabs sends pings while a conversation lasts; without anything for so long it is gone.
    std::chrono::milliseconds silence_limit{20000};
};

/// Thread: the call's io thread. It decides alone when it is interrupted, and cannot be told what
/// was heard: it knows what it sent and that it was interrupted, and corrects its own text.
class ElevenLabsAgent final : public call::Agent,
                              private AgentSocket::Owner,
                              public std::enable_shared_from_this<ElevenLabsAgent> {
public:
    /// `clock` outlives it. `http` fetches signed URLs and may be null without a key.
    ElevenLabsAgent(boost::asio::any_io_executor executor, Clock& clock,
                    std::shared_ptr<net::HttpClient> http, ElevenLabsOptions options);
    ~ElevenLabsAgent() override;

    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall& call) override;
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void spoken(call::UtteranceId utterance, const call::Heard& heard) override;
    void dtmf(char digit) override;
    void tool_result(const call::ToolResult& result) override;
    void context(std::string_view text) override;
    void stop() override;
    bool decides_interruptions() const override { return true; }
    std::string_view kind() const override { return "elevenlabs"; }

private:
    enum class State {
        idle,
        connecting,
        initiating,  ///< connected; the conversation does not stand yet
        open,
    };

    void opened() override;
    void received(std::string_view payload, bool text) override;
    void ended(const AgentSocket::End& end) override;

    elevenlabs::Initiation initiation() const;
    void on(const elevenlabs::event::Metadata& metadata);
    void on(const elevenlabs::event::Audio& audio);
    void on(const elevenlabs::event::Interruption& interruption);
    void on(const elevenlabs::event::Ping& ping);
    void on(const elevenlabs::event::AgentResponse& response);
    void on(const elevenlabs::event::AgentCorrection& correction);
    void on(const elevenlabs::event::UserTranscript& transcript);
    void on(const elevenlabs::event::ToolCall& call);
    void on(const elevenlabs::event::Other&) {}

    void tick();
    void told_caller(bool speaking);
    void finish(call::AgentEnd how, std::string reason);
    void let_go();

    const boost::asio::any_io_executor executor_;
    Clock& clock_;
    const std::shared_ptr<net::HttpClient> http_;
    const ElevenLabsOptions options_;

    State state_ = State::idle;
    call::AgentCall call_;
    call::AgentEvents* events_ = nullptr;
    AgentVoice voice_;
    std::shared_ptr<AgentSocket> socket_;
    TalkSoFar talk_;
    PressedKeys keys_;

    std::optional<elevenlabs::ToAgent> to_agent_;
    std::optional<elevenlabs::FromAgent> from_agent_;
    std::string chunk_;                         ///< the message of a frame, used again
    std::optional<std::int64_t> cut_through_;   ///< sound up to this number is not wanted
    bool response_cut_ = false;                 ///< the rest of this response is not wanted
    bool worded_ = false;                       ///< the open utterance has its text
    bool caller_speaks_ = false;                ///< as last told
    bool warned_ = false;                       ///< of messages that are not understood
    std::set<std::string, std::less<>> asked_;  ///< tool calls without a result

    Clock::TimerId timer_ = Clock::kNoTimer;
    Clock::Time deadline_{};    ///< of what the state waits for
    Clock::Time heard_{};       ///< when anything last came from the service
    Clock::Time sound_came_{};  ///< when sound last came from it
    Clock::Time told_there_{};  ///< when it last learnt that the caller is there
};

}  // namespace bridge::agents
