#pragma once
// Seam: what this program knows of its calls when it is killed and started again. Written before a
// call is asked for, so that nobody pays for a call that nobody remembers.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/event.hpp"

namespace bridge::call {

using WallTime = std::chrono::system_clock::time_point;

/// What keeps a call up, and so what becomes of it when this process dies.
enum class Hold {
    stream,       ///< <Connect><Stream>: it ends with our socket
    listen_only,  ///< <Start><Stream>: it goes on without us
    held,         ///< on hold with the carrier: it goes on without us
    conference,   ///< in a conference of the carrier: it goes on without us
    transferred,  ///< handed to somebody else for good: no longer ours
};
std::string_view to_string(Hold hold);
std::optional<Hold> parse_hold(std::string_view word);

struct JournalEntry {
    CallId id;
    CallSid sid;  ///< empty: not known (yet)
    Direction direction = Direction::outbound;
    std::string to, from;
    CallState state = CallState::created;
    Hold hold = Hold::stream;
    std::string account;   ///< account SID and REST address: a call of another account is not
                           ///< looked for in this one
    std::string instance;  ///< the running program that holds it; empty: nobody
    CallId parent;         ///< the call this one was made for, if any
    std::string idempotency_key;
    WallTime asked{};  ///< before the create request left, or when an inbound call was announced
    std::optional<WallTime> ended;
};

/// What is new about a call. Fields that are not set stay as they are.
struct JournalChange {
    CallId id;
    std::optional<CallSid> sid;
    std::optional<CallState> state;
    std::optional<Hold> hold;
    std::optional<std::string> instance;
    bool ended = false;  ///< confirmed: nothing is left to look after
};

/// Where the calls of a number go, as the carrier keeps it.
struct NumberRouting {
    std::string voice_url, voice_method;
    std::string fallback_url, fallback_method;
    std::string status_url, status_method;
    std::string application, trunk;  ///< while one is set the carrier does not ask voice_url
    bool operator==(const NumberRouting&) const = default;
};

/// A number whose calls were pointed to this program, and what is to be put back afterwards.
struct BorrowedNumber {
    std::string sid;  ///< the carrier's name for it
    std::string number;
    NumberRouting former;
    /// The public addresses under which it was pointed here, newest last: what is there now and
    /// begins with one of them is ours to take away, everything else is somebody else's.
    std::vector<std::string> bases;
    std::string account;   ///< as in JournalEntry
    std::string instance;  ///< the program that gives it back
    WallTime taken{};
};

/// Thread: any, for every member; coroutines resume on the executor they were started on.
class Journal {
public:
    virtual ~Journal() = default;
    /// The name of this running program in the entries it holds.
    virtual const std::string& instance() const = 0;
    /// The entry is safely kept when this returns. Instance and account are filled in. Errors: io
    /// (nothing was written), exists.
    virtual boost::asio::awaitable<Result<>> begin(JournalEntry entry) = 0;
    /// The same without waiting; kept soon.
    virtual void announce(JournalEntry entry) = 0;
    /// Kept soon, in order. Never blocks, never fails for the caller.
    virtual void note(JournalChange change) = 0;
    /// Writes what waits; nothing is taken or answered afterwards. True: nothing was lost.
    virtual bool close() = 0;
    /// Every entry that has not ended, oldest first. Errors: io.
    virtual boost::asio::awaitable<Result<std::vector<JournalEntry>>> open_calls() = 0;
    /// Those of `sids` that are in the journal, whatever their state. Errors: io.
    virtual boost::asio::awaitable<Result<std::vector<CallSid>>> known(
        std::vector<CallSid> sids) = 0;

    /// Safely kept when this returns, in place of what was kept of the same number. Instance and
    /// account are filled in. Errors: io (nothing was written).
    virtual boost::asio::awaitable<Result<>> borrow(BorrowedNumber number) = 0;
    /// Nothing is left to put back. Does nothing when another instance has it by now. Errors: io.
    virtual boost::asio::awaitable<Result<>> forget_number(std::string sid,
                                                           std::string instance) = 0;
    /// The numbers of this account that are to be given back, oldest first. Errors: io.
    virtual boost::asio::awaitable<Result<std::vector<BorrowedNumber>>> borrowed() = 0;
};

}  // namespace bridge::call
