#include "app/bridge.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "app/carrier_recordings.hpp"
#include "app/config.hpp"
#include "app/history.hpp"
#include "app/phone_number.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "twilio/wire/probe.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

/// Answers that are on their way (the 204 of a last status callback) get this long.
constexpr auto kLastAnswers = 2000ms;
/// Each may be a file of 20 MiB.
constexpr std::size_t kSayingsWaiting = 16;

/// As web::ApiParts::use_number.
boost::asio::awaitable<Result<std::string>> use_number(std::shared_ptr<NumberWebhooks> numbers,
                                                       std::string written, bool force) {
    auto number = parse_phone_number(written);
    if (!number) co_return fail(Errc::bad_field, "number: " + number.error().message);
    auto used = co_await NumberWebhooks::use(std::move(numbers), std::move(*number), force);
    if (!used) co_return tl::unexpected(std::move(used.error()));
    log::info("numbers", "{}", format_used(*used));
    co_return format_used_json(*used);
}

/// As web::ApiParts::restore_number. One of this program that is named is given back too: whoever
/// asks wants its calls to come here no more.
boost::asio::awaitable<Result<std::string>> restore_number(std::shared_ptr<NumberWebhooks> numbers,
                                                           std::string written) {
    std::string number;
    if (!written.empty()) {
        auto parsed = parse_phone_number(written);
        if (!parsed) co_return fail(Errc::bad_field, "number: " + parsed.error().message);
        number = std::move(*parsed);
    }
    auto returned = co_await NumberWebhooks::restore(std::move(numbers), std::move(number), true);
    if (!returned) co_return tl::unexpected(std::move(returned.error()));
    for (const auto& one : *returned) log::info("numbers", "{}", format_returned(one));
    co_return format_returned_json(*returned);
}

/// As web::Lookups::numbers.
boost::asio::awaitable<Result<std::string>> list_numbers(std::shared_ptr<twilio::RestClient> rest,
                                                         twilio::SharedUrl url) {
    auto numbers = co_await rest->numbers();
    if (!numbers) co_return tl::unexpected(std::move(numbers.error()));
    const std::vector<std::string> bases{url.now()->base()};
    boost::json::array out;
    for (const auto& one : *numbers) {
        const auto routing = routing_of(one);
        out.push_back(boost::json::object{
            {"number", one.number},
            {"sid", one.sid},
            {"name", one.name},
            {"voice_url", shown_url(one.voice_url)},
            {"here", target_of(routing, bases, false) == NumberRow::Target::here}});
    }
    co_return boost::json::serialize(boost::json::object{{"numbers", std::move(out)}});
}

boost::asio::awaitable<net::HttpResponse> not_found() {
    co_return net::respond(404, "text/plain", "not found\n");
}

/// Behind a proxy that speaks TLS to us too, the host of the public address is the proxy's.
void warn_of_certificate(const net::TlsIdentity& tls, std::string_view public_url) {
    for (const auto& warning : tls.warnings()) log::warning("tls", "{}", warning);
    auto host = public_url.substr(std::min(public_url.find("://") + 3, public_url.size()));
    host = host.substr(0, host.find('/'));
    if (host.starts_with('[')) {
        host = host.substr(1, host.find(']') - 1);
    } else {
        host = host.substr(0, host.find(':'));
    }
    if (!tls.covers(std::string(host))) {
        log::warning("tls",
                     "the certificate is not for {}, the host of PUBLIC_URL; Twilio will refuse it "
                     "unless a proxy with another one stands in front",
                     host);
    }
}

}  // namespace

Result<std::unique_ptr<Bridge>> Bridge::start(BridgeOptions options, call::EventBus& events) {
    std::unique_ptr<Bridge> bridge(new Bridge(std::move(options)));
    if (auto ready = bridge->set_up(events); !ready)
        return tl::unexpected(std::move(ready.error()));
    return bridge;
}

Bridge::~Bridge() {
    if (shards_) shards_->stop(0ms);
    if (options_.carrier_recordings) options_.carrier_recordings->close();
    // Whoever still has work under way for a call tells its loop, which must be there.
    if (options_.agents) options_.agents->stop();
    if (speech_) speech_->stop();
    options_.messages.reset();
    if (options_.history) options_.history->close();
}

