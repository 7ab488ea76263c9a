#include "app/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace bridge::app {
namespace {

using Kind = Setting::Kind;

std::vector<Setting> make_table() {
    return {
        {"TWILIO_ACCOUNT_SID", Kind::text, "", "",
         "your account, from console.twilio.com: AC and 32 hex digits", "Twilio account", "",
         "your_account_sid_here"},
        {"TWILIO_AUTH_TOKEN", Kind::secret, "", "",
         "its Auth Token: signs webhooks, and REST requests without an API key; two, "
         "comma-separated, while "
         "you rotate",
         "Twilio account", "", "your_auth_token_here"},
        {"TWILIO_PHONE_NUMBER", Kind::number, "", "", "the Twilio number calls are placed from",
         "Twilio account", "--from", "+1234567890"},
        {"SERVER_HOST", Kind::address, "127.0.0.1", "",
         "address the webhook and media servers listen on; 0.0.0.0: every interface", "Servers", "",
         ""},
        {"SERVER_PORT", Kind::port, "8000", "",
         "port of the webhooks and the media socket; your tunnel leads here", "Servers", "", ""},
        {"WEBSOCKET_PORT", Kind::port, "8001", "",
         "a second port for the media socket alone; 0 or SERVER_PORT's value: off", "Servers", "",
         ""},
        {"PUBLIC_URL", Kind::url, "", "",
         "where the internet reaches SERVER_PORT, such as your tunnel's https address", "Servers",
         "", "https://your-ngrok-url.ngrok.io"},
        {"AUDIO_SAMPLE_RATE", Kind::integer, "8000", "Hz",
         "rate AUDIO_BUFFER_SIZE is counted in; the sound card keeps its own", "Audio", "", ""},
        {"AUDIO_CHANNELS", Kind::integer, "1", "channels",
         "1 or 2, of the sound card; a phone call is mono, and the same on both", "Audio", "", ""},
        {"AUDIO_BUFFER_SIZE", Kind::integer, "1024", "samples",
         "the most the playout buffer may hold back against jitter (1024 at 8000 Hz: 128 ms)",
         "Audio", "", ""},
        {"LOG_LEVEL",
         Kind::choice,
         "INFO",
         "",
         "how much is logged",
         "Logging",
         "--log-level",
         "",
         {"DEBUG", "INFO", "WARNING", "ERROR"}},

        {"TWILIO_API_KEY", Kind::text, "", "",
         "an API key (SK and 32 hex digits) for REST requests; the Auth Token is still needed, for "
         "signatures",
         "Twilio, more", "", "your_api_key_here"},
        {"TWILIO_API_SECRET", Kind::secret, "", "", "the API key's secret", "Twilio, more", "",
         "your_api_secret_here"},
        {"TWILIO_BASE_URL", Kind::url, "", "",
         "another REST address than api.twilio.com, such as the emulator's http://127.0.0.1:8010",
         "Twilio, more", "", ""},
        {"TWILIO_REGION", Kind::text, "", "",
         "Twilio region, such as ie1 or au1; set TWILIO_EDGE with it", "Twilio, more", "", ""},
        {"TWILIO_EDGE", Kind::text, "", "",
         "Twilio edge, such as dublin or sydney; set TWILIO_REGION with it", "Twilio, more", "",
         ""},
        {"AGENTBRIDGE_TLS_CERT", Kind::path, "", "",
         "PEM file with the certificate, and its chain, of SERVER_PORT and WEBSOCKET_PORT; without "
         "it they are plain, for a tunnel or proxy that speaks TLS",
         "Servers, more", "", ""},
        {"AGENTBRIDGE_TLS_KEY", Kind::path, "", "", "PEM file with that certificate's private key",
         "Servers, more", "", ""},
        {"AGENTBRIDGE_TUNNEL",
         Kind::choice,
         "off",
         "",
         "start a tunnel to SERVER_PORT and use its address in place of PUBLIC_URL; it ends with "
         "the program",
         "Public URL",
         "--tunnel",
         "",
         {"off", "ngrok", "cloudflared"}},
        {"AGENTBRIDGE_NGROK_API", Kind::url, "http://127.0.0.1:4040", "",
         "API of a running ngrok agent, asked when PUBLIC_URL is missing or leads nowhere",
         "Public URL", "", ""},
        {"AGENTBRIDGE_URL_CHECK",
         Kind::choice,
         "on",
         "",
         "before a call, ask PUBLIC_URL whether it leads here; off where this machine cannot reach "
         "its own public address",
         "Public URL",
         "--url-check",
         "",
         {"on", "off"}},
        {"AGENTBRIDGE_MEDIA_URL", Kind::url, "", "",
         "another base for the media socket's address than PUBLIC_URL, such as a proxy's in front "
         "of WEBSOCKET_PORT",
         "Calls", "", ""},
        {"AGENTBRIDGE_STREAM_SIGNATURE",
         Kind::choice,
         "require",
         "",
         "signature of the media socket's request: require it, or log where a region does not send "
         "it",
         "Calls",
         "",
         "",
         {"require", "log"}},
        {"AGENTBRIDGE_PING_INTERVAL", Kind::seconds, "15", "seconds",
         "the media socket is pinged when this side was silent so long; shorter than a proxy's "
         "idle "
         "timeout, 1 to 3600",
         "Calls", "", ""},
        {"AGENTBRIDGE_ANSWER",
         Kind::choice,
         "auto",
         "",
         "inbound calls: auto takes them, ring waits until somebody here does (the caller pays "
         "meanwhile), reject refuses them",
         "Calls",
         "--answer",
         "",
         {"auto", "ring", "reject"}},
        {"AGENTBRIDGE_USE_NUMBER", Kind::text, "off", "",
         "`serve` has inbound calls of this number come here, and gives it back when it ends: off, "
         "on (TWILIO_PHONE_NUMBER) or a number of the account",
         "Calls", "--use-number", ""},
        {"AGENTBRIDGE_RING_TIMEOUT", Kind::seconds, "30", "seconds",
         "how long a called phone rings, or an inbound call rings here, 5 to 600", "Calls",
         "--ring-timeout", ""},
        {"AGENTBRIDGE_UNANSWERED",
         Kind::choice,
         "hangup",
         "",
         "an inbound call that rang and was not taken: hangup, or voicemail, which takes a message",
         "Calls",
         "--unanswered",
         "",
         {"hangup", "voicemail"}},
        {"AGENTBRIDGE_VOICEMAIL_GREETING", Kind::path, "", "",
         "sound file (WAV and others) a caller hears before the beep; without it a voice says that "
         "nobody can take the call",
         "Calls", "", ""},
        {"AGENTBRIDGE_VOICEMAIL_LIMIT", Kind::seconds, "120", "seconds",
         "how long a message may be, 5 to 3600", "Calls", "", ""},
        {"AGENTBRIDGE_HOLD_MUSIC", Kind::path, "", "",
         "sound file (WAV and others) that a far end on hold hears, over and over; without it our "
         "own music",
         "Calls", "", ""},
        {"AGENTBRIDGE_RECORD", Kind::text, "off", "",
         "calls are recorded, both sides apart: off, on (in the state folder) or a folder",
         "Recordings", "--record", ""},
        {"AGENTBRIDGE_RECORD_BY",
         Kind::choice,
         "bridge",
         "",
         "who records: bridge (here), or twilio, whose recording is fetched when the call is over",
         "Recordings",
         "",
         "",
         {"bridge", "twilio"}},
        {"AGENTBRIDGE_RECORD_AT_TWILIO",
         Kind::choice,
         "keep",
         "",
         "what becomes of Twilio's own copy once it was fetched",
         "Recordings",
         "",
         "",
         {"keep", "delete"}},
        {"AGENTBRIDGE_RECORD_FORMAT",
         Kind::choice,
         "wav",
         "",
         "what a recording is kept as once the call is over; while it lasts it is always a WAV",
         "Recordings",
         "",
         "",
         {"wav", "flac", "opus"}},
        {"AGENTBRIDGE_RECORD_ENCODING",
         Kind::choice,
         "pcm16",
         "",
         "samples of the WAV: pcm16, or mulaw, which is half as large",
         "Recordings",
         "",
         "",
         {"pcm16", "mulaw"}},
        {"AGENTBRIDGE_RECORD_NOTICE",
         Kind::choice,
         "none",
         "",
         "what the phone hears when its recording begins; some countries want it",
         "Recordings",
         "--record-notice",
         "",
         {"none", "beep", "spoken"}},
        {"AGENTBRIDGE_TIME_LIMIT", Kind::seconds, "14400", "seconds",
         "a call is ended after this long, 1 to 86400 (14400: four hours)", "Calls", "--time-limit",
         ""},
        {"AGENTBRIDGE_DIAL_ALLOW", Kind::text, "", "",
         "further countries and numbers that may be called, beside the country of "
         "TWILIO_PHONE_NUMBER: DE, +8816, or any; dear numbers by how they begin: +49900",
         "Calls", "", ""},
        {"AGENTBRIDGE_DIAL_PER_MINUTE", Kind::integer, "30", "calls",
         "so many calls are placed in a minute at most; 0: no limit", "Calls", "", ""},
        {"AGENTBRIDGE_DIAL_CONCURRENT", Kind::integer, "100", "calls",
         "so many calls that were placed from here are up at a time; 0: no limit", "Calls", "", ""},
        {"AGENTBRIDGE_DIAL_MINUTES_PER_DAY", Kind::integer, "3000", "minutes",
         "no more calls are placed once those of the last 24 hours took so long; 0: no limit",
         "Calls", "", ""},
        {"AGENTBRIDGE_ON_MACHINE", Kind::text, "ignore", "",
         "when a machine answers a call of ours: ignore, hangup, or message:FILE (it is told a "
         "sound "
         "file after its beep, then hung up); turns the detection on",
         "Calls", "--on-machine", ""},
        {"AGENTBRIDGE_MACHINE_DETECTION",
         Kind::choice,
         "off",
         "",
         "ask Twilio who answered: off, enable (first words), detect-message-end (after the "
         "greeting); the call does not wait for it",
         "Calls",
         "",
         "",
         {"off", "enable", "detect-message-end"}},
        {"AGENTBRIDGE_AGENT", Kind::text, "", "",
         "who speaks to the phone: openai, elevenlabs, deepgram, local, ws://… or wss://… (a bot "
         "that speaks Twilio Media Streams), echo, tone or null; empty: you",
         "Agents", "--agent", ""},
        {"AGENTBRIDGE_AGENT_INSTRUCTIONS", Kind::text, "", "",
         "what the agent is and is to do, in its own language; @FILE reads it from a file",
         "Agents", "", ""},
        {"AGENTBRIDGE_AGENT_GREETING", Kind::text, "", "",
         "what the agent says first, at once; empty: as its service decides", "Agents", "", ""},
        {"AGENTBRIDGE_AGENT_LANGUAGE", Kind::text, "en", "",
         "what the caller speaks, as a code (en, de, es …)", "Agents", "", ""},
        {"AGENTBRIDGE_BARGE_IN",
         Kind::choice,
         "auto",
         "",
         "who decides that the caller interrupts the agent: auto (as fits the agent), detector "
         "(ours: a cough only pauses it), agent (its service) or off",
         "Agents",
         "--barge-in",
         "",
         {"auto", "detector", "agent", "off"}},
        {"AGENTBRIDGE_AGENT_FALLBACK", Kind::text, "auto", "",
         "what becomes of a call whose agent stays away for 15 s: hangup (after a few words), "
         "person (you have it) or whom it is transferred to; auto: person with --mic, else hangup",
         "Agents", "--agent-fallback", ""},
        {"AGENTBRIDGE_AGENT_NOTICE", Kind::text, "One moment, please.", "",
         "what a caller hears when the agent is lost; off: a soft tone only", "Agents", "", ""},
        {"AGENTBRIDGE_AGENT_GOODBYE", Kind::text,
         "I am sorry, we have a technical problem. Please call again later. Goodbye.", "",
         "what a caller hears before a call without an agent is hung up; off: nothing", "Agents",
         "", ""},
        {"AGENTBRIDGE_AGENT_TOOLS", Kind::text, "all", "",
         "what the bridge does for an agent: all, none, or some of end_call, transfer_call, "
         "send_dtmf, hold, take_message, record_call (which all leaves out)",
         "Agents", "", ""},
        {"AGENTBRIDGE_TRANSFER_TARGETS", Kind::text, "", "",
         "whom an agent may transfer to: sales=+15551234567, support=sip:desk@name.com; empty: "
         "nobody",
         "Agents", "", ""},
        {"AGENTBRIDGE_TOOLS", Kind::path, "", "",
         "a JSON file with tools of your own, asked by HTTP (docs/agent-tools.md)", "Agents", "",
         ""},
        {"AGENTBRIDGE_TOOL_HOSTS", Kind::text, "", "",
         "the only hosts that tools of your own may ask; empty: those the file names", "Agents", "",
         ""},
        {"OPENAI_API_KEY", Kind::secret, "", "", "for --agent openai, and the transcriber openai",
         "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_MODEL", Kind::text, "gpt-realtime", "", "the model", "Agents: OpenAI",
         "", ""},
        {"AGENTBRIDGE_OPENAI_VOICE", Kind::text, "marin", "",
         "alloy, ash, ballad, coral, echo, sage, shimmer, verse, marin or cedar", "Agents: OpenAI",
         "", ""},
        {"AGENTBRIDGE_OPENAI_URL", Kind::url, "wss://api.openai.com/v1/realtime", "",
         "another service of the same protocol; may have a query (?api-version=…&deployment=…)",
         "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_KEY_HEADER", Kind::text, "", "",
         "a header that carries the key as it is (Azure: api-key); empty: Authorization: Bearer",
         "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_BETA",
         Kind::choice,
         "off",
         "",
         "on: the older shape of the protocol, for services that speak no other",
         "Agents: OpenAI",
         "",
         "",
         {"off", "on"}},
        {"AGENTBRIDGE_OPENAI_SPEED", Kind::text, "1.0", "", "of its speech, 0.25 to 1.5",
         "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_MAX_TOKENS", Kind::integer, "0", "",
         "of one answer, 1 to 4096; 0: no limit", "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_TURNS",
         Kind::choice,
         "server_vad",
         "",
         "how the service finds that the caller has finished: server_vad (quiet), semantic_vad "
         "(what was said) or none",
         "Agents: OpenAI",
         "",
         "",
         {"server_vad", "semantic_vad", "none"}},
        {"AGENTBRIDGE_OPENAI_VAD_THRESHOLD", Kind::text, "0.5", "",
         "with server_vad: how loud the caller must be, 0 to 1", "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_EAGERNESS",
         Kind::choice,
         "auto",
         "",
         "with semantic_vad: how soon it answers, low, medium, high or auto",
         "Agents: OpenAI",
         "",
         "",
         {"auto", "low", "medium", "high"}},
        {"AGENTBRIDGE_OPENAI_VAD_SILENCE", Kind::integer, "500", "ms",
         "with server_vad: this much quiet ends a turn, 100 to 5000", "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_VAD_PREFIX", Kind::integer, "300", "ms",
         "with server_vad: so much of the sound before the caller's first word is kept, 0 to 5000",
         "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_SESSION_LIMIT", Kind::seconds, "3300", "seconds",
         "in the first pause after so long a fresh session takes over, 60 to 86400; OpenAI's own "
         "end after an hour",
         "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_TRANSCRIPTION", Kind::text, "gpt-4o-mini-transcribe", "",
         "the model that writes down the caller's words; off: none", "Agents: OpenAI", "", ""},
        {"AGENTBRIDGE_OPENAI_NOISE_REDUCTION",
         Kind::choice,
         "off",
         "",
         "of the caller's sound by the service: off, near_field or far_field",
         "Agents: OpenAI",
         "",
         "",
         {"off", "near_field", "far_field"}},
        {"ELEVENLABS_AGENT_ID", Kind::text, "", "", "for --agent elevenlabs: which agent",
         "Agents: ElevenLabs", "", ""},
        {"ELEVENLABS_API_KEY", Kind::secret, "", "", "for an agent that is not public",
         "Agents: ElevenLabs", "", ""},
        {"AGENTBRIDGE_ELEVENLABS_VOICE", Kind::text, "", "",
         "the ID of another voice than the agent's (the agent must allow it)", "Agents: ElevenLabs",
         "", ""},
        {"AGENTBRIDGE_ELEVENLABS_URL", Kind::url, "https://api.elevenlabs.io", "",
         "of another region", "Agents: ElevenLabs", "", ""},
        {"DEEPGRAM_API_KEY", Kind::secret, "", "",
         "for --agent deepgram, and the transcriber deepgram", "Agents: Deepgram", "", ""},
        {"AGENTBRIDGE_DEEPGRAM_LISTEN", Kind::text, "nova-3", "", "the model that listens",
         "Agents: Deepgram", "", ""},
        {"AGENTBRIDGE_DEEPGRAM_THINK", Kind::text, "open_ai:gpt-4o-mini", "",
         "provider:model that thinks", "Agents: Deepgram", "", ""},
        {"AGENTBRIDGE_DEEPGRAM_SPEAK", Kind::text, "aura-2-thalia-en", "", "the model that speaks",
         "Agents: Deepgram", "", ""},
        {"AGENTBRIDGE_DEEPGRAM_URL", Kind::url, "wss://agent.deepgram.com/v1/agent/converse", "",
         "of another region", "Agents: Deepgram", "", ""},
        {"AGENTBRIDGE_BOT_PARAMETERS", Kind::text, "", "",
         "a Media Streams bot's custom parameters: name=value,name=value",
         "Agents: Media Streams bots", "", ""},
        {"AGENTBRIDGE_BOT_AUTH_TOKEN", Kind::secret, "", "",
         "signs the bot's connection as Twilio would (X-Twilio-Signature); empty: not signed",
         "Agents: Media Streams bots", "", ""},
        {"AGENTBRIDGE_BOT_CONNECT",
         Kind::choice,
         "early",
         "",
         "when the bot is connected: early (while the phone rings, so that it is ready), or answer "
         "(with the phone's answer, as Twilio does it)",
         "Agents: Media Streams bots",
         "",
         "",
         {"early", "answer"}},
        {"AGENTBRIDGE_DIALOGUE", Kind::path, "", "",
         "what the local receptionist says and understands (docs/local-agent.md); empty: our own",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_LLM_URL", Kind::url, "", "",
         "for --agent local: a language model's server that speaks OpenAI's chat completions "
         "(Ollama: http://127.0.0.1:11434/v1); empty: the receptionist",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_LLM_MODEL", Kind::text, "", "", "its model, such as llama3.2",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_LLM_KEY", Kind::secret, "", "", "its key, if it asks for one",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_VOSK_URL", Kind::url, "", "",
         "with a language model: the Vosk server that understands the caller "
         "(ws://127.0.0.1:2700)",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_WHISPER_URL", Kind::url, "", "",
         "or a Whisper server: whisper.cpp's (http://127.0.0.1:8081/inference) or OpenAI's form "
         "(…/v1/audio/transcriptions)",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_WHISPER_MODEL", Kind::text, "whisper-1", "", "its model, in OpenAI's form",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_WHISPER_KEY", Kind::secret, "", "", "its key, if it asks for one",
         "Agents: local", "", ""},
        {"AGENTBRIDGE_TRANSCRIBER",
         Kind::choice,
         "off",
         "",
         "who takes down what is said: deepgram, openai, vosk, whisper-server (one's own server), "
         "whisper (in this program, where it was built with libwhisper) or off",
         "Transcripts",
         "--transcriber",
         "",
         {"off", "deepgram", "openai", "vosk", "whisper-server", "whisper"}},
        {"AGENTBRIDGE_TRANSCRIBE",
         Kind::choice,
         "off",
         "",
         "every call is taken down from its first sound on",
         "Transcripts",
         "--transcribe",
         "",
         {"off", "on"}},
        {"AGENTBRIDGE_TRANSCRIBER_URL", Kind::url, "", "",
         "where it is, if not at its usual address (vosk ws://127.0.0.1:2700, whisper-server "
         "http://127.0.0.1:8081/inference)",
         "Transcripts", "", ""},
        {"AGENTBRIDGE_TRANSCRIBER_MODEL", Kind::text, "", "",
         "its model, if not nova-3 or gpt-4o-mini-transcribe; for whisper the model's file",
         "Transcripts", "", ""},
        {"AGENTBRIDGE_TRANSCRIBER_LANGUAGE", Kind::text, "", "",
         "the language that is spoken, such as en; empty: as the engine likes", "Transcripts", "",
         ""},
        {"AGENTBRIDGE_TRANSCRIBER_KEY", Kind::secret, "", "",
         "a whisper-server's key, if it asks for one; deepgram and openai use their own",
         "Transcripts", "", ""},
        {"AGENTBRIDGE_REDACT",
         Kind::choice,
         "cards",
         "",
         "what is taken out of transcripts: cards (card numbers) or off",
         "Transcripts",
         "",
         "",
         {"cards", "off"}},
        {"AGENTBRIDGE_REDACT_PATTERNS", Kind::text, "", "",
         "a regular expression for more that is taken out, or @FILE with one on each line",
         "Transcripts", "", ""},
        {"AGENTBRIDGE_SPEAKER", Kind::text, "default", "",
         "where the call is heard: default, a device's name, file:PATH (a WAV file), null (timed, "
         "silent) or none",
         "Audio, more", "--speaker", ""},
        {"AGENTBRIDGE_MICROPHONE", Kind::text, "default", "",
         "what --mic sends to the phone: default, a device's name, file:PATH (a sound file; "
         "file:PATH,loop repeats it), null (silence) or none",
         "Audio, more", "--microphone", ""},
        {"AGENTBRIDGE_ECHO_CANCELLATION",
         Kind::choice,
         "speex",
         "",
         "what the speaker plays is taken out of the microphone: speex, webrtc (where the program "
         "was built with it) or off, for a headset",
         "Audio, more",
         "--no-echo-cancellation",
         "",
         {"speex", "webrtc", "off"}},
        {"AGENTBRIDGE_NOISE_SUPPRESSION",
         Kind::choice,
         "on",
         "",
         "steady noise is taken out of the microphone",
         "Audio, more",
         "--no-noise-suppression",
         "",
         {"on", "off"}},
        {"AGENTBRIDGE_AUTO_GAIN",
         Kind::choice,
         "on",
         "",
         "quiet and loud voices at the microphone are brought to one level",
         "Audio, more",
         "--no-auto-gain",
         "",
         {"on", "off"}},
        {"AGENTBRIDGE_HIGH_PASS",
         Kind::choice,
         "on",
         "",
         "hum and rumble below 100 Hz are taken out of the microphone",
         "Audio, more",
         "--no-high-pass",
         "",
         {"on", "off"}},
        {"AGENTBRIDGE_OTHER_CALLS",
         Kind::choice,
         "duck",
         "",
         "how calls sound that you do not speak to: duck (15 dB quieter), pan (left and right, 6 "
         "dB "
         "quieter), mute, or hold (they hear music)",
         "Audio, more",
         "--other-calls",
         "",
         {"duck", "pan", "mute", "hold"}},
        {"AGENTBRIDGE_PUSH_TO_TALK",
         Kind::choice,
         "off",
         "",
         "the microphone is open only while the space bar is held",
         "Audio, more",
         "--push-to-talk",
         "",
         {"off", "on"}},
        {"AGENTBRIDGE_LOG_FORMAT",
         Kind::choice,
         "text",
         "",
         "log lines as text, or as one JSON object each",
         "Program",
         "--log-format",
         "",
         {"text", "json"}},
        {"AGENTBRIDGE_WORKERS", Kind::text, "1", "threads",
         "io threads that share the calls, 1 to 256, or auto: one per core", "Program", "--workers",
         ""},
        {"AGENTBRIDGE_CONTROL_HOST", Kind::address, "127.0.0.1", "",
         "address of this machine that the web page, the control API, /healthz, /readyz and "
         "/metrics are served on; one that others reach needs TLS",
         "Program", "", ""},
        {"AGENTBRIDGE_CONTROL_PORT", Kind::port, "8080", "",
         "their port; 0: any free one. When the default is taken, a free one is used", "Program",
         "", ""},
        {"AGENTBRIDGE_CONTROL_URL", Kind::url, "", "",
         "for `agentbridge calls`: the running program to speak to, with "
         "AGENTBRIDGE_CONTROL_TOKEN; "
         "without them it is found in the state folder",
         "Program", "", ""},
        {"AGENTBRIDGE_CONTROL_TOKEN", Kind::secret, "", "",
         "its token, from its file in the state folder's instances", "Program", "", ""},
        {"AGENTBRIDGE_STATE_DIR", Kind::path, "", "",
         "folder for what is kept between runs; default $XDG_STATE_HOME/agentbridge, on macOS "
         "~/Library/Application Support/agentbridge",
         "Program", "", ""},
        {"AGENTBRIDGE_CAPTURE",
         Kind::choice,
         "off",
         "",
         "keep of every call what `agentbridge replay` needs to do it again, in the state folder's "
         "captures",
         "Program",
         "--capture",
         "",
         {"on", "off"}},
        {"AGENTBRIDGE_RETAIN", Kind::text, "forever", "",
         "calls are forgotten so long after their end, with sound, text and capture: 12h, 30d, 4w",
         "Program", "--retain", ""},
        {"DATABASE_URL", Kind::secret, "", "",
         "a PostgreSQL server that keeps the calls of the past, in place of history.db in the "
         "state "
         "folder: postgresql://user:password@host/database",
         "Program", "", ""},
        {"AGENTBRIDGE_CA_FILE", Kind::path, "", "",
         "PEM file of certificates to trust instead of the system's, for a proxy that inspects TLS",
         "Program", "", ""},
    };
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view start) {
        return text.substr(0, start.size()) == start;
    });
}

