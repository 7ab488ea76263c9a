#include "agents/elevenlabs/elevenlabs_agent.hpp"

#include <gmock/gmock.h>

#include <array>

#include "audio/mulaw.hpp"
#include "audio/tone.hpp"
#include "net/http_client.hpp"
#include "tests/integration/agents/vendor_agent_test.hpp"
#include "tests/support/elevenlabs_server.hpp"

namespace bridge::agents {
namespace {

using call::AgentEnd;
using call::Speaker;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr auto kMetadata =
    R"({"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":)"
    R"({"conversation_id":"conv_1","agent_output_audio_format":"ulaw_8000",)"
    R"("user_input_audio_format":"ulaw_8000"}})";

class ElevenLabs : public test::VendorAgentTest<test::ElevenLabsServer, ElevenLabsAgent> {
protected:
    ElevenLabs() {
        options_.agent_id = "agent_1";
        options_.url = "http://127.0.0.1:" + std::to_string(server_->port());
        on_loop([this] { http_ = net::HttpClient::make(executor(), {}); });
    }
    std::shared_ptr<ElevenLabsAgent> make() override {
        return std::make_shared<ElevenLabsAgent>(executor(), clock_, http_, options_);
    }
    void TearDown() override {
        on_loop([this] { http_.reset(); });
        VendorAgentTest::TearDown();
    }

    std::string variable(const std::string& name) {
        const auto* variables = server_->initiation.if_contains("dynamic_variables");
        if (variables == nullptr) return "no variables";
        const auto* value = variables->get_object().if_contains(name);
        return value == nullptr ? "not there" : std::string(value->as_string());
    }

    static std::vector<std::uint8_t> bytes_of(std::size_t count, std::uint8_t first = 0) {
        std::vector<std::uint8_t> bytes(count);
        for (std::size_t i = 0; i < count; ++i) {
            bytes[i] = static_cast<std::uint8_t>(first + i);
        }
        return bytes;
    }

