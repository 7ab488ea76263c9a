#include "stores/history_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "stores/message_store.hpp"

namespace bridge::stores {
namespace {

namespace asio = boost::asio;
namespace event = call::event;
using std::chrono::system_clock;

constexpr std::size_t kBusQueue = 8192;
/// A timeline takes a millisecond to be written down: between so many, events are taken.
constexpr std::size_t kEndsAtOnce = 64;
constexpr std::size_t kOverKnown = 4096;
constexpr std::size_t kForgottenAtOnce = 32;

/// Whether the call's row is another one after it.
bool changes_row(const call::CallEvent& event) {
    return std::holds_alternative<event::StateChanged>(event.what) ||
           std::holds_alternative<event::StreamUp>(event.what) ||
           std::holds_alternative<event::StreamDown>(event.what) ||
           std::holds_alternative<event::MachineDetected>(event.what) ||
           std::holds_alternative<event::RecordingChanged>(event.what) ||
           std::holds_alternative<event::TranscriptionChanged>(event.what) ||
           std::holds_alternative<event::TransferChanged>(event.what) ||
           std::holds_alternative<event::AgentChanged>(event.what);
}

}  // namespace

std::shared_ptr<HistoryKeeper> HistoryKeeper::start(HistoryOptions options) {
    options.metrics = metrics::registry_or_own(std::move(options.metrics));
    return std::shared_ptr<HistoryKeeper>(new HistoryKeeper(std::move(options)));
}

HistoryKeeper::HistoryKeeper(HistoryOptions options)
    : options_(std::move(options)),
      shown_calls_(options_.metrics->counter("agentbridge_history_calls_total",
                                             "Calls that were kept when they ended.")),
      shown_missed_(options_.metrics->counter(
          "agentbridge_history_missed_events_total",
          "Events of calls that the history has not: it was not read in time, or there were too "
          "many of one call.")),
      shown_removed_(options_.metrics->counter("agentbridge_history_removed_total",
                                               "Calls that were forgotten because they are old.")),
      shown_queue_(options_.metrics->queue(
          "history", kAsked, [asked = asked_] { return static_cast<double>(asked->load()); },
          [refused = refused_] { return static_cast<double>(refused->load()); })),
      guard_(loop_.get_executor()),
      commit_(loop_),
      sweep_(loop_),
      store_({options_.open, options_.retry, options_.metrics}),
      thread_([this] { run(); }) {}

HistoryKeeper::~HistoryKeeper() {
    close();
}

void HistoryKeeper::run() {
    name_this_thread("history");
    asio::post(loop_, [this] { open(); });
    loop_.run();
}

void HistoryKeeper::follow(call::EventBus& events, call::CallRegistry& calls) {
    const std::scoped_lock lock(mutex_);
    if (closed_) return;
    asio::post(loop_, [this, &calls] { calls_ = &calls; });
    subscription_ = events.subscribe(
        loop_.get_executor(), kBusQueue,
        [this](const call::CallEvent& event, std::uint64_t missed) { on_event(event, missed); },
        "history", call::EventBus::Take::all_but_statistics);
}

void HistoryKeeper::close() {
    {
        const std::scoped_lock lock(mutex_);
        if (!std::exchange(closed_, true)) {
            // After all that was posted before.
            asio::post(loop_, [this] {
                ending_ = true;
                commit_.cancel();
                sweep_.cancel();
                write_all();
                if (store_.failing()) store_.try_now();
                guard_.reset();
            });
        }
    }
    if (thread_.joinable()) thread_.join();
    const std::scoped_lock lock(mutex_);
    subscription_.reset();
}

// --- the calls

void HistoryKeeper::open() {
    store_.try_again();
    end_left_calls();
    forget_old();
    sweep_soon();
}

/// Calls of programs that died have no end yet.
void HistoryKeeper::end_left_calls() {
    if (left_ended_ || !options_.dead || store_.failing()) return;
    left_ended_ = true;
    const auto live = store_.live();
    if (!live) {
        log::warning("history", "{}", live.error().message);
        return;
    }
    std::vector<call::CallChange> ended;
    for (const auto& call : *live) {
        if (call.instance == options_.instance || !options_.dead(call.instance)) continue;
        call::CallChange change{call};
        end_left_call(change.call, system_clock::now());
        ended.push_back(std::move(change));
    }
    if (ended.empty()) return;
    log::warning("history", "{} calls of a program that died have no known end", ended.size());
    store_.write(ended);
}

void HistoryKeeper::on_event(const call::CallEvent& event, std::uint64_t missed) {
    if (missed > 0) look_again(missed);
    if (over_.contains(event.call)) return;
    auto& call = followed_[event.call];
    take(call, event);
    if (!call.known && !call.over) look_at(event.call, call);
    write_soon();
}

void HistoryKeeper::take(Followed& call, const call::CallEvent& event) {
    call.dirty = true;
    auto& change = call.change;
    if (const auto* ended = std::get_if<event::Ended>(&event.what)) {
        end(call, ended->snapshot);
    } else if (const auto* heard = std::get_if<event::Transcribed>(&event.what)) {
        if (heard->piece.final) change.pieces.push_back(heard->piece);
    } else if (const auto* said = std::get_if<event::Said>(&event.what)) {
        if (said->final)
            change.sayings.push_back(
                {said->by_agent ? call::LineEnd::near : call::LineEnd::far, said->text});
    } else {
        if (const auto* message = std::get_if<event::MessageTaken>(&event.what)) {
            if (auto text = read_message(message->file); !text.empty())
                change.messages.push_back(std::move(text));
        }
        call.stale = call.stale || changes_row(event);
        if (call.events == kEventsOfCall) {
            shown_missed_.add();
        } else if (options_.event) {
            ++call.events;
            change.events.push_back({event.number, options_.event(event)});
        }
    }
}

call::StoredCall HistoryKeeper::stored(const call::CallSnapshot& snapshot) const {
    call::StoredCall call;
    call.id = snapshot.id;
    call.sid = snapshot.sid;
    call.direction = snapshot.direction;
    call.to = snapshot.to;
    call.from = snapshot.from;
    call.state = snapshot.state;
    call.reason = snapshot.end_reason;
    // As exact as every store keeps it.
    call.created = std::chrono::floor<std::chrono::microseconds>(snapshot.created);
    call.recorded = !snapshot.recording.file.empty();
    call.instance = options_.instance;
    if (options_.document) call.document = options_.document(snapshot);
    return call;
}

void HistoryKeeper::end(Followed& call, const call::CallSnapshot& last) {
    call.change.call = stored(last);
    call.change.call.ended =
        std::chrono::floor<std::chrono::microseconds>(last.ended.value_or(last.created + last.age));
    if (options_.captured) call.change.call.captured = options_.captured(last.id);
    call.known = call.over = call.dirty = true;
    call.stale = false;
    if (calls_ == nullptr) return;
    auto kept = calls_->timelines().find(last.id.str());
    call.timeline = std::move(kept.timeline);
    call.length = kept.length;
}

/// Asks the call what it is now.
void HistoryKeeper::look_at(const CallId& id, Followed& call) {
    if (call.asked || call.over || calls_ == nullptr) return;
    call.stale = false;
    // If there is no such call any more, its end is on its way.
    call.asked = calls_->snapshot(id, [weak = weak_from_this()](call::CallSnapshot snapshot) {
        const auto self = weak.lock();
        if (!self) return;
        const std::scoped_lock lock(self->mutex_);
        if (self->closed_) return;
        asio::post(self->loop_, [keeper = self.get(), snapshot = std::move(snapshot)] {
            keeper->learn(snapshot);
        });
    });
}

void HistoryKeeper::learn(const call::CallSnapshot& snapshot) {
    const auto found = followed_.find(snapshot.id);
    if (found == followed_.end() || found->second.over) return;
    auto& call = found->second;
    call.change.call = stored(snapshot);
    call.asked = false;
    call.known = call.dirty = true;
    write_soon();
}

/// Events were lost: what the calls are is asked of themselves.
void HistoryKeeper::look_again(std::uint64_t missed) {
    shown_missed_.add(missed);
    log::warning("history",
                 "{} events came faster than they could be kept; the calls are looked at again",
                 missed);
    if (calls_ == nullptr) return;
    // In this order: a call that ends meanwhile is among both.
    const auto ids = calls_->ids();
    for (const auto& kept : calls_->timelines().all()) {
        if (!kept.last || over_.contains(kept.call)) continue;
        auto& call = followed_[kept.call];
        if (!call.over) end(call, *kept.last);
    }
    for (const auto& id : ids) {
        if (!over_.contains(id)) look_at(id, followed_[id]);
    }
    const std::unordered_set<CallId> there(ids.begin(), ids.end());
    for (auto& [id, call] : followed_) {
        if (call.over || !call.known || there.contains(id)) continue;
        end_left_call(call.change.call, system_clock::now());
        call.change.call.reason = "its end was missed";
        call.over = call.dirty = true;
    }
    write_soon();
}

// --- writing

void HistoryKeeper::write_soon() {
    if (ending_ || std::exchange(writing_soon_, true)) return;
    commit_.expires_after(options_.commit);
    commit_.async_wait([this](const boost::system::error_code& error) {
        writing_soon_ = false;
        if (!error) write_now();
    });
}

/// Until nothing is left: calls may end faster than a batch for each interval takes them.
void HistoryKeeper::write_now() {
    if (ending_ || !write_some()) return;
    asio::post(loop_, [this] { write_now(); });  // behind the events that came meanwhile
}

bool HistoryKeeper::write_some() {
    end_left_calls();
    std::vector<call::CallChange> changes;
    std::vector<CallId> ended;
    bool more = false, later = false;
    for (auto& [id, call] : followed_) {
        if (call.stale && !call.over) look_at(id, call);
        later = later || call.stale;
        if (!call.dirty || !call.known) continue;
        if (call.over && ended.size() == kEndsAtOnce) {
            more = true;
            continue;
        }
        call.dirty = false;
        auto& change = changes.emplace_back(std::move(call.change));
        call.change = call::CallChange{change.call};
        if (!call.over) continue;
        ended.push_back(id);
        if (call.timeline && options_.timeline)
            change.timeline = options_.timeline(id, *call.timeline, call.length);
    }
    if (changes.empty()) {
        store_.try_again();
        if (store_.failing() || later) write_soon();
        return false;
    }
    store_.write(changes);
    for (auto& id : ended) {
        shown_calls_.add();
        followed_.erase(id);
        if (over_order_.size() == kOverKnown) {
            over_.erase(over_order_.front());
            over_order_.pop_front();
        }
        over_.insert(id);
        over_order_.push_back(std::move(id));
    }
    if (store_.failing() || later) write_soon();
    return more;
}

void HistoryKeeper::write_all() {
    while (write_some()) {
    }
}

void HistoryKeeper::settle(CallId call, CallSid sid, std::optional<call::CallState> state,
                           std::string reason) {
    ask<bool>([](const Result<bool>&) {},
              [call = std::move(call), sid = std::move(sid), state,
               reason = std::move(reason)](HistoryKeeper& self) -> Result<bool> {
                  auto found = self.ended_call(call.str());
                  if (!found || !*found) return false;
                  call::CallChange change{std::move(**found)};
                  settle_left_call(change.call, sid, state, reason);
                  self.store_.write({change});
                  return true;
              });
}

// --- forgetting

void HistoryKeeper::sweep_soon() {
    if (!options_.retain) return;
    sweep_.expires_after(options_.sweep);
    sweep_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        forget_old();
        sweep_soon();
    });
}

