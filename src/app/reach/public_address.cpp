#include "app/reach/public_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "app/reach/child_process.hpp"
#include "app/reach/ngrok_tunnels.hpp"
#include "app/reach/probe_client.hpp"
#include "app/reach/tunnel_program.hpp"
#include "base/log.hpp"
#include "base/spawn.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kPart = "public-url";
constexpr auto kAskAgent = 2000ms;
constexpr auto kProbeAgain = 500ms;
/// cloudflared prints the address before it works, and an early look makes resolvers remember that
/// the name does not exist.
constexpr auto kConnectWait = 8000ms;

Failure failure(ExitCode exit, std::string what, const std::string& fix) {
    return Failure{exit, fmt::format("{}\n    {}", what, fix)};
}

}  // namespace

class PublicAddress::Watch : public std::enable_shared_from_this<Watch> {
public:
    Watch(asio::any_io_executor executor, AddressOptions options, OnFound found, OnChange change)
        : executor_(executor),
          options_(std::move(options)),
          program_(options_.tunnel, local_base(options_.host, options_.port, false)),
          event_(executor),
          on_found_(std::move(found)),
          on_change_(std::move(change)) {
        net::HttpClientOptions http;
        http.ca_file = options_.ca_file;
        http.user_agent = options_.user_agent;
        public_http_ = net::HttpClient::make(executor_, http);
        http.use_proxy = false;
        local_http_ = net::HttpClient::make(executor_, std::move(http));
    }

    void start() { spawn(executor_, "public address", run(shared_from_this())); }

    void stop() {
        stopped_ = true;
        on_found_ = nullptr;
        on_change_ = nullptr;
        options_.busy = nullptr;
        event_.cancel();
        child_.reset();
    }

private:
    static asio::awaitable<void> run(std::shared_ptr<Watch> self) {
        if (self->options_.tunnel != TunnelKind::off) {
            co_await self->first_tunnel();
        } else if (self->options_.configured.empty()) {
            co_await self->find_agent();
        } else {
            co_await self->check_configured();
        }
        self->next_check_ = SteadyClock::now() + self->interval();
        while (!self->stopped_) {
            co_await self->pause(self->options_.times.look);
            if (self->stopped_) break;
            if (self->ended_) co_await self->restart_tunnel();
            if (self->stopped_) break;
            if (self->follows_agent_) co_await self->look_at_agent();
            if (self->stopped_) break;
            const bool due = SteadyClock::now() >= self->next_check_;
            if (due && self->checks()) co_await self->check_again();
        }
    }

    bool checks() const {
        const auto url = twilio::PublicUrl::parse(url_, options_.media_url);
        return options_.check && url && !url->loopback();
    }

    std::chrono::milliseconds interval() const {
        if (lost_ || failures_ > 0) return options_.times.again;
        return options_.busy && options_.busy() ? options_.times.busy_check
                                                : options_.times.idle_check;
    }