/// Listeners before what they serve: the port may only be known once it is bound, and the public
/// address of a demo is made from it. Nothing is accepted until the last line.
Result<> Bridge::set_up(call::EventBus& events) {
    if (options_.workers == 0)
        return fail(Errc::bad_config, "there must be at least one io thread");
    if (auto loaded = load_certificate(); !loaded) return loaded;
    options_.metrics = metrics::registry_or_own(std::move(options_.metrics));
    options_.rest.metrics = options_.metrics;
    show_figures();
    std::vector<std::string> threads{"desk"};
    for (std::size_t i = 0; i < options_.workers; ++i) threads.push_back(fmt::format("io-{}", i));
    shards_ = std::make_unique<net::Shards>(threads);
    shards_->start();

    const auto port = listen(options_.port, false, "SERVER_PORT");
    if (!port) return tl::unexpected(port.error());
    port_ = *port;
    if (options_.media_port != 0) {
        const auto media_port = listen(options_.media_port, true, "WEBSOCKET_PORT");
        if (!media_port) return tl::unexpected(media_port.error());
        media_port_ = *media_port;
    }

    auto url = twilio::PublicUrl::parse(
        options_.public_url.empty()
            ? fmt::format("{}://127.0.0.1:{}", tls_ ? "https" : "http", port_)
            : options_.public_url,
        options_.media_url);
    if (!url) return tl::unexpected(url.error());
    public_url_ = std::move(*url);
    instance_ = twilio::new_nonce();
    if (tls_) warn_of_certificate(*tls_, public_url());

    auto& desk = (*shards_)[kDesk];
    shards_->run_on(kDesk, [&] { http_ = net::HttpClient::make(desk.executor(), http_options()); });
    options_.rest.public_url = public_url_;
    rest_ = std::make_shared<twilio::RestClient>(desk.executor(), http_, options_.rest);

    if (options_.numbers.alive && options_.journal) {
        numbers_ = std::make_shared<NumberWebhooks>(
            desk.executor(), rest_,
            NumberWebhooksOptions{options_.journal, public_url_, options_.numbers.alive,
                                  options_.numbers.local_carrier});
    }

    std::vector<call::CallHome> homes;
    for (std::size_t i = kFirstOfCalls; i < shards_->size(); ++i) {
        homes.push_back({(*shards_)[i].executor(), &(*shards_)[i].clock()});
    }
    call::CallRegistry::Services services{events,           rest_,
                                          options_.speaker, options_.playout,
                                          options_.journal, options_.metrics,
                                          options_.listener};
    services.microphone = options_.microphone;
    services.hold_music = options_.hold_music;
    services.voicemail = options_.voicemail;
    services.recordings = options_.recordings;
    services.agents = options_.agents;
    services.agent_care = options_.agent_care;
    services.messages = options_.messages;
    services.transcribers = options_.transcribers;
    services.captures = options_.captures;
    services.may_transfer = options_.may_transfer;
    registry_ = std::make_unique<call::CallRegistry>(std::move(homes), std::move(services));
    if (!options_.history)
        options_.history = stores::HistoryKeeper::start(history_options(options_.metrics));
    options_.history->follow(events, *registry_);
    if (options_.carrier_recordings) open_carrier_recordings();
    transfers_ =
        std::make_unique<call::WarmTransfers>(*registry_, events, desk.executor(), desk.clock());
    // The desk gives the focus: no call has the microphone until then.
    options_.inbound_call.focus = false;
    options_.desk.heard = options_.desk.heard && options_.speaker != nullptr;
    options_.desk.transfers = transfers_.get();
    options_.desk.target = [order = options_.control.order](
                               const CallId& far, const std::string& to) -> Result<call::CallSpec> {
        if (!order) return fail(Errc::refused, "no calls are placed from here");
        web::CallOrder wanted;
        wanted.to = to;
        wanted.parent = far;
        return order(wanted);
    };
    desk_ = call::Desk::open(*registry_, events, desk.executor(), options_.desk);

    auto tokens = std::make_shared<twilio::MediaTokens>();
    twilio::WebhookOptions webhooks;
    webhooks.url = public_url_;
    webhooks.instance = instance_;
    webhooks.auth_tokens = options_.auth_tokens;
    webhooks.metrics = options_.metrics;
    if (options_.carrier_recordings) {
        webhooks.recording_reported =
            [shelf = options_.carrier_recordings](twilio::RecordingReport report) {
                shelf->reported(std::move(report));
            };
    }
    webhooks.inbound = options_.inbound;
    webhooks.inbound_call = options_.inbound_call;
    webhooks_ = std::make_shared<twilio::Webhooks>(*registry_, tokens, std::move(webhooks));

    twilio::MediaEndpointOptions media;
    media.url = public_url_;
    media.instance = instance_;
    media.auth_tokens = options_.auth_tokens;
    media.metrics = options_.metrics;
    media.signature = options_.stream_signature;
    media.stream = options_.stream;
    media.stream.ping_every = options_.ping_interval;
    media_ =
        std::make_shared<twilio::MediaEndpoint>(*registry_, std::move(tokens), std::move(media));

    if (auto ready = open_control(events); !ready) return ready;
    // Before anybody can ask for them.
    for (const auto& entry : options_.adopt) adopt(entry);
    for (const auto& listener : listeners_) {
        shards_->run_on(listener.shard, [&] { listener.server->start(); });
    }
    log::info("server", "webhooks and media on {}:{}, public address {}", options_.host, port_,
              public_url());
    if (media_port_ != 0) log::info("server", "media also on {}:{}", options_.host, media_port_);
    return {};
}

