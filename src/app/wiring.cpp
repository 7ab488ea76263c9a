// Where settings become a running program: which device, which carrier, which servers. The only
// place that knows every folder.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "app/agent_shelf.hpp"
#include "app/bridge.hpp"
#include "app/browser.hpp"
#include "app/call_text.hpp"
#include "app/capture_wiring.hpp"
#include "app/carrier_recordings.hpp"
#include "app/day_count.hpp"
#include "app/dial_policy.hpp"
#include "app/former_calls.hpp"
#include "app/history_wiring.hpp"
#include "app/lookups.hpp"
#include "app/number_keeper.hpp"
#include "app/phone_number.hpp"
#include "app/private_file.hpp"
#include "app/reach/public_address.hpp"
#include "app/recording_wiring.hpp"
#include "app/rest_options.hpp"
#include "app/service_notifier.hpp"
#include "app/session.hpp"
#include "app/session_sound.hpp"
#include "app/transcript_wiring.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"
#include "emulator/emulator.hpp"
#include "speech/flite_voice.hpp"
#include "web/answers.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kProgramName = "agentbridge/" AGENTBRIDGE_VERSION;
/// Hanging up every call and hearing that they ended.
constexpr auto kGraceful = 15s;
constexpr auto kForced = 800ms;
/// How long the end of this run waits for the calls of a former one.
constexpr auto kSettling = 5s;
/// And for its numbers to be given back.
constexpr auto kReturning = 3s;
constexpr auto kDemoNumber = "+12025550100";
constexpr auto kDemoCaller = "+12025550109";

Failure failure(ExitCode exit, std::string message) {
    return Failure{exit, std::move(message)};
}

std::map<std::string, std::string> machine_detection(MachineDetection wanted) {
    if (wanted == MachineDetection::off) return {};
    return {
        {"MachineDetection", wanted == MachineDetection::enable ? "Enable" : "DetectMessageEnd"},
        {"AsyncAmd", "true"}};
}

std::string without_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

call::OnMachine on_machine(OnMachine wanted) {
    switch (wanted) {
        case OnMachine::ignore:
            return call::OnMachine::ignore;
        case OnMachine::hang_up:
            return call::OnMachine::hang_up;
        case OnMachine::message:
            return call::OnMachine::message;
    }
    return call::OnMachine::ignore;
}

call::OtherCalls other_calls(OtherCalls wanted) {
    switch (wanted) {
        case OtherCalls::duck:
            return call::OtherCalls::duck;
        case OtherCalls::pan:
            return call::OtherCalls::pan;
        case OtherCalls::mute:
            return call::OtherCalls::mute;
        case OtherCalls::hold:
            return call::OtherCalls::hold;
    }
    return call::OtherCalls::duck;
}

/// Calls that are ordered through the control API, on an io thread.
struct Orders {
    std::atomic<bool> address_known{false};  ///< webhooks of a new call will find us
    std::atomic<bool> closed{false};         ///< no new calls
    bool only_for_others = false;            ///< … but those that a call there is needs
    call::CallSpec spec;                     ///< what every one has; `from`: the configured number
    std::map<std::string, std::string> extra;
    std::shared_ptr<DialPolicy> policy;
    /// Calls placed from here that are not over. Set before `address_known`.
    std::function<std::size_t()> live;

    /// Whom a call or transfer may be for. Errors: bad_field, refused.
    Result<std::string> allowed_target(std::string_view to) const {
        auto target =
            is_emergency_number(to) ? Result<std::string>(std::string(to)) : parse_target(to);
        if (!target) return target;
        if (auto allowed = policy->destination(*target); !allowed)
            return tl::unexpected(allowed.error());
        return target;
    }

    /// The checks of the command line. Errors: as web::ApiParts::order.
    Result<call::CallSpec> check(const web::CallOrder& order) const {
        if (closed || (only_for_others && order.parent.empty()))
            return fail(Errc::cancelled, "this program takes no new calls");
        const auto target = allowed_target(order.to);
        if (!target)
            return target.error().code == Errc::refused
                       ? fail(Errc::refused, target.error().message)
                       : fail(Errc::bad_field, "to: " + target.error().message);
        auto made = spec;
        made.to = *target;
        if (!order.from.empty()) {
            const auto from = parse_phone_number(order.from);
            if (!from) return fail(Errc::bad_field, "from: " + from.error().message);
            made.from = *from;
        }
        if (order.time_limit) made.time_limit = *order.time_limit;
        if (order.agent) made.agent = *order.agent;
        if (order.transcribe) made.transcribe = *order.transcribe;
        if (order.record) made.record = *order.record;
        if (!order.parent.empty()) made.agent.clear();  // the person here speaks to them
        if (!address_known)
            return fail(Errc::unreachable,
                        "the public address is not known yet: a call's webhooks could not arrive");
        if (auto may = policy->place(*target, live()); !may) return tl::unexpected(may.error());
        made.extra = extra;
        return made;
    }
};