void HistoryKeeper::forget_old() {
    if (!options_.retain) return;
    const auto before = system_clock::now() - *options_.retain;
    const auto old = store_.ended_before(before, kForgottenAtOnce);
    if (!old) {
        log::warning("history", "old calls could not be looked for: {}", old.error().message);
        return;
    }
    std::size_t removed = 0;
    for (const auto& call : *old) {
        if (const auto gone = forget(call)) {
            ++removed;
        } else {  // the next time
            log::warning("history", "call {} is older than allowed and could not be removed: {}",
                         call, gone.error().message);
        }
    }
    shown_removed_.add(removed);
    if (old->size() == kForgottenAtOnce && removed > 0) {
        asio::post(loop_, [this] { forget_old(); });
        return;
    }
    for (const auto& files : options_.files) {
        if (files.sweep) files.sweep(before);
    }
}

/// The files first: while they are there, so is the row that leads to them.
Result<bool> HistoryKeeper::forget(const CallId& call) {
    for (const auto& files : options_.files) {
        if (auto gone = files.remove(call); !gone) return tl::unexpected(std::move(gone.error()));
    }
    if (calls_ != nullptr) calls_->timelines().forget(call);
    return store_.remove(call);
}

Result<std::optional<call::StoredCall>> HistoryKeeper::ended_call(std::string_view id_or_sid) {
    auto found = store_.find(id_or_sid);
    if (found && *found && !(*found)->ended) found->reset();
    return found;
}

