#include "app/doctor/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/numbers.hpp"

namespace bridge::app {
namespace {

using Status = Finding::Status;
using Holder = PortState::Holder;

constexpr std::chrono::seconds kSkewThatMatters{30};
constexpr auto kUnchecked = "no answer within the time doctor takes";

std::string_view word_of(Status status) {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::warn:
            return "warn";
        case Status::fail:
            return "fail";
        case Status::skip:
            return "skip";
    }
    return "";
}

/// Two addresses that mean the same to Twilio.
bool means_the_same(std::string a, std::string b) {
    const auto plain = [](std::string& url) {
        while (url.ends_with('/')) url.pop_back();
        const auto path = url.find('/', url.find("://") + 3);
        std::transform(
            url.begin(),
            path == std::string::npos ? url.end() : url.begin() + static_cast<std::ptrdiff_t>(path),
            url.begin(),
            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    };
    plain(a);
    plain(b);
    return a == b;
}

class Judge {
public:
    explicit Judge(const Facts& facts) : facts_(facts), config_(facts.loaded.config) {}

    std::vector<Finding> run() {
        settings();
        account();
        number();
        clock();
        port("server-port", "SERVER_PORT", config_.server_port, facts_.server_port);
        if (config_.websocket_port != 0)
            port("websocket-port", "WEBSOCKET_PORT", config_.websocket_port, facts_.websocket_port);
        tunnel();
        public_url();
        signature();
        websocket();
        webhook();
        left_numbers();
        sound();
        microphone();
        state_dir();
        return std::move(out_);
    }

private:
    void say(Status status, std::string check, std::string what, std::string fix = {},
             ExitCode exit = ExitCode::failure, std::chrono::milliseconds took = {}) {
        out_.push_back({status, std::move(check), std::move(what), std::move(fix), took, exit});
    }
    void ok(std::string check, std::string what, std::chrono::milliseconds took = {}) {
        say(Status::ok, std::move(check), std::move(what), {}, ExitCode::ok, took);
    }
    void skip(std::string check, std::string why) {
        say(Status::skip, std::move(check), std::move(why));
    }
    bool wrong(std::string_view setting) const {
        return std::any_of(facts_.loaded.problems.begin(), facts_.loaded.problems.end(),
                           [&](const Problem& problem) { return problem.setting == setting; });
    }

    void settings() {
        for (const auto& problem : facts_.loaded.problems) {
            say(Status::fail, "configuration",
                fmt::format("{}{} {}{}", problem.setting,
                            problem.value.empty() ? "" : " is " + problem.value + ": it",
                            problem.what, problem.where.empty() ? "" : " (" + problem.where + ")"),
                problem.fix, ExitCode::configuration);
        }
        for (const auto& warning : facts_.loaded.warnings)
            say(Status::warn, "configuration", warning, "correct the name, or take it away");
        if (facts_.loaded.problems.empty() && facts_.loaded.warnings.empty()) {
            ok("configuration", facts_.loaded.file.empty()
                                    ? std::string("the settings are complete; there is no .env")
                                    : "the settings are complete; " + facts_.loaded.file);
        }
    }

    bool has_account() const { return facts_.loaded.has_account(); }

    void account() {
        if (!has_account()) return skip("account", "the account is not configured");
        const auto where =
            config_.base_url.empty() ? std::string("api.twilio.com") : config_.base_url;
        if (!facts_.account) {
            return say(Status::fail, "account", fmt::format("{} did not answer in time", where),
                       "is this machine online? Behind a proxy, set https_proxy", ExitCode::failure,
                       facts_.account_took);
        }
        const auto& account = *facts_.account;
        if (!account && account.error().code == Errc::unauthorized) {
            return say(Status::fail, "account", account.error().message,
                       config_.api_key.empty()
                           ? "copy Account SID and Auth Token again from console.twilio.com"
                           : "make a new API key at console.twilio.com, or take it away",
                       ExitCode::authentication, facts_.account_took);
        }
        if (!account) {
            return say(Status::fail, "account", account.error().message,
                       "is this machine online? Behind a proxy, set https_proxy", ExitCode::failure,
                       facts_.account_took);
        }
        if (!account->status.empty() && account->status != "active") {
            return say(Status::fail, "account", fmt::format("the account is {}", account->status),
                       "open console.twilio.com, which says why", ExitCode::failure,
                       facts_.account_took);
        }
        if (account->trial()) {
            return say(Status::warn, "account",
                       "this is a trial account: it calls verified numbers only, plays a message "
                       "first, and may strip the media stream, so that nothing is heard",
                       "verify each callee at console.twilio.com (Verified Caller IDs), or upgrade "
                       "the account",
                       ExitCode::ok, facts_.account_took);
        }
        ok("account",
           fmt::format("{} answers; the account is active",
                       config_.base_url.empty() ? std::string("Twilio") : config_.base_url),
           facts_.account_took);
    }

    bool account_is_good() const { return facts_.account && facts_.account->has_value(); }

    const twilio::PhoneNumber* our_number() const {
        if (!facts_.numbers || !*facts_.numbers) return nullptr;
        for (const auto& number : **facts_.numbers) {
            if (number.number == config_.phone_number) return &number;
        }
        return nullptr;
    }

    void number() {
        if (config_.phone_number.empty() || !account_is_good())
            return skip("number", "needs the account and TWILIO_PHONE_NUMBER");
        if (!facts_.numbers || !*facts_.numbers) {
            return say(Status::warn, "number",
                       facts_.numbers ? facts_.numbers->error().message
                                      : fmt::format("the list of numbers: {}", kUnchecked),
                       "run doctor again", ExitCode::ok, facts_.numbers_took);
        }
        const auto* number = our_number();
        if (number == nullptr) {
            std::vector<std::string> owned;
            for (const auto& one : **facts_.numbers) owned.push_back(one.number);
            if (owned.size() > 3) owned.resize(3);
            return say(Status::fail, "number",
                       fmt::format("{} is not a number of this account", config_.phone_number),
                       owned.empty() ? std::string("buy a number at console.twilio.com, and set "
                                                   "TWILIO_PHONE_NUMBER to it")
                                     : fmt::format("set TWILIO_PHONE_NUMBER to one it has: {}",
                                                   fmt::join(owned, ", ")),
                       ExitCode::configuration, facts_.numbers_took);
        }
        if (!number->voice) {
            return say(Status::fail, "number",
                       fmt::format("{} cannot make or take calls: it has no voice", number->number),
                       "choose a number with the voice capability", ExitCode::configuration,
                       facts_.numbers_took);
        }
        ok("number", fmt::format("{} is on the account and has voice", number->number),
           facts_.numbers_took);
    }

    void clock() {
        if (!facts_.clock_behind) return skip("clock", "no other clock to compare with");
        const auto behind = *facts_.clock_behind;
        if (behind > kSkewThatMatters || behind < -kSkewThatMatters) {
            return say(Status::warn, "clock",
                       fmt::format("this machine's clock is {} s {} Twilio's",
                                   behind.count() < 0 ? -behind.count() : behind.count(),
                                   behind.count() > 0 ? "behind" : "ahead of"),
#if defined(__APPLE__)
                       "run: sudo sntp -sS time.apple.com"
#else
                       "run: sudo timedatectl set-ntp true"
#endif
            );
        }
        ok("clock", "it agrees with Twilio's");
    }

    void port(std::string check, std::string_view setting, std::uint16_t number,
              const PortState& state) {
        const auto where = fmt::format("{}:{}", config_.server_host, number);
        switch (state.holder) {
            case Holder::free:
                return ok(std::move(check), fmt::format("{} is free", where));
            case Holder::us:
                return ok(std::move(check), fmt::format("{} is held by a running agentbridge of "
                                                        "this account",
                                                        where));
            case Holder::bad_host:
                return say(Status::fail, std::move(check), state.error,
                           "set SERVER_HOST to 127.0.0.1, or 0.0.0.0", ExitCode::configuration);
            case Holder::bad_tls:
                return say(Status::fail, std::move(check), state.error,
                           "set AGENTBRIDGE_TLS_CERT and AGENTBRIDGE_TLS_KEY to a certificate and "
                           "its key, or to nothing",
                           ExitCode::configuration);
            case Holder::other:
                break;
        }
        say(Status::fail, std::move(check),
            fmt::format("{} is held by {}", where,
                        state.name.empty() ? "another program" : state.name),
            fmt::format("end it, or set {} to another port{}", setting,
                        state.name.empty() ? fmt::format(" (lsof -i :{} names it)", number) : ""),
            ExitCode::configuration);
    }

    bool port_is_lost() const {
        return facts_.server_port.holder == Holder::other ||
               facts_.server_port.holder == Holder::bad_host ||
               facts_.server_port.holder == Holder::bad_tls;
    }

    /// The address in use is one that an ngrok agent of this machine must serve.
    bool url_is_ngroks() const {
        const auto host = std::string(host_of_url(facts_.url));
        return host.find(".ngrok") != std::string::npos;
    }

    void tunnel() {
        const bool own = config_.tunnel != TunnelKind::off;
        const auto name = config_.tunnel == TunnelKind::cloudflared ? "cloudflared" : "ngrok";
        if (own && !facts_.tunnel_installed) {
            tunnel_failed_ = true;
            return say(Status::fail, "tunnel",
                       fmt::format("AGENTBRIDGE_TUNNEL is {}, which is not in PATH", name),
                       fmt::format("install it ({}), or take the setting away",
                                   config_.tunnel == TunnelKind::cloudflared
                                       ? "https://github.com/cloudflare/cloudflared/releases"
                                       : "https://ngrok.com/download"),
                       ExitCode::configuration);
        }
        if (own) {
            return ok("tunnel",
                      fmt::format("{} is installed; it is started with the program", name));
        }
        if (facts_.agent_answers && !facts_.agent.url.empty()) {
            return ok("tunnel", fmt::format("the ngrok agent's {} leads to port {}",
                                            facts_.agent.url, config_.server_port));
        }
        const bool needed = facts_.url.empty() || (url_is_ngroks() && !reached());
        if (facts_.agent_answers && needed && facts_.server_port.holder != Holder::us) {
            tunnel_failed_ = true;
            return say(Status::fail, "tunnel", facts_.agent.what, facts_.agent.fix,
                       ExitCode::public_url_unreachable);
        }
        if (facts_.agent_answers) return ok("tunnel", "an ngrok agent runs, for something else");
        skip("tunnel", "no ngrok agent runs on this machine, and none is asked for");
    }

    bool reached() const {
        return facts_.webhook && facts_.webhook->answered() &&
               facts_.webhook->report.instance == facts_.instance;
    }

    void public_url() {
        if (wrong("PUBLIC_URL")) return skip("public-url", "PUBLIC_URL is wrong, see above");
        if (facts_.url.empty()) {
            if (tunnel_failed_) return skip("public-url", "there is no address, see above");
            if (config_.tunnel != TunnelKind::off)
                return skip("public-url", "known when the tunnel is started");
            const auto& value = facts_.loaded.value("PUBLIC_URL");
            return say(
                Status::fail, "public-url",
                fmt::format("PUBLIC_URL {}, and no ngrok agent answers at {}",
                            value.placeholder ? fmt::format("still has the example's text ({})",
                                                            format_origin(value.origin))
                                              : std::string("is not set"),
                            config_.ngrok_api),
                fmt::format("run `ngrok http {}`, whose address is found by itself",
                            config_.server_port),
                ExitCode::configuration);
        }
        const bool here = is_loopback_host(host_of_url(facts_.url));
        if (here && !config_.carrier_is_local()) {
            return say(
                Status::fail, "public-url",
                fmt::format("{} is this machine itself, which Twilio cannot reach", facts_.url),
                fmt::format("run `ngrok http {}` and set PUBLIC_URL to its https address",
                            config_.server_port),
                ExitCode::public_url_unreachable);
        }
        if (!has_account())
            return skip("public-url", "the probe is sealed with the Auth Token, which is missing");
        if (port_is_lost())
            return skip("public-url", "this program cannot listen, see server-port");
        if (tunnel_failed_) return skip("public-url", "see tunnel");
        if (!facts_.webhook) {
            return say(Status::fail, "public-url", fmt::format("{}: {}", facts_.url, kUnchecked),
                       fmt::format("start the tunnel again: ngrok http {}", config_.server_port),
                       ExitCode::public_url_unreachable, facts_.webhook_took);
        }
        const auto& probe = *facts_.webhook;
        if (reached()) {
            return ok("public-url", fmt::format("{} leads here", facts_.url), facts_.webhook_took);
        }
        if (probe.answered()) {
            return say(Status::fail, "public-url",
                       fmt::format("another agentbridge of this account answers at {}", facts_.url),
                       fmt::format("end that one, or have the tunnel lead to port {} here",
                                   config_.server_port),
                       ExitCode::public_url_unreachable, facts_.webhook_took);
        }
        auto fix = probe.fix;
        if (facts_.agent_answers && !facts_.agent.url.empty() && facts_.agent.url != facts_.url)
            fix = fmt::format("set PUBLIC_URL={}, the running ngrok agent's, or take it away",
                              facts_.agent.url);
        say(Status::fail, "public-url",
            fmt::format("{} does not lead here: {}", facts_.url, probe.what), std::move(fix),
            ExitCode::public_url_unreachable, facts_.webhook_took);
    }

    void signature() {
        if (!reached()) return skip("signature", "needs a public URL that leads here");
        const auto& report = facts_.webhook->report;
        if (report.signature_right)
            return ok("signature", "a signed request arrives as it was signed");
        if (report.public_url != facts_.url) {
            return say(Status::fail, "signature",
                       fmt::format("the running program was told {} as its public URL, these "
                                   "settings say {}",
                                   report.public_url, facts_.url),
                       "start it again with these settings");
        }
        say(Status::fail, "signature",
            fmt::format("a signed request does not arrive as it was signed: {}", report.cause),
            report.signature_came
                ? "have the tunnel or proxy pass path, query and body on as they are"
                : "have the tunnel or proxy pass the header X-Twilio-Signature on");
    }

    void websocket() {
        if (!reached()) return skip("websocket", "needs a public URL that leads here");
        if (!facts_.upgrade) {
            return say(Status::fail, "websocket",
                       fmt::format("the WebSocket upgrade at {}: {}", facts_.url, kUnchecked),
                       "have the tunnel or proxy pass WebSockets on",
                       ExitCode::public_url_unreachable, facts_.upgrade_took);
        }
        const auto& probe = *facts_.upgrade;
        if (!probe.answered()) {
            return say(Status::fail, "websocket", probe.what, probe.fix,
                       ExitCode::public_url_unreachable, facts_.upgrade_took);
        }
        if (probe.report.instance != facts_.instance) {
            return say(Status::fail, "websocket",
                       "the media socket's address leads to another agentbridge",
                       "set AGENTBRIDGE_MEDIA_URL to this machine's, or take it away",
                       ExitCode::public_url_unreachable, facts_.upgrade_took);
        }
        // One fault, one finding: what spoils a webhook's signature is told there.
        const bool told = !facts_.webhook->report.signature_right;
        if (!probe.report.signature_right && !told &&
            config_.stream_signature == StreamSignature::require) {
            return say(Status::fail, "websocket",
                       fmt::format("a signed upgrade does not arrive as it was signed: {}",
                                   probe.report.cause),
                       probe.report.signature_came
                           ? "have the tunnel or proxy pass the path on as it is"
                           : "have the tunnel or proxy pass the header X-Twilio-Signature on");
        }
        ok("websocket", "media sockets get through", facts_.upgrade_took);
    }

    std::string set_voice_url(const twilio::PhoneNumber& number, std::string_view clear) const {
        return fmt::format(
            "run: curl -u \"$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN\" {}/2010-04-01/Accounts/"
            "$TWILIO_ACCOUNT_SID/IncomingPhoneNumbers/{}.json -d {}",
            config_.base_url.empty() ? twilio::rest_base_url(config_.region, config_.edge)
                                     : config_.base_url,
            number.sid,
            clear.empty() ? fmt::format("VoiceUrl={}/twilio/voice -d VoiceMethod=POST", facts_.url)
                          : std::string(clear));
    }

    void webhook() {
        const auto* number = our_number();
        if (number == nullptr || !number->voice) return skip("number-webhook", "needs the number");
        if (!number->trunk_sid.empty()) {
            return say(Status::warn, "number-webhook",
                       fmt::format("inbound calls go to the number's SIP trunk {}, not to its "
                                   "webhook",
                                   number->trunk_sid),
                       set_voice_url(*number, "TrunkSid="), ExitCode::ok);
        }
        if (!number->voice_application_sid.empty()) {
            return say(Status::warn, "number-webhook",
                       fmt::format("inbound calls go to the TwiML application {}, not to the "
                                   "number's webhook",
                                   number->voice_application_sid),
                       set_voice_url(*number, "VoiceApplicationSid="), ExitCode::ok);
        }
        if (facts_.url.empty()) return skip("number-webhook", "needs a public URL to compare with");
        if (means_the_same(number->voice_url, facts_.url + "/twilio/voice"))
            return ok("number-webhook", "inbound calls come here");
        say(Status::warn, "number-webhook",
            number->voice_url.empty()
                ? fmt::format("{} has no voice webhook: inbound calls do not come here",
                              number->number)
                : fmt::format("inbound calls of {} go to {}, not here", number->number,
                              number->voice_url),
            set_voice_url(*number, {}), ExitCode::ok);
    }

    void left_numbers() {
        for (const auto& number : facts_.left_numbers) {
            say(Status::warn, "number-left",
                fmt::format("{} was pointed to a program (process {}) that has ended without "
                            "giving it back; before, its calls went {}",
                            number.number, process_of(number.instance),
                            format_routing(number.former)),
                fmt::format("run: agentbridge numbers restore {}", number.number), ExitCode::ok);
        }
    }

    void sound() {
        const auto& sound = facts_.sound;
        if (config_.speaker == "none") return skip("audio-out", "no sound is asked for");
        if (!sound.done) {
            return say(Status::fail, "audio-out", "the sound system does not answer",
                       "restart the sound server, or use --no-audio");
        }
        if (sound.error) {
            const bool missing = sound.error->code == Errc::no_device;
            return say(Status::fail, "audio-out", sound.error->message,
                       missing ? "set AGENTBRIDGE_SPEAKER to a name of `agentbridge devices list`, "
                                 "or take it away"
                               : "look at `agentbridge devices test`",
                       missing && config_.speaker_named ? ExitCode::no_device : ExitCode::failure);
        }
        if (!sound.fell_back.empty()) {
            return say(Status::warn, "audio-out",
                       fmt::format("{}; the call goes on, unheard", sound.fell_back),
                       "connect a sound card, or keep the sound with --speaker file:call.wav");
        }
        ok("audio-out", fmt::format("{} opens", sound.device));
    }

    void microphone() {
        const auto& sound = facts_.sound;
        if (config_.microphone == "none") return skip("audio-in", "no microphone is asked for");
        if (!sound.done) return skip("audio-in", "the sound system does not answer");
        if (sound.microphone_error) {
            const bool missing = sound.microphone_error->code == Errc::no_device;
            return say(Status::fail, "audio-in", sound.microphone_error->message,
                       missing ? "set AGENTBRIDGE_MICROPHONE to a name of `agentbridge devices "
                                 "list`, or take it away"
                               : "look at `agentbridge devices test`",
                       missing ? ExitCode::no_device : ExitCode::failure);
        }
        if (sound.microphone.empty())
            return skip("audio-in", "no microphone; none is needed to listen");
        ok("audio-in",
           fmt::format("{} opens; `agentbridge devices test` hears it", sound.microphone));
    }

    void state_dir() {
        if (wrong("AGENTBRIDGE_STATE_DIR")) return;
        if (!facts_.state_dir_problem.empty()) {
            return say(Status::fail, "state-dir", facts_.state_dir_problem,
                       "set AGENTBRIDGE_STATE_DIR to a folder of yours", ExitCode::configuration);
        }
        ok("state-dir", fmt::format("{} can be written", config_.state_dir.string()));
    }

    const Facts& facts_;
    const Config& config_;
    bool tunnel_failed_ = false;
    std::vector<Finding> out_;
};

}  // namespace

std::vector<Finding> judge(const Facts& facts) {
    return Judge(facts).run();
}

ExitCode exit_of(const std::vector<Finding>& findings) {
    constexpr std::array order{ExitCode::configuration, ExitCode::authentication,
                               ExitCode::public_url_unreachable, ExitCode::no_device,
                               ExitCode::failure};
    for (const auto code : order) {
        for (const auto& finding : findings) {
            if (finding.status == Status::fail && finding.exit == code) return code;
        }
    }
    return ExitCode::ok;
}

std::string format_findings(const std::vector<Finding>& findings, bool color) {
    std::size_t width = 0;
    for (const auto& finding : findings) width = std::max(width, finding.check.size());
    std::string out;
    for (const auto& finding : findings) {
        const auto* shade = finding.status == Status::ok     ? "\033[32m"
                            : finding.status == Status::warn ? "\033[33m"
                            : finding.status == Status::fail ? "\033[31m"
                                                             : "\033[2m";
        out += fmt::format("{}{:<4}{}  {:<{}}  {}\n", color ? shade : "", word_of(finding.status),
                           color ? "\033[0m" : "", finding.check, width, finding.what);
        if (!finding.fix.empty()) out += fmt::format("{:>{}}fix: {}\n", "", width + 8, finding.fix);
    }
    return out;
}

std::string format_findings_json(const std::vector<Finding>& findings) {
    boost::json::array out;
    for (const auto& finding : findings) {
        out.push_back(boost::json::object{{"check", finding.check},
                                          {"status", word_of(finding.status)},
                                          {"what", finding.what},
                                          {"fix", finding.fix},
                                          {"took_ms", finding.took.count()}});
    }
    return boost::json::serialize(out) + "\n";
}

}  // namespace bridge::app