class LiveSession final : public Session, public std::enable_shared_from_this<LiveSession> {
public:
    LiveSession(SessionOptions options, asio::any_io_executor executor)
        : options_(std::move(options)), executor_(executor), deadline_(executor) {}

    ~LiveSession() override {
        address_.reset();
        numbers_.reset();
        subscription_.reset();
        // Nothing reaches the io threads' coroutines from the journal's thread once it is closed.
        if (memory_.journal) memory_.journal->close();
        lookups_.stop();
        transcripts_.stop();
        if (capture_reports_) capture_reports_->stop();
        if (captures_) captures_->close();
        bridge_.reset();
        sound_.devices.stop();
        emulator_.reset();
    }

    Outcome<std::vector<std::string>> start() override {
        auto& config = options_.config;
        if (options_.kind == SessionOptions::Kind::demo) {
            if (auto ready = start_emulator(); !ready) return tl::unexpected(ready.error());
        }
        if (options_.play_locally || options_.mic) {
            auto opened = open_sound(options_);
            if (!opened) return tl::unexpected(opened.error());
            sound_ = std::move(*opened);
            for (auto& line : sound_.lines) lines_.push_back(std::move(line));
        }

        Secret control_token, session;
        if (options_.kind != SessionOptions::Kind::demo) {
            auto memory = open_memory(config);
            if (!memory)
                return tl::unexpected(failure(ExitCode::configuration, memory.error().message));
            memory_ = std::move(*memory);
            control_token = Secret{random_base32(160)};
            log::hide(control_token);
            session = page_session(config.state_dir);
            log::hide(session);
        }

        if (auto allowed = open_dial_policy(); !allowed) return tl::unexpected(allowed.error());

        BridgeOptions bridge;
        bridge.workers = static_cast<std::size_t>(std::max(config.workers, 1));
        bridge.host = config.server_host;
        bridge.port = config.server_port;
        bridge.media_port = config.websocket_port;
        bridge.tls = {config.tls_certificate, config.tls_key};
        bridge.public_url = config.public_url;
        bridge.media_url = config.media_url;
        bridge.auth_tokens = config.auth_tokens;
        bridge.stream_signature = config.stream_signature == StreamSignature::log
                                      ? twilio::StreamSignature::log
                                      : twilio::StreamSignature::required;
        bridge.inbound =
            config.answer == AnswerPolicy::reject || options_.kind != SessionOptions::Kind::serve
                ? twilio::InboundPolicy::reject
                : twilio::InboundPolicy::answer;
        bridge.ping_interval = config.ping_interval;
        auto message = open_machine_message(config);
        if (!message) return tl::unexpected(message.error());
        machine_message_ = *message;
        bridge.inbound_call = call_spec();
        bridge.inbound_call.ring = config.answer == AnswerPolicy::ring;
        if (auto ready = open_recorded_sounds(config, metrics_, bridge); !ready)
            return tl::unexpected(ready.error());
        bridge.metrics = metrics_;
        if (options_.kind != SessionOptions::Kind::demo) {
            auto opened = open_recordings(config, metrics_);
            if (!opened) return tl::unexpected(opened.error());
            recordings_ = *opened;
            bridge.recordings = recordings_;
            if (config.record_by_twilio) {
                bridge.carrier_recordings =
                    std::make_shared<CarrierRecordings>(recordings_, config.record_delete_there);
                bridge.recordings = bridge.carrier_recordings;
                lines_.push_back(
                    "recordings are made by Twilio and fetched when they are ready, or by the next "
                    "start");
            }
        }
        if (auto ready = open_agents(options_, bridge); !ready)
            return tl::unexpected(ready.error());
        if (auto ready =
                transcripts_.open(options_.config, metrics_, kProgramName, bridge, recordings_);
            !ready)
            return tl::unexpected(ready.error());
        captures_ = open_captures(options_, metrics_);
        bridge.captures = captures_;
        bridge.playout.ceiling = config.playout_ceiling();
        bridge.speaker = sound_.devices.speaker;
        bridge.microphone = sound_.devices.microphone;
        bridge.ca_file = config.ca_file;
        bridge.user_agent = kProgramName;
        bridge.rest = rest_options(config);
        bridge.journal = memory_.journal;
        if (options_.kind != SessionOptions::Kind::demo)
            bridge.history = history_ =
                start_history(config, memory_.instance->name(), metrics_, recordings_, captures_);
        orders_->spec = call_spec();
        orders_->spec.from = config.phone_number;
        orders_->extra = machine_detection(config.machine_detection);
        // `call` is for one call and ends with it.
        orders_->only_for_others = options_.kind != SessionOptions::Kind::serve;
        bridge.control = {
            config.control_host,
            config.control_port,
            config.control_port_named,
            control_token,
            [orders = orders_](const web::CallOrder& order) { return orders->check(order); },
            [orders = orders_](std::string_view to) { return orders->allowed_target(to); },
            [](std::string_view name) { return parse_agent_name(name); },
            {},
            config.carrier_is_local() ? without_slash(config.base_url) : std::string(),
            AGENTBRIDGE_VERSION,
            web::format_time(std::chrono::system_clock::now()),
            speech::synthesize,
            session};
        bridge.control.transcripts =
            transcripts_.sources([this] { return bridge_->desk_executor(); });
        bridge.control.capture = find_captures(captures_);
        if (captures_) {
            capture_reports_ = std::make_shared<CaptureReports>(captures_, metrics_);
            bridge.control.capture_report = capture_reports_->reports();
        }
        if (recordings_) bridge.control.recordings = recording_library(*recordings_);
        LookupSources shown{options_.loaded,         config.agent, {}, {},
                            sound_.devices.mic_note, kProgramName};
        if (sound_.devices.speaker) shown.speaker = sound_.devices.speaker->name();
        if (sound_.devices.microphone) shown.microphone = sound_.devices.microphone->name();
        bridge.control.lookups = lookups_.lookups(std::move(shown));
        bridge.may_transfer = [policy = orders_->policy](const std::string& to) {
            return policy->transfer(to);
        };
        bridge.desk = {other_calls(config.other_calls), config.push_to_talk, true};
        if (options_.kind == SessionOptions::Kind::serve) {
            bridge.numbers = {[folder = config.state_dir](const std::string& name) {
                                  return is_alive(folder, name);
                              },
                              config.carrier_is_local()};
        }
        // What still rings, or is kept by the carrier, goes on; the rest is ended below.
        std::vector<call::JournalEntry> orphans;
        for (auto& entry : memory_.orphans) {
            const bool adopt = options_.kind == SessionOptions::Kind::serve &&
                               options_.target.empty() && call::is_adoptable(entry);
            if (adopt) {
                log::warning("journal", "{} of a former run is taken over", format_call(entry));
                bridge.adopt.push_back(std::move(entry));
            } else {
                orphans.push_back(std::move(entry));
            }
        }
        auto started = Bridge::start(std::move(bridge), events_);
        if (!started)
            return tl::unexpected(
                failure(exit_code_for_start(started.error()), started.error().message));
        bridge_ = std::move(*started);
        // The io threads that ask have ended when the bridge goes.
        orders_->live = [calls = &bridge_->calls()] { return calls->outbound(); };
        control_token_ = control_token;
        describe_instance();
        if (bridge_->numbers()) {
            numbers_ = std::make_shared<NumberKeeper>(executor_, bridge_->desk_executor(),
                                                      bridge_->numbers());
            numbers_->restore_left();
            number_wanted_ = !config.use_number.empty();
        }
        if (!orphans.empty()) {
            settling_ = true;
            for (const auto& entry : orphans) former_.push_back(format_call(entry));
            spawn(bridge_->desk_executor(), "calls of a former run",
                  settle(weak_from_this(), executor_, memory_.journal, bridge_->carrier(),
                         std::move(orphans)));
        }

        const bool known = options_.kind == SessionOptions::Kind::demo ||
                           (!config.public_url.empty() && config.tunnel == TunnelKind::off);
        lines_.push_back(fmt::format("listening on {}:{}, {}", config.server_host, bridge_->port(),
                                     known ? "for Twilio at " + bridge_->public_url()
                                           : std::string("looking for the public address")));
        show_page();
        subscription_ = events_.subscribe(
            executor_, 4096,
            [this](const call::CallEvent& event, std::uint64_t) {
                // Its end is told a moment before it is gone from the registry, which is what ends
                // a program that is stopping.
                if (event.call == target_call_ && !stopping_ &&
                    std::holds_alternative<call::event::Ended>(event.what)) {
                    finish({});
                }
            },
            "session", call::EventBus::Take::all_but_statistics);
        if (options_.kind == SessionOptions::Kind::demo) {
            begin();
        } else {
            find_address();
        }
        tell_service_manager();
        return lines_;
    }