    ElevenLabsOptions options_;
    std::shared_ptr<net::HttpClient> http_;
};

TEST_F(ElevenLabs, OpensAPublicAgentAndTellsItAboutTheCall) {
    options_.variables["customer"] = "Ada";
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        EXPECT_EQ(server_->initiation.if_contains("conversation_config_override"), nullptr);
        EXPECT_EQ(variable("call_id"), "c_test");
        EXPECT_EQ(variable("call_sid"), "CA1");
        EXPECT_EQ(variable("from_number"), "+15551230001");
        EXPECT_EQ(variable("to_number"), "+15551230002");
        EXPECT_EQ(variable("direction"), "inbound");
        EXPECT_EQ(variable("customer"), "Ada");
        EXPECT_EQ(variable("conversation_so_far"), "");
        EXPECT_TRUE(ear_.told.warnings.empty());
        EXPECT_TRUE(agent_->decides_interruptions());
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, SoundGoesBothWaysAsItIs) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        for (std::int16_t i = 0; i < 50; ++i) {
            agent_->write(frame_of(static_cast<std::int16_t>(i * 500 - 12000)));
        }
        const auto bytes = bytes_of(1000);
        server_->agent_response("Hello.");
        server_->audio(1, std::span(bytes).first(333));
        server_->audio(2, std::span(bytes).subspan(333));
    });
    ASSERT_TRUE(soon([&] { return server_->heard.size() == 50 * 160; }));
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 1000; }));
    on_loop([&] {
        EXPECT_EQ(server_->chunks, 50U);
        for (std::size_t i = 0; i < 50; ++i) {
            const auto level = static_cast<std::int16_t>(static_cast<int>(i) * 500 - 12000);
            ASSERT_EQ(server_->heard[i * 160], audio::encode_mulaw(level));
        }
        ASSERT_EQ(ear_.voice->utterances.size(), 1U);
        const auto& said = ear_.voice->utterances[0].samples;
        for (std::size_t i = 0; i < said.size(); ++i) {
            ASSERT_EQ(said[i], audio::decode_mulaw(static_cast<std::uint8_t>(i)));
        }
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, ConvertsPcmAndSaysWhichSettingToChange) {
    on_loop([&] { server_->output_format = server_->input_format = "pcm_16000"; });
    ASSERT_TRUE(start_and_be_ready());
    audio::Tone ours(440, 0.5);
    std::vector<std::uint8_t> theirs;
    std::vector<std::int16_t> at_8k(8000);
    audio::Tone tone(440, 0.5);
    tone.fill(at_8k);
    for (const auto sample : audio::resample(at_8k, 8000, 16000)) {
        theirs.push_back(static_cast<std::uint8_t>(static_cast<std::uint16_t>(sample) & 0xFFU));
        theirs.push_back(static_cast<std::uint8_t>(static_cast<std::uint16_t>(sample) >> 8U));
    }
    on_loop([&] {
        ASSERT_EQ(ear_.told.warnings.size(), 1U);
        EXPECT_THAT(ear_.told.warnings[0], HasSubstr("output pcm_16000, input pcm_16000"));
        EXPECT_THAT(ear_.told.warnings[0], HasSubstr("μ-law 8000 Hz"));
        for (int i = 0; i < 50; ++i) {
            audio::AudioFrame frame;
            ours.fill(frame.pcm);
            agent_->write(frame);
        }
        // Cut in the middle of a sample.
        server_->audio(1, std::span(theirs).first(4001));
        server_->audio(2, std::span(theirs).subspan(4001));
    });
    // A second each way, less what the filters hold.
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() > 7900; }));
    ASSERT_TRUE(soon([&] { return server_->heard.size() > 2 * 15800; }));
    on_loop([&] {
        EXPECT_LE(ear_.voice->samples(), 8000U);
        EXPECT_LE(server_->heard.size(), 2U * 16000U);
        const auto expect_tone = [](const std::vector<std::int16_t>& samples, double rate) {
            // A sine of this pitch fulfils x[n] = 2 cos(w) x[n-1] - x[n-2].
            const double factor = 2 * std::cos(2 * 3.14159265358979 * 440 / rate);
            for (std::size_t i = 400; i < samples.size(); ++i) {
                const double next = factor * samples[i - 1] - samples[i - 2];
                ASSERT_NEAR(samples[i], next, 60) << "at " << i;
            }
        };
        expect_tone(ear_.voice->utterances.at(0).samples, 8000);
        std::vector<std::int16_t> heard;
        for (std::size_t i = 0; i + 1 < server_->heard.size(); i += 2) {
            heard.push_back(
                static_cast<std::int16_t>(server_->heard[i] | server_->heard[i + 1] << 8U));
        }
        expect_tone(heard, 16000);
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, RefusesFormatsThatItCannotSpeak) {
    on_loop([&] { server_->output_format = "opus_48000"; });
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("opus_48000"));
    EXPECT_THAT(told.reason, HasSubstr("μ-law 8000 Hz"));
}

TEST_F(ElevenLabs, OverridesWhatIsConfiguredAndNothingElse) {
    options_.prompt = "Be brief.";
    options_.first_message = "Good morning.";
    options_.language = "de";
    options_.voice_id = "v1";
    on_loop([&] { server_->overridable = {"prompt", "first_message", "language", "voice_id"}; });
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        const auto& overrides = server_->initiation.at("conversation_config_override").as_object();
        const auto& agent = overrides.at("agent").as_object();
        EXPECT_EQ(agent.at("prompt").at("prompt").as_string(), "Be brief.");
        EXPECT_EQ(agent.at("first_message").as_string(), "Good morning.");
        EXPECT_EQ(agent.at("language").as_string(), "de");
        EXPECT_EQ(overrides.at("tts").at("voice_id").as_string(), "v1");
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, AnOverrideThatTheAgentDoesNotAllowIsRefusedWithItsReason) {
    options_.prompt = "Be brief.";
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("Override for field 'prompt' is not allowed"));
    EXPECT_THAT(told.reason, HasSubstr("overrides"));
}