// --- what is asked

template <class T>
void HistoryKeeper::ask(Told<T> told, std::function<Result<T>(HistoryKeeper&)> work) {
    bool ending = false;
    {
        const std::scoped_lock lock(mutex_);
        if (!closed_ && asked_->load() < kAsked) {
            asked_->fetch_add(1);
            asio::post(loop_, [this, told = std::move(told), work = std::move(work)] {
                write_all();
                asked_->fetch_sub(1);
                told(work(*this));
            });
            return;
        }
        ending = closed_;
    }
    if (ending) {
        told(fail(Errc::cancelled, "the history is closed: this program is ending"));
        return;
    }
    refused_->fetch_add(1);
    told(fail(Errc::refused, "the history is busy: ask again in a moment"));
}

void HistoryKeeper::page(call::CallQuery query, Told<std::vector<call::FoundCall>> told) {
    ask<std::vector<call::FoundCall>>(
        std::move(told),
        [query = std::move(query)](HistoryKeeper& self) { return self.store_.page(query); });
}

void HistoryKeeper::find(std::string id_or_sid, Told<std::optional<call::StoredCall>> told) {
    ask<std::optional<call::StoredCall>>(
        std::move(told),
        [name = std::move(id_or_sid)](HistoryKeeper& self) { return self.store_.find(name); });
}

