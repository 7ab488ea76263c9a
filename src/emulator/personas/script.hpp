#pragma once
// A scripted conversation, one step on each line of a file:
//
//   say TEXT           speaks                       play FILE       plays a sound (path relative to
//   the script) wait speech [TIME] until the other side has spoken that long (100 ms) wait silence
//   TIME  until it has been silent that long, counted from this step pause TIME         says
//   nothing                 press KEYS      presses keys, 300 ms apart expect digit D     until
//   that digit is heard    timeout TIME    patience of the waits that follow (30 s) hangup ends the
//   call                # …             a comment
//
// TIME is "300", "300ms", "2s". A wait that runs out of patience, or a wrong digit, ends the call
// with a warning in the log. After the last step it hangs up, or stays silent with hangup=no.

#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "emulator/personas/person.hpp"
#include "emulator/personas/recorded_voice.hpp"
#include "emulator/personas/speech_detector.hpp"

namespace bridge::emulator {

namespace steps {
struct Sound {
    RecordedVoice::Sound mulaw;
};
struct WaitSpeech {
    std::chrono::milliseconds time;
};
struct WaitSilence {
    std::chrono::milliseconds time;
};
struct Pause {
    std::chrono::milliseconds time;
};
struct Press {
    std::string keys;
};
struct ExpectDigit {
    char digit;
};
struct Patience {
    std::chrono::milliseconds time;
};
struct HangUp {};
}  // namespace steps

struct ScriptStep {
    int line = 0;  ///< of the file, for messages
    std::variant<steps::Sound, steps::WaitSpeech, steps::WaitSilence, steps::Pause, steps::Press,
                 steps::ExpectDigit, steps::Patience, steps::HangUp>
        what;
};

/// `folder` is where relative paths of `play` begin. Texts are synthesised here, so that nothing is
/// slow during the call. Errors: bad_config with the line's number; not_found for a file of `play`.
Result<std::vector<ScriptStep>> parse_script(std::string_view text, const std::string& folder);
/// Errors: not_found, and those of parse_script with the file's name.
Result<std::vector<ScriptStep>> load_script(const std::string& path);

class Scripted final : public Person {
public:
    Scripted(PersonOptions options, std::vector<ScriptStep> steps);
    void hear(const MulawFrame& frame) override;
    void hear_digit(char digit) override;
    std::string press() override;

    /// What went wrong, if the script gave up.
    const std::string& failure() const { return failure_; }

protected:
    Speech say(MulawFrame& out) override;

private:
    enum class Progress { done, spoke, waiting, hung_up };

    Progress act(const ScriptStep& step, MulawFrame& out);
    Progress speak_sound(const steps::Sound& sound, MulawFrame& out);
    Progress expect(const steps::ExpectDigit& step, int line);
    Progress wait(bool fulfilled, int line);
    Progress give_up(int line, const std::string& why);
    std::chrono::milliseconds in_step() const { return on_the_line() - step_began_; }
    void next_step();

    std::vector<ScriptStep> steps_;
    std::size_t step_ = 0;
    std::chrono::milliseconds step_began_{0};
    std::size_t sound_at_ = 0;
    std::chrono::milliseconds patience_{30000};
    SpeechDetector hearing_;
    std::deque<char> digits_heard_;
    std::deque<std::pair<std::chrono::milliseconds, char>> to_press_;
    std::string failure_;
};

}  // namespace bridge::emulator