net::HttpClientOptions Bridge::http_options() const {
    net::HttpClientOptions http;
    http.ca_file = options_.ca_file;
    http.user_agent = options_.user_agent;
    return http;
}

void Bridge::open_carrier_recordings() {
    options_.carrier_recordings->open(rest_, *registry_, options_.rest, http_options(),
                                      [history = options_.history](const CallId& call, bool here) {
                                          history->mark(call, here, std::nullopt,
                                                        [](Result<bool>) {});
                                      });
}

/// What is counted elsewhere and read when somebody looks.
void Bridge::show_figures() {
    auto& metrics = *options_.metrics;
    readings_ = metrics::process_readings(metrics);
    log_queue_ = metrics.queue(
        "log", log::capacity(), [] { return static_cast<double>(log::queued()); },
        [] { return static_cast<double>(log::dropped()); });
    if (!options_.speaker) return;
    const metrics::Labels device{{"device", "speaker"}};  // which card that is may change
    const auto show = [&](metrics::Kind kind, const char* name, const char* help, auto figure) {
        readings_.push_back(
            metrics.read(kind, name, help, device, [speaker = options_.speaker, figure] {
                return static_cast<double>(figure(speaker->stats()));
            }));
    };
    using Stats = audio::DeviceStats;
    show(metrics::Kind::counter, "agentbridge_device_underflows_total",
         "Blocks the sound device says it ran dry on.",
         [](const Stats& s) { return s.underflows; });
    show(metrics::Kind::counter, "agentbridge_device_callbacks_total",
         "Blocks the sound device asked for.", [](const Stats& s) { return s.callbacks; });
    show(metrics::Kind::gauge, "agentbridge_device_longest_gap_seconds",
         "Longest time between two blocks.",
         [](const Stats& s) { return s.longest_gap_ms / 1000.0; });
    show(metrics::Kind::counter, "agentbridge_device_losses_total",
         "Times the sound card went away.", [](const Stats& s) { return s.losses; });
    show(metrics::Kind::counter, "agentbridge_device_unheard_seconds_total",
         "Time without a sound card, while calls went on.",
         [](const Stats& s) { return s.unheard_ms / 1000.0; });
}

