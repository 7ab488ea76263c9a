#include "app/remote_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "app/api_reader.hpp"
#include "app/followed_calls.hpp"
#include "base/spawn.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
namespace command = call::command;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kForced{1};

json::string word(std::string_view text) {
    return json::string(text.data(), text.size());
}

/// What the desk of the other program knows of a call beside the call itself.
struct Desked {
    call::CallSnapshot call;
    int volume = 100;
    bool solo = false;
};

Desked read_desked(const json::value& from) {
    Desked out{read_call(from)};
    const auto* call = from.if_object();
    const auto* local = call ? call->if_contains("local") : nullptr;
    if (!local || !local->is_object()) return out;
    if (const auto* volume = local->get_object().if_contains("volume"))
        out.volume = volume->is_int64() ? static_cast<int>(volume->get_int64()) : out.volume;
    if (const auto* solo = local->get_object().if_contains("solo"))
        out.solo = solo->is_bool() && solo->get_bool();
    return out;
}

/// Of peaks from 0 to 1, in dBFS.
float loudest(const json::value* peaks) {
    double most = 0;
    if (peaks && peaks->is_array()) {
        for (const auto& peak : peaks->get_array()) {
            if (peak.is_number()) most = std::max(most, peak.to_number<double>());
        }
    }
    return most > 0 ? static_cast<float>(std::max(20 * std::log10(most), -96.0)) : -96.0F;
}

struct Request {
    std::string method = "POST", verb;
    json::object body{};
};

/// How a command is asked for; what it leaves open follows from how the call is now.
struct AsRequest {
    const Desked& now;

    Request operator()(const command::Focus&) const { return {"POST", "/focus"}; }
    Request operator()(const command::Mute& mute) const {
        return {"POST", mute.on.value_or(!now.call.local.muted) ? "/mute" : "/unmute"};
    }
    Request operator()(const command::Hold& hold) const {
        if (!hold.on.value_or(!now.call.local.held)) return {"POST", "/resume"};
        return {"POST",
                "/hold",
                {{"sound", hold.sound == call::HoldSound::silence ? "silence" : "music"}}};
    }
    Request operator()(const command::Solo& solo) const {
        return {"POST", solo.on.value_or(!now.solo) ? "/solo" : "/unsolo"};
    }
    Request operator()(const command::Volume& volume) const {
        const auto wanted = volume.relative ? now.volume + volume.percent : volume.percent;
        return {"POST", "/volume", {{"percent", std::clamp(wanted, 0, 100)}}};
    }
    Request operator()(const command::Digits& digits) const {
        return {"POST", "/dtmf", {{"keys", digits.keys}, {"in_band", digits.in_band}}};
    }
    Request operator()(const command::Transfer& transfer) const {
        json::object body{{"to", transfer.to}, {"mode", transfer.warm ? "warm" : "cold"}};
        if (transfer.warm)
            body["sound"] = transfer.sound == call::HoldSound::silence ? "silence" : "music";
        return {"POST", "/transfer", std::move(body)};
    }
    Request operator()(const command::Join&) const { return {"POST", "/transfer/join"}; }
    Request operator()(const command::CancelTransfer&) const {
        return {"POST", "/transfer/cancel"};
    }
    Request operator()(const command::Accept&) const { return {"POST", "/accept"}; }
    Request operator()(const command::Reject&) const { return {"POST", "/reject"}; }
    Request operator()(const command::HangUp&) const { return {"DELETE", ""}; }
    Request operator()(const command::Clear&) const { return {"POST", "/clear"}; }
    Request operator()(const command::SetAgent& agent) const {
        if (agent.name.empty()) return {"DELETE", "/agent"};
        return {"PUT", "/agent", {{"agent", agent.name}}};
    }
    Request operator()(const command::AgentTurn& turn) const {
        const auto mode = turn.mode.value_or(now.call.agent.mode == call::AgentMode::taken_over
                                                 ? call::AgentMode::speaks
                                                 : call::AgentMode::taken_over);
        return {"PUT", "/agent", {{"mode", word(call::to_string(mode))}}};
    }
    Request operator()(const command::Record& record) const {
        json::object body{{"state", word(call::to_string(record.status))}};
        if (record.notice) body["notice"] = word(call::to_string(*record.notice));
        return {"PUT", "/recording", std::move(body)};
    }
    Request operator()(const command::Transcribe& transcribe) const {
        return {"PUT", "/transcription", {{"state", transcribe.on ? "on" : "off"}}};
    }
};

class Remote final : public std::enable_shared_from_this<Remote> {
public:
    Remote(RemoteOptions options, asio::any_io_executor executor)
        : options_(std::move(options)),
          executor_(executor),
          client_(std::make_shared<ControlClient>(executor, options_.address)),
          deadline_(executor) {}

