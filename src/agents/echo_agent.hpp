#pragma once
// Says back what it hears, a little later. For tests and first tries.

#include <boost/circular_buffer.hpp>

#include "call/agent.hpp"

namespace bridge::agents {

class EchoAgent final : public call::Agent {
public:
    /// `delay`: in frames of 20 ms.
    explicit EchoAgent(std::size_t delay = 10) : delayed_(delay + 1) {}
    void start(const call::AgentCall& call, Ear with) override;
    void answered(const call::AgentCall&) override {}
    void write(const audio::AudioFrame& frame) override;
    void interrupted(call::UtteranceId, const call::Heard&) override {}
    void dtmf(char) override {}
    void tool_result(const call::ToolResult&) override {}
    void stop() override;
    bool decides_interruptions() const override { return true; }
    std::string_view kind() const override { return "echo"; }

private:
    Ear ear_;
    boost::circular_buffer<audio::AudioFrame> delayed_;
};

}  // namespace bridge::agents
