#pragma once
// What a replay shows of a call: everything on one timeline, and of each gap in the sound which hop
// made it.
//
//   phone ─network─▶ io thread ─▶ playout buffer ─▶ device      what is heard here
//   voice ─▶ pacer ─▶ our queue ─▶ network ─▶ phone             what the phone hears

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "capture/replay.hpp"

namespace bridge::capture {

/// Where sound was held up or lost.
enum class Hop {
    network,  ///< the carrier's messages came late, or with a piece missing
    machine,  ///< our own io thread did not run in time
    buffer,   ///< they came as unevenly as ever, and the playout buffer was too small for it
    device,   ///< the sound card did not take in time what was there
    pacer,    ///< our slot for the phone came late
    queue,    ///< the connection did not take what we sent
    source,   ///< whoever spoke had nothing more ready
};
std::string_view to_string(Hop hop);

struct Gap {
    Micros at{0};
    std::chrono::milliseconds length{0};
    bool heard_by_phone = false;  ///< else here
    Hop hop{};
    std::string why;  ///< one sentence with the figures
};

struct Moment {
    Micros at{0};
    std::string_view lane;  ///< "in", "out", "event", "agent", "timer", "speaker", "gap"
    std::string text;
};

struct ReplayTotals {
    std::uint64_t turns = 0, media = 0, frames_sent = 0, messages_sent = 0, refused = 0;
    std::uint64_t marks = 0, clears = 0, echoes = 0;
    std::uint64_t underruns = 0, concealed_ms = 0, trimmed_ms = 0;
    double longest_wait_ms = 0;  ///< between two media messages of a stream
    double latest_timer_ms = 0;  ///< the most a timer of the call was late
    double longest_pull_ms = 0;  ///< between two blocks the device took
};

/// Watches a replay; its functions are for ReplayOptions.
class Report {
public:
    static constexpr std::size_t kMostMoments = 200'000;

    /// `everything`: also each media message, each frame that was sent, each timer.
    explicit Report(bool everything) : everything_(everything) {}
    void take(const Record& record);
    void take(const Output& output);
    void take(const call::CallEvent& event, Micros at);
    /// After each turn.
    void look(const Replay& replay);

    const std::vector<Moment>& moments() const { return moments_; }
    const std::vector<Gap>& gaps() const { return gaps_; }
    const ReplayTotals& totals() const { return totals_; }

private:
    void note(Micros at, std::string_view lane, std::string text);
    void take_input(Micros at, const HeldInput& held);
    void take_speaker(Micros at, const call::input::SpeakerReport& report);
    void take_pulls(const std::vector<audio::Pull>& pulls);
    void gap(Gap gap);

    const bool everything_;
    std::vector<Moment> moments_;
    std::vector<Gap> gaps_;
    ReplayTotals totals_;

    std::uint64_t stream_ = 0;
    Micros last_media_{-1}, last_timestamp_{0};
    // The worst of each, and when, since the last look at the speaker.
    struct Worst {
        double ms = 0;
        Micros at{0};
    };
    Worst wait_, lost_, timer_, pull_;
    Clock::Time last_pull_{};
    audio::PlayoutStats playout_;
    std::uint64_t device_underflows_ = 0;
    Micros dry_at_{-1};  ///< the far end has nothing more from then on
    bool sent_now_ = false;
    Micros gap_before_{0};
    bool refused_ = false;
    std::uint64_t starved_ = 0;
    double late_now_ms_ = 0;
};

/// "0:03.120".
std::string format_moment(Micros at);
std::string report_text(const Replay& replay, const Report& report);
/// Without what happened when: totals, gaps, differences.
std::string summary_json(const Replay& replay, const Report& report);
/// All of it. `timeline`: the JSON text of the call's own timeline, as the control API gives it.
std::string report_json(const Replay& replay, const Report& report, const std::string& timeline);

}  // namespace bridge::capture