    void start() {
        FollowedCalls::Parts parts;
        parts.executor = executor_;
        parts.client = client_;
        parts.figures = true;
        const auto weak = weak_from_this();
        parts.ready = [weak] {
            if (const auto self = weak.lock()) self->place();
        };
        parts.changed = [weak](const json::value& list) {
            if (const auto self = weak.lock()) self->take(list);
        };
        parts.heard = [weak](const json::value& event) {
            if (const auto self = weak.lock()) self->hear(event);
        };
        parts.ended = [weak](Failure failure) {
            if (const auto self = weak.lock()) self->lost(std::move(failure));
        };
        followed_ = std::make_shared<FollowedCalls>(std::move(parts));
        if (places()) followed_->only({});
        followed_->start();
    }
    void close() {
        done_ = true;
        if (followed_) followed_->stop();
    }

    call::EventBus& events() { return events_; }

    void snapshots(std::function<void(std::vector<call::CallSnapshot>)> take) {
        if (!known_) {  // there may be some
            waiting_ = std::move(take);
            return;
        }
        const auto since =
            std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - taken_at_);
        std::vector<call::CallSnapshot> out;
        for (const auto& one : calls_) {
            out.push_back(one.call);
            if (call::is_final(one.call.state)) continue;
            out.back().age += since;
            if (one.call.streaming) out.back().streamed += since;
        }
        asio::post(executor_, [take = std::move(take), out = std::move(out)]() mutable {
            take(std::move(out));
        });
    }

    void command(const std::optional<CallId>& id, const call::Command& command,
                 std::function<void(Result<call::CallSnapshot>)> told) {
        const auto* meant = find(id, command);
        if (!meant) {
            asio::post(executor_, [told = std::move(told)] {
                told(fail(Errc::not_found, "there is no call for that"));
            });
            return;
        }
        spawn(executor_, "command",
              ask(shared_from_this(), meant->call.id, std::visit(AsRequest{*meant}, command),
                  std::move(told)));
    }

    void focus_next() {
        const auto at = std::find_if(calls_.begin(), calls_.end(),
                                     [](const auto& one) { return one.call.local.focus; });
        const auto from = at == calls_.end() ? 0 : at - calls_.begin() + 1;
        for (std::size_t step = 0; step < calls_.size(); ++step) {
            const auto& one = calls_[(static_cast<std::size_t>(from) + step) % calls_.size()].call;
            if (one.local.ringing || one.local.focus) continue;
            return command(one.id, command::Focus{}, [](const auto&) {});
        }
    }

    void request_stop(Stop how) {
        if (done_) return;
        if (!places() || (!asked_ && placed_.empty())) return finish({});
        stopping_ = true;
        if (!placed_.empty()) hang_up();
        if (how == Stop::graceful) return;
        deadline_.expires_after(kForced);
        deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (!error && self) self->finish({});
        });
    }

    void when_done(std::function<void(Session::End)> done) { when_done_ = std::move(done); }

