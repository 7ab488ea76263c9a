#pragma once
// The agent that needs nothing but this program: a receptionist who follows a dialogue from a file,
// understands the few words it asks for (or keys), and speaks with the linked voice.
//
//   write ─▶ UtteranceCutter ─▶ worker: Understand ─▶ Receptionist ─▶ Mouth ─▶ voice
//   dtmf  ─────────────────────────────────────────────┘   └─▶ AgentEvents::call_tool

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agents/local/dialogue.hpp"
#include "agents/local/mouth.hpp"
#include "agents/local/receptionist.hpp"
#include "audio/utterance_cutter.hpp"
#include "base/clock.hpp"
#include "base/worker_pool.hpp"
#include "call/agent.hpp"

namespace bridge::agents::local {

/// The words of an utterance (8 kHz mono) that follow the grammar of a state of the dialogue; empty
/// if it was something else. Thread: a worker; several at once.
using Understand =
    std::function<Result<std::string>(StateId state, const std::vector<std::int16_t>& utterance)>;

/// What a local agent is made of; all of it outlives the agent.
struct LocalParts {
    asio::any_io_executor executor;  ///< the call's io thread
    Clock& clock;                    ///< of that thread
    WorkerPool& pool;
    Synthesize synthesize;  ///< see `remembering`
};

class ReceptionistAgent final : public call::Agent,
                                public std::enable_shared_from_this<ReceptionistAgent>,
                                private Receptionist::Desk {
public:
    /// `understand` may be empty: then there are keys only, and the receptionist says so.
    ReceptionistAgent(LocalParts parts, std::shared_ptr<const Dialogue> dialogue,
                      Understand understand);
    ~ReceptionistAgent() override;

    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void spoken(call::UtteranceId utterance, const call::Heard&) override;
    void dtmf(char digit) override;
    void tool_result(const call::ToolResult& result) override;
    void taken_over(bool by_person) override;
    void on_hold(bool held) override;
    void stop() override;
    std::string_view kind() const override { return "local"; }

private:
    void say(const std::string& text) override;
    void hush() override;
    void use_tool(const std::string& name, const std::string& arguments) override;

    void utterance_ended();
    void understand(std::vector<std::int16_t> utterance);
    void understood(std::uint64_t question, Result<std::string> words);
    void wait();
    void waited();

    const LocalParts parts_;
    const std::shared_ptr<const Dialogue> dialogue_;
    const Understand understand_;
    const std::shared_ptr<Mouth> mouth_;
    audio::UtteranceCutter cutter_;
    std::unique_ptr<Receptionist> receptionist_;  ///< from the first start on
    call::AgentEvents* events_ = nullptr;         ///< while a session is open
    Clock::TimerId timer_ = Clock::kNoTimer;
    std::uint64_t question_ = 0;  ///< changes with everything that makes an answer too late
    bool understanding_ = false;
    bool broke_in_ = false;  ///< the caller cut the prompt off with what is being said now
    std::chrono::milliseconds recorded_{0};
    std::string tool_id_;
    bool ending_ = false;  ///< the tool that was asked for is end_call
    std::uint64_t tools_ = 0;
    bool waits_ = false;  ///< a person speaks with the caller
    bool held_ = false;   ///< the caller hears music, and nobody is to hurry them
    bool warned_ = false;
};

}  // namespace bridge::agents::local
