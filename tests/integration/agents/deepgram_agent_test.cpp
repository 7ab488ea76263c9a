#include "agents/deepgram/deepgram_agent.hpp"

#include <gmock/gmock.h>

#include "audio/mulaw.hpp"
#include "tests/integration/agents/vendor_agent_test.hpp"
#include "tests/support/deepgram_server.hpp"

namespace bridge::agents {
namespace {

using call::AgentEnd;
using call::Speaker;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Deepgram : public test::VendorAgentTest<test::DeepgramServer, DeepgramAgent> {
protected:
    Deepgram() {
        options_.key = Secret("dg-key");
        options_.url = "ws://127.0.0.1:" + std::to_string(server_->port()) + "/v1/agent/converse";
    }
    std::shared_ptr<DeepgramAgent> make() override {
        return std::make_shared<DeepgramAgent>(executor(), clock_, options_, tools_);
    }

    static std::string sound(std::size_t count) {
        std::string bytes(count, '\0');
        for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i);
        return bytes;
    }
    /// One that answers the last message, so that all before it has been dealt with.
    bool all_taken() {
        on_loop([&] { server_->warning("PROBE", "are you there"); });
        const auto probe = [&] {
            return !ear_.told.warnings.empty() &&
                   ear_.told.warnings.back().find("PROBE") != std::string::npos;
        };
        const bool taken = soon(probe);
        on_loop([&] { ear_.told.warnings.pop_back(); });
        return taken;
    }

    DeepgramOptions options_;
    std::vector<call::ToolSpec> tools_;
};

TEST_F(Deepgram, SaysWhatTheAgentIsLikeAndIsReadyOnceThatIsAccepted) {
    options_.prompt = "Be brief.";
    options_.greeting = "Good morning.";
    options_.language = "en";
    options_.temperature = 0.5;
    tools_ = {{"end_call", "Ends the call.",
               R"({"type":"object","properties":{"reason":{"type":"string"}}})"},
              {"broken", "Has no schema.", "{"}};
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        const auto& agent = server_->settings.at("agent").as_object();
        EXPECT_EQ(agent.at("greeting").as_string(), "Good morning.");
        EXPECT_EQ(agent.at("language").as_string(), "en");
        EXPECT_EQ(agent.at("listen").at("provider").at("model").as_string(), "nova-3");
        EXPECT_EQ(agent.at("speak").at("provider").at("model").as_string(), "aura-2-thalia-en");
        const auto& think = agent.at("think").as_object();
        EXPECT_EQ(think.at("provider").at("type").as_string(), "open_ai");
        EXPECT_EQ(think.at("provider").at("temperature").as_double(), 0.5);
        EXPECT_EQ(think.at("prompt").as_string(), "Be brief.");
        const auto& functions = think.at("functions").as_array();
        ASSERT_EQ(functions.size(), 2U);
        EXPECT_EQ(functions[0].at("name").as_string(), "end_call");
        EXPECT_EQ(
            functions[0].at("parameters").at("properties").at("reason").at("type").as_string(),
            "string");
        EXPECT_EQ(functions[1].at("parameters").at("type").as_string(), "object");
        EXPECT_FALSE(agent.contains("context"));
        EXPECT_TRUE(agent_->decides_interruptions());
    });
    expect_no_complaints();
}

