#pragma once
// The phone's side of what a server says: a queue that is played in real time, the marks in it, and
// a look at every frame. Code of its own, apart from both the bridge's and the emulator's.

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/shared_table.hpp"

namespace bench {

/// What the frames are that come back.
enum class Hears { nothing, echo, ahead, live, agent };

/// Sums over the calls of a run. Frames are 20 ms.
struct HeardSum {
    std::uint64_t frames = 0, messages = 0, marks = 0, clears = 0;
    std::uint64_t wrong = 0;      ///< frames without a stamp, or messages that make no sense
    std::uint64_t lost = 0;       ///< numbers left out
    std::uint64_t reordered = 0;  ///< numbers that do not follow the last
    std::uint64_t stale = 0;      ///< frames of before a `clear`, after it
    std::uint64_t gaps = 0;       ///< times the queue ran dry before the next frame came
    std::uint64_t gap_ns = 0;     ///< the longest of them
    std::vector<std::uint64_t> latency_ns;  ///< of each frame that carries a time
    std::vector<std::uint64_t> stop_ns;     ///< from the wish to cut off to the `clear`
};

/// One call's phone.
class FarEnd {
public:
    FarEnd(Table& table, std::uint32_t number, Hears hears)
        : table_(&table), number_(number), hears_(hears) {}

    /// Bytes that came at `at_ns` from the server, which does not mask. False: it said goodbye.
    bool take(std::string_view bytes, std::uint64_t at_ns);

    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
    /// When the next mark is to be answered.
    std::uint64_t mark_due() const { return marks_.empty() ? kNever : marks_.front().due_ns; }
    /// The name of that mark, which is forgotten.
    std::string take_mark();

    /// From now on, or no longer, times are kept and gaps are counted.
    void keep(bool on) { keep_ = on; }
    /// Since `keep(true)`: when each media message came, and how old its sound was (ns, 0: it does
    /// not say).
    const std::vector<std::uint64_t>& arrivals() const { return arrivals_; }
    const std::vector<std::uint64_t>& ages() const { return ages_; }
    const HeardSum& sum() const { return sum_; }

private:
    struct Mark {
        std::uint64_t due_ns;
        std::string name;
    };
    void take_text(std::string_view text, std::uint64_t at_ns);
    void take_media(std::string_view payload, std::uint64_t at_ns);
    void look_at(std::span<const std::uint8_t> frame, std::uint64_t at_ns);
    void take_clear(std::uint64_t at_ns);

    Table* table_;
    std::uint32_t number_;
    Hears hears_;
    bool keep_ = false, began_ = false, speaking_ = false;
    std::string rest_;          ///< of a message that has not come whole
    std::uint64_t dry_ns_ = 0;  ///< when the queue runs dry
    std::uint32_t next_ = 0;    ///< number of the next frame
    std::uint32_t cuts_ = 0;    ///< `clear`s so far
    std::deque<Mark> marks_;
    std::vector<std::uint64_t> arrivals_, ages_;
    HeardSum sum_;
};

/// How evenly a call's messages come: each one's distance (ms) from the call's own place in 20 ms,
/// which is the median of them all, and how fast that place moves (ms in a minute).
struct Pace {
    std::vector<double> errors;
    double drift = 0;
};
Pace pace_of(const std::vector<std::uint64_t>& arrivals_ns);

/// The value below which `part` of the values lie; 0 without any. The values are reordered.
double quantile(std::vector<double>& values, double part);

}  // namespace bench
