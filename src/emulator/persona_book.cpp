#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numbers>
#include <set>

#include "base/error.hpp"
#include "emulator/dtmf.hpp"
#include "emulator/mulaw.hpp"
#include "emulator/persona.hpp"
#include "emulator/persona_description.hpp"
#include "emulator/personas/captured_caller.hpp"
#include "emulator/personas/echo.hpp"
#include "emulator/personas/key_presser.hpp"
#include "emulator/personas/recorded_voice.hpp"
#include "emulator/personas/script.hpp"
#include "emulator/personas/unreachable.hpp"
#include "emulator/sid.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;
using Made = Result<std::unique_ptr<Persona>>;
using Mulaw = std::vector<std::uint8_t>;

// A person lifts the receiver before it speaks; the stream is up by then.
constexpr milliseconds kFirstWord{200};
constexpr milliseconds kLastPause{1000};

constexpr std::string_view kGreeting =
    "Hello, this is the agent bridge emulator. What you hear is a phone call, "
    "and it has reached your speakers. Good bye.";
constexpr std::string_view kVoicemail =
    "Hello. Nobody can take your call right now. Please leave a message after the tone.";

// Leaves a message with a receptionist, by voice and by keys, and waits to be hung up on.
constexpr std::string_view kReceptionistCaller = R"(
timeout 20s
wait speech
wait silence 1500ms
say I would like to leave a message please.
wait speech
wait silence 1500ms
press 5551234#
wait speech
wait silence 1500ms
say Yes.
wait speech
wait silence 1500ms
say Tomorrow morning.
wait speech
wait silence 1500ms
say Yes.
wait speech
wait silence 1500ms
say The bicycle you asked for is ready, and you can come and fetch it.
wait speech
wait silence 1500ms
say No, thank you.
wait speech
pause 20s
hangup
)";

struct Kind {
    std::string_view name;
    std::string_view usage;  ///< as shown in messages
    bool needs_argument, takes_argument;
    PersonOptions defaults;
    std::function<Made(PersonOptions, const std::string& argument)> make;
};

Mulaw sine(double hz, double dbfs, milliseconds length) {
    const double amplitude = 32767.0 * std::pow(10.0, dbfs / 20.0);
    Mulaw tone(static_cast<std::size_t>(length.count()) * 8);
    for (std::size_t k = 0; k < tone.size(); ++k) {
        const double phase = 2.0 * std::numbers::pi * hz * static_cast<double>(k) / 8000.0;
        tone[k] = mulaw_encode(static_cast<std::int16_t>(std::lrint(amplitude * std::sin(phase))));
    }
    return tone;
}

Made voice(PersonOptions options, Result<Mulaw> sound, milliseconds pause) {
    if (!sound) return tl::unexpected(sound.error());
    return std::make_unique<RecordedVoice>(std::move(options),
                                           std::make_shared<const Mulaw>(std::move(*sound)), pause);
}

Made make_silent(PersonOptions options, const std::string&) {
    return std::make_unique<Silent>(std::move(options));
}
Made make_echo(PersonOptions options, const std::string&) {
    return std::make_unique<Echo>(std::move(options));
}

Made make_greeting(PersonOptions options, const std::string&) {
    return voice(std::move(options), synthesize(std::string(kGreeting)), kLastPause);
}

Made make_say(PersonOptions options, const std::string& text) {
    return voice(std::move(options), synthesize(text), kLastPause);
}

Made make_wav(PersonOptions options, const std::string& path) {
    return voice(std::move(options), load_audio(path), milliseconds(0));
}

Made make_tone(PersonOptions options, const std::string& argument) {
    double hz = 440;
    if (!argument.empty()) {
        char* end = nullptr;
        hz = std::strtod(argument.c_str(), &end);
        if (end != argument.c_str() + argument.size() || !(hz >= 20 && hz <= 3900)) {
            return fail(Errc::bad_config,
                        fmt::format("tone:{}: a tone is 20 to 3900 Hz", argument));
        }
    }
    return voice(std::move(options), sine(hz, -10, milliseconds(5000)), milliseconds(0));
}

