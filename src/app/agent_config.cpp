#include "app/agent_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <locale>
#include <sstream>
#include <vector>

#include "app/nearest.hpp"
#include "app/phone_number.hpp"
#include "app/setting_reader.hpp"
#include "base/error.hpp"

namespace bridge::app {
namespace {

constexpr std::size_t kLongestText = 100'000;

/// The text itself, or, after an @, that of a file.
std::string text_or_file(SettingReader& read, std::string_view name) {
    const auto& written = read.text(name);
    if (!written.starts_with('@')) return written;
    std::ifstream in(written.substr(1), std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (!in.is_open() || in.bad()) {
        read.wrong(name, "names a file that cannot be read", "write @ and the path of a text file");
    } else if (text.size() > kLongestText) {
        read.wrong(name, fmt::format("names a file of over {} bytes", kLongestText),
                   "make it shorter");
    }
    return text;
}

/// Plain http and ws are for this machine alone.
std::string service_url(SettingReader& read, std::string_view name, std::string_view secure,
                        SettingReader::Query query = SettingReader::Query::refused) {
    const auto plain = secure == "wss" ? "ws" : "http";
    return read.url(name, {secure}, {plain}, std::string(find_setting(name)->fallback), query)
        .value_or("");
}

/// RFC 9110's token: what a header's name is made of.
bool is_header_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                   std::string_view::npos;
    });
}

void check_fallback(SettingReader& read, AgentConfig& out) {
    using Fallback = AgentConfig::Fallback;
    const auto word = lower(read.text("AGENTBRIDGE_AGENT_FALLBACK"));
    if (word == "auto") {
        out.fallback = Fallback::automatic;
    } else if (word == "hangup") {
        out.fallback = Fallback::hang_up;
    } else if (word == "person") {
        out.fallback = Fallback::person;
    } else if (const auto target = parse_target(read.text("AGENTBRIDGE_AGENT_FALLBACK"))) {
        out.fallback = Fallback::transfer;
        out.transfer_to = *target;
    } else {
        read.wrong("AGENTBRIDGE_AGENT_FALLBACK", "is neither a word it knows nor somebody to call",
                   "use auto, hangup, person, +15551234567, sip:user@host or client:name");
    }
}

/// From `low` to `high`; else a problem, and `otherwise`.
double number(SettingReader& read, std::string_view name, double low, double high,
              double otherwise) {
    const auto& written = read.text(name);
    double value = 0;
    std::istringstream in(written);
    in.imbue(std::locale::classic());
    if (in >> value && in.eof() && value >= low && value <= high) return value;
    read.wrong(name, fmt::format("is not a number from {} to {}", low, high),
               fmt::format("set it to {}, the default", find_setting(name)->fallback));
    return otherwise;
}

void check_openai(SettingReader& read, AgentConfig& out) {
    auto& openai = out.openai;
    openai.key = Secret(read.text("OPENAI_API_KEY"));
    openai.model = read.text("AGENTBRIDGE_OPENAI_MODEL");
    openai.voice = read.text("AGENTBRIDGE_OPENAI_VOICE");
    openai.url = service_url(read, "AGENTBRIDGE_OPENAI_URL", "wss", SettingReader::Query::allowed);
    openai.key_header = read.text("AGENTBRIDGE_OPENAI_KEY_HEADER");
    if (!openai.key_header.empty() && !is_header_name(openai.key_header))
        read.wrong("AGENTBRIDGE_OPENAI_KEY_HEADER", "is no header's name",
                   "write the name alone, such as api-key; the key is in OPENAI_API_KEY");
    if (const auto word = read.choice("AGENTBRIDGE_OPENAI_BETA")) openai.beta = *word == "on";
    openai.speed = number(read, "AGENTBRIDGE_OPENAI_SPEED", 0.25, 1.5, openai.speed);
    if (const auto most = read.integer("AGENTBRIDGE_OPENAI_MAX_TOKENS", 0, 4096))
        openai.max_output_tokens = *most;
    openai.vad_threshold =
        number(read, "AGENTBRIDGE_OPENAI_VAD_THRESHOLD", 0, 1, openai.vad_threshold);
    if (const auto word = read.choice("AGENTBRIDGE_OPENAI_EAGERNESS")) openai.eagerness = *word;
    if (const auto word = read.choice("AGENTBRIDGE_OPENAI_TURNS")) {
        using Turns = agents::TurnDetection;
        openai.turns = *word == "server_vad"     ? Turns::server_vad
                       : *word == "semantic_vad" ? Turns::semantic_vad
                                                 : Turns::none;
    }
    if (const auto quiet = read.integer("AGENTBRIDGE_OPENAI_VAD_SILENCE", 100, 5000))
        openai.vad_silence = std::chrono::milliseconds(*quiet);
    if (const auto kept = read.integer("AGENTBRIDGE_OPENAI_VAD_PREFIX", 0, 5000))
        openai.vad_prefix = std::chrono::milliseconds(*kept);
    read.duration("AGENTBRIDGE_OPENAI_SESSION_LIMIT", 60, 86400, openai.session_limit);
    const auto& transcription = read.text("AGENTBRIDGE_OPENAI_TRANSCRIPTION");
    openai.transcription_model = lower(transcription) == "off" ? std::string() : transcription;
    if (const auto word = read.choice("AGENTBRIDGE_OPENAI_NOISE_REDUCTION"))
        openai.noise_reduction = *word == "off" ? std::string() : *word;
    openai.instructions = out.instructions;
    openai.greeting = out.greeting;
    openai.language = out.language;
    openai.service_interrupts = out.barge_in == BargeIn::agent;
}

