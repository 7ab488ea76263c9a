// Several calls at one desk and warm transfers, asked for through the control API, by the whole
// bridge against the whole emulator. Who hears whom is judged by what the emulator's phones heard:
// each speaks with a tone of its own.

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "app/phone_number.hpp"
#include "audio/wav.hpp"
#include "whole_bridge.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

constexpr int kFarHz = 700, kTargetHz = 1300, kMicHz = 2100;

/// The part of the last `ms` (of what there is) that is a tone of `hz`: 0 to 1.
double part_of_tone(const audio::Sound& sound, int hz, int ms) {
    const auto wanted =
        static_cast<std::size_t>(sound.sample_rate) * static_cast<std::size_t>(ms) / 1000;
    if (sound.samples.size() < wanted) return 0;
    double real = 0, imaginary = 0, energy = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
        const double x = sound.samples[sound.samples.size() - wanted + i];
        const double turn = 2 * std::numbers::pi * hz * static_cast<double>(i) / sound.sample_rate;
        real += x * std::cos(turn);
        imaginary += x * std::sin(turn);
        energy += x * x;
    }
    if (energy < static_cast<double>(wanted) * 100) return 0;  // silence: under 10 steps
    return 2 * (real * real + imaginary * imaginary) / (static_cast<double>(wanted) * energy);
}

/// The amplitude of that tone in the last `ms`, in 16-bit steps.
double tone_level(const audio::Sound& sound, int hz, int ms) {
    const auto wanted =
        static_cast<std::size_t>(sound.sample_rate) * static_cast<std::size_t>(ms) / 1000;
    if (sound.samples.size() < wanted) return 0;
    double real = 0, imaginary = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
        const double x = sound.samples[sound.samples.size() - wanted + i];
        const double turn = 2 * std::numbers::pi * hz * static_cast<double>(i) / sound.sample_rate;
        real += x * std::cos(turn);
        imaginary += x * std::sin(turn);
    }
    return 2 * std::hypot(real, imaginary) / static_cast<double>(wanted);
}

std::string tone(int hz) {
    return "tone:" + std::to_string(hz) + ",repeat=yes,hangup=no";
}

class SeveralCalls : public CallControl {
protected:
    void begin(
        std::vector<std::pair<std::string, std::string>> personas,
        std::function<void(BridgeOptions&)> change = [](BridgeOptions&) {}) {
        start(std::move(personas), [&](BridgeOptions& options) {
            options.control.token = Secret{"token"};
            options.control.order = [this](const web::CallOrder& order) -> Result<call::CallSpec> {
                call::CallSpec spec;
                spec.to = order.to;
                spec.from = twilio_->numbers().front();
                spec.ring_timeout = ring_timeout_;
                spec.focus = false;
                return spec;
            };
            options.control.target = [](std::string_view to) { return parse_target(to); };
            change(options);
        });
    }
    void TearDown() override {
        for (const auto& id : bridge_->calls().ids())
            bridge_->calls().post(id, input::HangUp{"the test is over"});
        shut_down();
        if (sound_) sound_->stop();
    }

    Answer control(const std::string& method, const std::string& path,
                   const std::string& body = {}) {
        net::HttpCall request;
        request.method = method;
        request.url = bridge_->control_url() + "/api/v1/calls" + path;
        request.headers.add("Authorization", "Bearer token");
        if (!body.empty()) request.headers.add("Content-Type", "application/json");
        request.body = body;
        return ask(std::move(request));
    }
    /// The call, or the problem.
    json::value tell(const std::string& method, const std::string& path, const std::string& body,
                     int status) {
        const auto answer = control(method, path, body);
        EXPECT_EQ(answer.status, status) << method << " " << path << " " << answer.body;
        return json::parse(answer.body);
    }
    json::value post_to(const CallId& id, const std::string& verb, const std::string& body = {},
                        int status = 200) {
        return tell("POST", "/" + id.str() + "/" + verb, body, status);
    }
    json::value show(const CallId& id) { return tell("GET", "/" + id.str(), {}, 200); }
    std::string transfer_of(const CallId& id) {
        const auto answer = control("GET", "/" + id.str());
        if (answer.status != 200) return "over";
        const auto call = json::parse(answer.body);
        const auto* transfer = call.as_object().if_contains("transfer");
        return transfer ? json::value_to<std::string>(transfer->at("status")) : "";
    }
    bool focused(const CallId& id) {
        const auto answer = control("GET", "/" + id.str());
        return answer.status == 200 && json::parse(answer.body).at("local").at("focus").as_bool();
    }
    bool held(const CallId& id) { return show(id).at("local").at("held").as_bool(); }
    double gain(const CallId& id) { return show(id).at("local").at("gain").to_number<double>(); }