    call::EventBus& events() override { return events_; }

    void snapshots(std::function<void(std::vector<call::CallSnapshot>)> take) override {
        if (!bridge_ || done_) {
            asio::post(executor_, [take = std::move(take)] { take({}); });
            return;
        }
        bridge_->calls().snapshots(executor_, std::move(take));
    }

    void command(std::optional<CallId> call, call::Command command,
                 std::function<void(Result<call::CallSnapshot>)> told) override {
        if (!bridge_ || done_) {
            asio::post(executor_, [told = std::move(told)] {
                told(fail(Errc::not_found, "no call is there any more"));
            });
            return;
        }
        at_the_desk([call = std::move(call), command = std::move(command), told = std::move(told),
                     main = executor_](call::Desk& desk) {
            const auto id = call ? *call : desk.meant_by(command);
            call::Desk::Done done = [told, main](Result<call::CallSnapshot> outcome) {
                asio::post(main, [told, outcome = std::move(outcome)] { told(outcome); });
            };
            if (id.empty()) {
                done(fail(Errc::not_found, "there is no call for that"));
                return;
            }
            desk.carry_out(id, command, std::move(done));
        });
    }

    void focus_next() override {
        at_the_desk([](call::Desk& desk) { desk.focus_next(); });
    }

    void talk(bool on) override {
        at_the_desk([on](call::Desk& desk) { desk.talk(on); });
    }