void HistoryKeeper::timeline(std::string id_or_sid,
                             Told<std::optional<call::StoredTimeline>> told) {
    using Found = std::optional<call::StoredTimeline>;
    ask<Found>(std::move(told),
               [name = std::move(id_or_sid)](HistoryKeeper& self) -> Result<Found> {
                   auto call = self.store_.find(name);
                   if (!call) return tl::unexpected(std::move(call.error()));
                   if (!*call) return Found();
                   auto document = self.store_.timeline((*call)->id);
                   if (!document) return tl::unexpected(std::move(document.error()));
                   if (document->empty()) return Found();
                   return Found(call::StoredTimeline{(*call)->id, std::move(*document)});
               });
}

void HistoryKeeper::transcript(std::string id_or_sid,
                               Told<std::optional<call::StoredTranscript>> told) {
    using Found = std::optional<call::StoredTranscript>;
    ask<Found>(std::move(told),
               [name = std::move(id_or_sid)](HistoryKeeper& self) -> Result<Found> {
                   auto call = self.store_.find(name);
                   if (!call) return tl::unexpected(std::move(call.error()));
                   if (!*call) return Found();
                   auto pieces = self.store_.transcript((*call)->id);
                   if (!pieces) return tl::unexpected(std::move(pieces.error()));
                   return Found(call::StoredTranscript{std::move(**call), std::move(*pieces)});
               });
}

void HistoryKeeper::add_transcript(CallId call, std::vector<call::TranscriptPiece> pieces,
                                   Told<bool> told) {
    ask<bool>(
        std::move(told),
        [call = std::move(call), pieces = std::move(pieces)](HistoryKeeper& self) -> Result<bool> {
            auto found = self.ended_call(call.str());
            if (!found) return tl::unexpected(std::move(found.error()));
            if (!*found) return false;
            call::CallChange change{std::move(**found)};
            change.pieces = pieces;
            self.store_.write({change});
            return true;
        });
}

void HistoryKeeper::mark(CallId call, std::optional<bool> recorded, std::optional<bool> captured,
                         Told<bool> told) {
    ask<bool>(std::move(told),
              [call = std::move(call), recorded, captured](HistoryKeeper& self) -> Result<bool> {
                  auto found = self.ended_call(call.str());
                  if (!found) return tl::unexpected(std::move(found.error()));
                  if (!*found) return false;
                  call::CallChange change{std::move(**found)};
                  if (recorded) change.call.recorded = *recorded;
                  if (captured) change.call.captured = *captured;
                  self.store_.write({change});
                  return true;
              });
}

void HistoryKeeper::remove(CallId call, Told<bool> told) {
    ask<bool>(std::move(told), [call = std::move(call)](HistoryKeeper& self) -> Result<bool> {
        auto found = self.ended_call(call.str());
        if (!found) return tl::unexpected(std::move(found.error()));
        if (!*found) return false;
        return self.forget(call);
    });
}

}  // namespace bridge::stores
