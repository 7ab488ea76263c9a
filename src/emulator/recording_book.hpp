#pragma once
// Recordings that REST has begun on calls of this emulator: their states, their sound, and the
// callbacks that tell of them.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "emulator/form.hpp"
#include "emulator/timestamps.hpp"

namespace bridge::emulator {

struct Exchange;
class PhoneCall;

/// One recording; its sound is cut out of what is kept of the call when it ends.
struct RecordingRow {
    std::string sid, call_sid;
    std::string status = "in-progress";  ///< paused, completed, absent
    std::size_t channels = 1;
    std::string track = "both";
    std::string callback, callback_method = "POST", events;
    std::string base_url;  ///< that REST was asked at
    WallTime started, updated;
    std::size_t begin = 0;  ///< frame of the call
    /// From frame to frame; the last one may be open.
    std::vector<std::pair<std::size_t, std::optional<std::size_t>>> pauses;
    bool skip = false;  ///< pauses are left out, else they are silence
    std::vector<std::uint8_t> far, near;
    std::chrono::seconds duration{0};

    bool over() const { return status == "completed" || status == "absent"; }
};

/// Thread: the emulator's.
class RecordingBook : public std::enable_shared_from_this<RecordingBook> {
public:
    static constexpr std::size_t kKept = 1000;
    static constexpr std::size_t kSoundsKept = 50;

    explicit RecordingBook(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

    std::shared_ptr<RecordingRow> begin(const std::shared_ptr<PhoneCall>& call, const Fields& form,
                                        std::string base_url);
    /// By SID, or "Twilio.CURRENT"; null: there is none.
    std::shared_ptr<RecordingRow> find(const std::string& sid, const std::string& call_sid) const;
    /// "paused", "in-progress" or "stopped". False: that makes no sense now.
    bool change(const std::shared_ptr<RecordingRow>& row, const std::string& status, bool skip);
    /// False: it is still being made.
    bool forget(const std::shared_ptr<RecordingRow>& row);
    /// As a WAV of one or two channels, 16 bits; with one, both sides are mixed.
    std::string fetch(const RecordingRow& row, std::size_t channels) const;
    const std::deque<std::shared_ptr<RecordingRow>>& rows() const { return rows_; }

private:
    static boost::asio::awaitable<void> watch(std::shared_ptr<RecordingBook> self,
                                              std::shared_ptr<PhoneCall> call,
                                              std::shared_ptr<RecordingRow> row);
    void end(PhoneCall& call, RecordingRow& row);
    void tell(PhoneCall& call, const RecordingRow& row) const;

    std::shared_ptr<Exchange> exchange_;
    std::deque<std::shared_ptr<RecordingRow>> rows_;  ///< oldest first
};

}  // namespace bridge::emulator
