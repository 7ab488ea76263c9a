#pragma once
// One source, many listeners. A listener that is gone is forgotten by itself.

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <memory>

#include "audio/frame.hpp"

namespace bridge::audio {

/// Thread: io, for every member. Holds no sink alive. `write` does not allocate.
class Tee final : public AudioSink {
public:
    /// `first` hears every frame before the others and outlives the tee; null: nobody does.
    explicit Tee(AudioSink* first = nullptr) : first_(first) {}

    /// Frames written from now on reach `sink`, after the sinks added earlier. Adding twice does
    /// nothing.
    void add(const std::shared_ptr<AudioSink>& sink);
    /// Harmless when it was never added.
    void remove(const std::shared_ptr<AudioSink>& sink);
    void write(const AudioFrame& frame) override;
    /// Added sinks that are alive.
    std::size_t size() const;

private:
    AudioSink* const first_;
    // The usual one or two lie here: a frame's way makes no detour over the heap.
    boost::container::small_vector<std::weak_ptr<AudioSink>, 2> sinks_;
};

}  // namespace bridge::audio
