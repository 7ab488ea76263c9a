#include "app/doctor/examine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "app/doctor/port_holder.hpp"
#include "app/instance.hpp"
#include "app/reach/child_process.hpp"
#include "app/reach/probe_client.hpp"
#include "app/rest_options.hpp"
#include "base/log.hpp"
#include "devices/device_factory.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "stores/sqlite_journal.hpp"
#include "twilio/probe_responder.hpp"
#include "twilio/wire/dates.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kLocal = 1000ms;   // something on this machine answers within that, or not at all
constexpr auto kRest = 3500ms;    // connection and answer of Twilio
constexpr auto kPublic = 3000ms;  // the way out and back in
constexpr auto kReserve = 150ms;  // for what is done with the answers

milliseconds since(SteadyClock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
}

/// Nothing is made, and no file of the user's is touched.
std::string state_dir_problem(const std::filesystem::path& wanted) {
    std::error_code error;
    for (auto at = std::filesystem::absolute(wanted, error); !at.empty(); at = at.parent_path()) {
        const auto status = std::filesystem::status(at, error);
        if (!std::filesystem::exists(status)) {
            if (at == at.parent_path()) break;
            if (error == std::errc::not_a_directory || !error ||
                error == std::errc::no_such_file_or_directory)
                continue;
            return fmt::format("{} cannot be looked at: {}", at.string(), error.message());
        }
        if (!std::filesystem::is_directory(status))
            return fmt::format("{} cannot be made: {} is a file", wanted.string(), at.string());
        if (::access(at.c_str(), W_OK | X_OK) != 0)
            return fmt::format("{} cannot be written", at.string());
        return {};
    }
    return {};
}

/// Numbers of this account that a program has not given back. Unreadable: none; state-dir tells.
std::vector<call::BorrowedNumber> left_numbers(const Config& config) {
    auto borrowed =
        stores::read_borrowed_numbers(config.state_dir / "journal.db", account_key(config));
    if (!borrowed) return {};
    std::erase_if(*borrowed,
                  [&](const auto& one) { return is_alive(config.state_dir, one.instance); });
    return std::move(*borrowed);
}

/// Opening a sound device may block for as long as the sound system likes, so a thread of its own
/// does it, and is left behind when the time is over.
class SoundCheck {
public:
    SoundCheck(std::string speaker, std::string microphone) : state_(std::make_shared<State>()) {
        std::thread([state = state_, speaker = std::move(speaker),
                     microphone = std::move(microphone)] {
            auto found = look(speaker);
            listen(microphone, found);
            found.done = true;
            const std::lock_guard lock(state->mutex);
            state->found = std::move(found);
            state->changed.notify_all();
        }).detach();
    }
    Facts::Sound take(SteadyClock::time_point until) {
        std::unique_lock lock(state_->mutex);
        state_->changed.wait_until(lock, until, [this] { return state_->found.done; });
        return state_->found;
    }

private:
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        Facts::Sound found;
    };

    static Facts::Sound look(const std::string& speaker) {
        Facts::Sound found;
        if (speaker == "none") return found;
        if (speaker.starts_with("file:")) {
            // Opening it would empty it.
            const auto folder = std::filesystem::absolute(speaker.substr(5)).parent_path();
            found.device = speaker;
            if (::access(folder.c_str(), W_OK | X_OK) != 0)
                found.error =
                    Error{Errc::io, fmt::format("{}: the folder cannot be written", speaker)};
            return found;
        }
        auto opened = devices::make_output_device(speaker);
        if (!opened) {
            found.error = opened.error();
        } else {
            if (opened->fell_back) found.fell_back = opened->note;
            if (opened->device) {
                found.device = opened->device->name();
                opened->device->stop();
            }
        }
        return found;
    }

    static void listen(const std::string& microphone, Facts::Sound& found) {
        if (microphone == "none") return;
        auto opened = devices::make_sound("none", microphone);
        if (!opened) {
            found.microphone_error = opened.error();
            return;
        }
        found.microphone_note = opened->mic_note;
        if (opened->microphone && opened->mic_note.empty())
            found.microphone = opened->microphone->name();
        opened->stop();
    }

    std::shared_ptr<State> state_;
};

