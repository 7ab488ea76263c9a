#include "app/help.hpp"

#include <fmt/format.h>

#include "app/exit_code.hpp"
#include "app/settings.hpp"

namespace bridge::app {
namespace {

constexpr std::string_view kOverview =
    R"(agentbridge: a phone call on your speakers, through Twilio or without it

Usage:
  agentbridge demo                         a call on the built-in Twilio; no account needed
  agentbridge call --target +15551234567   place a call and stay with it
  agentbridge serve                        answer inbound calls until Ctrl-C
  agentbridge [--target NUMBER]            serve, and place a call if a number is given

Commands:
  demo                        emulator, bridge and one call to your speakers, then exit
  call                        place one call; the program ends with it
  serve                       answer inbound calls
  calls list|show|watch|…     the calls of a running program: mute, hold, dtmf, say, transfer, …
  listen, talk                hear a call of a running program, or speak into it, from here
  recordings list|play|…      calls that were recorded: hear, copy and delete them
  transcript, transcribe      what was said in a call; a sound file taken down
  history list|search|…       calls of the past: what they were, and what was said in them
  numbers list|use|restore    where inbound calls of your numbers go; have them come here
  devices list|test           sound devices
  config show|check|init      settings: where each comes from, what is wrong, a new .env
  emulator serve|trigger|load|ledger   the built-in Twilio as a server of its own
  replay FILE                 a captured call through the same code again, and what it heard
  reap                        end calls of former runs that nobody holds any more
  doctor                      check the whole way from Twilio to here, with a fix for each failure
  completion bash|zsh|fish    the completion script for a shell
  version                     version of this program and its libraries
  help [TOPIC]                topics: exit-codes environment config emulator audio calls keys

Everywhere:
  --env-file FILE             read settings from FILE in place of the nearest .env
  --log-level LEVEL           DEBUG, INFO, WARNING or ERROR
  --log-format text|json      how log lines look
  --json                      results on stdout as JSON
  --no-color                  no colours (NO_COLOR and TERM=dumb do the same)
  -h, --help                  help for the program or, after a command, for that command

Ctrl-C hangs up and waits until the call's end is confirmed; a second one does not wait.
)";

constexpr std::string_view kConfig =
    R"(Settings come from four places. A flag beats the environment, which beats the .env file, which beats
the default.

  agentbridge config init                  write a commented .env with every setting
  agentbridge config check                 everything that is wrong, each with its fix
  agentbridge config show --show-origin    every value and where it came from

The .env file is the one in the working directory or, if there is none, in the nearest folder above
it; --env-file FILE names another. It may use export, comments, 'single' and "double" quotes, values
over several lines, ${NAME} and ${NAME:-default}. The texts of the example file, such as
your_auth_token_here, count as unset. An empty value means the default.

Secrets are never flags: a command line is visible to every user of the machine. Nothing prints them.
)";

constexpr std::string_view kEmulator =
    R"(The built-in Twilio answers the REST API, fetches TwiML, signs its webhooks and streams audio in real
time, so that all of agentbridge can be tried without an account, a tunnel or money.

  agentbridge demo                         all in one process
  agentbridge emulator serve               a server of its own; prints an account and its token
  agentbridge emulator trigger incoming-call --from +12025550123
  agentbridge emulator load --calls 50 --for 30s     many calls at once on a running bridge
  agentbridge emulator ledger              every call, how long it lasted, and whether it has ended

To use a server of its own, give the bridge what it printed:

  TWILIO_BASE_URL=http://127.0.0.1:8010 TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… \
  TWILIO_PHONE_NUMBER=+15005550006 agentbridge call --target +12025550100

A persona is what answers a number: greeting, echo, tone:440, say:TEXT, wav:FILE, voicemail, busy,
no-answer, reject, failed; options follow after commas, as in say:Hello,ring=2s,hangup=no.
  agentbridge demo --persona "say:Hello from nowhere"
  agentbridge emulator serve --persona +12025550142=echo --persona default=busy
)";

constexpr std::string_view kAudio =
    R"(What the phone says is played on the device that --speaker or AGENTBRIDGE_SPEAKER names:

  default          the system's device; if there is none the call goes on, silently
  NAME             the device of that name, or the only one whose name contains it
  file:PATH        a WAV file
  null             keeps time like a sound card and says nothing
  none             no device (--no-audio is the same)

  agentbridge devices list                 the names
  agentbridge devices test                 a tone on the configured device, then what the
                                           microphone hears
  agentbridge devices test NAME            on another

With --mic the phone hears the microphone that --microphone or AGENTBRIDGE_MICROPHONE names:
default, NAME, file:PATH (file:PATH,loop repeats it), null (silence) or none. Hum, the speaker's echo
and steady noise are taken out and the level is evened: --no-high-pass, --no-echo-cancellation,
--no-noise-suppression and --no-auto-gain leave each of them alone.

AUDIO_BUFFER_SIZE samples at AUDIO_SAMPLE_RATE is the most that may wait against jitter: 1024 at
8000 Hz is 128 ms. The buffer grows only as far as the network asks; if speech breaks up on a bad
network, allow it 2048. The sound card keeps its own rate; the call is resampled to it.
)";