    /// Until the time is over, or something happened (a line of the tunnel, its end, `stop`).
    asio::awaitable<void> pause(std::chrono::milliseconds time) {
        if (stopped_) co_return;
        event_.expires_after(time);
        boost::system::error_code ignored;
        co_await event_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    void found(std::string url) {
        if (stopped_) return;
        url_ = std::move(url);
        const auto tell = std::exchange(on_found_, nullptr);
        if (tell) tell(url_);
    }

    void failed(Failure why) {
        if (stopped_) return;
        lost_ = not_found_ = true;
        const auto tell = std::exchange(on_found_, nullptr);
        if (tell) tell(tl::unexpected(std::move(why)));
    }

    void change(const std::string& url, const std::string& why) {
        if (stopped_) return;
        url_ = url;
        lost_ = not_found_ = false;
        failures_ = 0;
        next_check_ = SteadyClock::now() + options_.times.again;
        log::warning(kPart, "{}: new calls use {} from now on", why, url);
        if (on_change_) on_change_(url);
    }

    asio::awaitable<ProbeResult> probe(std::string url) {
        ProbeResult result;
        auto parsed = twilio::PublicUrl::parse(url, options_.media_url);
        if (!parsed) {
            result.what = parsed.error().message;
            result.fix = "set it right";
            co_return result;
        }
        ProbeRequest request;
        request.url = std::move(*parsed);
        request.token = options_.token;
        request.port = options_.port;
        request.deadline = options_.times.probe;
        result = co_await probe_webhook(public_http_, std::move(request));
        if (result.answered() && result.report.instance != options_.instance) {
            result.kind = ProbeResult::Kind::other;
            result.what = fmt::format("another agentbridge of this account answers at {}", url);
            result.fix =
                fmt::format("end that one, or have the tunnel lead to port {} here", options_.port);
        }
        co_return result;
    }

    // --- PUBLIC_URL

    asio::awaitable<void> check_configured() {
        url_ = options_.configured;
        if (!checks()) {
            found(url_);
            co_return;
        }
        const auto result = co_await probe(url_);
        const auto agent = co_await ask_agent();
        if (result.answered()) {
            follows_agent_ = agent.has_value() && agent->url == url_;
            log::info(kPart, "PUBLIC_URL {} leads here", url_);
            found(url_);
            co_return;
        }
        if (agent && !agent->url.empty() && agent->url != options_.configured) {
            const auto url = agent->url;
            const auto second = co_await probe(url);
            if (second.answered()) {
                log::warning(kPart,
                             "PUBLIC_URL {} does not lead here: {}. The running ngrok agent's {} "
                             "does and is used; put that into .env",
                             options_.configured, result.what, url);
                follows_agent_ = true;
                found(url);
                co_return;
            }
        }
        failed(failure(ExitCode::public_url_unreachable,
                       fmt::format("PUBLIC_URL {} does not lead here: {}", url_, result.what),
                       result.fix));
    }

    asio::awaitable<void> check_again() {
        const auto result = co_await probe(url_);
        if (stopped_) co_return;
        if (result.answered()) {
            const bool first = std::exchange(not_found_, false);
            if (lost_) log::warning(kPart, "{} leads here {}", url_, first ? "now" : "again");
            lost_ = false;
            failures_ = 0;
            if (first && on_change_) on_change_(url_);
        } else if (++failures_ >= 2 || lost_) {
            const bool was_lost = std::exchange(lost_, true);
            if (!was_lost) {
                log::error(kPart,
                           "{} no longer leads here: {}. New calls cannot arrive and running ones "
                           "may break; {}",
                           url_, result.what, result.fix);
            }
            if (options_.tunnel == TunnelKind::off) {
                const auto agent = co_await ask_agent();
                if (agent && !agent->url.empty() && agent->url != url_) {
                    follows_agent_ = true;
                    change(agent->url, "a running ngrok agent leads here");
                }
            }
        }
        next_check_ = SteadyClock::now() + interval();
    }

    // --- the running ngrok agent

    asio::awaitable<std::optional<TunnelChoice>> ask_agent() {
        net::HttpCall call;
        call.url = (api_.empty() ? options_.ngrok_api : api_) + "/api/tunnels";
        call.connect_timeout = kAskAgent;
        call.total_timeout = kAskAgent;
        const auto answer = co_await local_http_->request(std::move(call));
        if (!answer || answer->status != 200) co_return std::nullopt;
        const auto tunnels = parse_ngrok_tunnels(answer->body);
        if (!tunnels) co_return std::nullopt;
        co_return choose_tunnel(*tunnels, options_.host, options_.port, url_);
    }

    asio::awaitable<void> find_agent() {
        const auto agent = co_await ask_agent();
        if (!agent) {
            failed(failure(ExitCode::configuration,
                           fmt::format("PUBLIC_URL is not set, and no ngrok agent answers at {}",
                                       options_.ngrok_api),
                           fmt::format("run `ngrok http {}`, whose address is found by itself; or "
                                       "set PUBLIC_URL; or use --tunnel ngrok",
                                       options_.port)));
            co_return;
        }
        if (agent->url.empty()) {
            failed(failure(ExitCode::configuration,
                           fmt::format("PUBLIC_URL is not set, and {}", agent->what), agent->fix));
            co_return;
        }
        follows_agent_ = true;
        const auto url = agent->url;
        if (!agent->note.empty()) log::warning(kPart, "{}", agent->note);
        if (options_.check) {
            const auto result = co_await probe(url);
            if (!result.answered()) {
                url_ = url;
                failed(failure(ExitCode::public_url_unreachable,
                               fmt::format("the ngrok agent's tunnel {} does not lead here: {}",
                                           url, result.what),
                               result.fix));
                co_return;
            }
        }
        log::info(kPart,
                  "PUBLIC_URL is not set; Twilio reaches this at {}, the running ngrok "
                  "agent's tunnel",
                  url);
        found(url);
    }

    asio::awaitable<void> look_at_agent() {
        const auto agent = co_await ask_agent();
        if (stopped_) co_return;
        if (agent && !agent->url.empty()) {
            if (agent->url != url_) {
                change(agent->url, "the ngrok agent has a new address");
            } else if (agent_gone_) {
                log::warning(kPart, "the ngrok agent is back, with the same address");
            }
            agent_gone_ = false;
            co_return;
        }
        if (std::exchange(agent_gone_, true)) co_return;
        log::error(kPart, "{}: calls cannot reach this program, and running ones may break; {}",
                   agent ? agent->what : std::string("the ngrok agent no longer answers"),
                   agent ? agent->fix : fmt::format("run: ngrok http {}", options_.port));
    }

    // --- a tunnel of ours

    /// Starts the program and waits for an address that leads here.
    asio::awaitable<Outcome<std::string>> open_tunnel() {
        const auto deadline = SteadyClock::now() + options_.times.reach;
        tunnel_url_.clear();
        said_.clear();
        connected_ = false;
        ended_.reset();
        const auto name = program_.name();
        ChildOptions child;
        child.program = name;
        child.arguments = program_.arguments();
        child.environment = tunnel_environment(options_.environment);
        const auto weak = weak_from_this();
        auto started = ChildProcess::start(
            executor_, std::move(child),
            [weak](const std::string& line) {
                if (const auto self = weak.lock()) self->on_line(line);
            },
            [weak](int status) {
                if (const auto self = weak.lock()) self->on_exit(status);
            });
        if (!started) {
            co_return tl::unexpected(failure(
                ExitCode::configuration,
                fmt::format("--tunnel {}: {}", name, started.error().message), program_.install()));
        }
        child_ = std::move(*started);
        const auto gone = [&] {
            return failure(ExitCode::public_url_unreachable,
                           fmt::format("{} ended (exit code {}){}{}", name, ended_.value_or(0),
                                       said_.empty() ? "" : ": ", said_),
                           fmt::format("run `{} {}` by hand to see more", name,
                                       fmt::join(program_.arguments(), " ")));
        };
        while (tunnel_url_.empty() && !ended_ && !stopped_ && SteadyClock::now() < deadline)
            co_await pause(200ms);
        if (ended_) co_return tl::unexpected(gone());
        if (tunnel_url_.empty()) {
            child_.reset();
            co_return tl::unexpected(failure(
                ExitCode::public_url_unreachable,
                fmt::format(
                    "{} gave no address within {} s{}{}", name,
                    std::chrono::duration_cast<std::chrono::seconds>(options_.times.reach).count(),
                    said_.empty() ? "" : ": ", said_),
                "is this machine connected to the internet?"));
        }
        const auto connect = SteadyClock::now() + kConnectWait;
        while (!connected_ && !ended_ && !stopped_ && SteadyClock::now() < connect)
            co_await pause(200ms);
        ProbeResult result;
        while (options_.check && !stopped_ && !ended_) {
            const auto url = tunnel_url_;
            result = co_await probe(url);
            if (result.answered()) break;
            if (SteadyClock::now() >= deadline) {
                child_.reset();
                co_return tl::unexpected(failure(
                    ExitCode::public_url_unreachable,
                    fmt::format("{}'s tunnel {} does not lead here: {}", name, url, result.what),
                    "try again, or the other kind of tunnel"));
            }
            co_await pause(kProbeAgain);
        }
        if (ended_) co_return tl::unexpected(gone());
        co_return tunnel_url_;
    }

    asio::awaitable<void> first_tunnel() {
        auto opened = co_await open_tunnel();
        if (!opened) {
            failed(std::move(opened.error()));
            // There is nothing to go on looking for: without a first address nothing works.
            ended_.reset();
            co_return;
        }
        opened_at_ = SteadyClock::now();
        log::info(kPart, "{} runs; Twilio reaches this at {}", program_.name(), *opened);
        found(std::move(*opened));
    }

    asio::awaitable<void> restart_tunnel() {
        if (SteadyClock::now() - opened_at_ > 60s) restart_ = options_.times.restart;
        log::error(kPart,
                   "{} ended (exit code {}){}{}: calls cannot reach this program until it is "
                   "started again, in {} s",
                   program_.name(), *ended_, said_.empty() ? "" : ": ", said_,
                   static_cast<double>(restart_.count()) / 1000);
        child_.reset();
        ended_.reset();
        lost_ = true;
        const auto until = SteadyClock::now() + restart_;
        while (!stopped_ && SteadyClock::now() < until) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now());
            co_await pause(std::max(left, 1ms));
        }
        restart_ = std::min(restart_ * 2, options_.times.longest_restart);
        if (stopped_) co_return;
        const auto opened = co_await open_tunnel();
        if (stopped_) co_return;
        if (!opened) {
            said_ = opened.error().message.substr(0, opened.error().message.find('\n'));
            if (!ended_) ended_ = 1;
            co_return;
        }
        opened_at_ = SteadyClock::now();
        lost_ = false;
        if (*opened != url_) {
            change(*opened, program_.name() + " runs again");
        } else {
            log::warning(kPart, "{} runs again, with the same address", program_.name());
        }
    }

    void on_line(const std::string& line) {
        log::debug(kPart, "{}: {}", program_.name(), line);
        const auto told = program_.read(line);
        // The first complaint is the cause; what follows are its lines and consequences.
        if (!told.error.empty() && said_.empty()) said_ = told.error;
        if (!told.api.empty()) api_ = told.api;
        if (told.connected) connected_ = true;
        if (!told.url.empty() && told.url != tunnel_url_) {
            tunnel_url_ = told.url;
            // It found itself a new address without ending.
            if (!on_found_ && !url_.empty() && child_ && !lost_ && tunnel_url_ != url_)
                change(tunnel_url_, program_.name() + " has a new address");
        }
        event_.cancel();
    }

    void on_exit(int status) {
        ended_ = status;
        event_.cancel();
    }

    const asio::any_io_executor executor_;
    AddressOptions options_;
    const TunnelProgram program_;
    asio::steady_timer event_;
    OnFound on_found_;
    OnChange on_change_;
    std::shared_ptr<net::HttpClient> public_http_, local_http_;
    std::string url_;
    SteadyClock::time_point next_check_{}, opened_at_{};
    std::chrono::milliseconds restart_ = options_.times.restart;
    int failures_ = 0;
    bool not_found_ = false;  ///< nobody was told an address yet
    bool lost_ = false, follows_agent_ = false, agent_gone_ = false, stopped_ = false;
    // a tunnel of ours
    std::unique_ptr<ChildProcess> child_;
    std::string tunnel_url_, said_, api_;
    bool connected_ = false;
    std::optional<int> ended_;
};

PublicAddress::PublicAddress(asio::any_io_executor executor, AddressOptions options,
                             OnFound on_found, OnChange on_change)
    : watch_(std::make_shared<Watch>(std::move(executor), std::move(options), std::move(on_found),
                                     std::move(on_change))) {
    watch_->start();
}

PublicAddress::~PublicAddress() {
    watch_->stop();
}

void PublicAddress::stop() {
    watch_->stop();
}

}  // namespace bridge::app