/// "xxxx", "XXXX-XXXX", "****": one filler character and separators.
bool is_filler(std::string_view text) {
    std::size_t fillers = 0;
    for (const auto c : text) {
        if (c == 'x' || c == '*' || c == '.') {
            ++fillers;
        } else if (c != '-' && c != '_' && c != ' ') {
            return false;
        }
    }
    return fillers >= 3;
}

bool is_placeholder_url(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
    const auto host = url.substr(0, url.find_first_of("/:?#"));
    const auto first = host.substr(0, host.find('.'));
    if (starts_with_any(first, {"your-", "your_", "<", "{"})) return true;
    if (first == "yourdomain" || first == "yoursubdomain" || first == "your" || first == "yourapp")
        return true;
    if (is_filler(first)) return true;
    // RFC 2606 keeps these for examples: nobody can be reached there.
    for (const std::string_view reserved : {"example.com", "example.org", "example.net"}) {
        if (host == reserved) return true;
        if (host.size() > reserved.size() &&
            host.substr(host.size() - reserved.size()) == reserved &&
            host[host.size() - reserved.size() - 1] == '.')
            return true;
    }
    return false;
}

bool is_placeholder_number(std::string_view number) {
    std::string digits;
    for (const auto c : number) {
        if (c == 'x') return true;
        if (std::isdigit(static_cast<unsigned char>(c)) != 0) digits.push_back(c);
    }
    if (digits == "1234567890" || digits == "11234567890" || digits == "12345678901") return true;
    return digits.size() >= 7 &&
           digits.find_first_not_of('0', digits[0] == '1' ? 1 : 0) == std::string::npos;
}

