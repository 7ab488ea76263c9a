// `call`, `serve` and `demo` on a session that plays a script.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <csignal>

#include "tests/unit/app/run_program.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using call::CallState;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::map<std::string, std::string> kAccount{
    {"TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"},
    {"TWILIO_AUTH_TOKEN", "canarytoken"},
    {"TWILIO_PHONE_NUMBER", "+15557654321"},
    {"PUBLIC_URL", "https://3f1c9a.ngrok.app"},
};

call::CallSnapshot ended_call(CallState state = CallState::completed) {
    call::CallSnapshot snapshot;
    snapshot.id = CallId{"c_1"};
    snapshot.sid = CallSid{"CA0123456789abcdef0123456789abcdef"};
    snapshot.to = "+15551234567";
    snapshot.state = state;
    snapshot.end_reason = "it is over";
    snapshot.end_confirmed = true;
    return snapshot;
}

/// What the session does, and what it was asked.
struct Script {
    std::optional<Failure> open_failure, start_failure;
    std::optional<call::CallSnapshot> ends_with;  ///< published as the call's end soon after start
    bool stops_on_request = true;
    std::vector<int> signals;   ///< raised after start
    bool call_is_live = false;  ///< an event with a CallSid comes, and never an end
    Session::End end;

    std::optional<SessionOptions> options;
    std::vector<Stop> stops;
    std::vector<call::Command> commands;
    int turns = 0;
    std::vector<bool> talks;
};

class ScriptedSession final : public Session {
public:
    ScriptedSession(Script& script, boost::asio::any_io_executor executor)
        : script_(script), executor_(std::move(executor)) {}

    Outcome<std::vector<std::string>> start() override {
        if (script_.start_failure) return tl::unexpected(*script_.start_failure);
        if (script_.call_is_live || script_.ends_with)
            publish(call::event::StateChanged{CallState::ringing, ""});
        if (script_.ends_with) {
            publish(call::event::Ended{*script_.ends_with});
            finish();
        }
        for (const auto number : script_.signals) std::raise(number);
        return std::vector<std::string>{"listening on 127.0.0.1:8000"};
    }
    call::EventBus& events() override { return bus_; }
    void snapshots(std::function<void(std::vector<call::CallSnapshot>)> take) override {
        boost::asio::post(executor_, [take = std::move(take)] { take({}); });
    }
    void command(std::optional<CallId>, call::Command command,
                 std::function<void(Result<call::CallSnapshot>)> told) override {
        script_.commands.push_back(std::move(command));
        boost::asio::post(executor_, [told = std::move(told)] { told(call::CallSnapshot{}); });
    }
    void focus_next() override { ++script_.turns; }
    void talk(bool on) override { script_.talks.push_back(on); }
    void request_stop(Stop how) override {
        script_.stops.push_back(how);
        if (how == Stop::forced || script_.stops_on_request) finish();
    }
    void when_done(std::function<void(End)> done) override { done_ = std::move(done); }

private:
    void publish(decltype(call::CallEvent::what) what) {
        call::CallEvent event;
        event.call = CallId{"c_1"};
        event.sid = CallSid{"CA0123456789abcdef0123456789abcdef"};
        event.what = std::move(what);
        bus_.publish(event);
    }
    void finish() {
        boost::asio::post(executor_, [done = std::exchange(done_, nullptr), end = script_.end] {
            if (done) done(end);
        });
    }

    Script& script_;
    boost::asio::any_io_executor executor_;
    call::EventBus bus_;
    std::function<void(End)> done_;
};

Ran run(Script& script, const std::vector<std::string>& arguments, ProgramRun program = {}) {
    if (program.environment.empty()) program.environment = kAccount;
    program.parts.open_session =
        [&](SessionOptions options,
            boost::asio::any_io_executor executor) -> Outcome<std::unique_ptr<Session>> {
        script.options = std::move(options);
        if (script.open_failure) return tl::unexpected(*script.open_failure);
        return std::make_unique<ScriptedSession>(script, std::move(executor));
    };
    return program(arguments);
}

