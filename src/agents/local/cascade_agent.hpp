#pragma once
// An agent put together from parts that run here: a speech-to-text server, a language model's
// server, and the linked voice.
//
//   write ─▶ UtteranceCutter ─▶ SpeechToText ─▶ Conversation ─▶ ChatClient ─▶ Sentences ─▶ Mouth
//
// The first sentence is spoken while the model still thinks of the second. Cut off, the model is
// told in the next question what the caller heard, and nothing else.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agents/local/chat_client.hpp"
#include "agents/local/conversation.hpp"
#include "agents/local/mouth.hpp"
#include "agents/local/receptionist_agent.hpp"
#include "agents/local/sentences.hpp"
#include "agents/local/speech_to_text.hpp"
#include "audio/utterance_cutter.hpp"
#include "base/clock.hpp"
#include "call/agent.hpp"

namespace bridge::agents::local {

struct CascadeOptions {
    std::string instructions =
        "You are on the telephone. Answer in one to three short spoken sentences, without lists, "
        "markup or emoji. Before you end the call, say goodbye.";
    std::string greeting = "Hello, how can I help you?";  ///< empty: the caller speaks first
    std::string apology = "I am sorry, I am having trouble. One moment please.";
    ChatOptions chat;
    std::vector<call::ToolSpec> tools;
    /// The model has so long to begin, and from one piece of its answer to the next.
    std::chrono::milliseconds patience{15000};
};

class CascadeAgent final : public call::Agent, public std::enable_shared_from_this<CascadeAgent> {
public:
    CascadeAgent(LocalParts parts, std::unique_ptr<SpeechToText> ear,
                 std::shared_ptr<net::HttpClient> http, CascadeOptions options);
    ~CascadeAgent() override;

    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void spoken(call::UtteranceId utterance, const call::Heard&) override;
    void dtmf(char digit) override;
    void tool_result(const call::ToolResult& result) override;
    void context(std::string_view text) override;
    void taken_over(bool by_person) override;
    void stop() override;
    std::string_view kind() const override { return "local"; }

    /// The model thinks, or is still answering.
    bool asking() const { return chat_.asking(); }

private:
    void utterance_ended();
    void transcribed(Result<std::string> words);
    void caller_said(const std::string& text);
    void ask();
    void answer_text(const std::string& text);
    void answer_over(Result<std::vector<call::ToolCall>> tools);
    void run_tools();
    void drop_tools(const std::string& why);
    void sentence_heard(const std::string& sentence, double part, std::uint64_t reply);
    void give_up_question();
    void failed(const Error& why);
    void end(call::AgentEnd how, const std::string& reason);
    void be_patient();
    void cancel_timers();

    const LocalParts parts_;
    const CascadeOptions options_;
    const std::unique_ptr<SpeechToText> ear_;
    const std::shared_ptr<Mouth> mouth_;
    ChatClient chat_;
    Conversation conversation_;
    audio::UtteranceCutter cutter_;
    Sentences sentences_;
    call::AgentEvents* events_ = nullptr;  ///< while a session is open

    std::uint64_t reply_ = 0;                     ///< the last one's number in the conversation
    std::map<std::uint64_t, std::string> heard_;  ///< of the last replies, by number
    bool replying_ = false;               ///< some of the answer to the last question was spoken
    bool broke_in_ = false;               ///< the caller cut it off with what is being said now
    bool waits_ = false;                  ///< a person speaks with the caller
    bool apologised_ = false;             ///< in this outage
    int failures_ = 0;                    ///< in a row
    int rounds_ = 0;                      ///< of tools since the caller spoke
    std::vector<call::ToolCall> to_run_;  ///< when what is being said was heard
    std::set<std::string> running_;       ///< tools that have not answered yet
    std::string keys_;
    std::string held_back_;  ///< said while tools were running: the model wants their answers first
    Clock::TimerId patience_timer_ = Clock::kNoTimer, retry_timer_ = Clock::kNoTimer,
                   keys_timer_ = Clock::kNoTimer;
};

}  // namespace bridge::agents::local