    void request_stop(Stop how) override {
        if (done_) return;
        orders_->closed = true;
        if (notifier_) notifier_->stopping();
        if (!bridge_) {
            finish({});
            return;
        }
        bridge_->refuse_new_calls();
        if (!std::exchange(stopping_, true)) {
            const auto ids = bridge_->calls().ids();
            for (const auto& id : ids)
                bridge_->calls().post(id, call::input::HangUp{"hung up here"});
            bridge_->calls().when_empty([weak = weak_from_this(), executor = executor_] {
                asio::post(executor, [weak] {
                    if (const auto self = weak.lock()) self->finish({});
                });
            });
        }
        forced_ = forced_ || how == Stop::forced;
        if (forced_) give_numbers_back();
        if (waiting_) {
            if (!unfinished()) return finish({});
            if (forced_) wait_at_most(kReturning);
            return;
        }
        finish_after(forced_ ? std::chrono::milliseconds(kForced)
                             : std::chrono::milliseconds(kGraceful));
    }

    void when_done(std::function<void(End)> done) override { when_done_ = std::move(done); }

private:
    /// On the desk's own thread, soon.
    void at_the_desk(std::function<void(call::Desk&)> what) {
        if (!bridge_ || done_) return;
        asio::post(bridge_->desk_executor(),
                   [desk = bridge_->desk(), what = std::move(what)] { what(*desk); });
    }

    /// Where the page is. Only somebody who looks is shown the token: a log is kept and passed on.
    void show_page() {
        const auto url = bridge_->control_url();
        if (url.empty()) return;
        const auto link = bridge_->page_link();
        lines_.push_back(options_.show_link ? "the page: " + link
                                            : fmt::format("the page: {} (its token stands in {})",
                                                          url, memory_.instance->file().string()));
        if (!options_.open_page) return;
        auto opened = Browser::open(executor_, options_.config.state_dir, link);
        if (opened) {
            browser_ = std::move(*opened);
        } else {
            lines_.push_back("no browser was opened: " + opened.error().message);
        }
    }

