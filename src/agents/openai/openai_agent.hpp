#pragma once
// OpenAI Realtime as an agent: the caller's sound goes to the service frame by frame, mu-law both
// ways, and what it answers is spoken as it comes.
//
//   write ─▶ CallerFeed ─▶ RealtimeSession ═wss═▶ service
//   voice ◀─ decode ◀──── RealtimeEvent ◀─────────┘        the next session, while it is opened:
//   interrupted ─▶ SpokenItems ─▶ response.cancel, item.truncate    configured, told the
//   Conversation,
//                                                                   taken in a pause
//
// Which sentence answers which is the service's business; what we see to is that there is one: a
// response is asked for where none was begun by itself, never two at once, and a session that goes
// silent is given up.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/openai/caller_feed.hpp"
#include "agents/openai/conversation.hpp"
#include "agents/openai/openai_errors.hpp"
#include "agents/openai/openai_options.hpp"
#include "agents/openai/realtime_session.hpp"
#include "agents/openai/spoken_items.hpp"
#include "base/clock.hpp"
#include "call/agent.hpp"

namespace bridge::agents {

class OpenAiAgent final : public call::Agent,
                          public std::enable_shared_from_this<OpenAiAgent>,
                          private RealtimeSession::Listener {
public:
    /// `tools`: the functions it may call. `clock` outlives it.
    OpenAiAgent(net::asio::any_io_executor executor, Clock& clock, OpenAiOptions options,
                std::vector<call::ToolSpec> tools);
    ~OpenAiAgent() override;

    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void spoken(call::UtteranceId utterance, const call::Heard& heard) override;
    void dtmf(char digit) override;
    void tool_result(const call::ToolResult& result) override;
    void context(std::string_view text) override;
    void stop() override;
    bool decides_interruptions() const override { return options_.service_interrupts; }
    std::string_view kind() const override { return "openai"; }

    /// Pieces of sound that came for a response that was cut off.
    std::uint64_t late_pieces() const { return late_pieces_; }

private:
    /// What is going on in the session that is in use.
    struct Turn {
        std::string active;  ///< the response that is being made
        bool active_spoke = false;
        std::string called;     ///< the response that has called functions
        bool creating = false;  ///< we have asked for a response, and it is not begun
        bool wanted = false;    ///< we shall ask for one as soon as we may
        bool owed = false;      ///< the caller has finished during a response: the service may not
                                ///< have begun another
        bool create_is_owed = false;
        std::string create_id;                     ///< of our last request
        std::optional<Clock::Time> waiting_since;  ///< for the service to say anything about one
        bool caller_speaking = false;
        std::uint64_t speech_start_ms = 0;
        std::uint64_t committed_frame = 0;  ///< where nobody else commits
    };
    /// A function that was called and not answered yet.
    struct OpenCall {
        std::string id, response;
    };

    void on_open(RealtimeSession& session) override;
    void on_event(RealtimeSession& session, const RealtimeEvent& event) override;
    void on_lost(RealtimeSession& session, RealtimeSession::Loss loss) override;
    void on_next_event(const RealtimeEvent& event);

    // In openai_agent_events.cpp: what the service says.
    void on(const realtime::SessionCreated&) {}
    void on(const realtime::SessionUpdated&) {}
    void on(const realtime::SpeechStarted& event);
    void on(const realtime::SpeechStopped& event);
    void on(const realtime::Committed& event);
    void on(const realtime::CallerText& event);
    void on(const realtime::ResponseCreated& event);
    void on(const realtime::AudioDelta& event);
    void on(const realtime::AudioDone& event);
    void on(const realtime::AgentText& event);
    void on(const realtime::CallMade& event);
    void on(const realtime::ResponseDone& event);
    void on(const realtime::Failure& event);
    void on(const realtime::Other&) {}
    void take_call(std::string_view response, const realtime::FunctionCall& call);
    bool response_failed(const realtime::ResponseDone& event);
    void tell_unfinished_texts(std::string_view response);

    // In openai_sessions.cpp: one session after the other.
    net::WebSocketTarget target() const;
    void open_next();
    void carry(RealtimeSession& to);
    void adopt();
    void next_failed(OpenAiEnd end);
    void watch();
    void look_after();
    void roll_over(Clock::Time now);
    bool quiet() const;
    bool asked() const;
    void close_sessions();
    void settle_debts();
    void end_with(call::AgentEnd how, std::string reason);

    void request_response();
    void create_response(std::string_view instructions);
    bool has_open_calls(std::string_view response) const;
    void give_calls_up();
    void flush_digits();
    void remember_digits();
    void cut(SpokenItem& item, std::chrono::milliseconds heard);
    void tell_text(call::Speaker speaker, std::string_view text, bool final,
                   call::UtteranceId utterance);
    void warn(std::string text);
    std::string next_id(std::string_view what);

    const net::asio::any_io_executor executor_;
    Clock& clock_;
    const OpenAiOptions options_;
    const std::vector<call::ToolSpec> tools_;

    Ear ear_;
    std::shared_ptr<RealtimeSession> session_;  ///< in use
    std::shared_ptr<RealtimeSession> next_;     ///< being opened
    bool next_ready_ = false;
    Clock::Time next_since_{}, session_since_{}, retry_at_{};
    bool announced_ = false;  ///< `ready` was told
    bool resume_ = false;     ///< the session before owed an answer
    bool deaf_ = false;       ///< the session does not take the caller's sound
    std::uint64_t serial_ = 0;

    Turn turn_;
    CallerFeed feed_;
    Conversation conversation_;
    SpokenItems spoken_;
    call::UtteranceId speaking_ = 0;  ///< the utterance that is being written; 0: none
    std::vector<OpenCall> calls_;
    std::vector<std::string> taken_calls_;  ///< the newest, so that none is run twice
    std::vector<std::int16_t> pcm_;

    std::string digits_;
    Clock::TimerId digits_timer_ = Clock::kNoTimer, watch_timer_ = Clock::kNoTimer;
    std::optional<Clock::Time> answer_again_at_;
    int failures_ = 0;  ///< of responses, one after the other
    int warnings_ = 0;
    bool told_overflow_ = false, told_transcription_ = false;
    std::uint64_t last_id_ = 0, late_pieces_ = 0;
};

}  // namespace bridge::agents
