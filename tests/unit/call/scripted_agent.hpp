#pragma once
// An agent that does what the test says, and tools that do nothing until they are told to.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "call/agent.hpp"

namespace bridge::call {

class ScriptedAgent final : public Agent {
public:
    void start(const AgentCall& call, Ear with) override {
        starts.push_back(call);
        ear = std::move(with);
        if (on_start) on_start();
    }
    void answered(const AgentCall& call) override { answers.push_back(call); }
    void write(const audio::AudioFrame& frame) override { heard.push_back(frame.pcm[0]); }
    void interrupted(UtteranceId utterance, const Heard& what) override {
        interruptions.emplace_back(utterance, what);
    }
    void spoken(UtteranceId utterance, const Heard& what) override {
        spoken_to_the_end.emplace_back(utterance, what);
    }
    void dtmf(char digit) override { digits += digit; }
    void tool_result(const ToolResult& result) override { results.push_back(result); }
    void context(std::string_view text) override { contexts.emplace_back(text); }
    void on_hold(bool held) override { holds.push_back(held); }
    void stop() override { ++stops; }
    bool decides_interruptions() const override { return decides; }
    std::string_view kind() const override { return "scripted"; }

    Ear ear;
    bool decides = false;
    std::function<void()> on_start;
    std::vector<AgentCall> starts, answers;
    std::vector<std::int16_t> heard;
    std::vector<std::pair<UtteranceId, Heard>> interruptions, spoken_to_the_end;
    std::string digits;
    std::vector<ToolResult> results;
    std::vector<std::string> contexts;
    std::vector<bool> holds;
    int stops = 0;
};

class ScriptedTools final : public AgentTools {
public:
    struct Run {
        ToolCall call;
        ToolContext context;
        std::function<void(ToolResult)> done;
    };
    const std::vector<ToolSpec>& specs() const override { return specs_; }
    void run(const ToolCall& call, ToolContext context,
             std::function<void(ToolResult)> done) override {
        runs.push_back({call, std::move(context), std::move(done)});
    }
    std::vector<Run> runs;

private:
    std::vector<ToolSpec> specs_;
};

class ScriptedShelf final : public AgentShelf {
public:
    Result<std::shared_ptr<Agent>> agent(const std::string& name, const AgentHome&) override {
        asked.push_back(name);
        if (!problem.empty()) return fail(Errc::bad_config, problem);
        return std::static_pointer_cast<Agent>(made);
    }
    std::shared_ptr<AgentTools> tools(const AgentHome&) override { return tool_box; }

    std::shared_ptr<ScriptedAgent> made = std::make_shared<ScriptedAgent>();
    std::shared_ptr<ScriptedTools> tool_box = std::make_shared<ScriptedTools>();
    std::vector<std::string> asked;
    std::string problem;
};

}  // namespace bridge::call
