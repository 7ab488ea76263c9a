#include "web/live_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>
#include <utility>
#include <variant>

#include "web/answers.hpp"
#include "web/event_client.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::size_t kBusQueue = 8192;
constexpr milliseconds kTick{100};
constexpr int kTicksOfStatistics = 10;
/// A frame is measured when it arrives, or is sent: the newest slots may still get theirs.
constexpr call::LevelTap::Slot kSlotsBehind = 2;
constexpr auto kSlotsOfTick = static_cast<call::LevelTap::Slot>(call::LevelTap::kWindow);

std::string frame_event(std::string_view type, std::string_view id, std::string_view data) {
    return id.empty() ? fmt::format("event: {}\ndata: {}\n\n", type, data)
                      : fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, type, data);
}

std::string type_of(const json::object& event) {
    const auto& type = event.at("type").as_string();
    return std::string(type.data(), type.size());
}

std::string levels_text(const CallId& id, const call::LevelTap::Window& levels) {
    const auto peaks = [](const auto& of) {
        return fmt::format("[{:.3f},{:.3f},{:.3f},{:.3f},{:.3f}]", of[0], of[1], of[2], of[3],
                           of[4]);
    };
    return fmt::format(R"({{"call":"{}","far":{},"near":{},"far_clipped":{},"near_clipped":{}}})",
                       id, peaks(levels.far), peaks(levels.near), levels.far_clipped,
                       levels.near_clipped);
}

std::shared_ptr<const std::string> reset_event() {
    return std::make_shared<const std::string>(frame_event("reset", "", "{}"));
}

std::shared_ptr<const std::string> levels_event(std::string_view calls) {
    return std::make_shared<const std::string>(
        frame_event("levels", "", fmt::format(R"({{"calls":[{}]}})", calls)));
}

}  // namespace

LiveEvents::LiveEvents(Parts parts) : parts_(std::move(parts)), timer_(parts_.executor) {
    if (!parts_.metrics) return;
    shown_clients_ = &parts_.metrics->gauge("agentbridge_event_clients",
                                            "Readers of the control API's event stream.");
    dropped_ = &parts_.metrics->queue_drops("event_clients");
}

LiveEvents::~LiveEvents() = default;

std::shared_ptr<LiveEvents> LiveEvents::open(Parts parts) {
    std::shared_ptr<LiveEvents> events(new LiveEvents(std::move(parts)));
    events->subscription_ = events->parts_.bus->subscribe(
        events->parts_.executor, kBusQueue,
        [weak = events->weak_from_this()](const call::CallEvent& event, std::uint64_t missed) {
            if (const auto self = weak.lock()) self->on_event(event, missed);
        },
        "control", call::EventBus::Take::all_but_statistics);
    events->look_again();
    return events;
}

void LiveEvents::stop() {
    stopped_ = true;
    subscription_.reset();
    timer_.cancel();
    for (const auto& client : clients()) client->stop();
    for (auto& live : live_) {
        if (live.tap) parts_.calls->post(live.id, call::input::MeasureLevels{});
    }
    live_.clear();
}

// --- what happens

void LiveEvents::on_event(const call::CallEvent& event, std::uint64_t missed) {
    if (stopped_) return;
    if (missed > 0) {
        look_again();
        memory_.clear();
        for (const auto& client : clients()) client->reset();
    }
    follow(event);
    if (parts_.transcripts) parts_.transcripts->take(event);
    // Until somebody has listened, nobody can come back for what happened.
    if (!remembering_) return;
    const auto object = event_json(event);
    const auto number = ++last_number_;
    const auto id = fmt::format("{}-{}", parts_.about.instance, number);
    auto text = std::make_shared<const std::string>(
        frame_event(type_of(object), id, json::serialize(object)));
    if (memory_.size() == kRemembered) memory_.pop_front();
    memory_.push_back({number, event.call, text});
    for (const auto& client : clients()) {
        if (client->wants(event.call)) client->push(text);
    }
}

/// Which calls there are, and which of them have sound.
void LiveEvents::follow(const call::CallEvent& event) {
    auto found = std::find_if(live_.begin(), live_.end(),
                              [&](const Live& live) { return live.id == event.call; });
    if (std::holds_alternative<call::event::Ended>(event.what)) {
        if (found != live_.end()) live_.erase(found);
        return;
    }
    if (found == live_.end()) {
        live_.push_back({event.call, nullptr, false, false});
        found = std::prev(live_.end());
    }
    if (std::holds_alternative<call::event::StreamUp>(event.what)) found->streaming = true;
    if (std::holds_alternative<call::event::StreamDown>(event.what)) found->streaming = false;
}

