#include "app/followed_calls.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <utility>

#include "base/spawn.hpp"

namespace bridge::app {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

/// Between two fetches, however much happens.
constexpr auto kFetchEvery = 100ms;
constexpr auto kFigures = 1s;
constexpr auto kRetry = 500ms;

}  // namespace

FollowedCalls::FollowedCalls(Parts parts)
    : parts_(std::move(parts)),
      second_(parts_.executor),
      pause_(parts_.executor),
      retry_(parts_.executor) {}

void FollowedCalls::start() {
    spawn(parts_.executor, "events of a running program", listen(shared_from_this()));
    if (parts_.figures) tick();
}

void FollowedCalls::stop() {
    stopped_ = true;
    second_.cancel();
    pause_.cancel();
    retry_.cancel();
}

void FollowedCalls::only(CallId call) {
    all_ = false;
    only_ = std::move(call);
    look();
}

void FollowedCalls::look() {
    if (stopped_) return;
    again_ = true;
    if (!std::exchange(fetching_, true))
        spawn(parts_.executor, "calls of a running program", fetch(shared_from_this()));
}

void FollowedCalls::tick() {
    second_.expires_after(kFigures);
    second_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (error || !self || self->stopped_) return;
        self->look();
        self->tick();
    });
}

void FollowedCalls::end(Failure failure) {
    if (stopped_) return;
    stop();
    parts_.ended(std::move(failure));
}

asio::awaitable<void> FollowedCalls::listen(Self self) {
    while (!self->stopped_) {
        self->text_.clear();
        std::string path = self->parts_.figures ? "/events?levels=1" : "/events?levels=0";
        if (!self->last_event_.empty()) path += "&last_event_id=" + self->last_event_;
        std::function<bool(std::string_view)> piece = [self](std::string_view got) {
            return self->take(got);
        };
        auto failure = co_await ControlClient::stream(self->parts_.client, path, std::move(piece));
        if (self->stopped_) co_return;
        // A program that has ended refuses the next connection; else it was only too fast for us.
        if (!self->answered_ || self->parts_.client->gone()) {
            auto asking = current(self);
            const auto there = co_await std::move(asking);
            if (!there || !self->answered_) co_return self->end(std::move(failure));
        }
        self->retry_.expires_after(kRetry);
        co_await self->retry_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

/// From inside the client, which must not be asked for anything there.
bool FollowedCalls::take(std::string_view piece) {
    if (stopped_) return false;
    text_ += piece;
    asio::post(parts_.executor, [self = shared_from_this()] { self->take_events(); });
    return true;
}

void FollowedCalls::take_events() {
    for (auto end = text_.find("\n\n"); end != std::string::npos && !stopped_;
         end = text_.find("\n\n")) {
        const auto event = text_.substr(0, end);
        text_.erase(0, end + 2);
        take_event(event);
    }
}

void FollowedCalls::take_event(std::string_view event) {
    std::string_view name, data;
    while (!event.empty()) {
        const auto line = event.substr(0, event.find('\n'));
        event.remove_prefix(std::min(line.size() + 1, event.size()));
        const auto value = [&](std::string_view field) {
            return line.starts_with(field) ? line.substr(field.size()) : std::string_view();
        };
        if (const auto got = value("event: "); !got.empty()) name = got;
        if (const auto got = value("data: "); !got.empty()) data = got;
        if (const auto got = value("id: "); !got.empty()) last_event_ = got;
    }
    if (name.empty()) return;  // a comment: it is still there
    if (name == "hello" && !std::exchange(answered_, true) && parts_.ready) parts_.ready();
    // Once a second from each call: `figures` says who wants that.
    if (name != "statistics" && name != "levels") look();
    if (name == "hello" || name == "reset" || !parts_.heard) return;
    boost::system::error_code error;
    const auto what = json::parse(data, error);
    if (!error) parts_.heard(what);
}

asio::awaitable<Outcome<json::value>> FollowedCalls::current(Self self) {
    std::string get = "GET", nothing, live;
    if (self->all_) co_return co_await ControlClient::list_calls(self->parts_.client, live);
    if (self->only_.empty()) co_return json::value(json::object{{"calls", json::array()}});
    const auto path = "/calls/" + self->only_.str();
    auto call = co_await ControlClient::ask(self->parts_.client, get, path, nothing);
    if (!call) co_return call;
    co_return json::value(json::object{{"calls", json::array{std::move(*call)}}});
}

asio::awaitable<void> FollowedCalls::fetch(Self self) {
    while (std::exchange(self->again_, false) && !self->stopped_) {
        auto asking = current(self);
        const auto list = co_await std::move(asking);
        if (self->stopped_) break;
        if (list) {
            self->parts_.changed(*list);
        } else if (self->parts_.client->gone()) {
            self->end(list.error());
            break;
        }
        self->pause_.expires_after(kFetchEvery);
        co_await self->pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    self->fetching_ = false;
}

}  // namespace bridge::app