    /// Asks again and again until it is so, with a deadline.
    bool until(const std::function<bool()>& so, std::chrono::seconds limit = 30s) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (!so()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(20ms);
        }
        return true;
    }

    /// Dials through the API; the call talks when this returns.
    CallId call_up(const std::string& to) {
        const auto made = tell("POST", "", R"({"to":")" + to + "\"}", 201);
        CallId id{json::value_to<std::string>(made.at("call"))};
        EXPECT_TRUE(talks(id)) << to;
        return id;
    }
    bool talks(const CallId& id) {
        return until([&] {
            const auto answer = control("GET", "/" + id.str());
            return answer.status == 200 &&
                   json::parse(answer.body).at("frames").to_number<int>() > 0;
        });
    }
    std::string sid(const CallId& id) {
        return json::value_to<std::string>(show(id).at("call_sid"));
    }

    json::value emulator(const std::string& path) {
        net::HttpCall request;
        request.url = twilio_->base_url() + "/emulator/v1/" + path;
        return json::parse(ask(std::move(request)).body);
    }
    /// What the phone of this call has heard so far.
    audio::Sound heard(const std::string& call_sid) {
        net::HttpCall request;
        request.url = twilio_->base_url() + "/emulator/v1/calls/" + call_sid + "/heard.wav";
        const auto path = folder_ / "heard.wav";
        std::ofstream(path, std::ios::binary) << ask(std::move(request)).body;
        auto sound = audio::read_sound(path);
        return sound ? std::move(*sound) : audio::Sound{8000, {}};
    }
    bool hears(const std::string& call_sid, int hz) {
        return part_of_tone(heard(call_sid), hz, 300) > 0.6;
    }
    bool hears_nothing(const std::string& call_sid) {
        const auto sound = heard(call_sid);
        const auto wanted = std::min<std::size_t>(sound.samples.size(), 2400);
        return std::all_of(sound.samples.end() - static_cast<std::ptrdiff_t>(wanted),
                           sound.samples.end(), [](auto x) { return std::abs(x) < 16; });
    }
    json::value entry(const std::string& call_sid) {
        const auto ledger = emulator("ledger");
        for (const auto& call : ledger.at("calls").as_array()) {
            if (call.at("sid").as_string() == call_sid) return call;
        }
        ADD_FAILURE() << "no call " << call_sid << " in the ledger";
        return nullptr;
    }
    /// The target's call of a warm transfer that begins.
    CallId transfer_warm(const CallId& far, const std::string& more = {}) {
        const auto begun =
            post_to(far, "transfer",
                    R"({"to":")" + std::string(kTarget) + R"(","mode":"warm")" + more + "}", 202);
        return CallId{json::value_to<std::string>(begun.at("transfer").at("call"))};
    }
    bool ends(const CallId& id) {
        return until([&] {
            const auto call = control("GET", "/" + id.str());
            return call.status == 200 && call.body.find("\"ended\":") != std::string::npos;
        });
    }
    /// A microphone into which a tone is spoken all the time.
    void speak_a_tone(BridgeOptions& options) {
        const auto path = folder_ / "spoken.wav";
        std::vector<std::int16_t> samples(8000);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            samples[i] = static_cast<std::int16_t>(
                8000 * std::sin(2 * std::numbers::pi * kMicHz * static_cast<double>(i) / 8000));
        }
        {
            auto file = audio::WavWriter::create(path, 8000);
            ASSERT_TRUE(file) << file.error().message;
            ASSERT_TRUE((*file)->write(samples));
        }
        devices::DeviceOptions plain;
        plain.mic = {false, false, false, false};
        auto made = devices::make_sound("null", "file:" + path.string() + ",loop", plain);
        ASSERT_TRUE(made) << made.error().message;
        sound_.emplace(std::move(*made));
        options.microphone = sound_->microphone;
    }
    /// What comes out of the loudspeaker goes to a file.
    void listen(BridgeOptions& options) {
        speaker_->stop();
        auto device = devices::make_output_device("file:" + (folder_ / "speaker.wav").string());
        ASSERT_TRUE(device) << device.error().message;
        speaker_ = device->device;
        options.speaker = speaker_;
    }
    /// How much louder the one tone is than the other here, now: dB; nothing if either is not
    /// heard.
    std::optional<double> louder_by(int hz, int than) {
        const auto sound = audio::read_sound(folder_ / "speaker.wav");
        if (!sound) return std::nullopt;
        const auto one = tone_level(*sound, hz, 400), other = tone_level(*sound, than, 400);
        if (one < 20 || other < 20) return std::nullopt;
        return 20 * std::log10(one / other);
    }
    bool comes_to_be_louder_by(int hz, int than, double decibels) {
        return until([&] {
            const auto now = louder_by(hz, than);
            return now && std::abs(*now - decibels) < 1.5;
        });
    }

    std::chrono::seconds ring_timeout_{30};
    std::optional<devices::Sound> sound_;
};

