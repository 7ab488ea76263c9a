#include "agents/echo_agent.hpp"

#include <utility>

namespace bridge::agents {

void EchoAgent::start(const call::AgentCall&, Ear with) {
    ear_ = std::move(with);
    delayed_.clear();
    ear_.events->ready();
}

void EchoAgent::write(const audio::AudioFrame& frame) {
    if (!ear_.voice) return;
    delayed_.push_back(frame);
    if (!delayed_.full()) return;
    ear_.voice->write(delayed_.front().pcm);
    delayed_.pop_front();
}

void EchoAgent::stop() {
    if (ear_.voice) ear_.voice->end();
    ear_ = {};
}

}  // namespace bridge::agents
