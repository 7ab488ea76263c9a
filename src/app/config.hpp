#pragma once
// Reads the settings, once, from where users put them (flags, environment, .env file, defaults)
// into one plain struct of checked values. All that is wrong is found in one go and told with its
// fix.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/agent_config.hpp"
#include "app/dial_policy.hpp"
#include "app/dotenv.hpp"
#include "app/settings.hpp"
#include "app/transcript_config.hpp"
#include "audio/microphone.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "call/recordings.hpp"
#include "stores/recording_file.hpp"

namespace bridge::app {

enum class StreamSignature { require, log };
enum class AnswerPolicy { accept, ring, reject };
enum class Unanswered { hang_up, voicemail };
enum class OtherCalls { duck, pan, mute, hold };
enum class TunnelKind { off, ngrok, cloudflared };
enum class MachineDetection { off, enable, detect_message_end };
enum class OnMachine { ignore, hang_up, message };

/// The values, parsed and checked. Read-only after start-up.
struct Config {
    // Twilio account
    std::string account_sid;
    std::vector<Secret>
        auth_tokens;      ///< one, or two during rotation; the first signs REST requests
    std::string api_key;  ///< empty: REST uses account SID and Auth Token
    Secret api_secret;
    std::string phone_number;  ///< E.164
    std::string base_url;      ///< no slash at the end; empty: api.twilio.com, with region and edge
    std::string region, edge;
    std::string ca_file;

    // Servers
    std::string server_host = "127.0.0.1";
    std::uint16_t server_port = 8000;
    std::uint16_t websocket_port = 8001;  ///< 0: off
    std::string public_url;               ///< http(s)://host[:port][/path], no slash at the end
    TunnelKind tunnel = TunnelKind::off;
    std::string ngrok_api = "http://127.0.0.1:4040";  ///< no slash at the end
    bool url_check = true;  ///< public_url is asked whether it leads here before a call
    std::string media_url;  ///< ws(s)://…, no slash at the end; empty: made from public_url
    std::string tls_certificate, tls_key;  ///< PEM files; empty: plain. Both or neither
    StreamSignature stream_signature = StreamSignature::require;

    // Calls
    AnswerPolicy answer = AnswerPolicy::accept;
    std::string use_number;                       ///< that `serve` points here, E.164; empty: none
    Unanswered unanswered = Unanswered::hang_up;  ///< of an inbound call that rang
    std::string voicemail_greeting, hold_music;   ///< sound files; empty: our own
    std::chrono::seconds voicemail_limit{120};
    std::chrono::seconds ping_interval{15};  ///< of a silent media socket
    std::chrono::seconds ring_timeout{30};
    std::chrono::seconds time_limit{14400};
    OnMachine on_machine = OnMachine::ignore;  ///< when a machine answers a call of ours
    std::string machine_message;               ///< sound file that it is told; empty: none
    MachineDetection machine_detection = MachineDetection::off;  ///< on if `on_machine` needs it

    // Recordings
    bool record = false;               ///< every call
    std::filesystem::path record_dir;  ///< where they are kept; empty: in the state folder
    bool record_by_twilio = false;
    bool record_delete_there = false;  ///< Twilio's copy, once it was fetched
    stores::RecordingForm record_form = stores::RecordingForm::wav;
    bool record_mulaw = false;
    call::RecordingNotice record_notice = call::RecordingNotice::none;

    bool capture = false;  ///< every call is captured, for `agentbridge replay`

    DialRules dial_rules;
    DialLimits dial_limits;

    AgentConfig agent;
    TranscriptConfig transcript;

    // Audio
    int sample_rate = 8000;  ///< Hz; what buffer_samples is counted in
    int channels = 1;
    int buffer_samples = 1024;
    std::string speaker = "default";  ///< default, null, none, file:PATH or a device's name
    bool speaker_named = false;  ///< it came from a flag or setting: a missing device is an error
    std::string microphone =
        "default";  ///< default, null, none, file:PATH[,loop] or a device's name
    bool microphone_named = false;
    audio::MicOptions mic;                      ///< what is done to the microphone's sound
    OtherCalls other_calls = OtherCalls::duck;  ///< those the person here does not speak to
    bool push_to_talk = false;
    std::chrono::milliseconds playout_ceiling() const {
        return std::chrono::milliseconds(std::int64_t{1000} * buffer_samples / sample_rate);
    }