// --- warm transfers

TEST_F(SeveralCalls, AWarmTransferBringsTheTwoTogetherAndWeAreOut) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, tone(kTargetHz)}});
    const auto far = call_up(kPhone);
    const auto target = transfer_warm(far);
    EXPECT_EQ(show(target).at("parent").as_string(), far.str());
    EXPECT_TRUE(focused(target));
    EXPECT_TRUE(held(far));
    ASSERT_TRUE(until([&] { return transfer_of(far) == "briefing"; }));
    const auto far_sid = sid(far), target_sid = sid(target);
    post_to(target, "transfer/join", {}, 202);
    ASSERT_TRUE(ends(far) && ends(target));
    goes_on_ = true;  // until the end of this test
    EXPECT_TRUE(until([&] { return hears(far_sid, kTargetHz) && hears(target_sid, kFarHz); }))
        << "each hears the other";
    const auto one = entry(far_sid), other = entry(target_sid);
    ASSERT_EQ(one.at("conferences").as_array().size(), 1U);
    ASSERT_EQ(other.at("conferences").as_array().size(), 1U);
    EXPECT_EQ(one.at("conferences").at(0).at("sid"), other.at("conferences").at(0).at("sid"));
    for (const auto& call : {one, other}) {
        EXPECT_TRUE(call.at("conferences").at(0).at("left").is_null());
        EXPECT_TRUE(call.at("ended").is_null());
        for (const auto& stream : call.at("streams").as_array())
            EXPECT_FALSE(stream.at("closed").is_null()) << "we are out";
    }
    std::map<CallId, bool> handed_over;
    for (const auto& last : events_.all<event::Ended>())
        handed_over[last.snapshot.id] = last.snapshot.handed_over;
    EXPECT_EQ(handed_over, (std::map<CallId, bool>{{far, true}, {target, true}}));
    EXPECT_EQ(events_.warnings(), "");

    phone_hangs_up(target_sid);
    EXPECT_TRUE(until([&] { return twilio_->open_calls() == 0; }))
        << "the room ends with one of them";
    EXPECT_FALSE(entry(far_sid).at("ended").is_null());
    goes_on_ = false;
}

TEST_F(SeveralCalls, ACancelledWarmTransferLeavesTheFarEndHere) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, tone(kTargetHz)}});
    const auto far = call_up(kPhone);
    const auto target = transfer_warm(far, R"(,"sound":"silence")");
    EXPECT_EQ(post_to(far, "transfer", R"({"to":"+12025550113","mode":"warm"})", 409).at("code"),
              json::value("already"));
    ASSERT_TRUE(until([&] { return transfer_of(far) == "briefing"; }));
    post_to(far, "transfer/cancel", {}, 202);
    ASSERT_TRUE(ends(target));
    EXPECT_EQ(transfer_of(far), "failed: cancelled");
    EXPECT_FALSE(held(far));
    EXPECT_TRUE(focused(far));
    EXPECT_TRUE(show(far).at("streaming").as_bool());
    EXPECT_EQ(twilio_->open_calls(), 1U);
    EXPECT_EQ(post_to(far, "transfer/join", {}, 409).at("code"), json::value("wrong_state"));
}