class Examination {
public:
    explicit Examination(ExamineOptions options)
        : begin_(SteadyClock::now()),
          end_(begin_ + options.limit),
          environment_(std::move(options.environment)) {
        facts_.loaded = std::move(options.loaded);
        net::HttpClientOptions http;
        http.ca_file = config().ca_file;
        http.user_agent = options.user_agent;
        public_http_ = net::HttpClient::make(loop_.get_executor(), http);
        http.use_proxy = false;
        // The instance on our port has a certificate for its public name, and proves itself by the
        // seal of its answer.
        http.any_certificate = true;
        local_http_ = net::HttpClient::make(loop_.get_executor(), std::move(http));
        responder_.instance = twilio::new_nonce();
        responder_.auth_tokens = config().auth_tokens;
    }
    /// What still waits is dropped while everything it uses is there.
    ~Examination() { loop_.drop(); }
    Examination(const Examination&) = delete;
    Examination& operator=(const Examination&) = delete;

    Facts run() {
        SoundCheck sound(config().speaker, config().microphone);
        facts_.state_dir_problem = state_dir_problem(config().state_dir);
        facts_.left_numbers = left_numbers(config());
        if (config().tunnel != TunnelKind::off) {
            const auto* name = config().tunnel == TunnelKind::ngrok ? "ngrok" : "cloudflared";
            facts_.tunnel_installed = !find_program(name, environment_).empty();
        }
        if (has_account()) {
            start(ask_account());
            start(ask_numbers());
        }
        start(ask_clock());
        start(ask_address());
        loop_.run_until(end_ - kReserve);
        for (const auto& server : servers_) server->stop();
        facts_.sound = sound.take(end_);
        return std::move(facts_);
    }

private:
    struct Context final : asio::io_context {
        Context() : asio::io_context(1) {}
        void drop() { shutdown(); }
    };

    const Config& config() const { return facts_.loaded.config; }
    bool has_account() const { return facts_.loaded.has_account(); }

    void start(asio::awaitable<void> task) {
        ++pending_;
        asio::co_spawn(loop_.get_executor(), std::move(task), [this](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
            if (--pending_ == 0) loop_.stop();
        });
    }

    milliseconds at_most(milliseconds wanted) const {
        const auto left =
            std::chrono::duration_cast<milliseconds>(end_ - kReserve - SteadyClock::now());
        return std::clamp(left - 50ms, milliseconds(50), wanted);
    }

    // --- Twilio

    twilio::RestClient rest() {
        auto options = rest_options(config());
        options.tries = 1;
        options.connect_timeout = at_most(kRest);
        options.total_timeout = at_most(kRest);
        return twilio::RestClient(loop_.get_executor(), public_http_, std::move(options));
    }

    asio::awaitable<void> ask_account() {
        auto client = rest();
        auto account = co_await client.account();
        facts_.account_took = since(begin_);
        facts_.account = std::move(account);
    }

    asio::awaitable<void> ask_numbers() {
        if (config().phone_number.empty()) co_return;
        auto client = rest();
        auto numbers = co_await client.numbers(config().phone_number);
        // It is not there: which ones are?
        if (numbers && numbers->empty()) numbers = co_await client.numbers({});
        facts_.numbers_took = since(begin_);
        facts_.numbers = std::move(numbers);
    }

    /// Any answer carries the time, a refusal too.
    asio::awaitable<void> ask_clock() {
        net::HttpCall call;
        call.url = rest_address(config()) + "/";
        call.connect_timeout = at_most(kRest);
        call.total_timeout = at_most(kRest);
        const auto answer = co_await public_http_->request(std::move(call));
        if (!answer) co_return;
        const auto date = answer->headers.find("Date");
        if (!date) co_return;
        if (const auto time = twilio::parse_date(*date)) {
            facts_.clock_behind = std::chrono::duration_cast<std::chrono::seconds>(
                *time - std::chrono::system_clock::now());
        }
    }

    // --- the way from the internet to here

    asio::awaitable<void> ask_address() {
        co_await ask_agent();
        facts_.server_port = co_await look_at_port(config().server_port, false);
        if (config().websocket_port != 0)
            facts_.websocket_port = co_await look_at_port(config().websocket_port, true);

        const bool running = facts_.server_port.holder == PortState::Holder::us;
        const auto& reported = facts_.server_port.report.public_url;
        if (config().tunnel != TunnelKind::off) {
            facts_.url = running ? reported : std::string();
        } else if (!config().public_url.empty()) {
            facts_.url = config().public_url;
        } else if (running && !is_loopback_host(host_of_url(reported))) {
            facts_.url = reported;
        } else {
            facts_.url = facts_.agent.url;
        }
        facts_.instance = running ? facts_.server_port.report.instance : responder_.instance;

        auto url = twilio::PublicUrl::parse(facts_.url, config().media_url);
        const bool listening = running || facts_.server_port.holder == PortState::Holder::free;
        const bool nonsense = url && url->loopback() && !config().carrier_is_local();
        if (!url || !listening || !has_account() || nonsense) co_return;
        responder_.url.change(*url);
        ProbeRequest request;
        request.url = std::move(*url);
        request.token = config().auth_tokens.front();
        request.port = config().server_port;
        request.deadline = at_most(kPublic);
        start(ask_webhook(request));
        start(ask_upgrade(request));
    }