private:
    bool places() const { return !options_.order.empty(); }

    /// The events can be heard by now: nothing of the call will be missed.
    void place() {
        if (places() && !std::exchange(asked_, true))
            spawn(executor_, "call placed elsewhere", place(shared_from_this()));
    }

    static asio::awaitable<void> place(std::shared_ptr<Remote> self) {
        std::string post = "POST", path = "/calls";
        auto made = co_await ControlClient::ask(self->client_, post, path, self->options_.order);
        if (self->done_) co_return;
        if (!made) co_return self->fail_with(made.error());
        const auto call = read_call(*made);
        self->placed_ = call.id;
        self->followed_->only(call.id);
        // What was heard of it before it had a name here.
        for (auto& event : std::exchange(self->early_, {})) self->tell(std::move(event));
        if (self->stopping_) self->hang_up();
    }

    void hang_up() {
        if (std::exchange(hung_up_, true)) return;
        spawn(executor_, "hang-up",
              ask(shared_from_this(), placed_, {"DELETE", ""}, [](auto&&) {}));
    }

    static asio::awaitable<void> ask(std::shared_ptr<Remote> self, CallId id, Request request,
                                     std::function<void(Result<call::CallSnapshot>)> told) {
        const auto path = "/calls/" + id.str() + request.verb;
        auto body = request.body.empty() ? std::string() : json::serialize(request.body);
        auto answer = co_await ControlClient::ask(self->client_, request.method, path, body);
        if (self->done_) co_return;
        self->followed_->look();
        if (!answer) co_return told(fail(Errc::refused, answer.error().message));
        told(read_call(*answer));
    }

    const Desked* find(const std::optional<CallId>& id, const call::Command& command) const {
        const bool rings = std::holds_alternative<command::Accept>(command) ||
                           std::holds_alternative<command::Reject>(command);
        const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const auto& one) {
            if (id) return one.call.id == *id;
            return rings ? one.call.local.ringing : one.call.local.focus;
        });
        return found == calls_.end() ? nullptr : &*found;
    }

    void take(const json::value& list) {
        calls_.clear();
        taken_at_ = SteadyClock::now();
        const auto* all = list.if_object() ? list.get_object().if_contains("calls") : nullptr;
        if (!all || !all->is_array()) return;
        for (const auto& one : all->get_array()) calls_.push_back(read_desked(one));
        known_ = true;
        if (waiting_) snapshots(std::exchange(waiting_, nullptr));
        // Its end may have been lost with the connection.
        if (!places() || calls_.empty() || !call::is_final(calls_.front().call.state)) return;
        if (!calls_.front().call.ended) return;
        call::CallEvent event;
        event.call = calls_.front().call.id;
        event.sid = calls_.front().call.sid;
        event.what = call::event::Ended{calls_.front().call};
        tell(std::move(event));
    }

    void hear(const json::value& from) {
        if (const auto* event = from.if_object(); event && event->contains("calls"))
            return take_levels(event->at("calls"));
        auto event = read_event(from);
        if (!event || std::holds_alternative<call::event::Statistics>(event->what)) return;
        if (places() && placed_.empty()) {
            early_.push_back(std::move(*event));
        } else {
            tell(std::move(*event));
        }
    }

    void take_levels(const json::value& levels) {
        if (!levels.is_array()) return;
        for (const auto& one : levels.get_array()) {
            const auto* of = one.if_object();
            const auto* id = of ? of->if_contains("call") : nullptr;
            if (!id || !id->is_string()) continue;
            const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const auto& known) {
                return id->get_string() == std::string_view(known.call.id.str());
            });
            if (found == calls_.end()) continue;
            auto& call = found->call;
            if (call.playout) call.playout->level_dbfs = loudest(of->if_contains("far"));
            if (call.microphone) call.microphone->level_dbfs = loudest(of->if_contains("near"));
        }
    }

    void tell(call::CallEvent event) {
        if (done_ || (places() && event.call != placed_)) return;
        const bool over = places() && std::holds_alternative<call::event::Ended>(event.what);
        events_.publish(std::move(event));
        if (over) finish({});
    }

    void lost(Failure failure) {
        // A program that has ended has nothing more to show.
        if (!places() && followed_->answered()) return finish({});
        if (!placed_.empty())
            failure.message = fmt::format(
                "the program that held call {} has ended: {}\n  `agentbridge reap` ends what it "
                "left",
                placed_, failure.message);
        fail_with(std::move(failure));
    }

    void fail_with(Failure failure) {
        Session::End end;
        end.failed = true;
        end.failure = std::move(failure);
        finish(std::move(end));
    }

    void finish(Session::End end) {
        if (std::exchange(done_, true)) return;
        followed_->stop();
        deadline_.cancel();
        if (when_done_)
            asio::post(executor_, [done = std::move(when_done_), end = std::move(end)]() mutable {
                done(std::move(end));
            });
    }

    const RemoteOptions options_;
    const asio::any_io_executor executor_;
    const std::shared_ptr<ControlClient> client_;
    asio::steady_timer deadline_;
    call::EventBus events_;
    std::shared_ptr<FollowedCalls> followed_;
    std::vector<Desked> calls_;
    SteadyClock::time_point taken_at_ = SteadyClock::now();
    std::function<void(std::vector<call::CallSnapshot>)> waiting_;  ///< until they are known
    bool known_ = false;
    CallId placed_;  ///< empty: not yet
    std::vector<call::CallEvent> early_;
    std::function<void(Session::End)> when_done_;
    bool asked_ = false, stopping_ = false, hung_up_ = false, done_ = false;
};

class RemoteSession final : public Session {
public:
    RemoteSession(RemoteOptions options, asio::any_io_executor executor)
        : remote_(std::make_shared<Remote>(std::move(options), std::move(executor))) {}
    ~RemoteSession() override { remote_->close(); }
    Outcome<std::vector<std::string>> start() override {
        remote_->start();
        return std::vector<std::string>();
    }
    call::EventBus& events() override { return remote_->events(); }
    void snapshots(std::function<void(std::vector<call::CallSnapshot>)> take) override {
        remote_->snapshots(std::move(take));
    }
    void command(std::optional<CallId> call, call::Command command,
                 std::function<void(Result<call::CallSnapshot>)> told) override {
        remote_->command(call, command, std::move(told));
    }
    void focus_next() override { remote_->focus_next(); }
    void talk(bool) override {}
    void request_stop(Stop how) override { remote_->request_stop(how); }
    void when_done(std::function<void(End)> done) override { remote_->when_done(std::move(done)); }

private:
    const std::shared_ptr<Remote> remote_;
};

}  // namespace

std::unique_ptr<Session> open_remote_session(RemoteOptions options,
                                             asio::any_io_executor executor) {
    return std::make_unique<RemoteSession>(std::move(options), std::move(executor));
}

}  // namespace bridge::app
