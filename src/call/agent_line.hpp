#pragma once
// One agent on a call: its sessions one after the other, and the door through which it speaks and
// tells. Included by call_agent*.cpp and call.cpp only.

#include <memory>
#include <string>
#include <utility>

#include "call/live_call.hpp"

namespace bridge::call {

/// Thread: the call's io thread. What an agent says or tells becomes a CallInput of the session
/// that is open; after `close` nothing does.
class LiveCall::AgentLine {
public:
    AgentLine(LiveCall& call, std::shared_ptr<Agent> agent, std::shared_ptr<AgentTools> tools)
        : call_(call), agent_(std::move(agent)), tools_(std::move(tools)) {}
    ~AgentLine() { close(); }
    AgentLine(const AgentLine&) = delete;
    AgentLine& operator=(const AgentLine&) = delete;

    Agent& agent() { return *agent_; }
    const std::shared_ptr<Agent>& shared() const { return agent_; }
    AgentTools* tools() { return tools_.get(); }
    bool open() const { return door_ != nullptr; }

    /// Opens session `number`, closing the one before.
    void open(std::uint64_t number, const AgentCall& about) {
        close();
        door_ = std::make_shared<Door>(call_, number);
        const auto door = door_;  // it may be closed from inside
        agent_->start(about, {std::shared_ptr<VoiceSink>(door, &door->voice), door.get()});
    }

    /// The session is over, whoever ended it.
    void close() {
        if (!door_) return;
        last_ = std::move(door_);  // the agent may still be in one of its members
        last_->call = nullptr;
        agent_->stop();
    }

    EarMix::EarId ear = 0;
    EarMix::VoiceId own = 0;
    Clock::Duration redial{0};   ///< before the next try
    bool told_answered = false;  ///< in this session
    bool silenced = false;       ///< what it says is thrown away

private:
    struct Door;
    struct Voice final : VoiceSink {
        explicit Voice(Door& the_door) : door(the_door) {}
        UtteranceId begin() override;
        std::size_t write(std::span<const std::int16_t> samples) override;
        void end() override;
        UtteranceId play(std::unique_ptr<audio::SampleSource> source) override;
        void cancel() override;
        /// Who pauses an agent is the call alone.
        void pause() override {}
        void resume() override {}
        bool paused() const override;
        std::size_t waiting() const override;
        Door& door;
    };
    struct Door final : AgentEvents {
        Door(LiveCall& the_call, std::uint64_t the_number)
            : call(&the_call), number(the_number), voice(*this) {}
        void ready() override { tell(input::told::Ready{}); }
        void ended(AgentEnd how, std::string reason) override {
            tell(input::told::Ended{how, std::move(reason)});
        }
        void caller_speaks(bool speaking) override { tell(input::told::CallerSpeaks{speaking}); }
        void give_way() override { tell(input::told::GiveWay{}); }
        void text(AgentText said) override { tell(std::move(said)); }
        void call_tool(ToolCall tool) override { tell(std::move(tool)); }
        void warning(std::string text) override { tell(input::told::Warning{std::move(text)}); }

        template <class What>
        void tell(What what) {
            if (call) call->accept(input::AgentTold{number, std::move(what)});
        }
        void speak(input::AgentSpeech speech) {
            if (call) call->accept(speech);
        }

        LiveCall* call;  ///< null: closed
        const std::uint64_t number;
        Voice voice;
    };

    LiveCall& call_;
    const std::shared_ptr<Agent> agent_;
    const std::shared_ptr<AgentTools> tools_;
    std::shared_ptr<Door> door_;  ///< null: no session is open
    std::shared_ptr<Door> last_;
};

}  // namespace bridge::call
