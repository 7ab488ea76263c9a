// What is done when an answering machine takes a call, by the whole bridge against the whole
// emulator: its verdict comes as Twilio's does, and its phone tells what it has heard.

#include <algorithm>

#include "audio/wav.hpp"
#include "whole_bridge.hpp"

namespace bridge::app {
namespace {

class AnsweringMachine : public CallControl {
protected:
    /// A call that says `words` at once and for long, as an agent's greeting would be.
    CallId talk(call::OnMachine what, const std::string& detection) {
        call::CallSpec spec;
        spec.to = kPhone;
        spec.from = twilio_->numbers().front();
        spec.on_machine = what;
        if (what == call::OnMachine::message) spec.machine_message = tone(1600, kMessage);
        spec.extra = {{"MachineDetection", detection}, {"AsyncAmd", "true"}};
        const auto id = bridge_->calls().open(std::move(spec));
        bridge_->calls().post(id, input::Dial{});
        EXPECT_TRUE(events_.wait<event::FirstAudio>());
        post(id, input::Play{tone(160'000, kGreeting)});
        return id;
    }
    /// A square wave, which mu-law and the network leave as it is.
    static std::shared_ptr<const std::vector<std::int16_t>> tone(std::size_t samples,
                                                                 std::int16_t loudness) {
        std::vector<std::int16_t> out(samples);
        for (std::size_t i = 0; i < samples; ++i)
            out[i] = i / 4 % 2 == 0 ? loudness : static_cast<std::int16_t>(-loudness);
        return std::make_shared<const std::vector<std::int16_t>>(std::move(out));
    }
    /// How many samples of that loudness the phone has heard.
    std::ptrdiff_t heard(const CallSid& sid, std::int16_t loudness) {
        net::HttpCall request;
        request.url = twilio_->base_url() + "/emulator/v1/calls/" + sid.str() + "/heard.wav";
        const auto path = folder_ / "heard.wav";
        std::ofstream(path, std::ios::binary) << ask(std::move(request)).body;
        const auto sound = audio::read_sound(path);
        EXPECT_TRUE(sound) << sound.error().message;
        if (!sound) return -1;
        return std::count_if(sound->samples.begin(), sound->samples.end(), [&](int sample) {
            return std::abs(std::abs(sample) - loudness) < loudness / 20;
        });
    }

    static constexpr std::int16_t kGreeting = 3000, kMessage = 9000;
};

TEST_F(AnsweringMachine, IsHungUpOnWithWhatIsBeingSaid) {
    start({{kPhone, "voicemail"}});
    talk(call::OnMachine::hang_up, "Enable");
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.answered_by, "machine_start");
    EXPECT_EQ(last->snapshot.end_reason, "machine_start answered");
    EXPECT_TRUE(last->snapshot.end_confirmed);
    // Spoken at once, and no longer than until the verdict after two seconds.
    EXPECT_GT(heard(last->snapshot.sid, kGreeting), 8000);
    EXPECT_LT(heard(last->snapshot.sid, kGreeting), 40'000);
    EXPECT_EQ(events_.warnings(), "");
}

TEST_F(AnsweringMachine, IsToldTheMessageAfterItsBeep) {
    start({{kPhone, "voicemail"}});
    talk(call::OnMachine::message, "DetectMessageEnd");
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.answered_by, "machine_end_beep");
    EXPECT_EQ(last->snapshot.end_reason, "the machine has our message");
    EXPECT_TRUE(last->snapshot.end_confirmed);
    EXPECT_GE(heard(last->snapshot.sid, kMessage), 1590);
    EXPECT_EQ(events_.warnings(), "");
}

TEST_F(AnsweringMachine, IsNoneIfAHumanAnswers) {
    start({{kPhone, "echo"}});
    const auto id = talk(call::OnMachine::hang_up, "Enable");
    ASSERT_TRUE(events_.wait<event::MachineDetected>());
    EXPECT_EQ(snapshot(id).state, call::CallState::in_progress);
    EXPECT_EQ(snapshot(id).answered_by, "human");
    post(id, input::HangUp{"test"});
    const auto last = ended();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->snapshot.end_reason, "test");
}

}  // namespace
}  // namespace bridge::app
