#include "app/config.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <thread>

#include "app/nearest.hpp"
#include "app/phone_number.hpp"
#include "app/setting_reader.hpp"
#include "audio/echo_canceller.hpp"

extern char** environ;  // NOLINT: POSIX, declared nowhere on macOS

namespace bridge::app {
namespace {

using Kind = Setting::Kind;

constexpr int kMinRate = 8000, kMaxRate = 192000;
constexpr int kMaxWorkers = 256;

bool is_sid(std::string_view text, std::string_view prefix) {
    return text.size() == 34 && text.substr(0, 2) == prefix &&
           text.substr(2).find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::filesystem::path default_state_dir(const std::map<std::string, std::string>& environment) {
    const auto from = [&](const char* name) -> std::filesystem::path {
        const auto found = environment.find(name);
        return found == environment.end() ? std::filesystem::path{}
                                          : std::filesystem::path(found->second);
    };
    const auto home = from("HOME").empty() ? std::filesystem::path(".") : from("HOME");
#if defined(__APPLE__)
    return home / "Library" / "Application Support" / "agentbridge";
#else
    // The XDG base directory specification: a relative path there is to be ignored.
    const auto state = from("XDG_STATE_HOME");
    return (state.is_absolute() ? state : home / ".local" / "state") / "agentbridge";
#endif
}

/// Finds each setting's value, then checks them all; every member of `out` is filled along the way.
class Checker : private SettingReader {
public:
    Checker(const ConfigSources& sources, const ConfigNeeds& needs)
        : SettingReader(sources, out_), sources_(sources), needs_(needs) {}

    LoadedConfig run() {
        out_.problems = sources_.problems;
        if (sources_.file) out_.file = sources_.file->path.string();
        for (const auto& setting : all_settings()) out_.values.push_back(find(setting));
        check_account();
        check_rest_address();
        check_servers();
        check_public_url();
        check_calls();
        check_agents(*this, out_.config.agent);
        check_transcripts(*this, out_.config.transcript);
        if (needs_.agent) check_agent_is_ready(*this, out_.config.agent);
        check_audio();
        check_program();
        look_for_misspelt_names();
        // Alone it is no mistake: a running ngrok agent may know the address.
        if (needs_.public_url && !public_url_known_ && !out_.problems.empty()) {
            missing("PUBLIC_URL",
                    fmt::format("run `ngrok http {}`, whose address is found by itself, or set "
                                "PUBLIC_URL to your https address, or use --tunnel ngrok",
                                out_.config.server_port));
        }
        return std::move(out_);
    }

private:
    void check_account() {
        auto& config = out_.config;
        config.account_sid = text("TWILIO_ACCOUNT_SID");
        if (config.account_sid.empty()) {
            if (needs_.account) {
                missing("TWILIO_ACCOUNT_SID",
                        "copy the Account SID (AC…) from console.twilio.com, or try `agentbridge "
                        "demo`, which needs none");
            }
        } else if (config.account_sid.substr(0, 2) == "SK") {
            wrong("TWILIO_ACCOUNT_SID", "is an API key, not an account",
                  "put it in TWILIO_API_KEY, and the Account SID (AC…) here");
        } else if (!is_sid(config.account_sid, "AC")) {
            wrong("TWILIO_ACCOUNT_SID", "is not an Account SID",
                  "it is AC and 32 hex digits; copy it from console.twilio.com");
        }

        read_auth_tokens();
        config.api_key = text("TWILIO_API_KEY");
        config.api_secret = Secret(text("TWILIO_API_SECRET"));
        if (!config.api_key.empty() && !is_sid(config.api_key, "SK")) {
            wrong("TWILIO_API_KEY", "is not an API key",
                  "it is SK and 32 hex digits; make one at console.twilio.com, or take the line "
                  "away");
        }
        if (!config.api_key.empty() && config.api_secret.empty()) {
            missing("TWILIO_API_SECRET", "set the secret that was shown when the API key was made");
        }
        if (config.api_key.empty() && !config.api_secret.empty()) {
            missing(
                "TWILIO_API_KEY",
                "set the API key (SK…) that TWILIO_API_SECRET belongs to, or take the secret away");
        }
        if (config.auth_tokens.empty() && !problem_about("TWILIO_AUTH_TOKEN")) {
            if (!config.api_key.empty()) {
                missing("TWILIO_AUTH_TOKEN",
                        "an API key is not enough: Twilio signs webhooks with the Auth Token, so "
                        "set it as well");
            } else if (needs_.account) {
                missing("TWILIO_AUTH_TOKEN", "copy the Auth Token from console.twilio.com");
            }
        }

        config.phone_number = text("TWILIO_PHONE_NUMBER");
        if (config.phone_number.empty()) {
            if (needs_.number) {
                missing("TWILIO_PHONE_NUMBER",
                        "set the Twilio number calls come from, as +15551234567");
            }
        } else if (const auto number = parse_phone_number(config.phone_number); !number) {
            const auto& message = number.error().message;
            const auto colon = message.find(": ");
            wrong("TWILIO_PHONE_NUMBER", "is not a phone number",
                  colon == std::string::npos ? message : message.substr(colon + 2));
        }
    }

    void read_auth_tokens() {
        const auto& written = text("TWILIO_AUTH_TOKEN");
        if (written.empty()) return;
        std::vector<std::string> tokens;
        for (std::size_t start = 0; start <= written.size();) {
            const auto comma = std::min(written.find(',', start), written.size());
            tokens.push_back(trimmed(std::string_view(written).substr(start, comma - start)));
            start = comma + 1;
        }
        const auto bad = [](const std::string& token) {
            return token.empty() || token.find_first_of(" \t") != std::string::npos;
        };
        if (tokens.size() > 2 || std::any_of(tokens.begin(), tokens.end(), bad)) {
            wrong("TWILIO_AUTH_TOKEN", "is neither a token nor two with a comma between",
                  "one token, or the new and the old one while you rotate: new,old");
            return;
        }
        for (auto& token : tokens) out_.config.auth_tokens.emplace_back(std::move(token));
    }

    void check_rest_address() {
        auto& config = out_.config;
        if (!text("TWILIO_BASE_URL").empty()) {
            config.base_url =
                url("TWILIO_BASE_URL", {"https"}, {"http"},
                    "https://api.twilio.com, or http://127.0.0.1:8010 for the emulator")
                    .value_or("");
        }
        const auto label = [&](std::string_view name, std::string& into) {
            into = text(name);
            if (into.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
                std::string::npos)
                return;
            wrong(name, "is not a name of Twilio's",
                  "small letters and digits only, such as ie1 and dublin");
        };
        label("TWILIO_REGION", config.region);
        label("TWILIO_EDGE", config.edge);
        if (!config.base_url.empty() && !(config.region.empty() && config.edge.empty())) {
            out_.warnings.push_back(
                "TWILIO_BASE_URL is set, so TWILIO_REGION and TWILIO_EDGE are not used");
        } else if (config.region.empty() != config.edge.empty()) {
            out_.warnings.push_back(
                fmt::format("{} is set without {}: set both or neither",
                            config.region.empty() ? "TWILIO_EDGE" : "TWILIO_REGION",
                            config.region.empty() ? "TWILIO_REGION" : "TWILIO_EDGE"));
        }
        config.ca_file = text("AGENTBRIDGE_CA_FILE");
        std::error_code ignored;
        if (!config.ca_file.empty() && !std::filesystem::is_regular_file(config.ca_file, ignored)) {
            wrong("AGENTBRIDGE_CA_FILE", "is not a file",
                  "give the path of a PEM file, or take it away");
        }
    }

    void check_servers() {
        auto& config = out_.config;
        config.server_host = text("SERVER_HOST");
        boost::system::error_code not_an_address;
        auto host = config.server_host;
        if (host.size() > 2 && host.front() == '[' && host.back() == ']')
            host = host.substr(1, host.size() - 2);
        boost::asio::ip::make_address(host, not_an_address);
        if (lower(host) == "localhost") {
            config.server_host = "127.0.0.1";
        } else if (not_an_address) {
            wrong("SERVER_HOST", "is not an IP address of this machine",
                  "127.0.0.1 behind a tunnel on this machine, 0.0.0.0 for every interface");
        } else {
            config.server_host = host;
        }
        const auto port = [&](std::string_view name, int low, std::uint16_t& into) {
            if (const auto number = integer(name, low, 65535))
                into = static_cast<std::uint16_t>(*number);
        };
        port("SERVER_PORT", 1, config.server_port);
        port("WEBSOCKET_PORT", 0, config.websocket_port);
        if (config.websocket_port == config.server_port) config.websocket_port = 0;
        port("AGENTBRIDGE_CONTROL_PORT", 0, config.control_port);
        config.control_port_named =
            out_.value("AGENTBRIDGE_CONTROL_PORT").origin.kind != Origin::Kind::fallback;
        config.control_host = text("AGENTBRIDGE_CONTROL_HOST");
        if (!text("AGENTBRIDGE_CONTROL_URL").empty()) {
            config.control_url = url("AGENTBRIDGE_CONTROL_URL", {"https"}, {"http"},
                                     "http://127.0.0.1:8080, as the program's own file has it")
                                     .value_or("");
        }
        config.control_token = Secret{text("AGENTBRIDGE_CONTROL_TOKEN")};
        config.tls_certificate = text("AGENTBRIDGE_TLS_CERT");
        config.tls_key = text("AGENTBRIDGE_TLS_KEY");
        if (config.tls_certificate.empty() != config.tls_key.empty()) {
            wrong(config.tls_key.empty() ? "AGENTBRIDGE_TLS_KEY" : "AGENTBRIDGE_TLS_CERT",
                  "is missing: TLS needs the certificate and its key",
                  "set AGENTBRIDGE_TLS_CERT and AGENTBRIDGE_TLS_KEY, or neither behind a tunnel or "
                  "proxy");
        }
        if (!is_loopback_host(config.control_host) && config.tls_certificate.empty()) {
            wrong("AGENTBRIDGE_CONTROL_HOST",
                  "is not a loopback address: others reach it, which needs TLS",
                  "set AGENTBRIDGE_TLS_CERT and AGENTBRIDGE_TLS_KEY, or 127.0.0.1 for you alone");
        }
    }

    void check_public_url() {
        auto& config = out_.config;
        if (!text("PUBLIC_URL").empty()) {
            config.public_url = url("PUBLIC_URL", {"https"}, {"http"},
                                    "https://name.ngrok.app, your tunnel's address")
                                    .value_or("");
        } else if (config.carrier_is_local()) {
            // The emulator runs here, so it reaches us without a tunnel.
            config.public_url =
                fmt::format("{}://127.0.0.1:{}", config.tls_certificate.empty() ? "http" : "https",
                            config.server_port);
        }
        if (!config.tls_certificate.empty() && config.public_url.substr(0, 5) == "http:") {
            wrong("PUBLIC_URL",
                  "is plain http, and AGENTBRIDGE_TLS_CERT makes SERVER_PORT speak TLS",
                  "write it with https");
        }
        if (const auto word = choice("AGENTBRIDGE_TUNNEL")) {
            config.tunnel = *word == "ngrok"         ? TunnelKind::ngrok
                            : *word == "cloudflared" ? TunnelKind::cloudflared
                                                     : TunnelKind::off;
        }
        if (config.tunnel != TunnelKind::off && !config.tls_certificate.empty()) {
            wrong("AGENTBRIDGE_TUNNEL",
                  "brings TLS of its own, and would meet that of AGENTBRIDGE_TLS_CERT behind it",
                  "leave one of them out");
        }
        if (const auto word = choice("AGENTBRIDGE_URL_CHECK")) config.url_check = *word == "on";
        config.ngrok_api = url("AGENTBRIDGE_NGROK_API", {"https"}, {"http"},
                               "http://127.0.0.1:4040, where ngrok listens on this machine")
                               .value_or("");
        public_url_known_ = !text("PUBLIC_URL").empty() || !config.public_url.empty() ||
                            config.tunnel != TunnelKind::off;
        if (!text("AGENTBRIDGE_MEDIA_URL").empty()) {
            auto address = url("AGENTBRIDGE_MEDIA_URL", {"wss", "https"}, {"ws", "http"},
                               "wss://media.name.com")
                               .value_or("");
            if (address.substr(0, 4) == "http") address.replace(0, 4, "ws");
            config.media_url = address;
        }
    }

    void check_calls() {
        auto& config = out_.config;
        if (const auto word = choice("AGENTBRIDGE_STREAM_SIGNATURE")) {
            config.stream_signature =
                *word == "log" ? StreamSignature::log : StreamSignature::require;
        }
        if (const auto word = choice("AGENTBRIDGE_ANSWER")) {
            config.answer = *word == "reject" ? AnswerPolicy::reject
                            : *word == "ring" ? AnswerPolicy::ring
                                              : AnswerPolicy::accept;
        }
        check_use_number();
        if (const auto word = choice("AGENTBRIDGE_UNANSWERED")) {
            config.unanswered = *word == "voicemail" ? Unanswered::voicemail : Unanswered::hang_up;
        }
        config.voicemail_greeting = file("AGENTBRIDGE_VOICEMAIL_GREETING");
        config.hold_music = file("AGENTBRIDGE_HOLD_MUSIC");
        duration("AGENTBRIDGE_VOICEMAIL_LIMIT", 5, 3600, config.voicemail_limit);
        if (const auto word = choice("AGENTBRIDGE_MACHINE_DETECTION")) {
            config.machine_detection = *word == "off"      ? MachineDetection::off
                                       : *word == "enable" ? MachineDetection::enable
                                                           : MachineDetection::detect_message_end;
        }
        check_on_machine();
        check_recordings();
        duration("AGENTBRIDGE_PING_INTERVAL", 1, 3600, config.ping_interval);
        duration("AGENTBRIDGE_RING_TIMEOUT", 5, 600, config.ring_timeout);
        duration("AGENTBRIDGE_TIME_LIMIT", 1, 86400, config.time_limit);
        check_dial_policy();
    }

    void check_recordings() {
        auto& config = out_.config;
        const auto record = text("AGENTBRIDGE_RECORD");
        config.record = !record.empty() && record != "off";
        if (config.record && record != "on") config.record_dir = record;
        if (const auto word = choice("AGENTBRIDGE_RECORD_BY"))
            config.record_by_twilio = *word == "twilio";
        if (const auto word = choice("AGENTBRIDGE_RECORD_AT_TWILIO"))
            config.record_delete_there = *word == "delete";
        if (const auto word = choice("AGENTBRIDGE_RECORD_FORMAT"))
            config.record_form = stores::parse_recording_form(*word).value_or(config.record_form);
        if (const auto word = choice("AGENTBRIDGE_RECORD_ENCODING"))
            config.record_mulaw = *word == "mulaw";
        if (const auto word = choice("AGENTBRIDGE_RECORD_NOTICE"))
            config.record_notice =
                call::parse_recording_notice(*word).value_or(config.record_notice);
    }

    /// An emulator places calls that cost nothing: there only what was set holds.
    void check_dial_policy() {
        auto& config = out_.config;
        const bool free = config.carrier_is_local();
        auto& rules = config.dial_rules;
        rules.own = config.phone_number;
        rules.anywhere = free && text("AGENTBRIDGE_DIAL_ALLOW").empty();
        if (auto read = parse_dial_allow(text("AGENTBRIDGE_DIAL_ALLOW"), rules); !read)
            wrong("AGENTBRIDGE_DIAL_ALLOW",
                  "is not a list of countries and numbers: " + read.error().message,
                  "write it as DE, +8816, or any");
        const auto limit = [&](std::string_view name, int& into) {
            const bool set = value(name).origin.kind != Origin::Kind::fallback;
            const auto most = integer(name, 0, 1'000'000);
            if (most && (set || !free)) into = *most;
        };
        limit("AGENTBRIDGE_DIAL_PER_MINUTE", config.dial_limits.per_minute);
        limit("AGENTBRIDGE_DIAL_CONCURRENT", config.dial_limits.concurrent);
        limit("AGENTBRIDGE_DIAL_MINUTES_PER_DAY", config.dial_limits.minutes_per_day);
    }

    void check_on_machine() {
        auto& config = out_.config;
        constexpr std::string_view kMessage = "message:";
        const auto& written = text("AGENTBRIDGE_ON_MACHINE");
        auto needed = MachineDetection::enable;
        if (lower(written.substr(0, kMessage.size())) == kMessage) {
            config.on_machine = OnMachine::message;
            config.machine_message = written.substr(kMessage.size());
            // Only then does it tell when the machine's own greeting is over.
            needed = MachineDetection::detect_message_end;
            std::error_code ignored;
            if (!std::filesystem::is_regular_file(config.machine_message, ignored))
                wrong("AGENTBRIDGE_ON_MACHINE", "names no file",
                      "give the path of a sound file, as in message:hello.wav");
        } else if (lower(written) == "hangup") {
            config.on_machine = OnMachine::hang_up;
        } else if (lower(written) != "ignore") {
            wrong("AGENTBRIDGE_ON_MACHINE", "is none of its choices",
                  "use ignore, hangup or message:FILE");
        }
        if (config.on_machine != OnMachine::ignore &&
            config.machine_detection == MachineDetection::off)
            config.machine_detection = needed;
    }

    void check_use_number() {
        auto& config = out_.config;
        const auto written = lower(text("AGENTBRIDGE_USE_NUMBER"));
        if (written == "off") return;
        if (written == "on") {
            config.use_number = config.phone_number;
        } else if (const auto number = parse_phone_number(written)) {
            config.use_number = *number;
        } else {
            const auto& message = number.error().message;
            const auto colon = message.find(": ");
            wrong("AGENTBRIDGE_USE_NUMBER", "is neither on, off nor a phone number",
                  colon == std::string::npos ? message : message.substr(colon + 2));
        }
    }

    void check_audio() {
        auto& config = out_.config;
        const auto rate = integer("AUDIO_SAMPLE_RATE", kMinRate, kMaxRate);
        if (rate) config.sample_rate = *rate;
        if (const auto channels = integer("AUDIO_CHANNELS", 1, 2)) config.channels = *channels;
        // 20 ms, one frame, to 2 s, counted at AUDIO_SAMPLE_RATE.
        const auto samples_per_frame = config.sample_rate / 50;
        if (const auto samples = integer(
                "AUDIO_BUFFER_SIZE", samples_per_frame, config.sample_rate * 2,
                fmt::format(
                    "from 20 ms to 2 s at {} Hz; 1024 at 8000 Hz is the default, 2048 helps on a "
                    "bad network",
                    config.sample_rate))) {
            config.buffer_samples = *samples;
        }
        const auto& speaker = value("AGENTBRIDGE_SPEAKER");
        config.speaker = speaker.text;
        config.speaker_named =
            speaker.origin.kind != Origin::Kind::fallback && speaker.text != "default";
        if (const auto word = choice("AGENTBRIDGE_OTHER_CALLS")) {
            config.other_calls = *word == "pan"    ? OtherCalls::pan
                                 : *word == "mute" ? OtherCalls::mute
                                 : *word == "hold" ? OtherCalls::hold
                                                   : OtherCalls::duck;
        }
        if (const auto word = choice("AGENTBRIDGE_PUSH_TO_TALK"))
            config.push_to_talk = *word == "on";
        if (config.speaker == "file:") {
            wrong("AGENTBRIDGE_SPEAKER", "names no file", "write file:call.wav");
        }
        const auto& microphone = value("AGENTBRIDGE_MICROPHONE");
        config.microphone = microphone.text;
        config.microphone_named =
            microphone.origin.kind != Origin::Kind::fallback && microphone.text != "default";
        if (config.microphone == "file:" || config.microphone == "file:,loop") {
            wrong("AGENTBRIDGE_MICROPHONE", "names no file", "write file:speech.wav");
        }
        if (const auto word = choice("AGENTBRIDGE_ECHO_CANCELLATION")) {
            using Engine = audio::MicOptions::EchoEngine;
            config.mic.echo_cancellation = *word != "off";
            config.mic.engine = *word == "webrtc" ? Engine::webrtc : Engine::speex;
            if (*word == "webrtc" && !audio::has_webrtc())
                wrong("AGENTBRIDGE_ECHO_CANCELLATION",
                      "names a canceller that this program was built without", "use speex");
        }
        if (const auto word = choice("AGENTBRIDGE_NOISE_SUPPRESSION"))
            config.mic.noise_suppression = *word == "on";
        if (const auto word = choice("AGENTBRIDGE_AUTO_GAIN"))
            config.mic.gain_control = *word == "on";
        if (const auto word = choice("AGENTBRIDGE_HIGH_PASS")) config.mic.high_pass = *word == "on";
    }

    void check_program() {
        auto& config = out_.config;
        if (const auto level = parse_log_level(text("LOG_LEVEL"))) {
            config.log_level = *level;
        } else {
            const auto close =
                nearest(text("LOG_LEVEL"), {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"});
            wrong("LOG_LEVEL", "is no log level",
                  fmt::format("use DEBUG, INFO, WARNING or ERROR{}",
                              close.empty() ? "" : fmt::format("; did you mean {}?", close)));
        }
        if (const auto word = choice("AGENTBRIDGE_CAPTURE")) config.capture = *word == "on";
        if (const auto word = choice("AGENTBRIDGE_LOG_FORMAT")) config.log_json = *word == "json";
        if (lower(text("AGENTBRIDGE_WORKERS")) == "auto") {
            config.workers =
                std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxWorkers);
        } else if (const auto workers =
                       integer("AGENTBRIDGE_WORKERS", 1, kMaxWorkers,
                               "set it to 1, the default, or to auto: one per core")) {
            config.workers = *workers;
        }
        config.state_dir = text("AGENTBRIDGE_STATE_DIR");
        if (config.state_dir.empty()) {
            config.state_dir = default_state_dir(sources_.environment);
        } else if (std::error_code ignored;
                   std::filesystem::exists(config.state_dir, ignored) &&
                   !std::filesystem::is_directory(config.state_dir, ignored)) {
            wrong("AGENTBRIDGE_STATE_DIR", "is not a folder",
                  "give the path of a folder, or take it away");
        }
        read_history();
    }

    void read_history() {
        if (const auto retain = parse_retention(lower(text("AGENTBRIDGE_RETAIN")))) {
            out_.config.retain = *retain;
        } else {
            wrong("AGENTBRIDGE_RETAIN", "is not a time to keep things",
                  "write 30d, 12h or 4w; forever, the default, forgets nothing");
        }
        const auto& database = text("DATABASE_URL");
        if (database.starts_with("postgres://") || database.starts_with("postgresql://")) {
            out_.config.database_url = Secret(database);
        } else if (!database.empty()) {
            // The name is everybody's: it may be there for another program.
            out_.warnings.push_back(
                fmt::format("DATABASE_URL ({}) is no postgresql:// address: the history is kept in "
                            "the state folder",
                            format_origin(value("DATABASE_URL").origin)));
        }
    }

    /// Our own names anywhere, and in the file also names that are nearly one of the table's.
    void look_for_misspelt_names() {
        std::vector<std::string> known;
        for (const auto& setting : all_settings()) known.emplace_back(setting.name);
        const auto look_at = [&](const std::string& name, const std::string& where,
                                 bool ours_only) {
            if (find_setting(name) != nullptr) return;
            const bool ours = name.substr(0, 12) == "AGENTBRIDGE_";
            const auto close = nearest(name, known);
            const bool near = !close.empty() && edit_distance(name, close) <= 2;
            if (!ours && (ours_only || !near)) return;
            out_.warnings.push_back(
                fmt::format("{} ({}) is not a setting{}", name, where,
                            close.empty() ? "" : fmt::format("; did you mean {}?", close)));
        };
        for (const auto& [name, ignored] : sources_.environment) look_at(name, "environment", true);
        if (!sources_.file) return;
        for (const auto& entry : sources_.file->entries) {
            look_at(entry.name, fmt::format("{} line {}", out_.file, entry.line), false);
        }
        for (const auto line : sources_.file->bad_lines) {
            out_.warnings.push_back(fmt::format(
                "{} line {} cannot be read and is skipped; write NAME=value", out_.file, line));
        }
    }

    const ConfigSources& sources_;
    const ConfigNeeds& needs_;
    bool public_url_known_ = false;
    LoadedConfig out_;
};

}  // namespace

bool Config::carrier_is_local() const {
    return is_loopback_host(host_of_url(base_url));
}

bool LoadedConfig::has_account() const {
    const auto concerns_it = [](const Problem& problem) {
        return problem.setting == "TWILIO_ACCOUNT_SID" || problem.setting == "TWILIO_AUTH_TOKEN" ||
               problem.setting == "TWILIO_BASE_URL";
    };
    return !config.account_sid.empty() && !config.auth_tokens.empty() &&
           std::none_of(problems.begin(), problems.end(), concerns_it);
}

const SettingValue& LoadedConfig::value(std::string_view name) const {
    const auto found = std::find_if(
        values.begin(), values.end(),
        [&](const SettingValue& candidate) { return candidate.setting->name == name; });
    if (found == values.end()) throw std::logic_error(fmt::format("no setting {}", name));
    return *found;
}

std::string takes_calls_for(const Config& config) {
    if (config.server_port == 0) return "";
    const auto carrier = config.base_url.empty()
                             ? fmt::format("Twilio {} {}", config.region, config.edge)
                             : config.base_url;
    return fmt::format("{} at {} on {}:{}", config.account_sid, carrier, config.server_host,
                       config.server_port);
}

LoadedConfig load_config(const ConfigSources& sources, const ConfigNeeds& needs) {
    return Checker(sources, needs).run();
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> out;
    for (auto** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view line(*entry);
        const auto equals = line.find('=');
        if (equals != std::string_view::npos && equals > 0) {
            out.emplace(line.substr(0, equals), line.substr(equals + 1));
        }
    }
    return out;
}

ConfigSources gather_sources(const std::string& env_file, const std::filesystem::path& folder,
                             std::map<std::string, std::string> environment,
                             std::map<std::string, std::string> flags) {
    ConfigSources sources;
    sources.environment = std::move(environment);
    sources.flags = std::move(flags);
    std::error_code ignored;
    const auto path = env_file.empty()
                          ? find_dotenv(folder)
                          : std::optional(std::filesystem::absolute(env_file, ignored));
    sources.looked_for_file = env_file.empty()
                                  ? fmt::format("{} (and the folders above it; there is none)",
                                                (folder / ".env").string())
                                  : path->string();
    if (!path) return sources;
    auto file = read_dotenv(*path, sources.environment);
    if (file) {
        sources.file = std::move(*file);
    } else {
        sources.problems.push_back(
            {env_file.empty() ? ".env" : "--env-file", "", path->string(),
             "cannot be used: " + file.error().message,
             "name a readable file; `agentbridge config init` writes a new one"});
    }
    return sources;
}

std::vector<Secret> secrets_of(const LoadedConfig& loaded) {
    std::vector<Secret> out = loaded.config.auth_tokens;
    for (const auto& value : loaded.values) {
        if (value.setting->secret() && !value.text.empty()) out.emplace_back(value.text);
    }
    return out;
}

}  // namespace bridge::app
