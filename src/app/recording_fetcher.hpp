#pragma once
// Fetches the recordings that the carrier has made, one after the other, on a thread of its own
// that may wait for the disk:
//
//   begun ─ expect ─▶ NAME.twilio ─ its webhook, or a look once a minute ─▶ fetched ─▶ NAME.wav
//
// What could not be fetched is tried again with growing pauses, then by the next start.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/http_client.hpp"
#include "net/shards.hpp"
#include "stores/carrier_orders.hpp"
#include "stores/recording_store.hpp"
#include "twilio/recordings_resource.hpp"

namespace bridge::app {

struct RecordingFetcherOptions {
    std::shared_ptr<stores::RecordingStore> store;  ///< whose folder and form are used
    bool delete_there = false;                      ///< the carrier's copy, once ours is there
    twilio::RestOptions rest;
    net::HttpClientOptions http;
    /// A recording is here, or there will be none. Thread: the fetcher's.
    std::function<void(const CallId& call, bool here)> settled;
    std::chrono::milliseconds look_every{60'000};  ///< should a webhook be lost
    int tries = 6;
    std::chrono::milliseconds first_pause{1000};  ///< doubled each time
};

/// Thread: any.
class RecordingFetcher : public std::enable_shared_from_this<RecordingFetcher> {
public:
    /// Begins with what a former run left.
    static std::shared_ptr<RecordingFetcher> start(RecordingFetcherOptions options);
    ~RecordingFetcher();
    /// Drops what is under way, for the next start. Nothing is told afterwards. May be called
    /// twice. Thread: not the fetcher's.
    void close();

    /// The carrier has begun a recording.
    void expect(stores::CarrierOrder order);
    /// It is over by what we know: its webhook should come soon.
    void ended(const std::string& name);
    /// What the webhook said; also about one that nobody expects, of a former run.
    void reported(twilio::RecordingReport report);

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Waiting {
        stores::CarrierOrder order;
        Time when = Time::max();
        bool completed = false;  ///< the carrier said so
        bool kept = false;       ///< on the disk; not there any more: nobody wants it
        int failures = 0;
    };
    enum class Fate { here, none, not_yet, failed };
    struct Outcome {
        Fate fate = Fate::failed;
        std::string why;
    };
    using Self = std::shared_ptr<RecordingFetcher>;

    explicit RecordingFetcher(RecordingFetcherOptions options);
    void post(std::function<void(RecordingFetcher&)> work);
    void wake(Waiting& one, Time when);
    static boost::asio::awaitable<void> run(Self self);
    static boost::asio::awaitable<Outcome> attend(Self self, Waiting one);
    static boost::asio::awaitable<Outcome> fetch(Self self, stores::CarrierOrder order);
    void settle(const std::string& name, const Outcome& outcome);

    const RecordingFetcherOptions options_;
    const stores::CarrierOrders orders_;
    std::mutex mutex_;  // guards the pointer against those who tell late
    std::unique_ptr<net::Shards> thread_;
    // Of that thread:
    std::shared_ptr<net::HttpClient> http_;
    std::optional<twilio::RecordingsResource> recordings_;
    std::optional<boost::asio::steady_timer> timer_;
    std::map<std::string, Waiting> waiting_;  ///< by name
};

}  // namespace bridge::app
