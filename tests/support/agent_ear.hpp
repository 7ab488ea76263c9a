#pragma once
// A call as an agent sees it: keeps what the agent says and tells, and plays nothing.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "call/agent.hpp"

namespace bridge::test {

/// Takes everything; an utterance is over when the test says so (`Agent::spoken`, `interrupted`).
class SpokenByAgent final : public call::VoiceSink {
public:
    struct Utterance {
        call::UtteranceId id;
        std::vector<std::int16_t> samples;
        bool ended = false, cancelled = false;
    };

    call::UtteranceId begin() override {
        end();
        utterances.push_back({++last_, {}, false, false});
        return last_;
    }
    std::size_t write(std::span<const std::int16_t> samples) override {
        if (utterances.empty() || utterances.back().ended) begin();
        auto& all = utterances.back().samples;
        all.insert(all.end(), samples.begin(), samples.end());
        return samples.size();
    }
    void end() override {
        if (!utterances.empty()) utterances.back().ended = true;
    }
    call::UtteranceId play(std::unique_ptr<audio::SampleSource> source) override {
        const auto id = begin();
        std::array<std::int16_t, 160> block{};
        for (int i = 0; i < 500; ++i) {  // an endless source: ten seconds of it
            const auto got = source->read(block);
            write(std::span(block).first(got));
            if (got < block.size()) break;
        }
        end();
        return id;
    }
    void cancel() override {
        if (!utterances.empty()) utterances.back().ended = utterances.back().cancelled = true;
        ++cancels;
        paused_ = false;
    }
    void pause() override {
        ++pauses;
        paused_ = true;
    }
    void resume() override {
        ++resumes;
        paused_ = false;
    }
    bool paused() const override { return paused_; }
    std::size_t waiting() const override { return 0; }

    std::size_t samples() const {
        std::size_t sum = 0;
        for (const auto& one : utterances) sum += one.samples.size();
        return sum;
    }

    std::vector<Utterance> utterances;
    int cancels = 0, pauses = 0, resumes = 0;

private:
    call::UtteranceId last_ = 0;
    bool paused_ = false;
};

class ToldByAgent final : public call::AgentEvents {
public:
    struct End {
        call::AgentEnd how;
        std::string reason;
    };
    void ready() override {
        ++readies;
        tell();
    }
    void ended(call::AgentEnd how, std::string reason) override {
        ends.push_back({how, std::move(reason)});
        tell();
    }
    void caller_speaks(bool speaking) override {
        caller.push_back(speaking);
        tell();
    }
    void give_way() override {
        ++gave_way;
        tell();
    }
    void text(call::AgentText said) override {
        texts.push_back(std::move(said));
        tell();
    }
    void call_tool(call::ToolCall call) override {
        tools.push_back(std::move(call));
        tell();
    }
    void warning(std::string text) override {
        warnings.push_back(std::move(text));
        tell();
    }

    int readies = 0, gave_way = 0;
    std::vector<End> ends;
    std::vector<bool> caller;
    std::vector<call::AgentText> texts;
    std::vector<call::ToolCall> tools;
    std::vector<std::string> warnings;
    std::function<void()> on_told;  ///< after each; may be empty

private:
    void tell() {
        if (on_told) on_told();
    }
};

/// Both, ready to be given to Agent::start.
struct AgentEar {
    std::shared_ptr<SpokenByAgent> voice = std::make_shared<SpokenByAgent>();
    ToldByAgent told;
    call::Agent::Ear ear() { return {voice, &told}; }
};

}  // namespace bridge::test