Made make_voicemail(PersonOptions options, const std::string&) {
    auto announcement = synthesize(std::string(kVoicemail));
    if (!announcement) return tl::unexpected(announcement.error());
    announcement->insert(announcement->end(), 4000, kMulawSilence);
    const auto beep = sine(1000, -10, milliseconds(500));
    announcement->insert(announcement->end(), beep.begin(), beep.end());
    return voice(std::move(options), std::move(announcement), milliseconds(0));
}

Made make_keys(PersonOptions options, const std::string& keys) {
    const auto known = [](char key) { return key == 'w' || is_dtmf_digit(key); };
    if (!std::all_of(keys.begin(), keys.end(), known)) {
        return fail(Errc::bad_config,
                    fmt::format("keys:{}: keys are 0-9 * #, and w for half a second", keys));
    }
    return std::make_unique<KeyPresser>(std::move(options), keys);
}

Made make_script(PersonOptions options, const std::string& path) {
    auto steps = load_script(path);
    if (!steps) return tl::unexpected(steps.error());
    return std::make_unique<Scripted>(std::move(options), std::move(*steps));
}

/// Answers as the captured phone did; options that are given come before that.
Made make_capture(PersonOptions options, const std::string& path) {
    auto far_end = load_captured_far_end(path);
    if (!far_end) return tl::unexpected(far_end.error());
    const PersonOptions usual;
    if (options.reaction.after == usual.reaction.after) options.reaction.after = far_end->ringing;
    options.reaction.kind = far_end->reaction;
    return std::make_unique<CapturedCaller>(
        std::move(options), std::make_shared<const CapturedFarEnd>(std::move(*far_end)));
}

Made make_receptionist_caller(PersonOptions options, const std::string&) {
    auto steps = parse_script(kReceptionistCaller, ".");
    if (!steps) return tl::unexpected(steps.error());
    return std::make_unique<Scripted>(std::move(options), std::move(*steps));
}

PersonOptions answers() {
    PersonOptions options;
    options.delay = kFirstWord;
    return options;
}

PersonOptions stays(milliseconds delay) {
    PersonOptions options;
    options.hangup = false;
    options.delay = delay;
    return options;
}

PersonOptions refuses(Reaction::Kind kind) {
    PersonOptions options;
    options.reaction.kind = kind;
    return options;
}

PersonOptions machine() {
    PersonOptions options = stays(kFirstWord);
    options.reaction.answered_by = "machine_start";
    options.max = milliseconds(120000);
    return options;
}

const std::vector<Kind>& kinds() {
    using enum Reaction::Kind;
    static const std::vector<Kind> all{
        {"greeting", "greeting", false, false, answers(), make_greeting},
        {"say", "say:TEXT", true, true, answers(), make_say},
        {"wav", "wav:FILE", true, true, answers(), make_wav},
        {"tone", "tone[:HZ]", false, true, answers(), make_tone},
        {"echo", "echo", false, false, stays(milliseconds(200)), make_echo},
        {"silence", "silence", false, false, stays(milliseconds(0)), make_silent},
        {"busy", "busy", false, false, refuses(busy), make_silent},
        {"no-answer", "no-answer", false, false, refuses(no_answer), make_silent},
        {"failed", "failed", false, false, refuses(failed), make_silent},
        {"reject", "reject", false, false, refuses(reject), make_silent},
        {"voicemail", "voicemail", false, false, machine(), make_voicemail},
        {"keys", "keys:DIGITS", true, true, stays(milliseconds(1000)), make_keys},
        {"script", "script:FILE", true, true, answers(), make_script},
        {"capture", "capture:FILE", true, true, PersonOptions{}, make_capture},
        {"receptionist-caller", "receptionist-caller", false, false, answers(),
         make_receptionist_caller},
    };
    return all;
}

std::string list_of_kinds() {
    std::string list;
    for (const auto& kind : kinds()) {
        if (!list.empty()) list += ", ";
        list += kind.usage;
    }
    return list;
}