TEST_F(SeveralCalls, AWarmTransferToABusyTargetGivesTheFarEndBack) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, "busy"}});
    const auto far = call_up(kPhone);
    const auto target = transfer_warm(far);
    ASSERT_TRUE(ends(target));
    ASSERT_TRUE(until([&] { return transfer_of(far).starts_with("failed: the target: busy"); }))
        << transfer_of(far);
    EXPECT_FALSE(held(far));
    EXPECT_TRUE(focused(far));
}

TEST_F(SeveralCalls, AWarmTransferThatNobodyAnswersGivesTheFarEndBack) {
    ring_timeout_ = 5s;
    begin({{kPhone, tone(kFarHz)}, {kTarget, "no-answer"}});
    const auto far = call_up(kPhone);
    const auto target = transfer_warm(far);
    EXPECT_EQ(post_to(far, "transfer/join", {}, 409).at("code"), json::value("wrong_state"));
    ASSERT_TRUE(ends(target));
    ASSERT_TRUE(until([&] {
        return transfer_of(far).starts_with("failed: the target: no-answer");
    })) << transfer_of(far);
    EXPECT_FALSE(held(far));
    EXPECT_TRUE(focused(far));
}

TEST_F(SeveralCalls, AFarEndThatHangsUpWhileTheTargetIsBriefedEndsBoth) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, tone(kTargetHz)}});
    const auto far = call_up(kPhone);
    const auto target = transfer_warm(far);
    ASSERT_TRUE(until([&] { return transfer_of(far) == "briefing"; }));
    phone_hangs_up(sid(far));
    EXPECT_TRUE(ends(far) && ends(target));
    EXPECT_TRUE(until([&] { return twilio_->open_calls() == 0; }));
}

// --- calls that ring here

void rings(BridgeOptions& options) {
    options.inbound_call.ring = true;
    options.inbound_call.ring_timeout = 60s;
}

TEST_F(SeveralCalls, ACallThatRingsIsTakenAndHasTheFocus) {
    begin({}, rings);
    call_in(tone(kFarHz));
    ASSERT_TRUE(events_.wait<event::Ringing>());
    const auto id = only_call();
    EXPECT_TRUE(show(id).at("local").at("ringing").as_bool());
    EXPECT_FALSE(focused(id));
    EXPECT_EQ(post_to(id, "focus", {}, 409).at("code"), json::value("wrong_state"));
    post_to(id, "accept");
    EXPECT_TRUE(until([&] { return focused(id); }));
    EXPECT_FALSE(show(id).at("local").at("ringing").as_bool());
    EXPECT_EQ(post_to(id, "accept", {}, 409).at("code"), json::value("wrong_state"));
}

TEST_F(SeveralCalls, ACallThatRingsIsRefused) {
    begin({}, rings);
    call_in(tone(kFarHz));
    ASSERT_TRUE(events_.wait<event::Ringing>());
    const auto id = only_call();
    post_to(id, "reject", {}, 202);
    EXPECT_TRUE(ends(id));
    EXPECT_TRUE(until([&] { return twilio_->open_calls() == 0; }));
}

// --- one desk

TEST_F(SeveralCalls, TheMicrophoneGoesToTheFocusedCallOnly) {
    begin({{kPhone, "silence"}, {kTarget, "silence"}},
          [&](BridgeOptions& options) { speak_a_tone(options); });
    const auto first = call_up(kPhone), second = call_up(kTarget);
    const auto first_sid = sid(first), second_sid = sid(second);
    EXPECT_TRUE(focused(second)) << "the one dialled last";
    EXPECT_TRUE(until([&] { return hears(second_sid, kMicHz) && hears_nothing(first_sid); }));
    post_to(first, "focus");
    EXPECT_TRUE(until([&] { return hears(first_sid, kMicHz) && hears_nothing(second_sid); }));
    post_to(first, "mute");
    EXPECT_TRUE(until([&] { return hears_nothing(first_sid) && hears_nothing(second_sid); }));
    post_to(first, "unmute");
    EXPECT_TRUE(until([&] { return hears(first_sid, kMicHz) && hears_nothing(second_sid); }));
    tell("DELETE", "/" + first.str(), {}, 202);
    EXPECT_TRUE(until([&] { return focused(second); })) << "it is the next one's now";
    EXPECT_TRUE(until([&] { return hears(second_sid, kMicHz); }));
}