/// Events were missed, or there were calls before this.
void LiveEvents::look_again() {
    auto ids = parts_.calls->ids();
    std::erase_if(live_, [&](const Live& live) {
        return std::find(ids.begin(), ids.end(), live.id) == ids.end();
    });
    for (auto& id : ids) {
        const bool known = std::any_of(live_.begin(), live_.end(),
                                       [&](const Live& live) { return live.id == id; });
        if (!known) live_.push_back({std::move(id), nullptr, true, false});
    }
}

// --- who listens

std::vector<std::shared_ptr<EventClient>> LiveEvents::clients() {
    std::vector<std::shared_ptr<EventClient>> all;
    std::erase_if(clients_, [&](const auto& weak) {
        auto client = weak.lock();
        if (!client || client->stopped()) return true;
        all.push_back(std::move(client));
        return false;
    });
    if (shown_clients_ != nullptr) {
        const auto count = static_cast<std::int64_t>(all.size());
        shown_clients_->add(count - std::exchange(counted_clients_, count));
    }
    return all;
}

std::string LiveEvents::hello() const {
    const auto& about = parts_.about;
    return json::serialize(json::object{{"version", about.version},
                                        {"pid", about.pid},
                                        {"started", about.started},
                                        {"instance", about.instance}});
}

net::HttpResponse LiveEvents::connect(const net::HttpRequest& request) {
    if (stopped_) return problem(503, "draining", "this program is ending");
    const auto name = query_value(request.query(), "call");
    CallId only;
    if (!name.empty()) {
        const auto found = parts_.calls->find(name);
        only = found ? *found : parts_.calls->timelines().find(name).call;
        if (only.empty()) return no_call(name);
    }
    const auto levels = query_value(request.query(), "levels");
    if (!levels.empty() && levels != "0" && levels != "1")
        return problem(422, "bad_field", "levels: 0 or 1 is allowed", "levels");
    if (clients().size() >= kClients)
        return problem(503, "too_many",
                       fmt::format("{} clients read the events already; close one", kClients));
    remembering_ = true;
    const auto client = std::make_shared<EventClient>(
        parts_.executor, std::move(only), levels == "1",
        [dropped = dropped_, registry = parts_.metrics](std::size_t count) {
            if (dropped != nullptr) dropped->add(count);
        });
    const auto greeting = std::make_shared<const std::string>(frame_event("hello", "", hello()));
    client->push(greeting);
    auto last = std::string(request.headers.find("Last-Event-ID").value_or(""));
    if (last.empty()) last = query_value(request.query(), "last_event_id");
    if (!last.empty() && !replay(*client, last)) client->push(reset_event());
    clients_.push_back(client);
    keep_ticking();
    auto response = net::respond(200, "text/event-stream", "");
    response.headers.set("Cache-Control", "no-store");
    response.headers.set("X-Accel-Buffering", "no");  // a proxy that collects would be late
    response.stream = client;
    return response;
}

/// What came after the event `last_id`. False: that is not known any more.
bool LiveEvents::replay(EventClient& client, std::string_view last_id) const {
    const auto dash = last_id.rfind('-');
    if (dash == std::string_view::npos || last_id.substr(0, dash) != parts_.about.instance)
        return false;
    std::uint64_t last = 0;
    const auto* const end = last_id.data() + last_id.size();
    const auto [stopped, error] = std::from_chars(last_id.data() + dash + 1, end, last);
    if (error != std::errc() || stopped != end || last > last_number_) return false;
    if (last == last_number_) return true;
    if (memory_.empty() || memory_.front().number > last + 1) return false;
    std::size_t bytes = 0;
    for (const auto& one : memory_) {
        if (one.number > last && client.wants(one.call)) bytes += one.text->size();
    }
    if (bytes > EventClient::kQueueBytes / 2) return false;
    for (const auto& one : memory_) {
        if (one.number > last && client.wants(one.call)) client.push(one.text);
    }
    return true;
}

// --- what is measured while somebody looks