    call::CallSpec call_spec() const {
        call::CallSpec spec;
        spec.focus = false;  // the desk gives it
        spec.ring_timeout = options_.config.ring_timeout;
        spec.time_limit = options_.config.time_limit;
        spec.listen_only = options_.listen_only;
        spec.play_locally = options_.play_locally;
        spec.record = options_.config.record;
        spec.agent = options_.config.agent.name;
        spec.transcribe = options_.config.transcript.every_call;
        spec.on_machine = on_machine(options_.config.on_machine);
        spec.machine_message = machine_message_;
        spec.capture = options_.config.capture;
        return spec;
    }

    /// The demo's Twilio: on a thread of its own, reached over TCP like the real one.
    Outcome<> start_emulator() {
        emulator::EmulatorOptions emulator;
        emulator.port = 0;
        // With a receptionist here, somebody who has something to say to one.
        const bool receptionist = options_.config.agent.name == "local" && options_.persona.empty();
        if (options_.target.empty()) options_.target = receptionist ? kDemoCaller : kDemoNumber;
        if (!options_.persona.empty()) {
            if (auto known = emulator.personas.assign(options_.target, options_.persona); !known) {
                return tl::unexpected(failure(ExitCode::usage, known.error().message));
            }
        }
        auto started = emulator::EmulatorThread::start(std::move(emulator));
        if (!started)
            return tl::unexpected(
                failure(exit_code_for_start(started.error()), started.error().message));
        emulator_ = std::move(*started);
        auto& config = options_.config;
        config.base_url = emulator_->base_url();
        config.account_sid = emulator_->account_sid();
        config.auth_tokens = {emulator_->auth_token()};
        config.api_key.clear();
        config.phone_number = emulator_->numbers().front();
        config.public_url.clear();
        config.media_url.clear();
        config.server_host = "127.0.0.1";
        config.server_port = 0;
        config.websocket_port = 0;
        options_.from = config.phone_number;
        log::hide(emulator_->auth_token());
        lines_.push_back("no account needed: this call goes through the built-in Twilio");
        return {};
    }

