// One session after the other: errors, lost connections, expiry, restarts.

#include <boost/asio/ip/tcp.hpp>

#include "tests/integration/agents/freezing_relay.hpp"
#include "tests/integration/agents/openai_fixture.hpp"

namespace bridge::agents::test {
namespace {

using bridge::test::FreezingRelay;

class OpenAiSessionsTest : public OpenAiAgentTest {
protected:
    /// Starts, and waits for the end.
    bridge::test::ToldByAgent::End end_of(OpenAiOptions with) {
        make_agent(std::move(with));
        start();
        EXPECT_TRUE(until([this] { return !ear_.told.ends.empty(); }));
        return ear_.told.ends.empty() ? bridge::test::ToldByAgent::End{} : ear_.told.ends.back();
    }
    bool has_carried(RealtimeTalk& to, std::string_view words) {
        for (const auto& event : to.events()) {
            if (text_at(event, "type") == "conversation.item.create" &&
                json::serialize(event).find(words) != std::string::npos) {
                return true;
            }
        }
        return false;
    }
    /// The caller asks, the agent answers, all of it is heard.
    void exchange(const std::string& question, const std::string& answer) {
        const auto before = ear_.voice->samples();
        on_loop([&] {
            service_->script().caller_says.push_back(question);
            service_->script().answers.push_back({.text = answer});
        });
        caller_speaks();
        caller_pauses();
        ASSERT_TRUE(until([&] { return ear_.voice->samples() == before + 8000; }));
        ASSERT_TRUE(until([&] {
            return !ear_.told.texts.empty() && ear_.told.texts.back().final &&
                   ear_.told.texts.back().text == answer;
        }));
        settle();
        all_spoken();
    }
    /// The agent has taken in all that the service has said: a piece of an item that is over, sent
    /// last, has been dropped.
    void settle() {
        std::uint64_t late = 0;
        on_loop([&] {
            late = agent_->late_pieces();
            talk().send({{"type", "response.output_audio.delta"},
                         {"response_id", "old"},
                         {"item_id", talk().item_order().back()},
                         {"delta", ""}});
        });
        ASSERT_TRUE(until([&] { return agent_->late_pieces() == late + 1; }));
    }
};

struct Refused {
    int status;
    std::string code;
    AgentEnd how;
    std::string names;
};

TEST_F(OpenAiSessionsTest, SaysWhatToMendOrThatAnotherTryMayHelp) {
    const std::vector<Refused> table{
        {401, "", AgentEnd::refused, "OPENAI_API_KEY"},
        {403, "", AgentEnd::refused, "OPENAI_API_KEY"},
        {404, "", AgentEnd::refused, "AGENTBRIDGE_OPENAI_URL"},
        {400, "", AgentEnd::refused, "AGENTBRIDGE_OPENAI_MODEL"},
        {429, "", AgentEnd::dropped, "429"},
        {503, "", AgentEnd::dropped, "503"},
        {0, "invalid_api_key", AgentEnd::refused, "OPENAI_API_KEY"},
        {0, "model_not_found", AgentEnd::refused, "gpt-realtime"},
        {0, "insufficient_quota", AgentEnd::refused, "billing"},
    };
    auto& service = serve_realtime();
    for (const auto& one : table) {
        on_loop([&] {
            service.options().handshake_status = one.status;
            service.options().refuse_code = one.code;
            ear_.told.ends.clear();
        });
        const auto end = end_of(options());
        EXPECT_EQ(end.how, one.how) << one.status << one.code << ": " << end.reason;
        EXPECT_NE(end.reason.find(one.names), std::string::npos) << end.reason;
        EXPECT_EQ(end.reason.find(kKey), std::string::npos) << end.reason;
        on_loop([this] { agent_.reset(); });
    }
    EXPECT_EQ(ear_.told.readies, 0);
}

TEST_F(OpenAiSessionsTest, IsRefusedBySettingsThatAreWrong) {
    serve_realtime();
    auto with = options();
    with.voice = "nobody";
    auto end = end_of(with);
    EXPECT_EQ(end.how, AgentEnd::refused);
    EXPECT_NE(end.reason.find("AGENTBRIDGE_OPENAI_VOICE"), std::string::npos) << end.reason;

    on_loop([this] { ear_.told.ends.clear(); });
    with = options();
    with.beta = true;
    end = end_of(with);
    EXPECT_EQ(end.how, AgentEnd::refused) << end.reason;

    on_loop([this] { ear_.told.ends.clear(); });
    with = options();
    with.key = Secret{};
    end = end_of(with);
    EXPECT_EQ(end.how, AgentEnd::refused);
    EXPECT_NE(end.reason.find("OPENAI_API_KEY is not set"), std::string::npos) << end.reason;

    on_loop([this] { ear_.told.ends.clear(); });
    with = options();
    with.key = Secret("wrong");
    EXPECT_EQ(end_of(with).how, AgentEnd::refused);
}

TEST_F(OpenAiSessionsTest, IsDroppedWhereNobodyListens) {
    const net::test::DeafPort deaf;
    auto with = options();
    with.url = "ws://127.0.0.1:" + std::to_string(deaf.port());
    const auto end = end_of(with);
    EXPECT_EQ(end.how, AgentEnd::dropped);
    EXPECT_NE(end.reason.find("could not be reached"), std::string::npos) << end.reason;
}

TEST_F(OpenAiSessionsTest, IsDroppedByAServiceThatNeverSpeaks) {
    RealtimeServiceOptions mute;
    mute.mute = true;
    serve_realtime(mute);
    make_agent(options());
    start();
    EXPECT_TRUE(until([this] { return service_->asked() == 1; }));
    advance(seconds(9));
    on_loop([this] { EXPECT_TRUE(ear_.told.ends.empty()); });
    advance(seconds(2));
    on_loop([this] {
        ASSERT_EQ(ear_.told.ends.size(), 1U);
        EXPECT_EQ(ear_.told.ends[0].how, AgentEnd::dropped);
    });
}

TEST_F(OpenAiSessionsTest, SurvivesErrorsThatAreNoneOfTheSessions) {
    serve_realtime();
    ready_agent();
    on_loop([this] {
        talk().fail("server_error");
        talk().fail("response_cancel_not_active");
        talk().send({{"type", "a.new.event"}, {"with", json::object{}}});
        talk().send({{"type", "error"}});
        talk().send({{"type", "response.output_audio.delta"},
                     {"item_id", "x"},
                     {"response_id", "y"},
                     {"delta", "?!"}});
    });
    exchange("Are you there?", "Of course.");
    on_loop([this] {
        EXPECT_EQ(ear_.told.warnings.size(), 2U);
        EXPECT_TRUE(ear_.told.ends.empty());
    });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, AsksAgainOnceWhenAResponseFails) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.length = milliseconds(0), .fail = "rate_limit_exceeded"});
    service.script().answers.push_back({.length = milliseconds(500)});
    service.script().answers.push_back({.length = milliseconds(0), .fail = "server_error"});
    service.script().answers.push_back({.length = milliseconds(0), .fail = "server_error"});
    ready_agent();
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.told.warnings.size() == 1; }));
    advance(milliseconds(1500));
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 4000; }));
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.told.warnings.size() == 2; }));
    advance(milliseconds(1500));
    EXPECT_TRUE(until([this] { return ear_.told.ends.size() == 1; }));
    EXPECT_EQ(ear_.told.ends[0].how, AgentEnd::dropped);
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, IsDroppedWhenAResponseThatIsDueNeverComes) {
    serve_realtime().script().answers.push_back({.hold_after = 0});
    ready_agent();
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return talk().answering(); }));
    EXPECT_TRUE(until([this] { return ear_.told.texts.size() == 3; }));
    advance(seconds(9));
    on_loop([this] { EXPECT_TRUE(ear_.told.ends.empty()); });
    advance(seconds(2));
    on_loop([this] {
        ASSERT_EQ(ear_.told.ends.size(), 1U);
        EXPECT_EQ(ear_.told.ends[0].how, AgentEnd::dropped);
    });
}

