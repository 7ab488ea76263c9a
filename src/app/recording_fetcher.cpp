#include "app/recording_fetcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/spawn.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::chrono::steady_clock::time_point now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

std::shared_ptr<RecordingFetcher> RecordingFetcher::start(RecordingFetcherOptions options) {
    std::shared_ptr<RecordingFetcher> self(new RecordingFetcher(std::move(options)));
    auto& shard = (*self->thread_)[0];
    self->thread_->start();
    self->thread_->run_on(0, [&] {
        self->http_ = net::HttpClient::make(shard.executor(), self->options_.http);
        self->recordings_.emplace(std::make_shared<twilio::RestClient>(
            shard.executor(), self->http_, self->options_.rest));
        self->timer_.emplace(shard.executor());
        spawn(shard.executor(), "fetcher of recordings", run(self));
    });
    return self;
}

RecordingFetcher::RecordingFetcher(RecordingFetcherOptions options)
    : options_(std::move(options)),
      orders_(options_.store->folder().path()),
      thread_(std::make_unique<net::Shards>(std::vector<std::string>{"fetch"})) {}

RecordingFetcher::~RecordingFetcher() {
    close();
}

void RecordingFetcher::close() {
    std::unique_ptr<net::Shards> thread;
    {
        const std::lock_guard lock(mutex_);
        thread = std::move(thread_);
    }
    if (!thread) return;
    thread->stop(0ms);
    timer_.reset();
    recordings_.reset();
    http_.reset();
}

void RecordingFetcher::post(std::function<void(RecordingFetcher&)> work) {
    const std::lock_guard lock(mutex_);
    if (!thread_) return;
    asio::post((*thread_)[0].executor(),
               [self = shared_from_this(), work = std::move(work)] { work(*self); });
}

void RecordingFetcher::wake(Waiting& one, Time when) {
    one.when = std::min(one.when, when);
    timer_->cancel();
}

void RecordingFetcher::expect(stores::CarrierOrder order) {
    post([order = std::move(order)](RecordingFetcher& self) {
        // Its webhook may have been faster than the answer to our request.
        auto& one = self.waiting_[order.name];
        one.order = order;
        const auto kept = self.orders_.keep(order);
        one.kept = kept.has_value();
        if (!kept) log::warning({"recordings", order.call}, "{}", kept.error().message);
    });
}

void RecordingFetcher::ended(const std::string& name) {
    post([name](RecordingFetcher& self) {
        const auto found = self.waiting_.find(name);
        if (found != self.waiting_.end())
            self.wake(found->second, now() + self.options_.look_every);
    });
}

void RecordingFetcher::reported(twilio::RecordingReport report) {
    log::info({"recordings", report.call}, "Twilio's recording: {}", report.status);
    auto order =
        stores::make_carrier_order(std::move(report.name), std::move(report.recording), 0ms);
    if (!order) {
        log::warning({"recordings", report.call}, "a report about a recording is not used: {}",
                     order.error().message);
        return;
    }
    post([order = std::move(*order), status = report.status](RecordingFetcher& self) {
        auto& one = self.waiting_.try_emplace(order.name, Waiting{order}).first->second;
        one.completed = status == "completed";
        self.wake(one, now());
    });
}

asio::awaitable<void> RecordingFetcher::run(Self self) {
    for (auto& order : self->orders_.list()) {
        const auto name = order.name;
        self->waiting_.try_emplace(name, Waiting{std::move(order), now(), false, true});
    }
    for (;;) {
        const auto next = std::min_element(
            self->waiting_.begin(), self->waiting_.end(),
            [](const auto& one, const auto& other) { return one.second.when < other.second.when; });
        if (next == self->waiting_.end() || next->second.when > now()) {
            self->timer_->expires_at(next == self->waiting_.end() ? Time::max()
                                                                  : next->second.when);
            co_await self->timer_->async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        // A report that comes meanwhile sets the time again.
        next->second.when = Time::max();
        const auto name = next->first;
        auto outcome = co_await attend(self, next->second);
        self->settle(name, outcome);
    }
}

asio::awaitable<RecordingFetcher::Outcome> RecordingFetcher::attend(Self self, Waiting one) {
    if (self->options_.store->folder().find(one.order.name)) co_return Outcome{Fate::here, {}};
    if (one.kept && !self->orders_.has(one.order.name))
        co_return Outcome{Fate::none, "its call was deleted"};
    if (!one.completed) {
        auto status = co_await self->recordings_->status(one.order.recording);
        if (!status) {
            const auto fate = status.error().code == Errc::not_found ? Fate::none : Fate::failed;
            co_return Outcome{fate, std::move(status.error().message)};
        }
        if (*status == "absent" || *status == "failed" || *status == "deleted")
            co_return Outcome{Fate::none, fmt::format("Twilio says it is {}", *status)};
        if (*status != "completed") co_return Outcome{Fate::not_yet, {}};
    }
    co_return co_await fetch(self, std::move(one.order));
}

asio::awaitable<RecordingFetcher::Outcome> RecordingFetcher::fetch(Self self,
                                                                   stores::CarrierOrder order) {
    const auto& store = *self->options_.store;
    auto created = stores::CarrierSound::create(store.folder().path(), order);
    if (!created) co_return Outcome{Fate::failed, std::move(created.error().message)};
    const std::shared_ptr<stores::CarrierSound> sound = std::move(*created);
    const auto written = std::make_shared<Result<>>();
    std::function<bool(std::string_view)> take = [sound, written](std::string_view piece) {
        *written = sound->write(piece);
        return written->has_value();
    };
    const auto fetched = co_await self->recordings_->fetch(order.recording, std::move(take));
    if (!*written) co_return Outcome{Fate::failed, written->error().message};
    if (!fetched) co_return Outcome{Fate::failed, fetched.error().message};
    if (const auto kept = sound->keep(store.form()); !kept)
        co_return Outcome{Fate::failed, kept.error().message};
    log::info({"recordings", order.call}, "Twilio's recording is here: {}", order.name);
    if (self->options_.delete_there) {
        const auto removed = co_await self->recordings_->remove(order.recording);
        if (!removed)
            log::warning({"recordings", order.call}, "{} is not deleted at Twilio: {}",
                         order.recording, removed.error().message);
    }
    co_return Outcome{Fate::here, {}};
}

void RecordingFetcher::settle(const std::string& name, const Outcome& outcome) {
    const auto found = waiting_.find(name);
    if (found == waiting_.end()) return;
    auto& one = found->second;
    const auto& order = one.order;
    switch (outcome.fate) {
        case Fate::none:
            log::warning({"recordings", order.call}, "there is no recording {}: {}", name,
                         outcome.why);
            [[fallthrough]];
        case Fate::here:
            if (options_.settled) options_.settled(order.call, outcome.fate == Fate::here);
            orders_.forget(name);
            waiting_.erase(found);
            return;
        case Fate::not_yet:
            one.when = std::min(one.when, now() + options_.look_every);
            return;
        case Fate::failed:
            break;
    }
    if (++one.failures >= options_.tries) {
        log::warning({"recordings", order.call},
                     "Twilio's recording {} is not fetched ({}); it stays there, and the next "
                     "start tries again",
                     order.recording, outcome.why);
        waiting_.erase(found);
        return;
    }
    const auto pause = options_.first_pause * (1 << std::min(one.failures - 1, 16));
    log::info({"recordings", order.call}, "{} is tried again in {} ms: {}", name, pause.count(),
              outcome.why);
    one.when = std::min(one.when, now() + pause);
}

}  // namespace bridge::app
