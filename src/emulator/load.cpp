#include "emulator/load.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "emulator/exchange.hpp"
#include "emulator/phone_call.hpp"

namespace bridge::emulator {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kLook = 20ms;
/// What a stream that was told to stop may take to close.
constexpr auto kLastWords = 5s;

double milliseconds_between(WallTime from, WallTime to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

struct Load::Placed {
    std::shared_ptr<PhoneCall> call;
    steady_clock::time_point placed;
    steady_clock::time_point streaming{};  ///< since when; the epoch: not yet
    steady_clock::time_point ended{};
    bool done = false;
    bool failed = false;
};

double LoadReport::connect_percentile(double part) const {
    if (connect_ms.empty()) return 0;
    const auto last = static_cast<double>(connect_ms.size() - 1);
    return connect_ms[static_cast<std::size_t>(part * last + 0.5)];
}

Load::Load(std::shared_ptr<Exchange> exchange, LoadPlan plan)
    : exchange_(std::move(exchange)), plan_(std::move(plan)), stopping_(exchange_->executor) {
    calls_.reserve(plan_.calls);
}

Load::~Load() = default;

void Load::place() {
    const auto& ours = exchange_->numbers.back();
    CallOrder order;
    order.direction = plan_.outbound ? "outbound-api" : "inbound";
    // Numbers of their own, so that what somebody reads of a call tells which it was.
    const auto number = std::to_string(10'000'000'000 + calls_.size()).substr(1);
    const auto phone = "+1202" + number.substr(3);
    order.to = plan_.outbound ? phone : ours.phone_number;
    order.from = plan_.outbound ? ours.phone_number : phone;
    order.persona = plan_.persona.empty() ? "silence" : plan_.persona;
    if (!plan_.outbound) order.phone_number_sid = ours.sid;
    order.first.url = plan_.url + "/twilio/voice";
    order.status_callback = plan_.url + "/twilio/status";
    Placed placed;
    placed.placed = steady_clock::now();
    ++report_.calls;
    auto call = exchange_->add_call(std::move(order));
    if (!call) {
        fail(placed, call.error().message);
        placed.done = true;
    } else {
        placed.call = *std::move(call);
        placed.call->start();
        ++open_;
    }
    calls_.push_back(std::move(placed));
}

void Load::fail(Placed& one, std::string reason) {
    if (std::exchange(one.failed, true)) return;
    ++report_.failed;
    if (one.call) {
        // What Twilio's debugger says of it explains more than its status.
        const auto& entries = exchange_->debugger.entries();
        const auto said = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
            return entry.level == "error" && entry.call_sid == one.call->sid();
        });
        if (said != entries.end()) reason = std::to_string(said->code) + " " + said->message;
    }
    ++report_.reasons[reason];
}

/// What became of each call since the last look.
void Load::look() {
    const auto now = steady_clock::now();
    for (auto& one : calls_) {
        if (one.done) continue;
        auto& call = *one.call;
        const auto& streams = call.streams();
        const auto* stream = streams.empty() ? nullptr : &streams.front();
        if (one.streaming == steady_clock::time_point{} && stream != nullptr && stream->started) {
            one.streaming = now;
            ++report_.started;
            ++report_.up;
            const auto took = milliseconds_between(call.record().created, *stream->started);
            auto& all = report_.connect_ms;
            all.insert(std::upper_bound(all.begin(), all.end(), took), took);
        }
        const bool was_up = one.streaming != steady_clock::time_point{};
        const bool ending = one.ended != steady_clock::time_point{};
        if (!ending && !call.over()) {
            const bool due =
                was_up ? now - one.streaming >= plan_.length : now - one.placed >= plan_.patience;
            if (due && !was_up)
                fail(one,
                     "no stream within " + std::to_string(plan_.patience.count() / 1000) + " s");
            if (due || stopped_) {
                one.ended = now;
                call.finish("completed", 200);
            }
        } else if (!ending) {
            one.ended = now;
            if (was_up) ++report_.early_ends;
            fail(one, was_up ? "ended before its time: " + call.record().status
                             : "never answered: " + call.record().status);
        }
        if (!call.over() || one.ended == steady_clock::time_point{}) continue;
        if (stream != nullptr && stream->open && now - one.ended < kLastWords) continue;
        if (was_up) {
            --report_.up;
            report_.frames += stream->frames;
        }
        one.done = true;
        --open_;
    }
}

asio::awaitable<void> Load::run(std::shared_ptr<Load> self) {
    auto next = steady_clock::now();
    while (self->calls_.size() < self->plan_.calls && !self->stopped_) {
        self->place();
        next += self->plan_.apart;
        auto look = steady_clock::now();
        // Calls that are due are placed at once, even several; in between, the others are looked
        // at.
        while (look < next && !self->stopped_) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - look);
            const auto wait = std::min<std::chrono::milliseconds>(left, kLook);
            co_await self->stopping_.wait_for(wait);
            self->look();
            look = steady_clock::now();
        }
    }
    self->look();
    while (self->open_ > 0) {
        // The signal stays set once it is: from then on only this timer waits.
        asio::steady_timer timer(self->exchange_->executor, kLook);
        co_await timer.async_wait(asio::use_awaitable);
        self->look();
    }
}

void Load::stop() {
    if (std::exchange(stopped_, true)) return;
    stopping_.raise();
}

LoadReport Load::report() const {
    return report_;
}

}  // namespace bridge::emulator