TEST_F(ElevenLabs, APrivateAgentIsOpenedByASignedUrlEachTime) {
    options_.key = Secret("xi-secret");
    on_loop([&] { server_->key = "xi-secret"; });
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] { server_->cut(); });
    EXPECT_EQ(end().how, AgentEnd::dropped);
    start();
    ASSERT_TRUE(ready(2));
    on_loop([&] { EXPECT_EQ(server_->connections, 2); });
    expect_no_complaints();
}

TEST_F(ElevenLabs, AWrongKeyIsRefusedAndNeverShown) {
    options_.key = Secret("xi-wrong-key");
    on_loop([&] { server_->key = "xi-secret"; });
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("ELEVENLABS_API_KEY"));
    EXPECT_THAT(told.reason, HasSubstr("401"));
    EXPECT_THAT(told.reason, Not(HasSubstr("xi-wrong-key")));
}

TEST_F(ElevenLabs, APrivateAgentWithoutAKeyIsRefusedWithTheSettingsName) {
    on_loop([&] { server_->key = "xi-secret"; });
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("ELEVENLABS_API_KEY"));
}

TEST_F(ElevenLabs, AnUnknownAgentIsRefusedWithTheSettingsName) {
    options_.agent_id = "a nobody/&";
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("ELEVENLABS_AGENT_ID"));
}

TEST_F(ElevenLabs, TroubleOnTheirSideIsWorthAnotherTry) {
    options_.key = Secret("xi-secret");
    on_loop([&] {
        server_->key = "xi-secret";
        server_->signing_status = 503;
    });
    start();
    EXPECT_EQ(end().how, AgentEnd::dropped);
    for (const auto* body : {"no json", R"({"signed_url":5})", R"({"signed_url":"file:///x"})"}) {
        on_loop([&] {
            ear_.told.ends.clear();
            server_->signing_status = 200;
            server_->signed_url_instead = body;
        });
        start();
        EXPECT_EQ(end().how, AgentEnd::dropped) << body;
    }
    on_loop([&] {
        ear_.told.ends.clear();
        server_->signed_url_instead.clear();
        server_->refuse_with = 429;
    });
    start();
    EXPECT_EQ(end().how, AgentEnd::dropped);
    on_loop([&] { server_->refuse_with = 0; });
    start();
    EXPECT_TRUE(ready());
}

TEST_F(ElevenLabs, AnswersPings) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->ping(12345);
        server_->ping(12346);
    });
    ASSERT_TRUE(soon([&] { return server_->pongs.size() == 2; }));
    on_loop([&] { EXPECT_THAT(server_->pongs, ElementsAre(12345, 12346)); });
    expect_no_complaints();
}

TEST_F(ElevenLabs, GivesWayAndDropsLateSoundByItsNumber) {
    ASSERT_TRUE(start_and_be_ready());
    const auto bytes = bytes_of(160);
    on_loop([&] {
        server_->agent_response("A long sentence.");
        server_->audio(1, bytes);
        server_->audio(2, bytes);
        server_->interruption(4);
        server_->audio(3, bytes);
        server_->audio(4, bytes);
        server_->agent_correction("A long sentence.", "A long...");
        server_->user_transcript("Stop!");
        server_->agent_response("Yes?");
        server_->audio(5, bytes);
    });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 480; }));
    on_loop([&] {
        EXPECT_EQ(ear_.told.gave_way, 1);
        ASSERT_EQ(ear_.voice->utterances.size(), 2U);
        EXPECT_EQ(ear_.voice->utterances[0].samples.size(), 320U);
        EXPECT_EQ(ear_.voice->utterances[1].samples.size(), 160U);
        EXPECT_THAT(ear_.told.caller, ElementsAre(true, false));
        ASSERT_EQ(ear_.told.texts.size(), 4U);
        EXPECT_EQ(ear_.told.texts[0].text, "A long sentence.");
        EXPECT_EQ(ear_.told.texts[0].utterance, ear_.voice->utterances[0].id);
        EXPECT_EQ(ear_.told.texts[1].text, "A long...");
        EXPECT_EQ(ear_.told.texts[1].utterance, ear_.voice->utterances[0].id);
        EXPECT_EQ(ear_.told.texts[2].speaker, Speaker::caller);
        EXPECT_EQ(ear_.told.texts[2].text, "Stop!");
        EXPECT_EQ(ear_.told.texts[3].utterance, ear_.voice->utterances[1].id);
    });
}

