#pragma once
// Calls in the journal that no running program holds: left behind by one that was killed, or whose
// end could not be confirmed. Each is ended, or found to be over, or, if that cannot be done,
// named.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "call/carrier.hpp"
#include "call/journal.hpp"

namespace bridge::call {

struct OrphanOutcome {
    enum class What {
        ended,          ///< it was live; we ended it and the carrier confirmed that
        already_over,   ///< the carrier says so
        never_made,     ///< its create had an unknown outcome; the carrier lists no such call
        released,       ///< handed to somebody else for good: left alone
        not_confirmed,  ///< it may be live: the carrier could not be asked, or did not end it
        ambiguous,      ///< its create had an unknown outcome and several calls could be it:
                        ///< none was touched
    };
    JournalEntry entry;  ///< with its CallSid, if that was found
    What what = What::not_confirmed;
    std::string detail;               ///< of not_confirmed: why
    std::vector<CallSid> candidates;  ///< of ambiguous
    /// It may still cost money.
    bool open() const { return what == What::not_confirmed || what == What::ambiguous; }
};
std::string_view to_string(OrphanOutcome::What what);

/// Whether the journal's entry is nobody's: its program is dead, or it is named by none.
using IsAlive = std::function<bool(const std::string& instance)>;
bool is_orphan(const JournalEntry& entry, const std::string& account, const IsAlive& alive);

/// Whether `serve` takes it over as it is: still to be answered, or kept by the carrier.
bool is_adoptable(const JournalEntry& entry);

struct SettleOptions {
    /// A create without an answer may have taken this long to be carried out.
    std::chrono::seconds create_window{120};
    /// Within this time the carrier has carried out a create that reached it: until then a call
    /// that is not listed may still appear.
    std::chrono::milliseconds create_settles{4000};
    /// A call that was told to end is asked for this often, this far apart.
    int confirm_tries = 8;
    std::chrono::milliseconds confirm_pause{300};
    std::size_t at_once = 32;  ///< requests under way
};

/// Ends each of `orphans` and notes in the journal what became of it. Thread: resumes on the
/// executor it was started on, whose thread runs all of it.
boost::asio::awaitable<std::vector<OrphanOutcome>> settle_orphans(std::shared_ptr<Journal> journal,
                                                                  std::shared_ptr<Carrier> carrier,
                                                                  std::vector<JournalEntry> orphans,
                                                                  SettleOptions options);

}  // namespace bridge::call