    asio::awaitable<void> ask_webhook(ProbeRequest request) {
        const auto begin = SteadyClock::now();
        auto http = request.url.loopback() ? local_http_ : public_http_;
        auto result = co_await probe_webhook(std::move(http), std::move(request));
        facts_.webhook_took = since(begin);
        facts_.webhook = std::move(result);
    }

    asio::awaitable<void> ask_upgrade(ProbeRequest request) {
        const auto begin = SteadyClock::now();
        const bool here = is_loopback_host(host_of_url(request.url.media_base()));
        auto http = here ? local_http_ : public_http_;
        auto result = co_await probe_upgrade(std::move(http), std::move(request));
        facts_.upgrade_took = since(begin);
        facts_.upgrade = std::move(result);
    }

    asio::awaitable<void> ask_agent() {
        net::HttpCall call;
        call.url = config().ngrok_api + "/api/tunnels";
        call.connect_timeout = kLocal;
        call.total_timeout = kLocal;
        const auto answer = co_await local_http_->request(std::move(call));
        if (!answer || answer->status != 200) co_return;
        const auto tunnels = parse_ngrok_tunnels(answer->body);
        if (!tunnels) co_return;
        facts_.agent_answers = true;
        facts_.agent = choose_tunnel(*tunnels, config().server_host, config().server_port,
                                     config().public_url);
    }

    /// Free: it is ours until doctor ends, so that the probes find somebody. Taken: by whom?
    asio::awaitable<PortState> look_at_port(std::uint16_t port, bool media_only) {
        PortState state;
        net::HttpServerOptions server;
        server.name = "doctor";
        server.host = config().server_host;
        server.port = port;
        const bool with_tls = !config().tls_certificate.empty();
        if (with_tls) {
            auto identity = net::TlsIdentity::load({config().tls_certificate, config().tls_key});
            if (!identity) {
                state.error = identity.error().message;
                state.holder = PortState::Holder::bad_tls;
                co_return state;
            }
            server.tls = std::move(*identity);
        }
        auto listening = net::HttpServer::listen(
            loop_.get_executor(), server,
            [this](net::HttpRequest request) { return answer(std::move(request)); },
            [this](net::Upgrade upgrade) {
                if (!responder_.answer_upgrade(upgrade)) net::refuse(std::move(upgrade), busy());
            });
        if (listening) {
            (*listening)->start();
            servers_.push_back(std::move(*listening));
            co_return state;
        }
        state.error = listening.error().message;
        if (listening.error().code != Errc::exists) {
            state.holder = PortState::Holder::bad_host;
            co_return state;
        }
        state.holder = PortState::Holder::other;
        const auto here = local_base(config().server_host, port, with_tls);
        auto url = twilio::PublicUrl::parse(config().public_url.empty()
                                                ? local_base("127.0.0.1", port, with_tls)
                                                : config().public_url);
        if (url && has_account()) {
            ProbeRequest request;
            request.url = std::move(*url);
            request.through = here;
            request.token = config().auth_tokens.front();
            request.port = port;
            request.deadline = kLocal;
            auto asked = media_only ? probe_upgrade(local_http_, std::move(request))
                                    : probe_webhook(local_http_, std::move(request));
            const auto result = co_await std::move(asked);
            if (result.answered()) {
                state.holder = PortState::Holder::us;
                state.report = result.report;
                co_return state;
            }
        }
        state.name = port_holder(port);
        co_return state;
    }

    static net::HttpResponse busy() {
        return net::respond(503, "text/plain", "agentbridge doctor is looking; try again\n");
    }
    asio::awaitable<net::HttpResponse> answer(net::HttpRequest request) {
        auto report = responder_.answer(request);
        co_return report ? std::move(*report) : busy();
    }

    Context loop_;
    const SteadyClock::time_point begin_, end_;
    const std::map<std::string, std::string> environment_;
    Facts facts_;
    std::shared_ptr<net::HttpClient> public_http_, local_http_;
    twilio::ProbeResponder responder_;
    std::vector<std::shared_ptr<net::HttpServer>> servers_;
    int pending_ = 0;
};

}  // namespace

Facts examine(ExamineOptions options) {
    return Examination(std::move(options)).run();
}

}  // namespace bridge::app
