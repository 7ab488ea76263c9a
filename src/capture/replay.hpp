#pragma once
// A captured call, driven through the same code again: the clock goes where the capture says, what
// reached the call reaches it again, and what it does is compared with what it did.
//
//   CaptureReader ─▶ turn ─▶ Call on a virtual clock ─▶ what left it ─▶ hash, compared
//                              ▲ agents, lines, devices that only repeat what was written down

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "call/call.hpp"
#include "capture/capture_file.hpp"

namespace bridge::capture {

/// Something the replayed call did otherwise than the captured one.
struct Difference {
    Micros at{0};
    std::string captured, replayed;  ///< empty: nothing
};

/// One thing that left the call, as the replay made it.
struct Output {
    Micros at{0};
    const What& what;  ///< Sent, Marked, Cleared, Closed, Asked, AgentCalled
    std::span<const audio::AudioFrame> frames;  ///< of Sent
};

/// What a thing that left the call is, for people.
std::string describe_output(const What& what);

struct ReplayOptions {
    /// All that may be empty.
    std::function<void(const Output&)> output{};
    /// A record as it is read, before its turn is played.
    std::function<void(const Record&)> record{};
    std::function<void(const call::CallEvent&)> event{};
    /// What the loudspeaker played, at the rate of the card. Costs as much as it did then.
    std::function<void(std::span<const float>, int sample_rate)> speaker{};
};

/// Thread: one.
class Replay {
public:
    static constexpr std::size_t kMostDifferences = 100;

    /// `capture`: from its beginning.
    Replay(CaptureReader capture, ReplayOptions options = {});
    ~Replay();
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;

    const Opening& opening() const;
    /// Plays the next turn. False: there is none any more.
    bool step();
    /// To the end.
    void run();
    /// When the last turn was.
    Micros at() const;
    std::uint64_t turns() const;

    /// Null before the first turn.
    const call::Call* call() const;
    /// The first ones; all of them are counted.
    const std::vector<Difference>& differences() const;
    std::uint64_t difference_count() const;
    /// Over everything that left the call and when: 64 hex digits. At the end.
    std::string hash() const;
    /// Why the capture ended before its call did; empty: it did not.
    const std::string& damage() const;
    /// Pulls of the sound card that are not in the capture: playout is not exact.
    std::uint64_t lost_pulls() const;

private:
    class Stage;
    struct Services;
    std::unique_ptr<Stage> stage_;
};

}  // namespace bridge::capture