TEST_F(Deepgram, SoundGoesBothWaysAsItIs) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        for (std::int16_t i = 0; i < 50; ++i) {
            agent_->write(frame_of(static_cast<std::int16_t>(i * 500 - 12000)));
        }
        server_->send_binary(sound(333));
        server_->send_binary(sound(1000).substr(333));
        server_->event("AgentAudioDone");
        server_->text("assistant", "And more.");
        server_->send_binary(sound(160));
    });
    ASSERT_TRUE(soon([&] { return server_->heard.size() == 50 * 160; }));
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 1160; }));
    on_loop([&] {
        EXPECT_EQ(server_->frames, 50U);
        for (std::size_t i = 0; i < 50; ++i) {
            const auto level = static_cast<std::int16_t>(static_cast<int>(i) * 500 - 12000);
            ASSERT_EQ(server_->heard[i * 160], audio::encode_mulaw(level));
        }
        ASSERT_EQ(ear_.voice->utterances.size(), 2U);
        EXPECT_TRUE(ear_.voice->utterances[0].ended);
        EXPECT_FALSE(ear_.voice->utterances[1].ended);
        const auto& said = ear_.voice->utterances[0].samples;
        ASSERT_EQ(said.size(), 1000U);
        for (std::size_t i = 0; i < said.size(); ++i) {
            ASSERT_EQ(said[i], audio::decode_mulaw(static_cast<std::uint8_t>(i)));
        }
        ASSERT_EQ(ear_.told.texts.size(), 1U);
        EXPECT_EQ(ear_.told.texts[0].utterance, ear_.voice->utterances[1].id);
    });
    expect_no_complaints();
}

TEST_F(Deepgram, SendsNoSoundBeforeItsSettingsAreAccepted) {
    on_loop([&] { server_->applies = false; });
    start();
    ASSERT_TRUE(soon([&] { return !server_->settings.empty(); }));
    on_loop([&] {
        agent_->write(frame_of(100));
        agent_->dtmf('1');
        server_->event("AgentThinking");
    });
    advance(milliseconds(9800));
    on_loop([&] { EXPECT_TRUE(ear_.told.ends.empty()); });
    advance(milliseconds(400));
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::dropped);
    EXPECT_THAT(told.reason, HasSubstr("in time"));
    on_loop([&] { EXPECT_EQ(server_->frames, 0U); });
    expect_no_complaints();
}

TEST_F(Deepgram, GivesWayAndDropsLateSound) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->text("assistant", "A long sentence.");
        server_->send_binary(sound(320));
        server_->event("UserStartedSpeaking");
        server_->send_binary(sound(480));  // was on its way
        server_->text("user", "Stop!");
        server_->text("assistant", "Yes?");
        server_->send_binary(sound(160));
        server_->event("AgentAudioDone");
    });
    ASSERT_TRUE(all_taken());
    on_loop([&] {
        EXPECT_EQ(ear_.told.gave_way, 1);
        EXPECT_THAT(ear_.told.caller, ElementsAre(true, false));
        ASSERT_EQ(ear_.voice->utterances.size(), 2U);
        EXPECT_EQ(ear_.voice->utterances[0].samples.size(), 320U);
        EXPECT_EQ(ear_.voice->utterances[1].samples.size(), 160U);
        EXPECT_TRUE(ear_.voice->utterances[1].ended);
        ASSERT_EQ(ear_.told.texts.size(), 3U);
        EXPECT_EQ(ear_.told.texts[1].speaker, Speaker::caller);
        EXPECT_EQ(ear_.told.texts[1].text, "Stop!");
        agent_->spoken(ear_.voice->utterances[1].id, {});
        server_->event("UserStartedSpeaking");  // nothing is left to be cut off
    });
    ASSERT_TRUE(all_taken());
    on_loop([&] { EXPECT_EQ(ear_.told.gave_way, 1); });
}

TEST_F(Deepgram, AfterACoughThatItAnswersWithSoundAloneItIsHeardAgain) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->send_binary(sound(160));
        server_->event("UserStartedSpeaking");
    });
    ASSERT_TRUE(all_taken());
    advance(milliseconds(1000));
    on_loop([&] { server_->send_binary(sound(320)); });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 480; }));
}

TEST_F(Deepgram, WhatTheCallCutsOffIsNotSaidLater) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->text("assistant", "A long sentence.");
        server_->send_binary(sound(160));
    });
    ASSERT_TRUE(soon([&] { return ear_.voice->samples() == 160; }));
    on_loop([&] {
        agent_->interrupted(ear_.voice->utterances[0].id, {});
        server_->text("assistant", "And another.");
        server_->send_binary(sound(320));
        server_->event("AgentAudioDone");
        server_->text("assistant", "Something new.");
        server_->send_binary(sound(480));
    });
    ASSERT_TRUE(all_taken());
    on_loop([&] {
        ASSERT_EQ(ear_.voice->utterances.size(), 2U);
        EXPECT_EQ(ear_.voice->utterances[1].samples.size(), 480U);
    });
}