TEST_F(ElevenLabs, DoesNotGiveWayWhenAllWasHeard) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->agent_response("Hello.");
        server_->audio(1, bytes_of(160));
    });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 160; }));
    advance(seconds(1));
    on_loop([&] {
        EXPECT_TRUE(ear_.voice->utterances[0].ended);
        agent_->spoken(ear_.voice->utterances[0].id, {});
        server_->interruption(1);
        server_->ping(1);
    });
    ASSERT_TRUE(soon([&] { return server_->pongs.size() == 1; }));
    on_loop([&] { EXPECT_EQ(ear_.told.gave_way, 0); });
}

TEST_F(ElevenLabs, WhatTheCallCutsOffIsNotSaidLater) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->agent_response("A long sentence.");
        server_->audio(1, bytes_of(160));
    });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 160; }));
    on_loop([&] {
        agent_->interrupted(ear_.voice->utterances[0].id, {});
        server_->audio(2, bytes_of(160));
        server_->user_transcript("Go on.");
        server_->audio(3, bytes_of(320));
    });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 480; }));
    on_loop([&] { EXPECT_EQ(ear_.voice->utterances.at(1).samples.size(), 320U); });
}

TEST_F(ElevenLabs, CallsToolsAndTellsTheirResults) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->tool_call("t1", "transfer_call", {{"to", "+15550001111"}});
        server_->tool_call("t2", "end_call", {});
    });
    ASSERT_TRUE(soon([&] { return ear_.told.tools.size() == 2; }));
    on_loop([&] {
        EXPECT_EQ(ear_.told.tools[0].id, "t1");
        EXPECT_EQ(ear_.told.tools[0].name, "transfer_call");
        EXPECT_EQ(ear_.told.tools[0].arguments, R"({"to":"+15550001111"})");
        EXPECT_EQ(ear_.told.tools[1].arguments, "{}");
        agent_->tool_result({"t2", "bad \xFF byte", true});
        agent_->tool_result({"t1", "transferred", false});
        agent_->tool_result({"t1", "again", false});
        agent_->tool_result({"unknown", "?", false});
    });
    ASSERT_TRUE(soon([&] { return server_->results.size() == 2; }));
    on_loop([&] {
        EXPECT_EQ(server_->results[0].id, "t2");
        EXPECT_EQ(server_->results[0].result, "bad ? byte");
        EXPECT_TRUE(server_->results[0].is_error);
        EXPECT_EQ(server_->results[1].result, "transferred");
        EXPECT_FALSE(server_->results[1].is_error);
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, KeysAndContextReachTheAgent) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        agent_->dtmf('1');
        clock_.advance(milliseconds(500));
        agent_->dtmf('#');
        clock_.advance(milliseconds(999));
        agent_->context("A person took over.");
    });
    ASSERT_TRUE(soon([&] { return server_->contexts.size() == 1; }));
    on_loop([&] {
        EXPECT_TRUE(server_->user_messages.empty());
        clock_.advance(milliseconds(1));
    });
    ASSERT_TRUE(soon([&] { return server_->user_messages.size() == 1; }));
    on_loop([&] {
        EXPECT_THAT(server_->contexts, ElementsAre("A person took over."));
        EXPECT_THAT(server_->user_messages, ElementsAre("The caller pressed 1 #."));
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, WhileThePhoneRingsTheAgentLearnsThatSomebodyIsThere) {
    ASSERT_TRUE(start_and_be_ready());
    advance(milliseconds(3900));
    on_loop([&] { EXPECT_EQ(server_->activities, 0); });
    advance(milliseconds(300));
    ASSERT_TRUE(soon([&] { return server_->activities == 1; }));
    on_loop([&] { agent_->answered(call_); });
    hear_silence(300, [&] { return server_->chunks; });
    on_loop([&] { EXPECT_EQ(server_->activities, 1); });
    expect_no_complaints();
}

TEST_F(ElevenLabs, WhenItEndsTheConversationTheCallIsOverAndItsGoodbyeStays) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->agent_response("Goodbye.");
        server_->audio(1, bytes_of(800));
        server_->close(1000, "");
    });
    EXPECT_EQ(end().how, AgentEnd::finished);
    on_loop([&] {
        ASSERT_EQ(ear_.voice->utterances.size(), 1U);
        EXPECT_EQ(ear_.voice->utterances[0].samples.size(), 800U);
        EXPECT_TRUE(ear_.voice->utterances[0].ended);
        EXPECT_EQ(ear_.voice->cancels, 0);
    });
}