TEST(RunCommand, EndsWithTheCallAndSumsItUp) {
    Script script;
    script.ends_with = ended_call();
    const auto ran = run(script, {"call", "--target", "+15551234567", "--from", "+15550000001",
                                  "--time-limit", "60"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_THAT(ran.out, HasSubstr("call c_1 CA01…ef to +*******4567: completed (it is over)"));
    EXPECT_THAT(ran.err, AllOf(HasSubstr("listening on"), HasSubstr("c_1  ringing"),
                               Not(HasSubstr("canary"))));
    ASSERT_TRUE(script.options);
    EXPECT_EQ(script.options->kind, SessionOptions::Kind::call);
    EXPECT_EQ(script.options->target, "+15551234567");
    EXPECT_EQ(script.options->from, "+15550000001");
    EXPECT_EQ(script.options->config.time_limit.count(), 60);
    EXPECT_TRUE(script.options->play_locally);
    EXPECT_FALSE(script.options->listen_only);
}

TEST(RunCommand, PrintsOneJsonObjectForEachCall) {
    Script script;
    script.ends_with = ended_call();
    const auto ran =
        run(script, {"--target", "+15551234567", "--json", "--no-audio", "--listen-only"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_EQ(boost::json::parse(ran.out).at("state").as_string(), "completed");
    EXPECT_EQ(script.options->kind, SessionOptions::Kind::serve);
    EXPECT_FALSE(script.options->play_locally);
    EXPECT_TRUE(script.options->listen_only);
}

TEST(RunCommand, TellsTheShellHowTheCallEnded) {
    for (const auto& [state, expected] :
         std::vector<std::pair<CallState, ExitCode>>{{CallState::busy, ExitCode::refused},
                                                     {CallState::no_answer, ExitCode::no_answer},
                                                     {CallState::failed, ExitCode::refused}}) {
        Script script;
        script.ends_with = ended_call(state);
        const auto ran = run(script, {"call", "--target", "+15551234567"});
        EXPECT_EQ(ran.exit, expected);
        EXPECT_THAT(ran.err, HasSubstr("agentbridge: it is over"));
    }
}

TEST(RunCommand, SaysSoWhenACallMayStillBeLive) {
    Script unconfirmed;
    unconfirmed.ends_with = ended_call();
    unconfirmed.ends_with->end_confirmed = false;
    EXPECT_EQ(run(unconfirmed, {"call", "--target", "+15551234567"}).exit, ExitCode::not_confirmed);

    Script left_behind;
    left_behind.call_is_live = true;
    left_behind.signals = {SIGTERM};
    const auto ran = run(left_behind, {"serve"});
    EXPECT_EQ(ran.exit, ExitCode::not_confirmed);
    EXPECT_THAT(ran.err, HasSubstr("may still be live"));
}

TEST(RunCommand, StopsGracefullyOnTheFirstSignalAndAtOnceOnTheSecond) {
    for (const auto number : {SIGINT, SIGTERM, SIGHUP}) {
        Script script;
        script.signals = {number};
        EXPECT_EQ(run(script, {"serve"}).exit, ExitCode::ok);
        EXPECT_EQ(script.stops, std::vector{Stop::graceful});
    }
    Script stubborn;
    stubborn.stops_on_request = false;
    stubborn.signals = {SIGINT, SIGINT};
    EXPECT_EQ(run(stubborn, {"call", "--target", "+15551234567"}).exit, ExitCode::interrupted);
    EXPECT_EQ(stubborn.stops, (std::vector{Stop::graceful, Stop::forced}));
}

TEST(RunCommand, PassesOnWhyTheProgramCannotStart) {
    Script script;
    script.start_failure = Failure{ExitCode::no_device, "there is no device 'Foo'"};
    auto ran = run(script, {"serve", "--speaker", "Foo"});
    EXPECT_EQ(ran.exit, ExitCode::no_device);
    EXPECT_THAT(ran.err, HasSubstr("agentbridge: there is no device 'Foo'"));
    EXPECT_TRUE(script.options->config.speaker_named);
    Script opening;
    opening.open_failure = Failure{ExitCode::failure, "port 8000 is taken"};
    EXPECT_EQ(run(opening, {"serve"}).exit, ExitCode::failure);
    Script dying;
    dying.signals = {SIGTERM};
    dying.end = {true, {ExitCode::failure, "the server died"}, {}};
    ran = run(dying, {"serve"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_THAT(ran.err, HasSubstr("the server died"));
}

TEST(RunCommand, TakesTheMicrophoneOnlyWhenAskedTo) {
    const auto mic = [](const std::vector<std::string>& words) {
        Script script;
        script.signals = {SIGINT};
        run(script, words);
        EXPECT_TRUE(script.options);
        return script.options && script.options->mic;
    };
    EXPECT_FALSE(mic({"serve"}));
    EXPECT_FALSE(mic({"serve", "--microphone", "Headset"}));
    EXPECT_TRUE(mic({"serve", "--mic"}));
    EXPECT_TRUE(mic({"demo", "--mic"}));
    EXPECT_FALSE(mic({"serve", "--mic", "--microphone", "none"}));
    // No sound device is opened; a file is none.
    EXPECT_FALSE(mic({"serve", "--mic", "--no-audio"}));
    EXPECT_TRUE(mic({"serve", "--mic", "--no-audio", "--microphone", "file:speech.wav"}));
}

TEST(RunCommand, StartsNothingOnABadConfiguration) {
    Script script;
    ProgramRun program;
    program.environment = {{"SERVER_PORT", "x"}};
    const auto ran = run(script, {"call", "--target", "+15551234567"}, program);
    EXPECT_EQ(ran.exit, ExitCode::configuration);
    EXPECT_FALSE(script.options);
    EXPECT_THAT(ran.err,
                AllOf(HasSubstr("5 settings have to be put right"),
                      HasSubstr("TWILIO_ACCOUNT_SID is not set"), HasSubstr("SERVER_PORT=x")));
}

TEST(RunCommand, AsksBeforeItDialsARealNumberOnATerminal) {
    ProgramRun program;
    program.terminal.in_tty = program.terminal.err_tty = true;
    program.typed = "n\n";
    Script script;
    script.ends_with = ended_call();
    auto ran = run(script, {"call", "--target", "+15551234567"}, program);
    EXPECT_EQ(ran.exit, ExitCode::interrupted);
    EXPECT_FALSE(script.options);
    EXPECT_THAT(ran.err, HasSubstr("Call +15551234567 from +15557654321 now? [y/N]"));
    program.typed = "y\n";
    EXPECT_EQ(run(script, {"call", "--target", "+15551234567"}, program).exit, ExitCode::ok);
    program.typed = "";
    ran = run(script, {"call", "--target", "+15551234567", "--yes"}, program);
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_THAT(ran.err, Not(HasSubstr("[y/N]")));
    program.environment = kAccount;
    program.environment["TWILIO_BASE_URL"] = "http://127.0.0.1:8010";
    EXPECT_EQ(run(script, {"call", "--target", "+15551234567"}, program).exit, ExitCode::ok)
        << "the emulator costs nothing";
    program.environment.clear();
    program.terminal.in_tty = false;
    EXPECT_EQ(run(script, {"call", "--target", "+15551234567"}, program).exit, ExitCode::ok)
        << "no prompts off a terminal";
}

TEST(RunCommand, ShowsWhatItWouldDo) {
    Script script;
    auto ran = run(script, {"call", "--target", "+15551234567", "--dry-run", "--time-limit", "2m"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_FALSE(script.options) << "nothing was started";
    EXPECT_THAT(ran.out,
                AllOf(HasSubstr("would call +15551234567 from +15557654321"), HasSubstr("120 s"),
                      HasSubstr("https://3f1c9a.ngrok.app/twilio/voice")));
    ran = run(script, {"call", "--target", "+15551234567", "--dry-run", "--json"});
    EXPECT_EQ(boost::json::parse(ran.out).at("target").as_string(), "+15551234567");
}

TEST(RunCommand, KeepsTheDemoAwayFromTheAccount) {
    const TemporaryFolder folder;
    folder.write(".env",
                 "TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abcdef\nLOG_LEVEL=nonsense\nAUDIO_"
                 "BUFFER_SIZE=4096\n");
    Script script;
    script.ends_with = ended_call();
    ProgramRun program;
    program.folder = folder.path().string();
    program.environment = kAccount;
    program.environment["SERVER_PORT"] = "nonsense";
    program.environment["AGENTBRIDGE_SPEAKER"] = "null";
    const auto ran = run(script, {"demo", "--persona", "echo", "--wav", "x.wav"}, program);
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    ASSERT_TRUE(script.options);
    EXPECT_EQ(script.options->kind, SessionOptions::Kind::demo);
    EXPECT_EQ(script.options->persona, "echo");
    EXPECT_EQ(script.options->wav_file, "x.wav");
    const auto& config = script.options->config;
    EXPECT_EQ(config.account_sid, "");
    EXPECT_TRUE(config.auth_tokens.empty());
    EXPECT_EQ(config.public_url, "");
    EXPECT_EQ(config.server_port, 0);
    EXPECT_EQ(config.websocket_port, 0);
    EXPECT_EQ(config.buffer_samples, 1024);
    EXPECT_EQ(config.speaker, "null");
}

TEST(RunCommand, DrawsTheLiveLineOnATerminalAndCleansUp) {
    Script script;
    script.ends_with = ended_call();
    ProgramRun program;
    program.terminal.err_tty = program.terminal.redraw = true;
    const auto ran = run(script, {"call", "--target", "+15551234567"}, program);
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_THAT(ran.err, Not(HasSubstr("c_1  ringing"))) << "the line shows the state";
    EXPECT_EQ(ran.err.substr(ran.err.rfind('\n') + 1).find_first_not_of("\r\x1b[K"),
              std::string::npos);
}

}  // namespace
}  // namespace bridge::app
