#pragma once
// Every call's life and what it cost, kept apart from the program under test: the oracle for money.
// With a file, each event is one JSON line, written before anything else happens, so that the
// account is right whoever is killed.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "emulator/timestamps.hpp"

namespace bridge::emulator {

struct LedgerStream {
    std::string sid;
    bool bidirectional = true;
    WallTime opened;
    std::optional<WallTime> closed;
};

/// A call's stay in a conference.
struct LedgerStay {
    std::string conference_sid, name;
    WallTime joined;
    std::optional<WallTime> left;
    std::optional<WallTime> held_since;
    double held_before = 0;  ///< seconds of holds that are over

    double held_seconds() const;
};

/// A recording that REST began.
struct LedgerRecording {
    std::string sid;
    std::size_t channels = 1;
    WallTime began;
    std::optional<WallTime> ended;
    std::int64_t seconds = 0;  ///< of sound
    std::size_t fetched = 0;   ///< times
    bool deleted = false;
};

struct LedgerCall {
    std::string sid, parent_sid, to, from, direction, status;
    WallTime created;
    std::optional<WallTime> answered, ended;
    std::vector<LedgerStream> streams;
    std::vector<LedgerStay> conferences;
    std::vector<LedgerRecording> recordings;

    /// From the answer to the end, or to now; 0 if it was never answered.
    double seconds() const;
    /// As Twilio bills: whole minutes, begun ones counted.
    std::int64_t billed_seconds() const;
};

/// Thread: the emulator's. Ended calls over the last ten thousand leave the list but not the
/// totals.
class Ledger {
public:
    Ledger() = default;
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    /// Appends to `file` from now on. Errors: io.
    Result<> open(const std::string& file);
    void close();

    void created(LedgerCall call);
    void state(const std::string& sid, const std::string& status);
    void answered(const std::string& sid);
    void ended(const std::string& sid, const std::string& status);
    void stream_opened(const std::string& sid, const std::string& stream_sid, bool bidirectional);
    void stream_closed(const std::string& sid, const std::string& stream_sid);
    void conference_joined(const std::string& sid, const std::string& conference_sid,
                           const std::string& name);
    void conference_left(const std::string& sid, const std::string& conference_sid);
    /// Put on hold in the conference that it is in, or taken off hold.
    void held(const std::string& sid, bool hold);
    void recording_began(const std::string& sid, const std::string& recording_sid,
                         std::size_t channels);
    void recording_ended(const std::string& sid, const std::string& recording_sid,
                         std::chrono::seconds length);
    void recording_fetched(const std::string& sid, const std::string& recording_sid);
    void recording_deleted(const std::string& sid, const std::string& recording_sid);

    /// In the order they were created.
    std::vector<const LedgerCall*> calls() const;
    std::size_t open_calls() const { return open_; }
    double call_seconds() const;
    std::int64_t billed_seconds() const;

private:
    LedgerCall* find(const std::string& sid);
    LedgerRecording* find_recording(const std::string& sid, const std::string& recording_sid);
    void write(const std::string& line);

    std::map<std::string, LedgerCall> calls_;
    std::deque<std::string> order_;
    std::size_t open_ = 0;
    double forgotten_seconds_ = 0;
    std::int64_t forgotten_billed_ = 0;
    int file_ = -1;
};

}  // namespace bridge::emulator
