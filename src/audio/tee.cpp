#include "audio/tee.hpp"

#include <algorithm>

namespace bridge::audio {
namespace {

bool same(const std::weak_ptr<AudioSink>& held, const std::shared_ptr<AudioSink>& sink) {
    return !held.owner_before(sink) && !sink.owner_before(held);
}

}  // namespace

void Tee::add(const std::shared_ptr<AudioSink>& sink) {
    if (!sink) return;
    if (std::any_of(sinks_.begin(), sinks_.end(),
                    [&](const auto& held) { return same(held, sink); }))
        return;
    sinks_.emplace_back(sink);
}

void Tee::remove(const std::shared_ptr<AudioSink>& sink) {
    const auto end = std::remove_if(sinks_.begin(), sinks_.end(),
                                    [&](const auto& held) { return same(held, sink); });
    sinks_.erase(end, sinks_.end());
}

void Tee::write(const AudioFrame& frame) {
    if (first_ != nullptr) first_->write(frame);
    bool gone = false;
    for (const auto& held : sinks_) {
        if (const auto sink = held.lock())
            sink->write(frame);
        else
            gone = true;
    }
    if (!gone) return;
    const auto end = std::remove_if(sinks_.begin(), sinks_.end(),
                                    [](const auto& held) { return held.expired(); });
    sinks_.erase(end, sinks_.end());
}

std::size_t Tee::size() const {
    return static_cast<std::size_t>(std::count_if(
        sinks_.begin(), sinks_.end(), [](const auto& held) { return !held.expired(); }));
}

}  // namespace bridge::audio
