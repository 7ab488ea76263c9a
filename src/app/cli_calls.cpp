#include "app/cli_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "app/config.hpp"
#include "app/dial_rules.hpp"
#include "app/phone_number.hpp"
#include "call/recordings.hpp"

namespace bridge::app {

void CallsGrammar::add(CLI::App* group, const AddCommand& command) {
    using Action = CallsCommand::Action;
    group
        ->add_option("--instance", calls_.instance,
                     "which running program: its PID or its control URL (default: the only one)")
        ->option_text("PID|URL");
    const auto add_one = [&](Action action, const char* name, const char* meaning,
                             const char* examples) {
        return command(group, name, meaning, examples, [this, action] {
            calls_.action = action;
            return calls_;
        });
    };
    const auto with_id = [&](CLI::App* sub) {
        sub->add_option("call", calls_.id,
                        "CallId or CallSid, or its beginning; without it, the only call")
            ->option_text("CALL");
        return sub;
    };
    auto* list =
        add_one(Action::list, "list", "The calls of a running program",
                "  agentbridge calls list\n  agentbridge calls list --state ringing --json");
    list->add_option("--state", calls_.state, "only these: live, or a state such as in-progress")
        ->option_text("STATE");
    with_id(add_one(Action::show, "show", "Everything about one call",
                    "  agentbridge calls show\n  agentbridge calls show c_7qk --json"));
    add_one(Action::watch, "watch", "The calls as they change, until Ctrl-C",
            "  agentbridge calls watch");
    auto* dial = add_one(Action::dial, "dial", "Call somebody, and speak to them",
                         "  agentbridge calls dial +15551234567\n  agentbridge calls dial "
                         "sip:me@home.net --no-focus");
    dial->add_option("to", calls_.to, "+15551234567, sip:user@host or client:name")
        ->option_text("NUMBER");
    dial->add_option("--from", calls_.from, "the number shown there (default: the configured one)")
        ->option_text("NUMBER");
    dial->add_flag("!--no-focus", calls_.focus, "go on speaking to the call you speak to now");
    dial->add_flag("--muted", calls_.muted, "it does not hear your microphone until you unmute it");
    dial->add_option("--agent", calls_.agent,
                     "who speaks to it: openai, local, ws://…, …; off: nobody but you")
        ->option_text("NAME|URL");
    dial->add_flag("--record,!--no-record", calls_.recorded,
                   "record it, or do not, whatever is set");
    dial->add_flag("--transcribe,!--no-transcribe", calls_.transcribed,
                   "take down what is said, or do not");
    dial->add_option("--time-limit", limit_, "end it after 90s, 15m, 4h")->option_text("TIME");
    with_id(
        add_one(Action::hangup, "hangup", "Hang a call up", "  agentbridge calls hangup c_7qk"));
    with_id(add_one(Action::mute, "mute", "Keep your microphone from a call",
                    "  agentbridge calls mute"));
    with_id(add_one(Action::unmute, "unmute", "Let your microphone through again",
                    "  agentbridge calls unmute"));
    auto* hold = with_id(add_one(Action::hold, "hold", "Put a call on hold: it hears music",
                                 "  agentbridge calls hold\n  agentbridge calls hold --silence"));
    hold->add_flag("--silence", calls_.silence, "no music");
    with_id(
        add_one(Action::resume, "resume", "Take a call off hold", "  agentbridge calls resume"));
    auto* dtmf = add_one(Action::dtmf, "dtmf",
                         "Press keys for a call: 0-9 * # A-D, w waits half a "
                         "second",
                         "  agentbridge calls dtmf 1234#\n  agentbridge calls dtmf c_7qk 1w2 "
                         "--in-band");
    dtmf->add_option("call", calls_.id,
                     "CallId or CallSid, or its beginning; without it, the only call")
        ->option_text("CALL");
    dtmf->add_option("keys", calls_.keys, "the keys")->option_text("KEYS");
    dtmf->add_flag("--in-band", calls_.in_band,
                   "as tones in the sound, instead of through the carrier");
    auto* transfer =
        with_id(add_one(Action::transfer, "transfer", "Connect a call to somebody else, and leave",
                        "  agentbridge calls transfer --to +15551234567\n  agentbridge calls "
                        "transfer --to +15551234567 --warm"));
    transfer->add_option("--to", calls_.to, "+15551234567, sip:user@host or client:name")
        ->option_text("NUMBER");
    transfer->add_flag("--warm", calls_.warm,
                       "the call waits on hold while you speak to the other one first; then `calls "
                       "join`, or `calls cancel-transfer`");
    transfer->add_flag("--silence", calls_.silence, "with --warm: no music meanwhile");
    with_id(add_one(Action::join, "join",
                    "Put the two calls of a warm transfer together, and leave",
                    "  agentbridge calls join"));
    with_id(add_one(Action::cancel_transfer, "cancel-transfer",
                    "Keep a call that is being transferred",
                    "  agentbridge calls cancel-transfer"));
    with_id(
        add_one(Action::accept, "accept", "Take a call that rings", "  agentbridge calls accept"));
    with_id(add_one(Action::reject, "reject", "Refuse a call that rings",
                    "  agentbridge calls reject"));
    with_id(add_one(Action::focus, "focus", "Speak to this call: the microphone is its",
                    "  agentbridge calls focus c_7qk"));
    with_id(add_one(Action::solo, "solo", "Hear this call only", "  agentbridge calls solo c_7qk"));
    with_id(add_one(Action::unsolo, "unsolo", "Hear the others again",
                    "  agentbridge calls unsolo c_7qk"));
    auto* volume = add_one(Action::volume, "volume", "How loud you hear a call",
                           "  agentbridge calls volume 50\n  agentbridge calls volume c_7qk 100");
    volume
        ->add_option("call", calls_.id,
                     "CallId or CallSid, or its beginning; without it, the only call")
        ->option_text("CALL");
    volume->add_option("percent", volume_, "0 to 100")->option_text("PERCENT");
    with_id(add_one(Action::clear, "clear", "Cut off what is being said to a call",
                    "  agentbridge calls clear"));
    auto* say = add_one(Action::say, "say", "Have something said to a call by a synthetic voice",
                        "  agentbridge calls say \"One moment, please.\"\n  agentbridge calls say "
                        "c_7qk \"We close now.\" --interrupt");
    say->add_option("call", calls_.id,
                    "CallId or CallSid, or its beginning; without it, the only call")
        ->option_text("CALL");
    say->add_option("text", calls_.text, "what is said, English")->option_text("TEXT");
    say->add_flag("--interrupt", calls_.interrupt, "cut off what is being said first");
    auto* play =
        add_one(Action::play, "play", "Play a WAV file to a call",
                "  agentbridge calls play announcement.wav\n  agentbridge calls play c_7qk "
                "announcement.wav");
    play->add_option("call", calls_.id,
                     "CallId or CallSid, or its beginning; without it, the only call")
        ->option_text("CALL");
    play->add_option("file", calls_.file, "a WAV file of at most 20 MiB")->option_text("FILE");
    auto* record = add_one(Action::record, "record", "Record a call, both sides apart",
                           "  agentbridge calls record\n  agentbridge calls record c_7qk pause\n"
                           "  agentbridge calls record stop");
    record
        ->add_option("call", calls_.id,
                     "CallId or CallSid, or its beginning; without it, the only call")
        ->option_text("CALL");
    record
        ->add_option("what", calls_.record,
                     "start (which it is without a word), pause, resume "
                     "or stop")
        ->option_text("WHAT");
    record->add_option("--notice", calls_.notice, "what the phone hears when it begins")
        ->option_text("none|beep|spoken");
    auto* agent = add_one(Action::agent, "agent", "Who speaks to a call: an agent, you, or both",
                          "  agentbridge calls agent openai       this agent has the call\n"
                          "  agentbridge calls agent take-over    you speak, the agent is silent\n"
                          "  agentbridge calls agent hand-back    the agent has the call again\n"
                          "  agentbridge calls agent whisper      the agent alone hears you\n"
                          "  agentbridge calls agent together     both of you speak\n"
                          "  agentbridge calls agent off          no agent hears the call");
    agent
        ->add_option("call", calls_.id,
                     "CallId or CallSid, or its beginning; without it, the only call")
        ->option_text("CALL");
    agent
        ->add_option("agent", calls_.agent,
                     "openai, local, ws://…, …; take-over, hand-back, whisper, together or off")
        ->option_text("AGENT");
}

std::string CallsGrammar::check() {
    // One word alone is what to do; the call is the only one.
    const auto last_word = [&](std::string& what) {
        if (what.empty()) what = std::exchange(calls_.id, {});
    };
    switch (calls_.action) {
        case CallsCommand::Action::dtmf:
            last_word(calls_.keys);
            if (calls_.keys.empty()) return "`agentbridge calls dtmf` needs keys, such as 1234#";
            break;
        case CallsCommand::Action::say:
            last_word(calls_.text);
            if (calls_.text.empty())
                return "`agentbridge calls say` needs a text, such as \"One moment, please.\"";
            break;
        case CallsCommand::Action::play:
            last_word(calls_.file);
            if (calls_.file.empty()) return "`agentbridge calls play` needs a WAV file";
            break;
        case CallsCommand::Action::agent:
            last_word(calls_.agent);
            if (calls_.agent.empty())
                return "`agentbridge calls agent` needs an agent's name, take-over, hand-back, "
                       "whisper, together or off";
            break;
        case CallsCommand::Action::record: {
            constexpr std::array<std::string_view, 4> kWords{"start", "pause", "resume", "stop"};
            const auto known = [&](const std::string& word) {
                return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
            };
            if (calls_.record.empty() && known(calls_.id))
                calls_.record = std::exchange(calls_.id, {});
            if (!calls_.record.empty() && !known(calls_.record))
                return fmt::format("'{}' is none of start, pause, resume and stop", calls_.record);
            if (!calls_.notice.empty() && !call::parse_recording_notice(calls_.notice))
                return fmt::format("--notice: '{}' is none of none, beep and spoken",
                                   calls_.notice);
            if (!calls_.notice.empty() && (calls_.record == "pause" || calls_.record == "stop"))
                return "--notice is for a recording that begins";
            break;
        }
        case CallsCommand::Action::dial: {
            if (calls_.to.empty())
                return "`agentbridge calls dial` needs a number, such as +15551234567";
            if (!limit_.empty()) {
                const auto limit = parse_duration(limit_);
                if (!limit || limit->count() < 1)
                    return fmt::format("--time-limit: '{}' is no time, such as 90s or 15m", limit_);
                calls_.time_limit = *limit;
            }
            if (is_emergency_number(calls_.to))
                break;  // refused by policy, not for how it is written
            const auto target = parse_target(calls_.to);
            if (!target) return target.error().message;
            calls_.to = *target;
            break;
        }
        case CallsCommand::Action::transfer: {
            if (calls_.to.empty())
                return "`agentbridge calls transfer` needs --to, such as --to +15551234567";
            const auto target = is_emergency_number(calls_.to) ? Result<std::string>(calls_.to)
                                                               : parse_target(calls_.to);
            if (!target) return "--to: " + target.error().message;
            calls_.to = *target;
            if (calls_.silence && !calls_.warm)
                return "--silence is for a transfer with --warm: without it nobody waits";
            break;
        }
        case CallsCommand::Action::volume: {
            last_word(volume_);
            if (volume_.ends_with('%')) volume_.pop_back();
            const bool number = !volume_.empty() && volume_.size() <= 3 &&
                                std::all_of(volume_.begin(), volume_.end(),
                                            [](unsigned char c) { return std::isdigit(c) != 0; });
            calls_.percent = number ? std::stoi(volume_) : -1;
            if (calls_.percent < 0 || calls_.percent > 100)
                return fmt::format("'{}' is not a volume; write 0 to 100", volume_);
            break;
        }
        default:
            break;
    }
    return "";
}

}  // namespace bridge::app
