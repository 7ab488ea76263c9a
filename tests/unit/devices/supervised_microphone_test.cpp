// A supervised card in both directions: one that goes does not take the other with it.
#include "tests/unit/devices/supervised_fixture.hpp"

namespace bridge::devices {
namespace {

class SupervisedMicrophone : public SupervisedDeviceTest {
protected:
    // A call in progress on speakers and a microphone.
    std::unique_ptr<SupervisedDevice> start(SupervisedParts with) {
        auto device = std::make_unique<SupervisedDevice>(std::move(with), fast());
        const auto started = device->start();
        EXPECT_TRUE(started) << started.error().message;
        line_ = make_line();
        EXPECT_EQ(device->attach(line_), true);
        return device;
    }
    std::shared_ptr<audio::SpeakerLine> line_;
};

TEST_F(SupervisedMicrophone, GoesAndComesBackWhileTheSpeakerPlaysOn) {
    plug_in("speakers");
    plug_in_microphone("mic");
    const auto device = start(parts(true, true));
    EXPECT_EQ(device->input_name(), "portaudio: mic");
    EXPECT_TRUE(device->stats().capture.running);
    unplug_microphone();
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0],
              "the microphone is gone (mic): the phone hears nothing from here until there is one "
              "again");
    EXPECT_TRUE(change(0).input);
    EXPECT_FALSE(change(0).output);
    EXPECT_EQ(device->input_name(), "no microphone");
    EXPECT_FALSE(device->stats().capture.running);
    EXPECT_EQ(device->name(), "portaudio: speakers");
    // The same card plays on, and it is looked for without disturbing that.
    ASSERT_TRUE(eventually([&] { return card(0)->reopens > 3; }));
    EXPECT_EQ(card(0)->lines(), 1U);
    EXPECT_EQ(attempts(), 1U);
    EXPECT_EQ(told().size(), 1U) << "told once";
    plug_in_microphone("mic");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_EQ(told()[1].find("the microphone is back after "), 0U) << told()[1];
    EXPECT_EQ(attempts(), 1U);
    const auto stats = device->stats();
    EXPECT_EQ(stats.losses, 0U);
    EXPECT_EQ(stats.unheard_ms, 0);
    EXPECT_EQ(stats.capture.losses, 1U);
    EXPECT_GT(stats.capture.missing_ms, 0);
    EXPECT_LT(stats.capture.missing_ms, 5000);
    EXPECT_TRUE(stats.capture.running);
}

TEST_F(SupervisedMicrophone, StaysWhenTheSpeakerGoes) {
    plug_in("speakers");
    plug_in_microphone("mic");
    const auto device = start(parts(true, true));
    unplug();
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0].find("the sound card is gone (speakers)"), 0U) << told()[0];
    EXPECT_EQ(told()[0].find("microphone"), std::string::npos);
    EXPECT_EQ(device->name(), "null (no sound card)");
    EXPECT_EQ(device->input_name(), "portaudio: mic");
    EXPECT_TRUE(device->stats().capture.running);
    const auto captured = device->stats().capture.callbacks;
    plug_in("headset");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_EQ(told()[1].find("sound is back after "), 0U) << told()[1];
    EXPECT_EQ(attempts(), 1U);
    EXPECT_EQ(card(0)->lines(), 1U);
    EXPECT_GT(device->stats().capture.callbacks, captured);
    EXPECT_EQ(device->stats().capture.losses, 0U);
}

TEST_F(SupervisedMicrophone, IsToldInOneLineWithTheSpeakerOfAHeadset) {
    plug_in("headset");
    plug_in_microphone("headset");
    const auto device = start(parts(true, true));
    unplug();
    unplug_microphone();
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0],
              "the sound card is gone (headset): calls go on unheard until there is one again; the "
              "microphone is gone too (headset)");
    EXPECT_TRUE(change(0).input && change(0).output);
    ASSERT_TRUE(eventually([&] { return card(0)->stopped(); }));
    plug_in_unseen("headset", "headset");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_NE(told()[1].find(", on headset; the microphone is headset"), std::string::npos)
        << told()[1];
    EXPECT_EQ(last_card()->lines(), 1U);
    EXPECT_EQ(device->stats().losses, 1U);
    EXPECT_EQ(device->stats().capture.losses, 1U);
}

