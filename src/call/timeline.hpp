#pragma once
// What happened in a call, in order and in its own time: for the page that shows a call, and for
// whoever looks into one afterwards. Kept for the calls that live and for the last ones that ended.
//
//   Call ── note, take, sample ──▶ Timeline ── at the end ──▶ TimelineShelf ──▶ GET …/timeline

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "call/event.hpp"
#include "call/voice_sink.hpp"

namespace bridge::call {

/// Bounded: of events the oldest go, of samples every second one when there are too many. Nothing
/// is touched per media frame. Thread: the call's io thread.
class Timeline {
public:
    static constexpr std::size_t kMostEvents = 2000;
    static constexpr std::size_t kMostText = 256 * 1024;  ///< bytes, of all events
    static constexpr std::size_t kMostSamples = 3600;

    enum class Lane {
        webhook,
        stream,
        state,
        mark,
        clear,
        dtmf,
        agent,
        words,
        transfer,
        local,
        recording,
        warning
    };
    struct Event {
        std::chrono::milliseconds at;  ///< since the call was created
        Lane lane;
        std::string_view kind;  ///< of static storage
        std::string text;
        std::vector<std::pair<std::string_view, double>> figures;  ///< names of static storage
    };

    /// Once a second while a stream is up. What is not known is NaN.
    enum class Figure {
        playout_depth_ms,   ///< waits at the speaker here
        jitter_ms,          ///< of what comes
        outbound_ahead_ms,  ///< lies at the far end, not played yet
        lost_ms,            ///< missing by the carrier's timestamps, since the call began
        far_level_db,
        near_level_db,
        concealed_ms,  ///< made up at the speaker here, since the call began
    };
    static constexpr std::size_t kFigures = 7;
    static constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
    /// Small: a long call has thousands.
    struct Sample {
        std::chrono::duration<std::uint32_t, std::milli> at;
        std::array<float, kFigures> figures;
    };

    explicit Timeline(std::chrono::system_clock::time_point began) : began_(began) {}

    void note(std::chrono::milliseconds at, Lane lane, std::string_view kind, std::string text,
              std::vector<std::pair<std::string_view, double>> figures = {});
    /// What a call tells, as far as it belongs here.
    void take(std::chrono::milliseconds at, const decltype(CallEvent::what)& what);
    /// What became of an utterance.
    void spoken(std::chrono::milliseconds at, UtteranceId utterance, const Heard& heard);
    void sample(Sample now);

    std::chrono::system_clock::time_point began() const { return began_; }
    const std::deque<Event>& events() const { return events_; }
    const std::vector<Sample>& samples() const { return samples_; }
    std::uint64_t dropped_events() const { return dropped_; }

private:
    std::chrono::system_clock::time_point began_;
    std::deque<Event> events_;
    std::size_t text_bytes_ = 0;
    std::uint64_t dropped_ = 0;
    std::vector<Sample> samples_;
    std::uint64_t every_ = 1;  ///< of so many samples one is kept
    std::uint64_t sampled_ = 0;
};

std::string_view to_string(Timeline::Lane lane);
std::string_view to_string(Timeline::Figure figure);

/// Those of calls that are over, and what these calls were in the end. Thread: any.
class TimelineShelf {
public:
    static constexpr std::size_t kMost = 200;        ///< timelines, which are large
    static constexpr std::size_t kMostCalls = 1000;  ///< what the calls were in the end
    struct Kept {
        CallId call;
        CallSid sid;
        std::chrono::milliseconds length;
        std::shared_ptr<const Timeline> timeline;
        std::shared_ptr<const CallSnapshot> last{};
    };

    /// The oldest goes when there are too many. Nobody changes `ended.timeline` any more.
    void keep(Kept ended);
    /// By CallId or CallSid; `timeline` is null if it is not there.
    Kept find(std::string_view id_or_sid) const;
    /// The oldest first; of those that ended long ago the timeline is null.
    std::vector<Kept> all() const;
    void forget(const CallId& call);

private:
    mutable std::mutex mutex_;  // guards what follows; at the end of a call and for a look-up
    std::deque<Kept> kept_;
};

}  // namespace bridge::call