TEST_F(SeveralCalls, OtherCallsAreQuieterAndOneCanBeHeardAlone) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, tone(kTargetHz)}},
          [&](BridgeOptions& options) { listen(options); });
    const auto first = call_up(kPhone), second = call_up(kTarget);
    EXPECT_TRUE(comes_to_be_louder_by(kTargetHz, kFarHz, 15))
        << louder_by(kTargetHz, kFarHz).value_or(0);
    post_to(first, "focus");
    EXPECT_TRUE(comes_to_be_louder_by(kFarHz, kTargetHz, 15));
    post_to(first, "volume", R"({"percent":50})");
    EXPECT_TRUE(comes_to_be_louder_by(kFarHz, kTargetHz, 9)) << "6 dB down";
    post_to(second, "solo");
    const auto sounds_alone = [&](int hz) {
        const auto sound = audio::read_sound(folder_ / "speaker.wav");
        return sound && part_of_tone(*sound, hz, 400) > 0.99;
    };
    EXPECT_TRUE(until([&] { return sounds_alone(kTargetHz); }));
    post_to(second, "unsolo");
    EXPECT_TRUE(comes_to_be_louder_by(kFarHz, kTargetHz, 9));
}

TEST_F(SeveralCalls, OtherCallsStandAside) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, tone(kTargetHz)}, {"+12025550113", "echo"}},
          [&](BridgeOptions& options) { options.desk.others = call::OtherCalls::pan; });
    const auto first = call_up(kPhone), second = call_up(kTarget), third = call_up("+12025550113");
    const auto pan = [&](const CallId& id) {
        return show(id).at("local").at("pan").to_number<double>();
    };
    EXPECT_TRUE(until([&] { return focused(third) && pan(third) == 0; }));
    EXPECT_TRUE(until([&] { return pan(first) == -0.8 && pan(second) == 0.8; }));
    EXPECT_NEAR(gain(first), 0.501, 0.001);
    tell("DELETE", "/" + third.str(), {}, 202);
    EXPECT_TRUE(until([&] { return focused(first) && pan(first) == 0; }));
    EXPECT_EQ(pan(second), 0.8);
}

TEST_F(SeveralCalls, OtherCallsAreNotHeardAtAll) {
    begin({{kPhone, tone(kFarHz)}, {kTarget, tone(kTargetHz)}},
          [&](BridgeOptions& options) { options.desk.others = call::OtherCalls::mute; });
    const auto first = call_up(kPhone), second = call_up(kTarget);
    EXPECT_TRUE(until([&] { return gain(first) == 0 && gain(second) == 1; }));
    post_to(first, "focus");
    EXPECT_TRUE(until([&] { return gain(first) == 1 && gain(second) == 0; }));
}

TEST_F(SeveralCalls, OtherCallsWaitOnHoldWithMusic) {
    begin({{kPhone, "silence"}, {kTarget, "silence"}},
          [&](BridgeOptions& options) { options.desk.others = call::OtherCalls::hold; });
    const auto first = call_up(kPhone), second = call_up(kTarget);
    EXPECT_TRUE(until([&] { return held(first) && !held(second); }));
    EXPECT_TRUE(until([&] { return !hears_nothing(sid(first)); })) << "music";
    EXPECT_TRUE(hears_nothing(sid(second)));
    post_to(first, "focus");
    EXPECT_TRUE(until([&] { return held(second) && !held(first); }));
    EXPECT_TRUE(until([&] { return !hears_nothing(sid(second)) && hears_nothing(sid(first)); }));
}

}  // namespace
}  // namespace bridge::app