TEST_F(Deepgram, CallsFunctionsAndTellsTheirResults) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->function_calls({{"f1", "transfer_call", R"({"to":"+15550001111"})", true},
                                 {"f2", "on_their_side", "{}", false},
                                 {"f3", "end_call", "", true}});
    });
    ASSERT_TRUE(soon([&] { return ear_.told.tools.size() == 2; }));
    on_loop([&] {
        EXPECT_EQ(ear_.told.tools[0].id, "f1");
        EXPECT_EQ(ear_.told.tools[0].name, "transfer_call");
        EXPECT_EQ(ear_.told.tools[0].arguments, R"({"to":"+15550001111"})");
        EXPECT_EQ(ear_.told.tools[1].name, "end_call");
        EXPECT_EQ(ear_.told.tools[1].arguments, "{}");
        agent_->tool_result({"f3", "the caller still speaks", true});
        agent_->tool_result({"f1", "transferred", false});
        agent_->tool_result({"f1", "again", false});
        agent_->tool_result({"f2", "?", false});
    });
    ASSERT_TRUE(soon([&] { return server_->responses.size() == 2; }));
    on_loop([&] {
        EXPECT_EQ(server_->responses[0].id, "f3");
        EXPECT_EQ(server_->responses[0].name, "end_call");
        EXPECT_EQ(server_->responses[0].content, "It failed: the caller still speaks");
        EXPECT_EQ(server_->responses[1].content, "transferred");
    });
    expect_no_complaints();
}

TEST_F(Deepgram, KeysAndContextReachTheAgent) {
    options_.prompt = "Be brief.";
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        agent_->dtmf('1');
        agent_->dtmf('2');
        clock_.advance(milliseconds(1000));
        agent_->context("A person took over.");
        agent_->context("The person is gone.");
        server_->event("InjectionRefused");
    });
    ASSERT_TRUE(soon([&] { return server_->prompts.size() == 2; }));
    ASSERT_TRUE(soon([&] { return ear_.told.warnings.size() == 1; }));
    on_loop([&] {
        EXPECT_THAT(server_->user_messages, ElementsAre("The caller pressed 1 2."));
        EXPECT_EQ(server_->prompts[1],
                  "Be brief.\n\nWhat happened during this call:\n- A person took over.\n"
                  "- The person is gone.");
        EXPECT_THAT(ear_.told.warnings[0], HasSubstr("keys"));
    });
    expect_no_complaints();
}

TEST_F(Deepgram, WhereNoWordsCanBePutInKeysGoWithThePrompt) {
    on_loop([&] { server_->takes_user_messages = false; });
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        agent_->dtmf('1');
        clock_.advance(milliseconds(1000));
    });
    EXPECT_EQ(end().how, AgentEnd::dropped);
    start();
    ASSERT_TRUE(ready(2));
    on_loop([&] {
        agent_->dtmf('2');
        clock_.advance(milliseconds(1000));
    });
    ASSERT_TRUE(soon([&] { return server_->prompts.size() == 1; }));
    on_loop([&] { EXPECT_THAT(server_->prompts[0], HasSubstr("- The caller pressed 2.")); });
}

TEST_F(Deepgram, KeepsAliveOnlyWhileNoSoundIsSent) {
    ASSERT_TRUE(start_and_be_ready());
    advance(milliseconds(24500));
    ASSERT_TRUE(soon([&] { return server_->keep_alives == 3; }));
    hear_silence(1000, [&] { return server_->frames; });
    on_loop([&] { EXPECT_EQ(server_->keep_alives, 3); });
    expect_no_complaints();
}

