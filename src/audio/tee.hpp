#pragma once
// One source, many listeners. A listener that is gone is forgotten by itself.

#include <cstddef>
#include <memory>
#include <vector>

#include "audio/frame.hpp"

namespace bridge::audio {

/// Thread: io, for every member. Holds no sink alive. `write` does not allocate.
class Tee final : public AudioSink {
public:
    /// Frames written from now on reach `sink`, after the sinks added earlier. Adding twice does
    /// nothing.
    void add(const std::shared_ptr<AudioSink>& sink);
    /// Harmless when it was never added.
    void remove(const std::shared_ptr<AudioSink>& sink);
    void write(const AudioFrame& frame) override;
    /// Sinks that are alive.
    std::size_t size() const;

private:
    std::vector<std::weak_ptr<AudioSink>> sinks_;
};

}  // namespace bridge::audio