void check_elevenlabs(SettingReader& read, AgentConfig& out) {
    auto& to = out.elevenlabs;
    to.agent_id = read.text("ELEVENLABS_AGENT_ID");
    to.key = Secret(read.text("ELEVENLABS_API_KEY"));
    to.voice_id = read.text("AGENTBRIDGE_ELEVENLABS_VOICE");
    to.url = service_url(read, "AGENTBRIDGE_ELEVENLABS_URL", "https");
    to.prompt = out.instructions;
    to.first_message = out.greeting;
    // Sent only if it was chosen: an agent may not allow it.
    if (read.value("AGENTBRIDGE_AGENT_LANGUAGE").origin.kind != Origin::Kind::fallback)
        to.language = out.language;
}

void check_deepgram(SettingReader& read, AgentConfig& out) {
    auto& to = out.deepgram;
    to.key = Secret(read.text("DEEPGRAM_API_KEY"));
    to.url = service_url(read, "AGENTBRIDGE_DEEPGRAM_URL", "wss");
    to.listen_model = read.text("AGENTBRIDGE_DEEPGRAM_LISTEN");
    to.speak_model = read.text("AGENTBRIDGE_DEEPGRAM_SPEAK");
    const auto& think = read.text("AGENTBRIDGE_DEEPGRAM_THINK");
    const auto colon = think.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == think.size()) {
        read.wrong("AGENTBRIDGE_DEEPGRAM_THINK", "is not provider:model",
                   "write it as open_ai:gpt-4o-mini");
    } else {
        to.think_provider = think.substr(0, colon);
        to.think_model = think.substr(colon + 1);
    }
    if (!out.instructions.empty()) to.prompt = out.instructions;
    to.greeting = out.greeting;
    to.language = out.language;
}

void check_bot(SettingReader& read, AgentConfig& out) {
    auto parameters = agents::parse_bot_parameters(read.text("AGENTBRIDGE_BOT_PARAMETERS"));
    if (parameters) {
        out.bot.parameters = std::move(*parameters);
    } else {
        // The values may be secrets: what is wrong with them is not repeated.
        read.wrong("AGENTBRIDGE_BOT_PARAMETERS", "cannot be used",
                   "write name=value,name=value; Twilio allows under 500 characters for each");
    }
    out.bot.auth_token = Secret(read.text("AGENTBRIDGE_BOT_AUTH_TOKEN"));
    out.bot.account_sid = read.text("TWILIO_ACCOUNT_SID");
    if (const auto word = read.choice("AGENTBRIDGE_BOT_CONNECT")) out.bot.early = *word == "early";
}

/// These servers stand on one's own machine or network, and mostly speak plain HTTP.
void check_local(SettingReader& read, AgentConfig& out) {
    const auto url = [&](std::string_view name, std::string_view secure, std::string_view plain,
                         const std::string& example) {
        return read.text(name).empty() ? std::string()
                                       : read.url(name, {secure, plain}, {}, example).value_or("");
    };
    auto& local = out.local;
    local.chat.url = url("AGENTBRIDGE_LLM_URL", "https", "http", "http://127.0.0.1:11434/v1");
    local.chat.model = read.text("AGENTBRIDGE_LLM_MODEL");
    local.chat.key = Secret(read.text("AGENTBRIDGE_LLM_KEY"));
    local.vosk_url = url("AGENTBRIDGE_VOSK_URL", "wss", "ws", "ws://127.0.0.1:2700");
    local.whisper.url =
        url("AGENTBRIDGE_WHISPER_URL", "https", "http", "http://127.0.0.1:8081/inference");
    local.whisper.model = read.text("AGENTBRIDGE_WHISPER_MODEL");
    local.whisper.key = Secret(read.text("AGENTBRIDGE_WHISPER_KEY"));
}

/// A language model and an ear for it, or neither.
Result<> check_local_services(const LocalServices& local) {
    const bool model = !local.chat.url.empty();
    const bool vosk = !local.vosk_url.empty(), whisper = !local.whisper.url.empty();
    if (vosk && whisper)
        return fail(Errc::bad_config,
                    "AGENTBRIDGE_VOSK_URL and AGENTBRIDGE_WHISPER_URL are both set; keep one");
    if (!model && (vosk || whisper))
        return fail(Errc::bad_config,
                    "speech is turned to text, but AGENTBRIDGE_LLM_URL is not set; set it, or none "
                    "of these for the receptionist");
    if (!model) return {};
    if (local.chat.model.empty())
        return fail(Errc::bad_config,
                    "AGENTBRIDGE_LLM_MODEL is not set; name a model that the server has");
    if (!vosk && !whisper)
        return fail(Errc::bad_config,
                    "AGENTBRIDGE_LLM_URL needs an ear; set AGENTBRIDGE_VOSK_URL or "
                    "AGENTBRIDGE_WHISPER_URL");
    return {};
}

}  // namespace