TEST_F(ElevenLabs, ALostConversationIsCarriedOnByTheNext) {
    options_.first_message = "Good morning.";
    on_loop([&] { server_->overridable = {"first_message"}; });
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->agent_response("Good morning.");
        server_->user_transcript("I am Ada.");
        server_->agent_response("Nice to meet you, and by the way");
        server_->agent_correction("Nice to meet you, and by the way", "Nice to meet you");
    });
    ASSERT_TRUE(soon([&] { return ear_.told.texts.size() == 4; }));
    on_loop([&] { server_->cut(); });
    EXPECT_EQ(end().how, AgentEnd::dropped);
    start();
    ASSERT_TRUE(ready(2));
    constexpr auto kSoFar = "Agent: Good morning.\nCaller: I am Ada.\nAgent: Nice to meet you\n";
    ASSERT_TRUE(soon([&] { return server_->contexts.size() == 1; }));
    on_loop([&] {
        EXPECT_EQ(variable("conversation_so_far"), kSoFar);
        EXPECT_THAT(server_->contexts[0], HasSubstr(kSoFar));
        const auto& agent =
            server_->initiation.at("conversation_config_override").at("agent").as_object();
        EXPECT_EQ(agent.at("first_message").as_string(), "");
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, AConversationThatNeverStandsIsDropped) {
    on_loop([&] { server_->answers = false; });
    start();
    ASSERT_TRUE(soon([&] { return server_->connections == 1 && clock_.pending() == 1; }));
    advance(milliseconds(10200));
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::dropped);
    EXPECT_THAT(told.reason, HasSubstr("in time"));
}

TEST_F(ElevenLabs, ASilentServiceIsDropped) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] { server_->answers = false; });
    advance(milliseconds(19000));
    on_loop([&] { EXPECT_TRUE(ear_.told.ends.empty()); });
    advance(milliseconds(1200));
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::dropped);
    EXPECT_THAT(told.reason, HasSubstr("Nothing comes"));
}

TEST_F(ElevenLabs, AServiceThatTakesNothingMoreIsDropped) {
    const net::test::RawListener listener;
    options_.url = "http://127.0.0.1:" + std::to_string(listener.port());
    start();
    auto peer = test::accept_and_fall_silent(listener, {kMetadata});
    ASSERT_TRUE(ready());
    // As long as the kernel takes it nobody can know.
    ASSERT_TRUE(soon([&] {
        for (int i = 0; i < 200; ++i) agent_->write(frame_of(static_cast<std::int16_t>(i)));
        clock_.advance(milliseconds(300));
        return !ear_.told.ends.empty();
    }));
    EXPECT_EQ(end().how, AgentEnd::dropped);
}

