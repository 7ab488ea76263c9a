#include "emulator/personas/script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/log.hpp"
#include "emulator/dtmf.hpp"
#include "emulator/persona_description.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxDigitsHeard = 64;
constexpr milliseconds kKeysApart{300};

std::string_view trimmed_line(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const auto first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// The first word; `text` keeps what follows it.
std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    const auto word = text.substr(0, end);
    text = trimmed_line(text.substr(end));
    return word;
}

tl::unexpected<Error> bad_line(int line, std::string_view what) {
    return fail(Errc::bad_config, fmt::format("line {}: {}", line, what));
}

Result<milliseconds> time_in(std::string_view text, int line) {
    if (const auto time = parse_time(text)) return *time;
    return bad_line(line, fmt::format("\"{}\" is not a time such as 300, 300ms or 2s", text));
}

Result<ScriptStep> parse_wait(std::string_view rest, int line) {
    const auto what = take_word(rest);
    if (what == "speech" && rest.empty())
        return ScriptStep{line, steps::WaitSpeech{milliseconds(100)}};
    if (what != "speech" && what != "silence") {
        return bad_line(line, "wait is followed by \"speech [TIME]\" or \"silence TIME\"");
    }
    const auto time = time_in(rest, line);
    if (!time) return tl::unexpected(time.error());
    if (what == "speech") return ScriptStep{line, steps::WaitSpeech{*time}};
    return ScriptStep{line, steps::WaitSilence{*time}};
}

Result<ScriptStep> parse_sound(Result<std::vector<std::uint8_t>> sound, int line) {
    if (!sound)
        return fail(sound.error().code, fmt::format("line {}: {}", line, sound.error().message));
    return ScriptStep{
        line, steps::Sound{std::make_shared<const std::vector<std::uint8_t>>(std::move(*sound))}};
}

Result<ScriptStep> parse_step(std::string_view text, int line,
                              const std::filesystem::path& folder) {
    const auto verb = take_word(text);
    if (verb == "say") return parse_sound(synthesize(std::string(text)), line);
    if (verb == "play") return parse_sound(load_audio((folder / std::string(text)).string()), line);
    if (verb == "wait") return parse_wait(text, line);
    if (verb == "hangup" && text.empty()) return ScriptStep{line, steps::HangUp{}};
    if (verb == "pause" || verb == "timeout") {
        const auto time = time_in(text, line);
        if (!time) return tl::unexpected(time.error());
        if (verb == "pause") return ScriptStep{line, steps::Pause{*time}};
        return ScriptStep{line, steps::Patience{*time}};
    }
    if (verb == "press") {
        if (text.empty() || !std::all_of(text.begin(), text.end(), is_dtmf_digit)) {
            return bad_line(line, "press is followed by keys: 0-9 * #");
        }
        return ScriptStep{line, steps::Press{std::string(text)}};
    }
    if (verb == "expect") {
        const auto what = take_word(text);
        if (what != "digit" || text.size() != 1 || !is_dtmf_digit(text.front())) {
            return bad_line(line, "expect is followed by \"digit\" and one of 0-9 * #");
        }
        return ScriptStep{line, steps::ExpectDigit{text.front()}};
    }
    return bad_line(
        line,
        fmt::format("\"{}\" is not one of say, play, wait, pause, press, expect, timeout, hangup",
                    verb));
}

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Result<std::vector<ScriptStep>> parse_script(std::string_view text, const std::string& folder) {
    std::vector<ScriptStep> script;
    int line = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto step_text = trimmed_line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++line;
        if (step_text.empty() || step_text.front() == '#') continue;
        auto step = parse_step(step_text, line, folder);
        if (!step) return tl::unexpected(step.error());
        script.push_back(std::move(*step));
    }
    if (script.empty()) return fail(Errc::bad_config, "the script has no steps");
    return script;
}

Result<std::vector<ScriptStep>> load_script(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return fail(Errc::not_found, "there is no script " + path);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fail(Errc::io, "the script " + path + " cannot be read");
    auto script = parse_script(text.str(), std::filesystem::path(path).parent_path().string());
    if (!script) return fail(script.error().code, path + ": " + script.error().message);
    return script;
}

