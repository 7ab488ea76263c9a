#pragma once
// What happens in the calls, told to whoever keeps GET /api/v1/events open: server-sent events,
// with a memory of the last ones for a client that comes back, and levels for meters.
//
//   EventBus ─▶ LiveEvents ─▶ memory (2,000 events)
//   calls' LevelTaps ─100 ms─▶    │ └─▶ EventClient (1 MiB) ─▶ socket     one for each client
//   calls' snapshots ──1 s───▶ ───┘
//
// A client that does not read loses its oldest events and is told to look anew; it costs the calls
// nothing, and memory only up to its bound.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "call/call_registry.hpp"
#include "call/desk.hpp"
#include "call/event_bus.hpp"
#include "call/level_tap.hpp"
#include "net/http_message.hpp"
#include "web/transcript_book.hpp"

namespace bridge::web {

/// Who answers here, for clients that want to know whether it is still the same.
struct About {
    std::string version;
    int pid = 0;
    std::string started;   ///< RFC 3339
    std::string instance;  ///< another one for each run
    std::string carrier;   ///< "twilio" or "emulator"
};

class EventClient;

/// Thread: the executor's, which is the desk's too, for every member.
class LiveEvents : public std::enable_shared_from_this<LiveEvents> {
public:
    struct Parts {
        boost::asio::any_io_executor executor;
        call::EventBus* bus = nullptr;               ///< outlives it
        call::CallRegistry* calls = nullptr;         ///< likewise
        const Clock* clock = nullptr;                ///< of the executor's thread; likewise
        std::shared_ptr<call::Desk> desk;            ///< null: nobody knows volumes
        std::shared_ptr<metrics::Registry> metrics;  ///< null: nobody looks
        About about;
        std::shared_ptr<TranscriptBook> transcripts{};  ///< gets what is said in every call
    };
    static constexpr std::size_t kClients = 256;
    static constexpr std::size_t kRemembered = 2000;
    /// Levels and statistics come of so many calls, the oldest, or of the one a client asks for.
    static constexpr std::size_t kMeasured = 20;

    static std::shared_ptr<LiveEvents> open(Parts parts);
    ~LiveEvents();

    /// The answer to GET /events: 200 and a stream, or a problem.
    net::HttpResponse connect(const net::HttpRequest& request);
    /// Ends every stream.
    void stop();

private:
    explicit LiveEvents(Parts parts);
    using Text = std::shared_ptr<const std::string>;
    struct Remembered {
        std::uint64_t number;
        CallId call;
        Text text;
    };
    struct Live {
        CallId id;
        std::shared_ptr<call::LevelTap> tap;  ///< null: its levels are not measured
        bool streaming = true;
        bool usual = false;  ///< one of those that every client is told of
    };

    void on_event(const call::CallEvent& event, std::uint64_t missed);
    void follow(const call::CallEvent& event);
    void look_again();
    bool replay(EventClient& client, std::string_view last_id) const;
    std::string hello() const;

    void keep_ticking();
    void tick_soon();
    void tick();
    void choose_measured();
    void send_levels();
    void send_statistics();
    void tell_statistics(const call::CallSnapshot& call);
    std::vector<std::shared_ptr<EventClient>> clients();

    const Parts parts_;
    metrics::Gauge* shown_clients_ = nullptr;
    metrics::Counter* dropped_ = nullptr;
    std::int64_t counted_clients_ = 0;
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    bool remembering_ = false;
    std::uint64_t last_number_ = 0;
    std::deque<Remembered> memory_;
    std::vector<Live> live_;  ///< in the order they came
    std::vector<std::weak_ptr<EventClient>> clients_;
    boost::asio::steady_timer timer_;
    bool ticking_ = false;
    int until_statistics_ = 0;
    call::LevelTap::Slot next_slot_ = 0;
    bool stopped_ = false;
};

}  // namespace bridge::web