tl::unexpected<Error> bad_option(const std::string& name, const std::string& value,
                                 std::string_view expected) {
    return fail(Errc::bad_config, fmt::format("persona option {}={}: {}", name, value, expected));
}

Result<PersonOptions> with_options(PersonOptions options,
                                   const std::map<std::string, std::string>& given) {
    static const std::set<std::string, std::less<>> kVerdicts{"human",
                                                              "fax",
                                                              "unknown",
                                                              "machine_start",
                                                              "machine_end_beep",
                                                              "machine_end_silence",
                                                              "machine_end_other"};
    for (const auto& [name, value] : given) {
        if (find_switch(name)) continue;  // a fault, which is the exchange's matter
        if (name == "ring" || name == "delay" || name == "max") {
            const auto time = parse_time(value);
            if (!time) return bad_option(name, value, "write a time such as 300ms or 2s");
            if (name == "ring") options.reaction.after = *time;
            if (name == "delay") options.delay = *time;
            if (name == "max") options.max = *time;
        } else if (name == "hangup" || name == "repeat") {
            const auto yes = parse_yes_no(value);
            if (!yes) return bad_option(name, value, "write yes or no");
            (name == "hangup" ? options.hangup : options.repeat) = *yes;
        } else {
            if (!kVerdicts.contains(value)) {
                return bad_option(name, value,
                                  "human, fax, unknown, machine_start, machine_end_beep, "
                                  "machine_end_silence or machine_end_other");
            }
            options.reaction.answered_by = value;
        }
    }
    return options;
}

}  // namespace

PersonaBook::PersonaBook()
    : assignments_{{"default", "greeting"},
                   {"+12025550100", "greeting"},
                   {"+12025550101", "echo"},
                   {"+12025550102", "tone"},
                   {"+12025550103", "busy"},
                   {"+12025550104", "no-answer"},
                   {"+12025550105", "voicemail"},
                   {"+12025550106", "failed"},
                   {"+12025550107", "reject"},
                   {"+12025550108", "silence"},
                   {"+12025550109", "receptionist-caller"}} {}

Result<> PersonaBook::assign(const std::string& number, const std::string& description) {
    if (!is_address(number) && number != "default") {
        return fail(
            Errc::bad_config,
            fmt::format("\"{}\" is not a number such as +12025550123, nor an address such as "
                        "sip:alice@example.com or client:alice, nor \"default\"",
                        number));
    }
    if (auto persona = make_from(description); !persona) return tl::unexpected(persona.error());
    assignments_[persona_key(number)] = description;
    return {};
}

Result<std::unique_ptr<Persona>> PersonaBook::make(const std::string& number) const {
    const auto known = assignments_.find(persona_key(number));
    return make_from(known == assignments_.end() ? assignments_.at("default") : known->second);
}

Result<std::unique_ptr<Persona>> PersonaBook::make_from(const std::string& text) {
    auto description = parse_persona_description(text);
    if (!description) {
        return fail(Errc::bad_config, fmt::format("{}; the kinds are {}",
                                                  description.error().message, list_of_kinds()));
    }
    const auto kind = std::find_if(kinds().begin(), kinds().end(), [&](const Kind& each) {
        return each.name == description->kind;
    });
    if (kind == kinds().end()) {
        return fail(
            Errc::bad_config,
            fmt::format(
                "there is no persona \"{}\"; the kinds are {}, each with options ({}) after commas",
                description->kind, list_of_kinds(), known_persona_options()));
    }
    if (kind->needs_argument && description->argument.empty()) {
        return fail(Errc::bad_config, fmt::format("persona \"{}\": write {}", text, kind->usage));
    }
    if (!kind->takes_argument && !description->argument.empty()) {
        return fail(Errc::bad_config, fmt::format("persona \"{}\": {} takes nothing after a colon",
                                                  text, kind->name));
    }
    if (auto faults = faults_of(*description); !faults) {
        return fail(Errc::bad_config, faults.error().message);
    }
    auto options = with_options(kind->defaults, description->options);
    if (!options) return tl::unexpected(options.error());
    return kind->make(std::move(*options), description->argument);
}

}  // namespace bridge::emulator