Scripted::Scripted(PersonOptions options, std::vector<ScriptStep> steps)
    : Person(std::move(options)), steps_(std::move(steps)) {}

void Scripted::hear(const MulawFrame& frame) {
    hearing_.hear(frame);
}

void Scripted::hear_digit(char digit) {
    if (digits_heard_.size() >= kMaxDigitsHeard) digits_heard_.pop_front();
    digits_heard_.push_back(digit);
}

std::string Scripted::press() {
    std::string keys;
    while (!to_press_.empty() && to_press_.front().first <= on_the_line()) {
        keys += to_press_.front().second;
        to_press_.pop_front();
    }
    return keys;
}

Persona::Speech Scripted::say(MulawFrame& out) {
    // Steps that take no time share the frame with the next one that does.
    while (step_ < steps_.size()) {
        const ScriptStep step = steps_[step_];
        switch (act(step, out)) {
            case Progress::done:
                next_step();
                break;
            case Progress::spoke:
                return Speech::speaking;
            case Progress::waiting:
                return Speech::silent;
            case Progress::hung_up:
                return Speech::hung_up;
        }
    }
    return options().hangup && to_press_.empty() ? Speech::hung_up : Speech::silent;
}

Scripted::Progress Scripted::act(const ScriptStep& step, MulawFrame& out) {
    return std::visit(Overloaded{
                          [&](const steps::Sound& sound) { return speak_sound(sound, out); },
                          [&](const steps::WaitSpeech& speech) {
                              return wait(hearing_.speech() >= speech.time, step.line);
                          },
                          [&](const steps::WaitSilence& silence) {
                              return wait(std::min(hearing_.silence(), in_step()) >= silence.time,
                                          step.line);
                          },
                          [&](const steps::Pause& pause) {
                              return in_step() >= pause.time ? Progress::done : Progress::waiting;
                          },
                          [&](const steps::Press& keys) {
                              if (in_step() == milliseconds::zero() && to_press_.empty()) {
                                  auto at = on_the_line();
                                  for (const char key : keys.keys) {
                                      to_press_.emplace_back(at, key);
                                      at += kKeysApart;
                                  }
                                  return Progress::waiting;
                              }
                              return to_press_.empty() ? Progress::done : Progress::waiting;
                          },
                          [&](const steps::ExpectDigit& digit) { return expect(digit, step.line); },
                          [&](const steps::Patience& patience) {
                              patience_ = patience.time;
                              return Progress::done;
                          },
                          [&](const steps::HangUp&) { return Progress::hung_up; },
                      },
                      step.what);
}

Scripted::Progress Scripted::speak_sound(const steps::Sound& sound, MulawFrame& out) {
    if (sound_at_ >= sound.mulaw->size()) return Progress::done;
    const std::size_t size = std::min(out.size(), sound.mulaw->size() - sound_at_);
    std::copy_n(sound.mulaw->begin() + static_cast<std::ptrdiff_t>(sound_at_), size, out.begin());
    sound_at_ += size;
    return Progress::spoke;
}

Scripted::Progress Scripted::expect(const steps::ExpectDigit& step, int line) {
    if (digits_heard_.empty()) return wait(false, line);
    const char heard = digits_heard_.front();
    digits_heard_.pop_front();
    if (heard == step.digit) return Progress::done;
    return give_up(line, fmt::format("heard the digit {} instead of {}", heard, step.digit));
}

Scripted::Progress Scripted::wait(bool fulfilled, int line) {
    if (fulfilled) return Progress::done;
    if (in_step() < patience_) return Progress::waiting;
    return give_up(line, fmt::format("nothing came in {} ms", patience_.count()));
}

Scripted::Progress Scripted::give_up(int line, const std::string& why) {
    failure_ = fmt::format("line {}: {}", line, why);
    log::warning("emulator", "the scripted persona hangs up: {}", failure_);
    return Progress::hung_up;
}

void Scripted::next_step() {
    ++step_;
    step_began_ = on_the_line();
    sound_at_ = 0;
}

}  // namespace bridge::emulator