TEST_F(SupervisedMicrophone, ThatOnlyANewLookFindsIsOpenedWithTheSpeakerOpenedAnew) {
    plug_in("speakers");
    const auto device = start(parts(true, true));
    EXPECT_EQ(device->missing(Side::input), "there is no microphone");
    EXPECT_EQ(device->missing(Side::output), "");
    ASSERT_TRUE(eventually([&] { return card(0)->reopens > 2; }));
    plug_in_unseen("speakers", "usb");
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "there is a microphone now: usb");
    EXPECT_TRUE(card(0)->stopped());
    EXPECT_EQ(last_card()->lines(), 1U);
    EXPECT_EQ(attempts(), 2U);
    EXPECT_EQ(device->stats().losses, 0U);
    EXPECT_EQ(device->stats().capture.losses, 0U);
}

TEST_F(SupervisedMicrophone, IsGoneWhenItBringsNothing) {
    plug_in("speakers");
    plug_in_microphone("mic");
    const auto device = start(parts(true, true));
    plug_in_microphone("mic", false);
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0].find("the microphone is gone"), 0U);
    // One that can be opened and brings nothing does not count as back.
    ASSERT_TRUE(eventually([&] { return card(0)->reopens > 2; }));
    EXPECT_EQ(told().size(), 1U);
    plug_in_microphone("mic");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
}

TEST_F(SupervisedMicrophone, IsNoneWhenTheSystemOffersWhatTheSpeakerPlays) {
    plug_in("speakers");
    plug_in_microphone("monitor of speakers");
    monitor_ = true;
    const auto device = start(parts(true, true));
    EXPECT_NE(device->missing(Side::input).find("no microphone"), std::string::npos);
    EXPECT_FALSE(device->stats().capture.running);
    EXPECT_EQ(device->name(), "portaudio: speakers");
    plug_in_microphone("mic");
    monitor_ = false;
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "there is a microphone now: mic");
    // Unplugged, the stream is moved to the monitor, and goes on.
    monitor_ = true;
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_EQ(told()[1].find("the microphone is gone"), 0U);
    EXPECT_EQ(attempts(), 1U);
}

TEST_F(SupervisedMicrophone, ThatIsNamedAndMissingIsAnErrorAtTheStart) {
    plug_in("speakers");
    auto named = parts(true, true);
    named.input.any_device = named.input.may_be_missing = false;
    SupervisedDevice device(std::move(named), fast());
    const auto started = device.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message, "there is no microphone");
    EXPECT_TRUE(card(0)->stopped());
}

TEST_F(SupervisedMicrophone, WorksWithoutASpeaker) {
    plug_in_microphone("mic");
    SupervisedDevice device(parts(false, true), fast());
    ASSERT_TRUE(device.start());
    EXPECT_FALSE(device.attach(make_line()));
    EXPECT_TRUE(device.stats().capture.running);
    unplug_microphone();
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    plug_in_microphone("other");
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_EQ(device.input_name(), "portaudio: other");
    EXPECT_EQ(device.stats().unheard_ms, 0);
    device.stop();
    EXPECT_TRUE(last_card()->stopped());
    EXPECT_FALSE(device.stats().capture.running);
}

TEST_F(SupervisedMicrophone, AndSpeakerFollowTheSystemsDefaultsTogether) {
    plug_in("speakers");
    plug_in_microphone("mic");
    const auto device = start(parts(true, true));
    default_input_ = 12;
    ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
    EXPECT_EQ(told()[0], "the system's default input changed: the microphone is mic");
    EXPECT_EQ(attempts(), 2U);
    default_output_ = 8;
    default_input_ = 13;
    ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
    EXPECT_EQ(told()[1],
              "the system's default output changed: calls are heard on speakers; the system's "
              "default input changed: the microphone is mic");
    EXPECT_EQ(attempts(), 3U);
    EXPECT_EQ(last_card()->lines(), 1U);
    EXPECT_EQ(device->stats().losses, 0U);
    EXPECT_EQ(device->stats().capture.losses, 0U);
}

TEST_F(SupervisedMicrophone, ComesAndGoesWithLinesThatDo) {
    plug_in("speakers");
    plug_in_microphone("mic");
    const auto device = start(parts(true, true));
    std::atomic<bool> over{false};
    std::thread calls([&] {
        while (!over) {
            const auto line = make_line();
            ASSERT_TRUE(device->attach(line));
            device->stats();
            device->input_name();
            std::this_thread::sleep_for(1ms);
            device->detach(line);
        }
    });
    for (int i = 0; i < 3; ++i) {
        auto before = told().size();
        unplug_microphone();
        EXPECT_TRUE(eventually([&] { return told().size() > before; }));
        before = told().size();
        plug_in_unseen("speakers", "mic");
        EXPECT_TRUE(eventually([&] { return told().size() > before; }));
    }
    over = true;
    calls.join();
}

}  // namespace
}  // namespace bridge::devices