std::string comment_of(const Setting& setting) {
    auto text = fmt::format("# {}", setting.meaning);
    text[2] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[2])));
    if (!setting.choices.empty() &&
        setting.meaning.find(setting.choices[1]) == std::string_view::npos)
        text += fmt::format(": {}", fmt::join(setting.choices, ", "));
    if (!setting.fallback.empty()) {
        text += fmt::format(" [{}{}{}]", setting.fallback, setting.unit.empty() ? "" : " ",
                            setting.unit);
    }
    return text;
}

}  // namespace

const std::vector<Setting>& all_settings() {
    static const auto table = make_table();
    return table;
}

const Setting* find_setting(std::string_view name) {
    const auto& table = all_settings();
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const Setting& setting) { return setting.name == name; });
    return found == table.end() ? nullptr : &*found;
}

bool is_placeholder(const Setting& setting, std::string_view value) {
    const auto text = lower(value);
    if (text.empty()) return false;
    if (!setting.placeholder.empty() && text == lower(setting.placeholder)) return true;
    if (setting.kind == Kind::url) return is_placeholder_url(text);
    if (setting.kind == Kind::number) return is_placeholder_number(text);
    const bool credential = setting.secret() || setting.name == "TWILIO_ACCOUNT_SID" ||
                            setting.name == "TWILIO_API_KEY";
    if (!credential) return false;
    if (starts_with_any(text, {"your_", "your-", "your ", "<your", "changeme", "change_me",
                               "change-me", "replace_", "replace-", "insert_", "insert-"}))
        return true;
    if (text.front() == '<' && text.back() == '>') return true;
    if (text == "xxx" || text == "todo") return true;
    std::string_view body = text;
    if (starts_with_any(body, {"ac", "sk"})) body.remove_prefix(2);
    if (is_filler(body)) return true;
    // "your" in the middle of a word of letters and underscores: twilio_auth_token_goes_here and
    // the like.
    const bool words = std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalpha(c) != 0 || c == '_' || c == '-' || c == ' ';
    });
    return words &&
           (text.find("your_") != std::string::npos || text.find("_here") != std::string::npos ||
            text.find("placeholder") != std::string::npos);
}

std::string format_env_file(bool for_example) {
    std::string out =
        "# Settings of agentbridge. A flag beats the environment, which beats this file, which "
        "beats\n"
        "# the default [in brackets]. A line that starts with # is a comment.\n"
        "# `agentbridge config check` finds mistakes.\n";
    std::string_view section;
    bool ours = false;
    for (const auto& setting : all_settings()) {
        const bool seed = !ours && setting.name.substr(0, 12) != "AGENTBRIDGE_" &&
                          setting.section != "Twilio, more";
        if (!seed && !ours) {
            out += "\n# The rest is optional. Take away the # in front of a name to set it.\n";
            ours = true;
        }
        if (setting.section != section) {
            section = setting.section;
            out += fmt::format("\n# --- {}\n", section);
        }
        out += comment_of(setting) + "\n";
        if (!seed) {
            out += fmt::format("#{}={}\n", setting.name, setting.fallback);
        } else if (setting.name == "SERVER_HOST" && for_example) {
            out += "SERVER_HOST=0.0.0.0\n";
        } else {
            out += fmt::format("{}={}\n", setting.name,
                               setting.fallback.empty() ? setting.placeholder : setting.fallback);
        }
    }
    return out;
}

}  // namespace bridge::app