TEST_F(ElevenLabs, NobodyThereIsWorthAnotherTry) {
    const net::test::DeafPort nobody;
    options_.url = "http://127.0.0.1:" + std::to_string(nobody.port());
    start();
    EXPECT_EQ(end().how, AgentEnd::dropped);
    options_.key = Secret("xi-secret");
    on_loop([&] {
        agent_.reset();
        ear_.told.ends.clear();
    });
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::dropped);
    EXPECT_THAT(told.reason, HasSubstr("signed URL"));
}

TEST_F(ElevenLabs, WhatIsNotUnderstoodIsIgnoredWithOneWarning) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        for (const auto* text :
             {"not json", "[]", "{}", R"({"type":5})", R"({"type":"audio"})",
              R"({"type":"audio","audio_event":{"event_id":"x","audio_base_64":5}})",
              R"({"type":"audio","audio_event":{"event_id":1,"audio_base_64":"*"}})",
              R"({"type":"interruption"})", R"({"type":"client_tool_call"})",
              R"({"type":"something_new","more":[1,2]})", R"({"type":"ping","ping_event":[]})"}) {
            server_->send(text);
        }
        server_->send_binary("\x01\x02");
        server_->ping(7);
    });
    ASSERT_TRUE(soon([&] { return server_->pongs.size() == 1; }));
    on_loop([&] {
        EXPECT_EQ(ear_.told.warnings.size(), 1U);
        EXPECT_TRUE(ear_.told.ends.empty());
    });
    expect_no_complaints();
}

TEST_F(ElevenLabs, CanBeStoppedAtAnyTime) {
    // Before anything, at once, while the signed URL is fetched, while it connects.
    const net::test::RawListener deaf;
    options_.url = "http://127.0.0.1:" + std::to_string(deaf.port());
    on_loop([&] {
        agent_ = make();
        agent_->stop();
        agent_->start(call_, ear_.ear());
        agent_->stop();
    });
    start();
    {
        auto connecting = deaf.accept();
        EXPECT_THAT(connecting.receive_until("\r\n\r\n"), HasSubstr("Upgrade: websocket"));
        on_loop([&] { agent_->stop(); });
        EXPECT_EQ(connecting.receive_some(), "");
    }
    options_.key = Secret("xi-secret");
    on_loop([&] { agent_.reset(); });
    start();
    {
        auto fetching = deaf.accept();
        EXPECT_THAT(fetching.receive_until("\r\n\r\n"), HasSubstr("get-signed-url"));
        on_loop([&] { agent_->stop(); });
        EXPECT_EQ(fetching.receive_some(), "");
    }
    // And in the middle of a conversation, with a goodbye.
    options_ = {};
    options_.agent_id = "agent_1";
    options_.url = "http://127.0.0.1:" + std::to_string(server_->port());
    on_loop([&] { agent_.reset(); });
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] { server_->audio(1, bytes_of(160)); });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 160; }));
    on_loop([&] {
        agent_->stop();
        EXPECT_EQ(ear_.voice->cancels, 1);
        agent_->write(frame_of(1));
        agent_->dtmf('1');
        agent_->context("x");
        agent_->tool_result({});
        agent_->stop();
    });
    ASSERT_TRUE(soon([&] { return server_->goodbyes == 1; }));
    on_loop([&] {
        EXPECT_TRUE(ear_.told.ends.empty());
        EXPECT_EQ(ear_.told.readies, 1);
        EXPECT_EQ(ear_.voice->cancels, 1);
    });
}

TEST_F(ElevenLabs, MayBeStoppedAndLetGoFromInsideAnEvent) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        ear_.told.on_told = [this] {
            ear_.told.on_told = {};
            agent_->stop();
            agent_.reset();
        };
        server_->agent_response("Hello.");
        server_->audio(1, bytes_of(160));
    });
    ASSERT_TRUE(soon([&] { return server_->goodbyes == 1; }));
    on_loop([&] {
        EXPECT_EQ(ear_.told.texts.size(), 1U);
        EXPECT_EQ(ear_.voice->samples(), 0U);
    });
}

}  // namespace
}  // namespace bridge::agents