Result<> Bridge::load_certificate() {
    if (options_.tls.certificate.empty()) return {};
    auto loaded = net::TlsIdentity::load(options_.tls);
    if (!loaded) {
        return fail(Errc::bad_config,
                    fmt::format("{}. Set AGENTBRIDGE_TLS_CERT and AGENTBRIDGE_TLS_KEY to PEM files "
                                "that belong together, or neither.",
                                loaded.error().message));
    }
    tls_ = std::move(*loaded);
    return {};
}

/// One listener on each accepting io thread, all on one port.
Result<std::uint16_t> Bridge::listen(std::uint16_t port, bool media_only, const char* setting) {
#if defined(__linux__)
    const auto most = options_.workers;
#else
    const std::size_t most = 1;
#endif
    const auto count =
        options_.listeners == 0 ? most : std::min(options_.listeners, options_.workers);
    for (std::size_t i = 0; i < count; ++i) {
        net::HttpServerOptions server;
        server.name = media_only ? "media" : "public";
        server.host = options_.host;
        server.port = port;
        server.reuse_port = count > 1;
        server.tls = tls_;
        const net::HttpHandler pages = [this, media_only](net::HttpRequest request) {
            if (media_only) return not_found();
            return webhooks_->handler()(std::move(request));
        };
        const net::UpgradeHandler upgrade = [this](net::Upgrade socket) {
            media_->handler()(std::move(socket));
        };
        Result<std::shared_ptr<net::HttpServer>> made = fail(Errc::internal, "not tried");
        const auto shard = kFirstOfCalls + i;
        shards_->run_on(shard, [&] {
            made = net::HttpServer::listen((*shards_)[shard].executor(), server, pages, upgrade);
        });
        if (!made) {
            auto error = std::move(made.error());
            error.message +=
                fmt::format(". Set {} to another port, or end the program that has it.", setting);
            return tl::unexpected(std::move(error));
        }
        port = (*made)->port();
        listeners_.push_back({shard, std::move(*made)});
    }
    return port;
}

web::ApiParts Bridge::api_parts() {
    const auto& wanted = options_.control;
    web::ApiParts parts;
    parts.calls = registry_.get();
    parts.desk = desk_;
    parts.history = options_.history;
    parts.order = wanted.order;
    parts.target = wanted.target;
    parts.agent = wanted.agent;
    parts.capture = wanted.capture;
    parts.capture_report = wanted.capture_report;
    parts.microphone = options_.microphone != nullptr;
    parts.recordings = wanted.recordings;
    parts.lookups = wanted.lookups;
    parts.lookups.numbers = [rest = rest_, url = public_url_] { return list_numbers(rest, url); };
    parts.emulator = {wanted.emulator_url, http_};
    parts.transcripts = std::make_shared<web::TranscriptBook>();
    parts.transcript_sources = wanted.transcripts;
    parts.about = {wanted.version, static_cast<int>(::getpid()), wanted.started, instance_,
                   wanted.emulator_url.empty() ? "twilio" : "emulator"};
    if (numbers_) {
        parts.use_number = [numbers = numbers_](std::string number, bool force) {
            return use_number(numbers, std::move(number), force);
        };
        parts.restore_number = [numbers = numbers_](std::string number) {
            return restore_number(numbers, std::move(number));
        };
    }
    return parts;
}

