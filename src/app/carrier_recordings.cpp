#include "app/carrier_recordings.hpp"

#include <fmt/format.h>

#include <utility>

#include "audio/frame.hpp"
#include "base/spawn.hpp"

namespace bridge::app {

namespace asio = boost::asio;
using Status = call::RecordingStatus;

/// What one recording is to be, and what the carrier was told. Thread: the call's.
struct CarrierRecordings::Order {
    std::weak_ptr<call::Call> call;
    call::CallRef who;
    std::string name;  ///< of our file, without its form
    std::string file;  ///< that there will be; empty: none
    std::chrono::milliseconds offset{0};
    asio::any_io_executor executor;
    std::function<void(std::string)> broke;
    Status wanted = Status::recording, told = Status::none;
    std::string recording;  ///< the carrier's SID; empty: none yet
    bool busy = false;      ///< a request is under way
};

class CarrierRecordings::Recording final : public call::CallRecording {
public:
    Recording(std::shared_ptr<CarrierRecordings> shelf, std::shared_ptr<Order> order)
        : shelf_(std::move(shelf)), order_(std::move(order)) {
        want(Status::recording);
    }
    ~Recording() override {
        // The carrier ends the recording of a call that is over by itself.
        const auto call = order_->call.lock();
        if (call && !call::is_final(call->snapshot().state)) want(Status::stopped);
        shelf_->fetcher_->ended(order_->name);
    }

    const std::string& file() const override { return order_->file; }
    void far_end(std::uint64_t, std::span<const std::int16_t>) override {}
    void near_end(std::uint64_t, std::span<const std::int16_t>) override {}
    void near_known(std::uint64_t) override {}
    void pause(std::uint64_t) override { want(Status::paused); }
    void resume(std::uint64_t) override { want(Status::recording); }

private:
    void want(Status status) {
        order_->wanted = status;
        if (!std::exchange(order_->busy, true))
            spawn(order_->executor, "carrier recording", drive(shelf_, order_));
    }

    const std::shared_ptr<CarrierRecordings> shelf_;
    const std::shared_ptr<Order> order_;
};

CarrierRecordings::CarrierRecordings(std::shared_ptr<stores::RecordingStore> store,
                                     bool delete_there) {
    fetching_.store = std::move(store);
    fetching_.delete_there = delete_there;
}

void CarrierRecordings::open(std::shared_ptr<twilio::RestClient> rest, call::CallRegistry& calls,
                             twilio::RestOptions fetch, net::HttpClientOptions http,
                             std::function<void(const CallId& call, bool here)> settled) {
    rest_ = rest;
    recordings_.emplace(std::move(rest));
    calls_ = &calls;
    fetching_.rest = std::move(fetch);
    fetching_.http = std::move(http);
    fetching_.settled = std::move(settled);
    fetcher_ = RecordingFetcher::start(fetching_);
}

void CarrierRecordings::close() {
    if (fetcher_) fetcher_->close();
    recordings_.reset();  // their client goes before the io thread that it was made for
    rest_.reset();
}

Result<std::shared_ptr<call::CallRecording>> CarrierRecordings::begin(
    const CallId& call, std::uint64_t at, asio::any_io_executor executor,
    std::function<void(std::string problem)> broke) {
    const auto here = calls_->here(call);
    const auto sid = here ? here->snapshot().sid : CallSid{};
    if (sid.empty()) return fail(Errc::refused, "Twilio has not named the call yet; try again");
    auto order = std::make_shared<Order>();
    order->call = here;
    order->who = {call, sid};
    order->name = fetching_.store->new_name(call);
    order->offset = std::chrono::milliseconds(at / audio::kSamplesPerMs);
    order->executor = std::move(executor);
    order->broke = std::move(broke);
    const auto file = fmt::format("{}.{}", order->name, stores::to_string(fetching_.store->form()));
    order->file = (fetching_.store->folder().path() / file).string();
    return std::make_shared<Recording>(shared_from_this(), std::move(order));
}

/// Tells the carrier what is wanted, one after the other, until it is so or cannot be.
asio::awaitable<void> CarrierRecordings::drive(std::shared_ptr<CarrierRecordings> self,
                                               std::shared_ptr<Order> order) {
    while (order->told != order->wanted) {
        if (order->recording.empty() && order->wanted == Status::stopped) break;
        const auto wanted = order->recording.empty() ? Status::recording : order->wanted;
        const auto done = co_await self->tell(order, wanted);
        order->told = wanted;
        if (done || wanted == Status::stopped) continue;
        if (order->recording.empty()) {
            order->file.clear();
        } else {
            // A recording ends with its call: an order that crossed that end is no failure.
            const bool over = co_await self->over(order);
            if (over) break;
            // What cannot be paused must not go on: nobody would know what is in it.
            co_await self->tell(order, Status::stopped);
        }
        order->told = order->wanted = Status::stopped;
        order->broke(
            fmt::format("Twilio {} the call: {} (AGENTBRIDGE_RECORD_BY=bridge records it "
                        "here)",
                        order->recording.empty()   ? "does not record"
                        : wanted == Status::paused ? "could not pause its recording of"
                                                   : "could not go on recording",
                        done.error().message));
    }
    order->busy = false;
}

/// Whether the call is over, though nobody may have told us yet.
asio::awaitable<bool> CarrierRecordings::over(std::shared_ptr<Order> order) {
    const auto call = order->call.lock();
    if (!call || call::is_final(call->snapshot().state)) co_return true;
    const auto there = co_await rest_->fetch(order->who.sid);
    const auto state = there ? call::parse_call_state(there->status) : std::nullopt;
    const bool ended = state && call::is_final(*state);
    co_return ended;
}

asio::awaitable<Result<>> CarrierRecordings::tell(std::shared_ptr<Order> order, Status wanted) {
    if (!order->recording.empty())
        co_return co_await recordings_->change(order->who.sid, order->recording, wanted);
    auto begun = co_await recordings_->start(order->who, order->name);
    if (!begun) co_return tl::unexpected(std::move(begun.error()));
    auto expected = stores::make_carrier_order(order->name, *begun, order->offset);
    if (!expected) co_return tl::unexpected(std::move(expected.error()));
    order->recording = std::move(*begun);
    fetcher_->expect(std::move(*expected));
    co_return Result<>{};
}

}  // namespace bridge::app