TEST_F(Deepgram, ErrorsAreToldApartByTheirCode) {
    struct Case {
        const char* code;
        AgentEnd how;
    };
    for (const auto& one : {Case{"INVALID_SETTINGS", AgentEnd::refused},
                            Case{"INTERNAL_SERVER_ERROR", AgentEnd::dropped},
                            Case{"CLIENT_MESSAGE_TIMEOUT", AgentEnd::dropped},
                            Case{"SOMETHING_NEW", AgentEnd::dropped}}) {
        on_loop([&] {
            ear_.told.ends.clear();
            ear_.told.readies = 0;
        });
        ASSERT_TRUE(start_and_be_ready());
        on_loop([&] { server_->error(one.code, "It went\nwrong with dg-key"); });
        const auto told = end();
        EXPECT_EQ(told.how, one.how) << one.code;
        EXPECT_THAT(told.reason, HasSubstr("It went wrong with ***"));
        EXPECT_THAT(told.reason, HasSubstr(one.code));
    }
}

TEST_F(Deepgram, SettingsThatAreNotAcceptedAreRefusedWithTheReason) {
    on_loop([&] { server_->applies = false; });
    start();
    ASSERT_TRUE(soon([&] { return !server_->settings.empty(); }));
    on_loop([&] { server_->error("INVALID_SETTINGS", "model not available"); });
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("model not available"));
    EXPECT_THAT(told.reason, HasSubstr("AGENTBRIDGE_DEEPGRAM_"));
}

TEST_F(Deepgram, AWrongKeyIsRefusedAndNeverShown) {
    options_.key = Secret("dg-wrong");
    start();
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::refused);
    EXPECT_THAT(told.reason, HasSubstr("DEEPGRAM_API_KEY"));
    EXPECT_THAT(told.reason, Not(HasSubstr("dg-wrong")));
}

TEST_F(Deepgram, AnswersToTheHandshakeAreToldApart) {
    struct Case {
        int status;
        AgentEnd how;
    };
    for (const auto& one : {Case{401, AgentEnd::refused}, Case{402, AgentEnd::refused},
                            Case{403, AgentEnd::refused}, Case{404, AgentEnd::refused},
                            Case{429, AgentEnd::dropped}, Case{503, AgentEnd::dropped}}) {
        on_loop([&] {
            ear_.told.ends.clear();
            server_->refuse_with = one.status;
        });
        start();
        const auto told = end();
        EXPECT_EQ(told.how, one.how) << one.status;
        EXPECT_THAT(told.reason, HasSubstr(std::to_string(one.status)));
    }
}

TEST_F(Deepgram, ALostSessionIsCarriedOnByTheNextWithoutAnotherGreeting) {
    options_.greeting = "Good morning.";
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        server_->text("assistant", "Good morning.");
        server_->text("user", "I am Ada.");
        agent_->context("A person took over.");
    });
    ASSERT_TRUE(all_taken());
    on_loop([&] { server_->cut(); });
    EXPECT_EQ(end().how, AgentEnd::dropped);
    start();
    ASSERT_TRUE(ready(2));
    on_loop([&] {
        const auto& agent = server_->settings.at("agent").as_object();
        EXPECT_FALSE(agent.contains("greeting"));
        const auto& history = agent.at("context").at("messages").as_array();
        ASSERT_EQ(history.size(), 2U);
        EXPECT_EQ(history[0].at("role").as_string(), "assistant");
        EXPECT_EQ(history[1].at("role").as_string(), "user");
        EXPECT_EQ(history[1].at("content").as_string(), "I am Ada.");
        EXPECT_THAT(std::string(agent.at("think").at("prompt").as_string()),
                    HasSubstr("- A person took over."));
    });
    expect_no_complaints();
}

TEST_F(Deepgram, ACleanCloseIsADropAsWell) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] { server_->close(1000, ""); });
    EXPECT_EQ(end().how, AgentEnd::dropped);
}