/// Away from this machine's loopback it speaks TLS, with the certificate of the public plane.
Result<> Bridge::open_control(call::EventBus& events) {
    const auto& wanted = options_.control;
    if (wanted.token.empty()) return {};
    web::ControlOptions options;
    options.host = wanted.host;
    options.port = wanted.port;
    if (!is_loopback_host(wanted.host)) {
        if (!tls_)
            return fail(Errc::bad_config,
                        fmt::format("AGENTBRIDGE_CONTROL_HOST is {}, which others reach too: that "
                                    "needs TLS. Set AGENTBRIDGE_TLS_CERT and AGENTBRIDGE_TLS_KEY, "
                                    "or 127.0.0.1.",
                                    wanted.host));
        options.tls = tls_;
    }
    web::DoorOptions door{wanted.host, options.tls != nullptr, wanted.token, wanted.session, {}};
    if (options.tls) {
        door.certified = [tls = options.tls](const std::string& name) { return tls->covers(name); };
    }
    options.door = std::make_shared<web::Door>(std::move(door));
    options.metrics = [registry = options_.metrics] { return render_metrics(*registry); };
    options.page.emplace(web::page_files());
    auto& desk = (*shards_)[kDesk];
    auto parts = api_parts();
    parts.door = options.door;
    WorkerPoolOptions pool;
    pool.name = "say";
    pool.threads = 1;  // Flite speaks to one at a time anyway
    pool.capacity = kSayingsWaiting;
    pool.metrics = options_.metrics;
    speech_ = std::make_unique<WorkerPool>(std::move(pool));
    parts.sayings =
        std::make_shared<web::Sayings>(desk.executor(), *registry_, *speech_, wanted.synthesize);
    options.audio = std::make_shared<web::AudioDoor>(*registry_, options_.metrics);
    Result<std::shared_ptr<web::ControlPlane>> made = fail(Errc::internal, "not tried");
    shards_->run_on(kDesk, [&] {
        const auto executor = desk.executor();
        parts.events =
            web::LiveEvents::open({executor, &events, registry_.get(), &desk.clock(), desk_,
                                   options_.metrics, parts.about, parts.transcripts});
        options.api = std::make_shared<web::Api>(executor, std::move(parts));
        made = web::ControlPlane::listen(executor, options);
        if (!made && made.error().code == Errc::exists && !wanted.port_is_fixed) {
            options.port = 0;
            made = web::ControlPlane::listen(executor, options);
        }
        if (made) (*made)->start();
    });
    if (!made) {
        auto error = std::move(made.error());
        error.message +=
            ". Set AGENTBRIDGE_CONTROL_PORT to another port, or to 0 for any free one.";
        return tl::unexpected(std::move(error));
    }
    control_ = std::move(*made);
    log::info("server", "control on {}", control_url());
    return {};
}

/// Where it listens everywhere, this machine's own programs ask it at home.
std::string Bridge::control_url() const {
    if (!control_) return {};
    auto host = options_.control.host;
    const bool secure = !is_loopback_host(host);
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    const bool six = host.find(':') != std::string::npos;
    return fmt::format("http{}://{}{}{}:{}", secure ? "s" : "", six ? "[" : "", host,
                       six ? "]" : "", control_->port());
}

std::string Bridge::page_link() const {
    return control_ ? fmt::format("{}/#token={}", control_url(), options_.control.token.reveal())
                    : std::string();
}

void Bridge::adopt(const call::JournalEntry& entry) {
    auto spec = options_.inbound_call;
    spec.id = entry.id;
    spec.sid = entry.sid;
    spec.direction = entry.direction;
    spec.to = entry.to;
    spec.from = entry.from;
    spec.listen_only = entry.hold == call::Hold::listen_only;
    const auto id = registry_->open(std::move(spec));
    registry_->post(id, call::input::Adopt{entry.state, entry.hold});
}

Result<> Bridge::change_public_url(const std::string& url) {
    auto next = twilio::PublicUrl::parse(url, options_.media_url);
    if (!next) return tl::unexpected(next.error());
    public_url_.change(std::move(*next));
    log::info("server", "the public address is {} now", public_url());
    return {};
}

CallId Bridge::dial(call::CallSpec spec) {
    spec.focus = false;
    const auto id = registry_->open(std::move(spec));
    boost::asio::post(desk_executor(), [desk = desk_, id] { desk->dialled(id); });
    registry_->post(id, call::input::Dial{});
    return id;
}

void Bridge::refuse_new_calls() {
    webhooks_->refuse_new_calls();
    if (control_) control_->drain();
}

void Bridge::stop() {
    if (control_) shards_->run_on(kDesk, [&] { control_->stop(); });
    for (const auto& listener : listeners_) {
        shards_->run_on(listener.shard, [&] { listener.server->stop(); });
    }
    if (!shards_->stop(kLastAnswers))
        log::debug("server", "an io thread had work left and was stopped");
    options_.history->close();
    log::info("server", "stopped");
}

}  // namespace bridge::app