    /// Whatever is still under way then is left.
    void finish_after(std::chrono::milliseconds time) {
        deadline_.expires_after(time);
        deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (!error && self) self->finish({});
        });
    }

    /// Calls that nobody holds are ended, whatever else goes on. Thread: an io thread; as
    /// check_account.
    static asio::awaitable<void> settle(std::weak_ptr<LiveSession> weak, asio::any_io_executor main,
                                        std::shared_ptr<call::Journal> journal,
                                        std::shared_ptr<call::Carrier> carrier,
                                        std::vector<call::JournalEntry> orphans) {
        const call::SettleOptions options;
        auto outcomes = co_await call::settle_orphans(std::move(journal), std::move(carrier),
                                                      std::move(orphans), options);
        asio::post(main, [weak = std::move(weak), outcomes = std::move(outcomes)] {
            if (const auto session = weak.lock()) session->on_settled(outcomes);
        });
    }

    void on_settled(const std::vector<call::OrphanOutcome>& outcomes) {
        settling_ = false;
        for (const auto& outcome : outcomes) {
            log::warning("journal", "a former run left {}", format_outcome(outcome));
            settle_history(*history_, outcome);
            if (outcome.open()) left_open_.push_back(format_outcome(outcome));
        }
        if (waiting_) finish({});
    }

    // --- numbers that are pointed here

    /// Once the address is known and the account is well. Then `on_number`.
    void use_number(bool at_start) {
        number_wanted_ = false;
        numbers_->use(options_.config.use_number, options_.force_number,
                      [weak = weak_from_this(), at_start](const Result<UsedNumber>& used) {
                          if (const auto self = weak.lock()) self->on_number(used, at_start);
                      });
    }

    void on_number(const Result<UsedNumber>& used, bool at_start) {
        if (done_ || stopping_) return;
        if (used) {
            log::info("numbers", "{}", format_used(*used));
        } else if (!at_start) {
            log::error("numbers", "{}", used.error().message);
        } else {
            problem_ = failure(exit_for_number(used.error()), used.error().message);
            return request_stop(Stop::graceful);
        }
        if (at_start) dial_target();
    }

    void give_numbers_back() {
        if (!numbers_ || std::exchange(given_back_, true)) return;
        returning_ = true;
        numbers_->give_back(
            [weak = weak_from_this()](const Result<std::vector<ReturnedNumber>>& returned) {
                if (const auto self = weak.lock()) self->on_returned(returned);
            });
    }

    void on_returned(const Result<std::vector<ReturnedNumber>>& returned) {
        returning_ = false;
        if (!returned) not_returned_.push_back(returned.error().message);
        for (const auto& one : returned ? *returned : std::vector<ReturnedNumber>()) {
            (one.done() ? number_lines_ : not_returned_).push_back(format_returned(one));
        }
        if (waiting_) finish({});
    }

    /// What the end waits for a little.
    bool unfinished() const { return !out_of_time_ && ((settling_ && !forced_) || returning_); }

    void wait_at_most(std::chrono::milliseconds time) {
        deadline_.expires_after(time);
        deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (error || !self) return;
            self->out_of_time_ = true;
            self->finish({});
        });
    }

    /// Under which address Twilio reaches us: nothing is dialled before that is known, since nobody
    /// should pay for a call whose webhooks cannot arrive.
    void find_address() {
        const auto& config = options_.config;
        AddressOptions address;
        address.tunnel = config.tunnel;
        address.configured = config.public_url;
        address.media_url = config.media_url;
        address.ngrok_api = config.ngrok_api;
        address.host = config.server_host;
        address.port = bridge_->port();
        address.check = config.url_check;
        if (!config.auth_tokens.empty()) address.token = config.auth_tokens.front();
        address.instance = bridge_->instance();
        address.ca_file = config.ca_file;
        address.user_agent = kProgramName;
        address.environment = process_environment();
        address.busy = [this] { return bridge_ && bridge_->calls().size() > 0; };
        address_ = std::make_unique<PublicAddress>(
            executor_, std::move(address),
            [this](Outcome<std::string> found) { on_address(std::move(found)); },
            [this](const std::string& url) {
                if (const auto changed = use_address(url); !changed)
                    log::error("public-url", "{}", changed.error().message);
            });
    }

    Result<> use_address(const std::string& url) {
        if (auto changed = bridge_->change_public_url(url); !changed) return changed;
        orders_->address_known = true;
        describe_instance();
        if (!numbers_ || !begun_ || stopping_) return {};
        if (number_wanted_) {
            use_number(false);
        } else {
            numbers_->follow();
        }
        return {};
    }

    /// For clients of this program, which look for running instances.
    void describe_instance() {
        if (!memory_.instance) return;
        const auto for_whom =
            orders_->only_for_others ? std::string() : takes_calls_for(options_.config);
        if (const auto told = memory_.instance->describe(
                {bridge_->public_url(), bridge_->control_url(), control_token_, for_whom});
            !told)
            log::warning("journal", "{}", told.error().message);
    }

    void on_address(Outcome<std::string> found) {
        if (done_ || stopping_) return;
        // `serve` goes on: the tunnel may come back, and it is told when it does.
        const bool wait = !found && options_.target.empty() &&
                          options_.config.tunnel == TunnelKind::off &&
                          found.error().exit == ExitCode::public_url_unreachable;
        if (!found && !wait) return finish(found.error());
        if (!found) {
            log::error("public-url", "{}", found.error().message);
        } else if (*found == bridge_->public_url()) {
            orders_->address_known = true;
        } else {
            if (const auto changed = use_address(*found); !changed)
                return finish(failure(ExitCode::configuration, changed.error().message));
        }
        begin();
    }

    void begin() {
        spawn(bridge_->desk_executor(), "account check",
              check_account(weak_from_this(), executor_, bridge_->rest()));
    }

    /// Credentials and trial limits are told before anything is dialled. Thread: an io thread,
    /// which never holds the session: letting go of it there would join that very thread.
    static asio::awaitable<void> check_account(std::weak_ptr<LiveSession> weak,
                                               asio::any_io_executor main,
                                               twilio::RestClient& rest) {
        auto account = co_await rest.account();
        asio::post(main, [weak = std::move(weak), account = std::move(account)] {
            if (const auto session = weak.lock()) session->on_account(account);
        });
    }

    void on_account(const Result<twilio::AccountState>& account) {
        if (done_ || stopping_) return;
        if (!account && account.error().code == Errc::unauthorized) {
            finish(failure(ExitCode::authentication, account.error().message));
            return;
        }
        if (!account) {
            log::warning("rest", "the account could not be checked: {}", account.error().message);
        } else if (account->trial()) {
            log::warning(
                "rest",
                "this is a trial account: Twilio may refuse the call's parameters or strip its "
                "media "
                "stream, so that nothing is heard. `agentbridge demo` works without an account.");
        }
        begun_ = true;
        if (!number_wanted_) return dial_target();
        if (orders_->address_known) return use_number(true);
        log::warning("numbers", "{} is used once the public address leads here",
                     options_.config.use_number);
    }

    void tell_service_manager() {
        notifier_ = ServiceNotifier::open(executor_, process_environment());
        if (!notifier_) return;
        std::vector<asio::any_io_executor> loops;
        for (std::size_t at = 0; at < bridge_->shards().size(); ++at)
            loops.push_back(bridge_->shards()[at].executor());
        // Everybody on this machine may read it: not the link.
        notifier_->ready(
            fmt::format("listening on {}:{}", options_.config.server_host, bridge_->port()));
        notifier_->watch(std::move(loops));
    }

    /// Before anything is opened for a call that may not be.
    Outcome<> open_dial_policy() {
        auto& config = options_.config;
        auto& rules = config.dial_rules;
        if (options_.kind == SessionOptions::Kind::demo) {  // its Twilio is the one in this program
            rules.anywhere = true;
            config.dial_limits = {};
        }
        if (rules.own.empty()) rules.own = options_.from;
        orders_->policy = std::make_shared<DialPolicy>(rules, config.dial_limits);
        if (config.dial_limits.minutes_per_day > 0)
            day_count_ = DayCount::start(executor_, config.state_dir / "journal.db",
                                         account_key(config), orders_->policy);
        if (options_.target.empty()) return {};
        if (auto allowed = orders_->policy->destination(options_.target); !allowed)
            return tl::unexpected(failure(ExitCode::refused, allowed.error().message));
        return {};
    }

    void dial_target() {
        if (options_.target.empty()) return;
        if (auto may = orders_->policy->place(options_.target, bridge_->calls().outbound()); !may)
            return finish(Failure{ExitCode::refused, may.error().message});
        auto spec = call_spec();
        spec.to = options_.target;
        spec.from = options_.from.empty() ? options_.config.phone_number : options_.from;
        spec.extra = machine_detection(options_.config.machine_detection);
        target_call_ = bridge_->dial(std::move(spec));
    }

    /// Everything down, in order: no new connections, sound out, emulator last.
    void finish(std::optional<Failure> problem) {
        if (done_) return;
        // The call of the target is over; others (inbound ones of `serve`) are ended first.
        if (!problem && !stopping_ && bridge_ && bridge_->calls().size() > 0) {
            request_stop(Stop::graceful);
            return;
        }
        if (problem) problem_ = std::move(problem);
        give_numbers_back();
        if (unfinished()) {
            // Calls of a former run are being ended, or numbers given back: a moment more.
            if (!std::exchange(waiting_, true))
                wait_at_most(settling_ && !forced_ ? kSettling : kReturning);
            return;
        }
        problem = problem_;
        done_ = true;
        deadline_.cancel();
        if (day_count_) day_count_->stop();
        if (notifier_) {
            notifier_->stopping();
            notifier_->stop();
        }
        End end;
        if (bridge_) {
            std::vector<std::string> left;
            for (const auto& id : bridge_->calls().ids()) left.push_back(id.str());
            if (!left.empty()) {
                end.failed = true;
                end.failure = failure(ExitCode::not_confirmed,
                                      fmt::format("not confirmed ended: {}", fmt::join(left, " ")));
            }
            bridge_->stop();
        }
        if (captures_) captures_->close();
        if (memory_.journal && !memory_.journal->close())
            end.lines.push_back("the journal is not complete: the disk could not be written");
        browser_.reset();
        // The last webhooks have come in.
        address_.reset();
        log_sound(sound_.devices);
        sound_.devices.stop();
        if (!sound_.wav_file.empty()) end.lines.push_back("the sound is in " + sound_.wav_file);
        if (settling_) left_open_ = former_;
        for (auto& line : number_lines_) end.lines.push_back(std::move(line));
        if (returning_) not_returned_.push_back("no answer in time");
        if (!not_returned_.empty()) {
            end.failed = true;
            end.failure = failure(ExitCode::failure,
                                  "a number was not given back; `agentbridge numbers restore` "
                                  "tries again");
            for (auto& line : not_returned_) end.lines.push_back(std::move(line));
        }
        if (!left_open_.empty()) {
            end.failed = true;
            end.failure = failure(
                ExitCode::not_confirmed,
                fmt::format("not confirmed ended, from a former run:\n  {}\n  `agentbridge reap` "
                            "tries again",
                            fmt::join(left_open_, "\n  ")));
        }
        if (problem) {
            end.failed = true;
            end.failure = *problem;
        }
        if (when_done_) {
            asio::post(executor_,
                       [done = std::move(when_done_), end = std::move(end)] { done(end); });
        }
    }

    SessionOptions options_;
    asio::any_io_executor executor_;
    asio::steady_timer deadline_;
    std::shared_ptr<metrics::Registry> metrics_ = std::make_shared<metrics::Registry>();
    call::EventBus events_{metrics_};
    std::unique_ptr<emulator::EmulatorThread> emulator_;
    SessionSound sound_;
    audio::Samples machine_message_;  ///< what an answering machine is told; null: nothing
    Memory memory_;
    std::shared_ptr<stores::RecordingStore> recordings_;  ///< null: none are made
    std::shared_ptr<stores::HistoryKeeper> history_;      ///< null: of a demo, nothing is kept
    Secret control_token_;
    const std::shared_ptr<Orders> orders_ = std::make_shared<Orders>();
    std::shared_ptr<ServiceNotifier> notifier_;  ///< null: nobody is to be told
    std::shared_ptr<DayCount> day_count_;        ///< null: the day has no limit
    LookupDesk lookups_{metrics_};
    TranscriptWiring transcripts_;
    std::shared_ptr<capture::CaptureStore> captures_;  ///< null: none are kept
    std::shared_ptr<CaptureReports> capture_reports_;  ///< with captures_
    std::unique_ptr<Bridge> bridge_;
    std::unique_ptr<Browser> browser_;  ///< null: none was asked for
    std::unique_ptr<PublicAddress> address_;
    std::shared_ptr<NumberKeeper> numbers_;  ///< null: none can be used
    std::shared_ptr<call::EventBus::Subscription> subscription_;
    std::vector<std::string> lines_;
    CallId target_call_;
    bool stopping_ = false, done_ = false;
    bool settling_ = false;  ///< calls of a former run are being ended
    bool forced_ = false;
    bool begun_ = false;          ///< the account is well
    bool number_wanted_ = false;  ///< it is not asked for yet
    bool given_back_ = false, returning_ = false;
    bool waiting_ = false, out_of_time_ = false;            ///< at the end, for what is unfinished
    std::vector<std::string> number_lines_, not_returned_;  ///< for people
    std::optional<Failure> problem_;               ///< the end's, while something is waited for
    std::vector<std::string> former_, left_open_;  ///< for people: those that are being ended,
                                                   ///< those that could not be
    std::function<void(End)> when_done_;
};