TEST_F(OpenAiSessionsTest, NoticesAServiceThatHasGoneSilent) {
    serve_realtime();
    auto relay = std::make_shared<FreezingRelay>(executor(), service_->port());
    std::uint16_t port = 0;
    on_loop([&] {
        relay->start();
        port = relay->port();
    });
    auto with = options();
    with.url = "ws://127.0.0.1:" + std::to_string(port) + "/v1/realtime";
    with.idle_timeout = milliseconds(300);
    ready_agent(with);
    // Nobody speaks, and the session stands for much longer than that.
    const auto until_then = std::chrono::steady_clock::now() + milliseconds(900);
    while (std::chrono::steady_clock::now() < until_then) {
        say(1, {});
        std::this_thread::sleep_for(milliseconds(20));
    }
    on_loop([&] {
        EXPECT_TRUE(ear_.told.ends.empty());
        relay->freeze();
    });
    EXPECT_TRUE(until([this] { return !ear_.told.ends.empty(); }));
    EXPECT_EQ(ear_.told.ends[0].how, AgentEnd::dropped);
    on_loop([&] {
        relay->thaw();
        relay->stop();
    });
    EXPECT_TRUE(eventually([] { return live_tasks() <= 1; }));
}

TEST_F(OpenAiSessionsTest, CarriesOnTheConversationAfterADrop) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.text = "Good morning, this is the bakery."});
    auto with = options();
    with.greeting = "Good morning, this is the bakery.";
    ready_agent(with);
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    all_spoken();
    on_loop([this] { agent_->context("The caller is known."); });
    exchange("Have you any bread?", "Yes, eleven loaves of it.");
    // The next answer is cut off half-way, and then the connection breaks.
    service.script().answers.push_back({.text = "One two three four five six seven eight"});
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 24000; }));
    settle();
    on_loop([this] {
        agent_->interrupted(ear_.voice->utterances.back().id, heard(milliseconds(500)));
        talk().drop();
    });
    EXPECT_TRUE(until([this] { return ear_.told.ends.size() == 1; }));
    EXPECT_EQ(ear_.told.ends[0].how, AgentEnd::dropped) << ear_.told.ends[0].reason;

    start();
    EXPECT_TRUE(until([this] { return ear_.told.readies == 2; }));
    on_loop([this] { agent_->context("end of what was carried"); });
    EXPECT_TRUE(until([this] { return has_carried(talk(), "end of what was carried"); }));
    on_loop([this] {
        for (const auto* words : {"this is the bakery", "is known", "any bread", "eleven loaves",
                                  "One two three four"}) {
            EXPECT_TRUE(has_carried(talk(), words)) << words;
        }
        EXPECT_FALSE(has_carried(talk(), "five")) << "more than the caller heard";
        EXPECT_EQ(talk().count("response.create"), 0U) << "it greets again";
    });
    exchange("And rolls?", "Rolls as well.");
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, AnswersAfterARestartWhatItStillOwed) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.hold_after = 0});
    ready_agent();
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return talk().answering() && ear_.told.texts.size() == 3; }));
    on_loop([this] { talk().drop(); });
    EXPECT_TRUE(until([this] { return ear_.told.ends.size() == 1; }));
    on_loop([this] { agent_->stop(); });  // as a call does with every session
    start();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] {
        EXPECT_TRUE(has_carried(talk(), "Words of the caller"));
        EXPECT_EQ(talk().count("response.create"), 1U);
    });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, SaysThatAFunctionsResultWasLostWithItsSession) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.length = milliseconds(0), .calls = {{"clock", "{}"}}});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.told.tools.size() == 1; }));
    on_loop([this] { talk().drop(); });
    EXPECT_TRUE(until([this] { return ear_.told.ends.size() == 1; }));
    start();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] {
        EXPECT_TRUE(has_carried(talk(), R"("type":"function_call")"));
        EXPECT_TRUE(has_carried(talk(), "The connection was lost before the result came"));
        agent_->tool_result({ear_.told.tools[0].id, "noon", false});  // too late
        agent_->context("the end");
    });
    EXPECT_TRUE(until([this] { return has_carried(talk(), "the end"); }));
    on_loop([this] { EXPECT_FALSE(has_carried(talk(), "noon")); });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, TakesAFunctionsResultIntoAFreshSession) {
    auto& service = serve_realtime();
    service.script().answers.push_back({.length = milliseconds(0), .calls = {{"clock", "{}"}}});
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.told.tools.size() == 1; }));
    on_loop([this] { talk().expire(); });
    EXPECT_TRUE(until([this] { return service_->talks().size() == 2; }));
    EXPECT_TRUE(until([this] { return has_carried(talk(), R"("type":"function_call")"); }));
    on_loop([this] { agent_->tool_result({ear_.told.tools[0].id, "noon", false}); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] { EXPECT_TRUE(has_carried(talk(), "noon")); });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, HearsWhatTheCallerSaysWhileItReconnects) {
    serve_realtime();
    make_agent(options());
    start();
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] { EXPECT_EQ(talk().heard().size(), 50U * 160U); });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, ReplacesASessionUnderALiveCallWithoutLosingAFrame) {
    serve_realtime();
    auto with = options();
    with.instructions = "Be brief.";
    ready_agent(with);
    exchange("Who is there?", "The bakery.");
    std::size_t before = 0;
    on_loop([&] { before = talk().heard().size(); });
    // The caller's line is open all the while: a frame every 20 ms, each like no other.
    int frames = 0;
    const auto go_on = [&](Clock::Duration time) {
        on_loop([&] {
            for (auto gone = Clock::Duration(0); gone < time; gone += milliseconds(20)) {
                agent_->write(numbered(frames++));
                clock_.advance(milliseconds(20));
            }
        });
    };
    advance(minutes(54) + seconds(58));
    for (int i = 0; i < 50; ++i) go_on(milliseconds(20));
    on_loop([this] { EXPECT_EQ(service_->asked(), 1); });
    for (int i = 0; i < 400; ++i) {
        go_on(milliseconds(20));
        bool both = false;
        on_loop([&] { both = service_->talks().size() == 2 && !talk(1).open(); });
        if (both) break;
    }
    EXPECT_TRUE(until([this] { return service_->talks().size() == 2; }));
    for (int i = 0; i < 100; ++i) go_on(milliseconds(20));
    EXPECT_TRUE(until([this] { return !talk(1).open() && talk(2).heard().size() >= 100U * 160U; }));
    go_on(milliseconds(20));
    std::vector<std::uint8_t> said;
    for (int i = 0; i < frames; ++i) {
        const auto bytes = encoded(numbered(i));
        said.insert(said.end(), bytes.begin(), bytes.end());
    }
    EXPECT_TRUE(until([&] {
        const auto& last = talk(2).heard();
        return last.size() >= 160 && std::equal(last.end() - 160, last.end(), said.end() - 160);
    }));
    on_loop([&] {
        const auto& old = talk(1).heard();
        const auto& fresh = talk(2).heard();
        const auto first = old.size() - before;
        EXPECT_TRUE(
            std::equal(old.begin() + static_cast<std::ptrdiff_t>(before), old.end(), said.begin()));
        EXPECT_TRUE(std::equal(fresh.rbegin(), fresh.rend(), said.rbegin()));
        EXPECT_GE(first + fresh.size(), said.size()) << "frames are missing";
        EXPECT_LE(first + fresh.size(), said.size() + 25U * 160U);
        EXPECT_EQ(talk(1).end().code, 1000);
        EXPECT_TRUE(has_carried(talk(2), "Who is there?") || has_carried(talk(2), "The bakery."));
        EXPECT_EQ(talk(2).settings().instructions, "Be brief.");
        EXPECT_EQ(ear_.told.readies, 1);
        EXPECT_TRUE(ear_.told.ends.empty());
        EXPECT_TRUE(ear_.told.warnings.empty());
    });
    exchange("Still there?", "Still here.");
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, WaitsForAPauseBeforeItReplacesASession) {
    serve_realtime();
    ready_agent();
    on_loop([this] { talk().answer(); });
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    settle();
    advance(minutes(55) + seconds(20));
    on_loop([this] { EXPECT_EQ(service_->asked(), 1) << "while the agent speaks"; });
    all_spoken();
    advance(seconds(1));
    EXPECT_TRUE(until([this] { return service_->talks().size() == 2 && !talk(1).open(); }));
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, TakesAHalfSpokenSentenceAlongWhenThereIsNoPause) {
    serve_realtime();
    ready_agent();
    caller_speaks();
    EXPECT_TRUE(until([this] { return ear_.told.caller.size() == 1; }));
    advance(minutes(55) + seconds(29));
    on_loop([this] { EXPECT_EQ(service_->asked(), 1); });
    advance(seconds(2));
    EXPECT_TRUE(until([this] { return service_->talks().size() == 2; }));
    say(30, loud());  // the caller goes on while the fresh session is opened
    EXPECT_TRUE(until([this] {
        clock_.advance(milliseconds(500));
        return !talk(1).open();
    }));
    caller_pauses();
    EXPECT_TRUE(until([this] { return ear_.voice->samples() == 8000; }));
    on_loop([this] {
        EXPECT_TRUE(ear_.told.ends.empty());
        EXPECT_GE(talk(2).heard().size(), 60U * 160U);
    });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, OutlivesASessionThatTheServiceEnds) {
    serve_realtime();
    ready_agent();
    exchange("Who is there?", "The bakery.");
    on_loop([this] { talk().expire(); });
    EXPECT_TRUE(until([this] { return service_->talks().size() == 2; }));
    exchange("Still there?", "Still here.");
    on_loop([this] {
        EXPECT_TRUE(ear_.told.ends.empty());
        EXPECT_EQ(ear_.told.readies, 1);
        EXPECT_TRUE(has_carried(talk(2), "The bakery."));
    });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, KeepsTheOldSessionWhileNoFreshOneCanBeHad) {
    auto& service = serve_realtime();
    ready_agent();
    on_loop([&] { service.options().handshake_status = 429; });
    advance(minutes(55) + seconds(1));
    EXPECT_TRUE(until([this] { return ear_.told.warnings.size() == 1; }));
    exchange("Still there?", "Still here.");
    on_loop([&] { service.options().handshake_status = 0; });
    advance(seconds(11));
    EXPECT_TRUE(until([this] { return service_->talks().size() == 2 && !talk(1).open(); }));
    exchange("And now?", "Now as well.");
    on_loop([this] { EXPECT_TRUE(ear_.told.ends.empty()); });
    expect_no_refusals();
}

