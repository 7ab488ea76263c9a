#include "agents/tone_agent.hpp"

#include <memory>
#include <utility>

#include "audio/tone.hpp"

namespace bridge::agents {
namespace {

class EndlessTone final : public audio::SampleSource {
public:
    explicit EndlessTone(double hz) : tone_(hz, 0.25) {}
    std::size_t read(std::span<std::int16_t> out) override {
        tone_.fill(out);
        return out.size();
    }

private:
    audio::Tone tone_;
};

}  // namespace

void ToneAgent::start(const call::AgentCall&, Ear with) {
    ear_ = std::move(with);
    ear_.events->ready();
    sound();
}

void ToneAgent::sound() {
    if (ear_.voice) ear_.voice->play(std::make_unique<EndlessTone>(hz_));
}

void ToneAgent::interrupted(call::UtteranceId, const call::Heard&) {
    sound();
}

void ToneAgent::stop() {
    if (const auto voice = std::exchange(ear_, {}).voice) voice->cancel();
}

}  // namespace bridge::agents