TEST_F(Deepgram, AServiceThatTakesNothingMoreIsDropped) {
    const net::test::RawListener listener;
    options_.url = "ws://127.0.0.1:" + std::to_string(listener.port()) + "/";
    start();
    auto peer = test::accept_and_fall_silent(
        listener, {R"({"type":"Welcome"})", R"({"type":"SettingsApplied"})"});
    ASSERT_TRUE(ready());
    ASSERT_TRUE(soon([&] {
        for (int i = 0; i < 200; ++i) agent_->write(frame_of(static_cast<std::int16_t>(i)));
        clock_.advance(milliseconds(300));
        return !ear_.told.ends.empty();
    }));
    EXPECT_EQ(end().how, AgentEnd::dropped);
}

TEST_F(Deepgram, AServiceThatAnswersNoPingIsDropped) {
    const net::test::RawListener listener;
    options_.url = "ws://127.0.0.1:" + std::to_string(listener.port()) + "/";
    options_.silence_limit = milliseconds(150);
    start();
    auto peer = test::accept_and_fall_silent(
        listener, {R"({"type":"Welcome"})", R"({"type":"SettingsApplied"})"});
    ASSERT_TRUE(ready());
    const auto told = end();
    EXPECT_EQ(told.how, AgentEnd::dropped);
    EXPECT_THAT(told.reason, HasSubstr("nothing has come from it"));
}

TEST_F(Deepgram, WhatIsNotUnderstoodIsIgnoredWithOneWarning) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        for (const auto* text :
             {"not json", "[]", "{}", R"({"type":5})", R"({"type":"ConversationText"})",
              R"({"type":"ConversationText","role":"system","content":"x"})",
              R"({"type":"FunctionCallRequest"})",
              R"({"type":"FunctionCallRequest","functions":5})",
              R"({"type":"FunctionCallRequest","functions":[5]})",
              R"({"type":"FunctionCallRequest","functions":[{"id":"x"}]})",
              R"({"type":"History","role":"user"})", R"({"type":"SettingsApplied"})",
              R"({"type":"Welcome"})"}) {
            server_->send(text);
        }
    });
    ASSERT_TRUE(all_taken());
    on_loop([&] {
        EXPECT_EQ(ear_.told.warnings.size(), 1U);
        EXPECT_TRUE(ear_.told.ends.empty());
        EXPECT_EQ(ear_.told.readies, 1);
    });
    expect_no_complaints();
}

TEST_F(Deepgram, CanBeStoppedAtAnyTime) {
    const net::test::RawListener deaf;
    const auto url = std::exchange(
        options_.url, "ws://127.0.0.1:" + std::to_string(deaf.port()) + "/v1/agent/converse");
    on_loop([&] {
        agent_ = make();
        agent_->stop();
        agent_->start(call_, ear_.ear());
        agent_->stop();
    });
    start();
    {
        auto connecting = deaf.accept();
        EXPECT_THAT(connecting.receive_until("\r\n\r\n"), HasSubstr("Authorization: Token dg-key"));
        on_loop([&] { agent_->stop(); });
        EXPECT_EQ(connecting.receive_some(), "");
    }
    options_.url = url;
    on_loop([&] { agent_.reset(); });
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] { server_->send_binary(sound(160)); });
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
    on_loop([&] { EXPECT_TRUE(ear_.told.ends.empty()); });
}

TEST_F(Deepgram, MayBeStoppedAndLetGoFromInsideAnEvent) {
    ASSERT_TRUE(start_and_be_ready());
    on_loop([&] {
        ear_.told.on_told = [this] {
            ear_.told.on_told = {};
            agent_->stop();
            agent_.reset();
        };
        server_->function_calls({{"f1", "end_call", "{}", true}, {"f2", "hold", "{}", true}});
        server_->send_binary(sound(160));
    });
    ASSERT_TRUE(soon([&] { return server_->goodbyes == 1; }));
    on_loop([&] {
        EXPECT_EQ(ear_.told.tools.size(), 1U);
        EXPECT_EQ(ear_.voice->samples(), 0U);
    });
}

}  // namespace
}  // namespace bridge::agents