TEST_F(OpenAiSessionsTest, LosesNoCallToAHundredDrops) {
    auto& service = serve_realtime();
    auto with = options();
    with.greeting = "Good morning.";
    make_agent(with);
    for (std::size_t i = 0; i < 100; ++i) {
        on_loop(
            [&] { service.script().answers.assign(1, {.hold_after = static_cast<int>(i % 7)}); });
        start();
        // Dropped at ever other points: before it is configured, while it greets, in mid-speech.
        ASSERT_TRUE(until([&] { return service.talks().size() == i + 1; }));
        say(static_cast<int>(i % 11), loud());
        for (std::size_t turn = 0; turn < i % 5; ++turn) on_loop([] {});
        on_loop([this] { talk().drop(); });
        ASSERT_TRUE(until([&] { return ear_.told.ends.size() == i + 1; }));
        EXPECT_EQ(ear_.told.ends.back().how, AgentEnd::dropped) << ear_.told.ends.back().reason;
    }
    on_loop([&] { service.script().answers.clear(); });
    const auto before = ear_.voice->samples();
    start();
    caller_speaks();
    caller_pauses();
    EXPECT_TRUE(until([&] { return ear_.voice->samples() >= before + 8000; }));
    expect_no_refusals();
}

}  // namespace
}  // namespace bridge::agents::test
