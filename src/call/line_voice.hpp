#pragma once
// Inside OutboundLine: one of its voices. What is written waits here until the line takes it, frame
// by frame; of a voice that runs ahead it is kept until it is heard, so that it can be taken back.

#include <boost/circular_buffer.hpp>
#include <memory>
#include <optional>
#include <span>

#include "call/outbound_state.hpp"
#include "call/sample_queue.hpp"

namespace bridge::call {

/// Thread: io.
class OutboundLine::State::Voice final : public VoiceSink {
public:
    Voice(std::shared_ptr<State> line, Kind kind, std::size_t tag);
    ~Voice() override;

    UtteranceId begin() override;
    std::size_t write(std::span<const std::int16_t> samples) override;
    void end() override;
    UtteranceId play(std::unique_ptr<audio::SampleSource> source) override;
    void cancel() override;
    void pause() override;
    void resume() override;
    bool paused() const override { return paused_; }
    std::size_t waiting() const override { return queue_.size() + in_hand_.size(); }

    // --- for the line

    Kind kind() const { return kind_; }
    std::size_t tag() const { return tag_; }
    /// The utterance goes on, and so may have more in a moment.
    bool open() const { return current_ != 0; }
    /// It has something to say, or will have in a moment.
    bool speaks() const { return !paused_ && (open() || waiting() > 0); }
    /// Frames that may be taken now: whole ones, and the remainder of an utterance that has ended
    /// or is silent for too long.
    std::size_t frames_ready(std::size_t most);
    /// When the remainder of an utterance that goes on is sent without what follows it, if one is
    /// all that waits.
    std::optional<Clock::Time> rest_waits_until() const;
    /// Takes the next frame, which begins at `at` on the line and should be heard at `due`; padded
    /// with silence at the very end.
    void take(audio::AudioFrame& frame, std::uint64_t at, Clock::Time due);
    /// A live voice keeps at most `samples`: its oldest go. Returns how many.
    std::size_t trim(std::size_t samples);
    /// What waits is forgotten.
    void forget();
    /// What it has sent beyond `position` waits again, as far as it is kept.
    void rewind(std::uint64_t position);
    /// The message it has put frames into did not leave.
    void refused();
    /// The slot is over: what was written in it and not taken waits.
    void put_down();

    void list_hot(HotLines& lines) const {
        lines.add_shared(this, sizeof(*this));
        if (!runs_.empty()) lines.add(&runs_.front(), sizeof(Run));
        if (kind_ == Kind::ahead && !source_) return;
        lines.add(&lane_, sizeof(lane_));
        if (!lane_.segments.empty()) lines.add(&lane_.segments.back(), sizeof(SpeechBook::Segment));
    }

    std::size_t ready = 0;  ///< frames of the message that is being put together

private:
    /// A stretch of the queue that is of one utterance.
    struct Run {
        UtteranceId id;
        std::uint64_t waiting;  ///< samples
        bool closed;
    };

    /// Nothing was written for a whole frame's time, and the far end has almost nothing left of
    /// this voice: there will be a gap anyway.
    Clock::Time rest_due() const;
    void keep_unheard();
    void put_back(UtteranceId id, std::uint64_t samples);
    void drop_spent_runs();
    void finish_current(bool forget);

    const std::shared_ptr<State> line_;
    SpeechBook::Lane& lane_;
    const Kind kind_;
    const std::size_t tag_;
    SampleQueue queue_;
    /// A live voice's frame of this slot, in memory that the calls of a thread share; nothing waits
    /// before it.
    std::span<const std::int16_t> in_hand_;
    boost::circular_buffer<Run> runs_{8};  ///< grows with the utterances that wait
    std::unique_ptr<audio::SampleSource> source_;
    UtteranceId current_ = 0;
    bool paused_ = false;
    Clock::Time written_at_{};       ///< of what waits as a part of a frame: when its last came
    std::uint64_t spoke_until_ = 0;  ///< samples sent on the line up to this voice's last
};

}  // namespace bridge::call