const std::vector<std::string>& agent_names() {
    static const std::vector<std::string> names{"openai", "elevenlabs", "deepgram", "local",
                                                "echo",   "tone",       "null"};
    return names;
}

Result<> check_agent(const AgentConfig& config, std::string_view name) {
    if (name == "openai") return agents::check_openai_options(config.openai);
    if (name == "local") return check_local_services(config.local);
    if (name == "elevenlabs" && config.elevenlabs.agent_id.empty())
        return fail(Errc::bad_config,
                    "ELEVENLABS_AGENT_ID is not set; copy the agent's ID from ElevenLabs");
    if (name == "deepgram" && config.deepgram.key.empty())
        return fail(Errc::bad_config,
                    "DEEPGRAM_API_KEY is not set; make a key at console.deepgram.com");
    return {};
}

Result<std::string> parse_agent_name(std::string_view text) {
    const auto written = trimmed(text);
    const auto name = lower(written);
    if (name.starts_with("ws://") || name.starts_with("wss://")) {
        const auto host = host_of_url(written);
        if (host.empty()) return fail(Errc::bad_field, fmt::format("'{}' is no address", written));
        if (name.starts_with("ws://") && !is_loopback_host(host))
            return fail(Errc::bad_field,
                        fmt::format("'{}': plain ws is for this machine alone; use wss", written));
        return written;
    }
    const auto& names = agent_names();
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
    const auto close = nearest(name, names);
    return fail(Errc::bad_field,
                fmt::format("'{}' is no agent; there are {} and ws(s):// addresses{}", written,
                            fmt::join(names, ", "),
                            close.empty() ? "" : fmt::format("; did you mean {}?", close)));
}

void check_agents(SettingReader& read, AgentConfig& out) {
    if (const auto& written = read.text("AGENTBRIDGE_AGENT"); !written.empty()) {
        if (const auto name = parse_agent_name(written)) {
            out.name = *name;
        } else {
            const auto& message = name.error().message;  // behind what was written
            const auto rest = message.rfind("; there are ");
            read.wrong("AGENTBRIDGE_AGENT", "is no agent",
                       rest == std::string::npos
                           ? "write openai, local or another agent's name, or wss://host/path"
                           : message.substr(rest + 2));
        }
    }
    out.instructions = text_or_file(read, "AGENTBRIDGE_AGENT_INSTRUCTIONS");
    out.greeting = text_or_file(read, "AGENTBRIDGE_AGENT_GREETING");
    out.language = lower(read.text("AGENTBRIDGE_AGENT_LANGUAGE"));
    if (const auto word = read.choice("AGENTBRIDGE_BARGE_IN")) {
        out.barge_in = *word == "detector" ? BargeIn::detector
                       : *word == "agent"  ? BargeIn::agent
                       : *word == "off"    ? BargeIn::off
                                           : BargeIn::automatic;
    }
    check_fallback(read, out);
    const auto words = [&](std::string_view name) {
        const auto& text = read.text(name);
        return lower(text) == "off" ? std::string() : text;
    };
    out.notice = words("AGENTBRIDGE_AGENT_NOTICE");
    out.goodbye = words("AGENTBRIDGE_AGENT_GOODBYE");
    out.tools = read.text("AGENTBRIDGE_AGENT_TOOLS");
    out.transfer_targets = read.text("AGENTBRIDGE_TRANSFER_TARGETS");
    out.tool_file = read.file("AGENTBRIDGE_TOOLS");
    out.tool_hosts = read.text("AGENTBRIDGE_TOOL_HOSTS");
    out.file_variables = read.file_variables();
    out.dialogue = read.file("AGENTBRIDGE_DIALOGUE");
    check_openai(read, out);
    check_elevenlabs(read, out);
    check_deepgram(read, out);
    check_bot(read, out);
    check_local(read, out);
}

void check_agent_is_ready(SettingReader& read, const AgentConfig& out) {
    if (out.name.empty() || read.problem_about("AGENTBRIDGE_AGENT")) return;
    if (out.name == "openai" && out.openai.key.empty()) {
        read.missing("OPENAI_API_KEY", "make a key at platform.openai.com");
    } else if (out.name == "elevenlabs" && out.elevenlabs.agent_id.empty()) {
        read.missing("ELEVENLABS_AGENT_ID", "copy the agent's ID from elevenlabs.io");
    } else if (out.name == "deepgram" && out.deepgram.key.empty()) {
        read.missing("DEEPGRAM_API_KEY", "make a key at console.deepgram.com");
    } else if (const auto ready = check_agent(out, out.name); !ready) {
        read.wrong("AGENTBRIDGE_AGENT", "cannot be used", ready.error().message);
    }
}

}  // namespace bridge::app