/// Owns a LiveSession: its callbacks from other threads hold weak pointers to it.
class SessionHandle final : public Session {
public:
    explicit SessionHandle(std::shared_ptr<LiveSession> session) : session_(std::move(session)) {}
    Outcome<std::vector<std::string>> start() override { return session_->start(); }
    call::EventBus& events() override { return session_->events(); }
    void snapshots(std::function<void(std::vector<call::CallSnapshot>)> take) override {
        session_->snapshots(std::move(take));
    }
    void command(std::optional<CallId> call, call::Command command,
                 std::function<void(Result<call::CallSnapshot>)> told) override {
        session_->command(std::move(call), std::move(command), std::move(told));
    }
    void focus_next() override { session_->focus_next(); }
    void talk(bool on) override { session_->talk(on); }
    void request_stop(Stop how) override { session_->request_stop(how); }
    void when_done(std::function<void(End)> done) override { session_->when_done(std::move(done)); }

private:
    std::shared_ptr<LiveSession> session_;
};

}  // namespace

Outcome<std::unique_ptr<Session>> open_session(SessionOptions options,
                                               asio::any_io_executor executor) {
    return std::make_unique<SessionHandle>(
        std::make_shared<LiveSession>(std::move(options), std::move(executor)));
}

}  // namespace bridge::app
