#pragma once
// Sounds one tone as long as it is on the call. For tests and first tries.

#include "call/agent.hpp"

namespace bridge::agents {

class ToneAgent final : public call::Agent {
public:
    explicit ToneAgent(double hz = 440.0) : hz_(hz) {}
    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame&) override {}
    void interrupted(call::UtteranceId utterance, const call::Heard& heard) override;
    void dtmf(char) override {}
    void tool_result(const call::ToolResult&) override {}
    void stop() override;
    bool decides_interruptions() const override { return true; }
    std::string_view kind() const override { return "tone"; }

private:
    void sound();

    const double hz_;
    Ear ear_;
};

/// Hears everything and says nothing.
class NullAgent final : public call::Agent {
public:
    void start(const call::AgentCall&, Ear with) override { with.events->ready(); }
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame&) override {}
    void interrupted(call::UtteranceId, const call::Heard&) override {}
    void dtmf(char) override {}
    void tool_result(const call::ToolResult&) override {}
    void stop() override {}
    std::string_view kind() const override { return "null"; }
};

}  // namespace bridge::agents
