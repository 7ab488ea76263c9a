#pragma once
// Deepgram's Voice Agent on a call: it listens, thinks and speaks in one session; what it is like
// is set from here. Mu-law goes both ways as it is.

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent_socket.hpp"
#include "agents/agent_voice.hpp"
#include "agents/deepgram/voice_agent_events.hpp"
#include "agents/pressed_keys.hpp"
#include "agents/talk_so_far.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "call/agent.hpp"

namespace bridge::agents {

struct DeepgramOptions {
    Secret key;  ///< DEEPGRAM_API_KEY
    std::string url = "wss://agent.deepgram.com/v1/agent/converse";
    std::string ca_file;
    std::string prompt = "You are a friendly assistant on a phone call. Answer in short sentences.";
    std::string greeting;  ///< said first; empty: the agent waits for the caller
    std::string language;  ///< "en", "es"; empty: Deepgram's default
    std::string listen_model = "nova-3";
    std::string think_provider = "open_ai";
    std::string think_model = "gpt-4o-mini";
    std::optional<double> temperature;
    std::string speak_model = "aura-2-thalia-en";
    std::chrono::milliseconds ready_time{10000};  ///< from the connection to accepted settings
    /// It may have nothing to say for minutes, but it answers pings; if not, it is gone.
    std::chrono::milliseconds silence_limit{10000};
    /// Without the caller's sound (it rings still, or is on hold) so often.
    std::chrono::milliseconds keep_alive{8000};
};

/// Thread: the call's io thread. It decides alone when it is interrupted, and cannot be told what
/// was heard.
class DeepgramAgent final : public call::Agent,
                            private AgentSocket::Owner,
                            public std::enable_shared_from_this<DeepgramAgent> {
public:
    /// `clock` outlives it. `tools`: what it may call.
    DeepgramAgent(boost::asio::any_io_executor executor, Clock& clock, DeepgramOptions options,
                  const std::vector<call::ToolSpec>& tools = {});
    ~DeepgramAgent() override;

    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void spoken(call::UtteranceId utterance, const call::Heard& heard) override;
    void dtmf(char digit) override;
    void tool_result(const call::ToolResult& result) override;
    void context(std::string_view text) override;
    void stop() override;
    bool decides_interruptions() const override { return true; }
    std::string_view kind() const override { return "deepgram"; }

private:
    enum class State {
        idle,
        connecting,
        configuring,  ///< connected; its settings are not accepted yet
        open,
    };

    void opened() override;
    void received(std::string_view payload, bool text) override;
    void ended(const AgentSocket::End& end) override;

    void hear(std::string_view mulaw);
    void on(const deepgram::event::Welcome& welcome);
    void on(const deepgram::event::SettingsApplied& applied);
    void on(const deepgram::event::UserStartedSpeaking& started);
    void on(const deepgram::event::ConversationText& said);
    void on(const deepgram::event::AgentAudioDone& done);
    void on(const deepgram::event::FunctionCallRequest& request);
    void on(const deepgram::event::Failure& failure);
    void on(const deepgram::event::Warning& warning);
    void on(const deepgram::event::InjectionRefused& refused);
    void on(const deepgram::event::Other&) {}

    deepgram::Settings settings() const;
    std::string prompt_with_notes() const;
    void note(std::string_view text);
    void tell_keys(const std::string& sentence);
    void told_caller(bool speaking);
    void tick();
    void finish(call::AgentEnd how, std::string reason);
    void let_go();

    const boost::asio::any_io_executor executor_;
    Clock& clock_;
    const DeepgramOptions options_;
    std::vector<deepgram::Settings::Function> functions_;

    State state_ = State::idle;
    call::AgentEvents* events_ = nullptr;
    AgentVoice voice_;
    std::shared_ptr<AgentSocket> socket_;
    TalkSoFar talk_;
    PressedKeys keys_;
    std::deque<std::string> notes_;  ///< what it was told by `context`, newest last
    std::map<std::string, std::string, std::less<>> asked_;  ///< calls without a result: id, name

    std::array<std::uint8_t, audio::kFrameSamples> mulaw_{};  ///< of the caller, used again
    std::vector<std::int16_t> samples_;                       ///< of the agent, used again
    bool response_cut_ = false;  ///< the rest of what it is saying is not wanted
    Clock::Time late_until_{};   ///< sound that comes before is left over from an interruption
    bool caller_speaks_ = false;
    bool warned_ = false;  ///< of messages that are not understood
    bool injects_ = true;  ///< it takes words that the caller did not speak
    Clock::Time injected_{};

    Clock::TimerId timer_ = Clock::kNoTimer;
    Clock::Time deadline_{};  ///< of what the state waits for
    Clock::Time sent_{};      ///< when the service last got sound, or a sign of life
};

}  // namespace bridge::agents