constexpr std::string_view kCalls =
    R"(`agentbridge calls` speaks to a program that runs (`serve` or `call`), through its control API:

  agentbridge calls list                   every call: state, time, what you do with it
  agentbridge calls watch                  the same as it changes, with the keys of `help keys`
  agentbridge calls dial NUMBER            call somebody: --agent, --record, --transcribe, --muted
  agentbridge calls show [CALL]            everything about one call
  agentbridge calls hangup [CALL]
  agentbridge calls mute|unmute [CALL]     your microphone
  agentbridge calls hold [--silence] [CALL] · resume [CALL]
  agentbridge calls dtmf [CALL] KEYS       0-9 * # A-D; w waits half a second; --in-band as tones
  agentbridge calls transfer [CALL] --to NUMBER [--warm] · join [CALL] · cancel-transfer [CALL]
  agentbridge calls accept|reject [CALL]   a call that rings
  agentbridge calls focus [CALL]           the microphone, and full loudness
  agentbridge calls solo|unsolo [CALL]     hear it alone
  agentbridge calls volume [CALL] PERCENT
  agentbridge calls clear [CALL]           cut off what is being said to it
  agentbridge calls say [CALL] "TEXT"      a synthetic voice says it; --interrupt cuts off what is said
  agentbridge calls play [CALL] FILE.wav
  agentbridge calls record [CALL] [start|pause|resume|stop]     --notice none|beep|spoken
  agentbridge listen [CALL]                hear it here; --wav FILE, --raw, --side far|near
  agentbridge talk [CALL]                  speak into it; --file WAV
  agentbridge calls agent [CALL] NAME      this agent has the call; off takes it away
  agentbridge calls agent [CALL] take-over|hand-back|whisper|together

`call` beside a `serve` on the same configuration has that program place the call, and stays with it;
with --detach it only prints it.

CALL is a CallId (c_…), a CallSid (CA…) or the beginning of one; with one call it may be left out.
With several running programs, --instance PID or --instance URL says which; a URL from elsewhere
needs AGENTBRIDGE_CONTROL_TOKEN. --json gives the API's own answer. docs/control-plane.md has the API.
)";

constexpr std::string_view kKeys =
    R"(While `call`, `serve` or `demo` runs on a terminal, single keys steer the call that has the focus:

  0-9 * #     sent to the phone as keys
  m           mute, and unmute
  space       with --push-to-talk: speak while it is held
  h           hold, and resume
  t           transfer: asks for the number; Esc leaves
  T           transfer, but you speak to the other one first; this one waits
  j and b     then: join the two and leave; or back to the first one
  Tab or n    the next call gets the focus
  s           solo: hear this call only, and the others again
  + and -     louder, quieter
  a and r     accept, reject the call that rings
  e           record this call, or end its recording
  x           hang up this call: asks y or n
  c           cut off what is being said to the phone
  o           take over from the agent, and hand back to it
  w, g, l     beside an agent: whisper to it, speak with it, only listen again
  ?           these keys
  q, Ctrl-C   hang up every call and end; a second one does not wait

In `calls watch` the same keys steer the calls of the program that is watched; q only leaves it.
Off a terminal nothing of this is active, and nothing is read.
)";

std::string exit_codes() {
    std::string out = "What the program tells the shell when it ends:\n\n";
    for (const auto code : all_exit_codes())
        out += fmt::format("  {:>3}  {}\n", to_int(code), meaning_of(code));
    return out;
}

std::string environment() {
    std::string out =
        "Every setting, as an environment variable or a line of .env. Defaults stand in "
        "brackets.\n";
    std::string_view section;
    for (const auto& setting : all_settings()) {
        if (setting.section != section) {
            section = setting.section;
            out += fmt::format("\n{}\n", section);
        }
        out += fmt::format("  {}", setting.name);
        if (!setting.fallback.empty()) {
            out += fmt::format(" [{}{}{}]", setting.fallback, setting.unit.empty() ? "" : " ",
                               setting.unit);
        }
        if (!setting.flag.empty()) out += fmt::format("  {}", setting.flag);
        out += fmt::format("\n      {}", setting.meaning);
        if (!setting.choices.empty() &&
            setting.meaning.find(setting.choices[1]) == std::string_view::npos)
            out += fmt::format(": {}", fmt::join(setting.choices, ", "));
        out += "\n";
    }
    out +=
        "\nOf other programs: NO_COLOR, TERM, https_proxy, http_proxy, no_proxy, XDG_STATE_HOME, "
        "HOME.\n";
    return out;
}

}  // namespace

std::string help_overview() {
    return std::string(kOverview);
}

std::optional<std::string> help_topic(std::string_view topic) {
    if (topic == "exit-codes") return exit_codes();
    if (topic == "environment") return environment();
    if (topic == "config") return std::string(kConfig);
    if (topic == "emulator") return std::string(kEmulator);
    if (topic == "audio") return std::string(kAudio);
    if (topic == "calls") return std::string(kCalls);
    if (topic == "keys") return std::string(kKeys);
    return std::nullopt;
}

std::vector<std::string> help_topics() {
    return {"exit-codes", "environment", "config", "emulator", "audio", "calls", "keys"};
}

std::vector<std::string> command_names() {
    return {"demo",       "call",       "serve",      "calls",      "listen",  "talk",   "history",
            "recordings", "transcript", "transcribe", "numbers",    "devices", "config", "emulator",
            "replay",     "reap",       "doctor",     "completion", "version", "help"};
}

}  // namespace bridge::app
