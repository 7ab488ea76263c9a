#pragma once
// Recordings that the carrier makes, in place of ours: begun, paused and ended by REST, and fetched
// into our folder when they are ready (recording_fetcher.hpp).

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/recording_fetcher.hpp"
#include "call/call_registry.hpp"
#include "call/recordings.hpp"

namespace bridge::app {

/// Thread: any.
class CarrierRecordings final : public call::RecordingShelf,
                                public std::enable_shared_from_this<CarrierRecordings> {
public:
    CarrierRecordings(std::shared_ptr<stores::RecordingStore> store, bool delete_there);
    ~CarrierRecordings() override { close(); }

    /// Before the first call. `calls` outlives its io threads. The rest is for the fetcher.
    void open(std::shared_ptr<twilio::RestClient> rest, call::CallRegistry& calls,
              twilio::RestOptions fetch, net::HttpClientOptions http,
              std::function<void(const CallId& call, bool here)> settled);
    /// Once no io thread runs any more. What is under way goes on with the next start.
    void close();

    Result<std::shared_ptr<call::CallRecording>> begin(
        const CallId& call, std::uint64_t at, boost::asio::any_io_executor executor,
        std::function<void(std::string problem)> broke) override;
    audio::Samples notice(std::optional<call::RecordingNotice> wanted) const override {
        return fetching_.store->notice(wanted);
    }

    /// What the carrier's webhook tells.
    void reported(twilio::RecordingReport report) { fetcher_->reported(std::move(report)); }

    /// How often and how patiently; before open().
    RecordingFetcherOptions& fetching() { return fetching_; }

private:
    class Recording;
    struct Order;
    static boost::asio::awaitable<void> drive(std::shared_ptr<CarrierRecordings> self,
                                              std::shared_ptr<Order> order);
    boost::asio::awaitable<Result<>> tell(std::shared_ptr<Order> order,
                                          call::RecordingStatus wanted);
    boost::asio::awaitable<bool> over(std::shared_ptr<Order> order);

    RecordingFetcherOptions fetching_;
    std::shared_ptr<twilio::RestClient> rest_;
    std::optional<twilio::RecordingsResource> recordings_;
    call::CallRegistry* calls_ = nullptr;
    std::shared_ptr<RecordingFetcher> fetcher_;
};

}  // namespace bridge::app