    // Program
    log::Level log_level = log::Level::info;
    bool log_json = false;
    int workers = 1;
    std::filesystem::path state_dir;
    Secret database_url;  ///< of the history, postgresql://…; empty: a file in the state folder
    std::optional<std::chrono::seconds> retain;  ///< calls are forgotten after it; nothing: never
    std::string control_host = "127.0.0.1";
    std::uint16_t control_port = 8080;  ///< 0: any free port
    bool control_port_named = false;    ///< it came from a setting: a taken port is an error
    std::string control_url;  ///< of another program, to steer; empty: found in the state folder
    Secret control_token;

    /// Where recordings are kept.
    std::filesystem::path recording_folder() const {
        return record_dir.empty() ? state_dir / "recordings" : record_dir;
    }
    /// True when REST goes to a loopback address: the emulator, not a carrier that costs money.
    bool carrier_is_local() const;
};

/// Where a value came from.
struct Origin {
    enum class Kind { fallback, file, environment, flag } kind = Kind::fallback;
    std::string file;  ///< path, for a value of the file
    int line = 0;
    std::string flag;  ///< "--log-level"
};
/// "default", ".env line 3", "environment", "--log-level".
std::string format_origin(const Origin& origin);

/// One setting as it was found.
struct SettingValue {
    const Setting* setting = nullptr;
    std::string text;  ///< empty: unset. May be a secret: show it with `shown`
    Origin origin;
    bool placeholder = false;   ///< the example's text was found there; it counts as unset
    std::string shown() const;  ///< for people; secrets masked
};

/// One thing that is wrong.
struct Problem {
    std::string setting;
    std::string value;  ///< the wrong value, masked if secret; empty: unset
    std::string where;  ///< where it came from, or where it was looked for
    std::string what;
    std::string fix;
};
/// "TWILIO_AUTH_TOKEN is not set …", over at most three lines, without a line feed at the end.
std::string format_problem(const Problem& problem);

/// Where the values are read from.
struct ConfigSources {
    std::map<std::string, std::string> flags;  ///< setting → value, from the command line
    std::map<std::string, std::string> environment;
    std::optional<Dotenv> file;
    std::string
        looked_for_file;  ///< for messages: "/home/me/project/.env and the folders above it"
    std::vector<Problem>
        problems;  ///< met while gathering (a file that was named and cannot be read)
};

/// What a command needs to be set; what is set is checked in any case.
struct ConfigNeeds {
    bool account = false;     ///< account SID, Auth Token
    bool number = false;      ///< TWILIO_PHONE_NUMBER
    bool public_url = false;  ///< set, or to be found: by a tunnel, or a running ngrok agent
    bool agent = false;       ///< what the agent that is asked for needs
};

struct LoadedConfig {
    Config config;                     ///< usable if there are no problems
    std::vector<SettingValue> values;  ///< in the order of all_settings()
    std::vector<Problem> problems;
    std::vector<std::string> warnings;  ///< one line each
    std::string file;                   ///< the .env that was read, empty: none
    const SettingValue& value(std::string_view name) const;
    /// Twilio may be asked: account and REST address are set, and nothing is wrong with them.
    bool has_account() const;
};

/// What a program that runs on these settings takes calls for: account, carrier and address. Two
/// programs of which that is the same cannot run beside each other. Empty: any free port will do.
std::string takes_calls_for(const Config& config);

LoadedConfig load_config(const ConfigSources& sources, const ConfigNeeds& needs);

/// The process's environment.
std::map<std::string, std::string> process_environment();
/// Reads `env_file`, or, when that is empty, the nearest .env from `folder` upwards.
ConfigSources gather_sources(const std::string& env_file, const std::filesystem::path& folder,
                             std::map<std::string, std::string> environment,
                             std::map<std::string, std::string> flags);

/// Every secret among the values, for log::hide.
std::vector<Secret> secrets_of(const LoadedConfig& loaded);

/// `seconds`, or with a unit: "90", "90s", "15m", "4h". Errors: bad_field.
Result<std::chrono::seconds> parse_duration(std::string_view text);
/// How long something is kept: "30d", "12h", "4w"; "forever" and "0": nothing, for ever. Errors:
/// bad_field.
Result<std::optional<std::chrono::seconds>> parse_retention(std::string_view text);
/// Python's names, any case: DEBUG INFO WARNING (WARN) ERROR (CRITICAL, FATAL). Errors: bad_field.
Result<log::Level> parse_log_level(std::string_view text);
/// "host.name" of "https://host.name:8443/path", "[::1]" with its brackets; empty without a scheme.
/// (Boost.URL 1.81 takes 127.0.0.1.evil.net for 127.0.0.1, and a plain http:// there must not
/// pass.)
std::string_view host_of_url(std::string_view url);
/// localhost, 127.x.x.x, [::1].
bool is_loopback_host(std::string_view host);

}  // namespace bridge::app