void LiveEvents::keep_ticking() {
    if (ticking_ || stopped_) return;
    ticking_ = true;
    timer_.expires_after(kTick);
    tick_soon();
}

void LiveEvents::tick_soon() {
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self) self->tick();
    });
}

void LiveEvents::tick() {
    if (stopped_) return;
    const bool anybody = !clients().empty();
    choose_measured();
    if (!anybody) {
        ticking_ = false;
        return;
    }
    send_levels();
    if (--until_statistics_ <= 0) {
        until_statistics_ = kTicksOfStatistics;
        send_statistics();
    }
    // In step with the time that passes, unless this thread was kept from it for long.
    auto next = timer_.expiry() + kTick;
    if (next < std::chrono::steady_clock::now()) next = std::chrono::steady_clock::now() + kTick;
    timer_.expires_at(next);
    tick_soon();
}

/// Taps hang on the calls that somebody wants the levels of, and on no others.
void LiveEvents::choose_measured() {
    const auto all = clients();
    const bool usual_levels = std::any_of(all.begin(), all.end(), [](const auto& client) {
        return client->only().empty() && client->wants_levels();
    });
    std::size_t usual = 0;
    for (auto& live : live_) {
        live.usual = live.streaming && usual < kMeasured;
        usual += live.usual ? 1 : 0;
        bool wanted = live.usual && usual_levels;
        for (const auto& client : all) {
            wanted = wanted || (client->wants_levels() && client->only() == live.id);
        }
        if (wanted == (live.tap != nullptr)) continue;
        live.tap = wanted ? std::make_shared<call::LevelTap>() : nullptr;
        parts_.calls->post(live.id, call::input::MeasureLevels{live.tap});
    }
}

void LiveEvents::send_levels() {
    const auto newest = call::LevelTap::slot_of(parts_.clock->now()) - kSlotsBehind;
    const auto first = next_slot_;
    next_slot_ = first + kSlotsOfTick;
    if (next_slot_ > newest + kSlotsOfTick || next_slot_ + 2 * kSlotsOfTick < newest)
        next_slot_ = newest;
    const auto all = clients();
    std::string usual;
    for (const auto& live : live_) {
        if (!live.tap) continue;
        const auto text = levels_text(live.id, live.tap->read(first));
        if (live.usual) usual += (usual.empty() ? "" : ",") + text;
        std::shared_ptr<const std::string> alone;
        for (const auto& client : all) {
            if (!client->wants_levels() || client->only() != live.id) continue;
            if (!alone) alone = levels_event(text);
            client->push(alone);
        }
    }
    const auto together = levels_event(usual);
    for (const auto& client : all) {
        if (client->wants_levels() && client->only().empty()) client->push(together);
    }
}

void LiveEvents::send_statistics() {
    const auto all = clients();
    const bool anybody = std::any_of(all.begin(), all.end(),
                                     [](const auto& client) { return client->only().empty(); });
    for (const auto& live : live_) {
        const bool wanted =
            (live.usual && anybody) || std::any_of(all.begin(), all.end(), [&](const auto& client) {
                return client->only() == live.id;
            });
        if (!wanted) continue;
        parts_.calls->visit(
            live.id, [weak = weak_from_this(), executor = parts_.executor](call::Call* call) {
                if (call == nullptr) return;
                asio::post(executor, [weak, snapshot = call->snapshot()] {
                    if (const auto self = weak.lock()) self->tell_statistics(snapshot);
                });
            });
    }
}

void LiveEvents::tell_statistics(const call::CallSnapshot& call) {
    if (stopped_) return;
    call::CallEvent event;
    event.call = call.id;
    event.sid = call.sid;
    event.time = std::chrono::system_clock::now();
    event.what = call::event::Statistics{call};
    auto object = event_json(event);
    if (parts_.desk) object["snapshot"] = call_json(call, parts_.desk->place(call.id));
    const auto text =
        std::make_shared<const std::string>(frame_event("statistics", "", json::serialize(object)));
    const auto live = std::find_if(live_.begin(), live_.end(),
                                   [&](const Live& one) { return one.id == call.id; });
    const bool usual = live != live_.end() && live->usual;
    for (const auto& client : clients()) {
        if (client->only() == call.id || (client->only().empty() && usual)) client->push(text);
    }
}

}  // namespace bridge::web
