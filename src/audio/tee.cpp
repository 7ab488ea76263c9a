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
    std::erase_if(sinks_, [&](const auto& held) { return same(held, sink); });
}

void Tee::write(const AudioFrame& frame) {
    bool gone = false;
    for (const auto& held : sinks_) {
        if (const auto sink = held.lock())
            sink->write(frame);
        else
            gone = true;
    }
    if (gone) std::erase_if(sinks_, [](const auto& held) { return held.expired(); });
}

std::size_t Tee::size() const {
    return static_cast<std::size_t>(std::count_if(
        sinks_.begin(), sinks_.end(), [](const auto& held) { return !held.expired(); }));
}

}  // namespace bridge::audio
