#include "app/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/help.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

template <class T>
T command_of(const Words& words) {
    const auto parsed = parse_command_line(words);
    if (!parsed) {
        ADD_FAILURE() << parsed.error().err;
        return {};
    }
    const auto* command = std::get_if<T>(&parsed->command);
    if (command == nullptr) {
        ADD_FAILURE() << "another command was read";
        return {};
    }
    return *command;
}

Invocation invocation_of(const Words& words) {
    auto parsed = parse_command_line(words);
    if (!parsed) ADD_FAILURE() << parsed.error().err;
    return parsed ? *parsed : Invocation{};
}

TEST(CommandLine, ServesWithoutACommandAsThePythonProgramDid) {
    auto run = command_of<RunCommand>({});
    EXPECT_EQ(run.kind, RunCommand::Kind::serve);
    EXPECT_EQ(run.target, "");
    run = command_of<RunCommand>({"--target", "+15551234567"});
    EXPECT_EQ(run.kind, RunCommand::Kind::serve);
    EXPECT_EQ(run.target, "+15551234567");
    const auto words = Words{"--target", "+15551234567", "--log-level", "DEBUG"};
    EXPECT_EQ(command_of<RunCommand>(words).target, "+15551234567");
    EXPECT_EQ(invocation_of(words).settings.at("LOG_LEVEL"), "DEBUG");
    EXPECT_EQ(command_of<RunCommand>({"--target=+15551234567"}).target, "+15551234567");
}

TEST(CommandLine, AMessageForAMachineIsOneWordOrTwo) {
    const TemporaryFolder folder;
    const auto file = folder.write("hello.wav", "").string();
    const auto setting = [](const Words& words) {
        return invocation_of(words).settings.at("AGENTBRIDGE_ON_MACHINE");
    };
    EXPECT_EQ(setting({"call", "--target", "+15551234567", "--on-machine", "hangup"}), "hangup");
    EXPECT_EQ(setting({"serve", "--on-machine", "message", file, "--yes"}), "message:" + file);
    EXPECT_EQ(setting({"serve", "--on-machine", "message:" + file}), "message:" + file);
    EXPECT_EQ(setting({"--on-machine", "message", file, "serve"}), "message:" + file);
    EXPECT_EQ(setting({"--on-machine", "ignore", "serve"}), "ignore");
    const auto wrong = parse_command_line({"serve", "--on-machine", "dance"});
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().err, HasSubstr("message:FILE"));
}

TEST(CommandLine, TheNumberToUseMayBeLeftOut) {
    const auto setting = [](const Words& words) {
        return invocation_of(words).settings.at("AGENTBRIDGE_USE_NUMBER");
    };
    EXPECT_EQ(setting({"serve", "--use-number"}), "on");
    EXPECT_EQ(setting({"serve", "--use-number", "--json"}), "on");
    EXPECT_EQ(setting({"--use-number", "serve"}), "on");
    EXPECT_EQ(setting({"serve", "--use-number", "+15551234567"}), "+15551234567");
    EXPECT_EQ(setting({"serve", "--use-number=+15551234567"}), "+15551234567");
    EXPECT_EQ(setting({"--use-number", "+15551234567", "serve"}), "+15551234567");
    EXPECT_EQ(setting({"--use-number", "+15551234567"}), "+15551234567");
    EXPECT_FALSE(command_of<RunCommand>({"serve", "--use-number"}).force);
    EXPECT_TRUE(command_of<RunCommand>({"serve", "--use-number", "--force"}).force);
    EXPECT_TRUE(command_of<RunCommand>({"serve", "--open"}).open_page);
    const auto wrong = parse_command_line({"serve", "--use-number", "desk"});
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().err, HasSubstr("--use-number 'desk'"));
    EXPECT_FALSE(parse_command_line({"call", "--target", "+15551234567", "--use-number"}));
}

TEST(CommandLine, ReadsNumbers) {
    using Action = NumbersCommand::Action;
    EXPECT_EQ(command_of<NumbersCommand>({"numbers", "list"}).action, Action::list);
    auto numbers = command_of<NumbersCommand>({"numbers", "use", "+15551234567"});
    EXPECT_EQ(numbers.action, Action::use);
    EXPECT_EQ(numbers.number, "+15551234567");
    EXPECT_FALSE(numbers.force);
    numbers = command_of<NumbersCommand>(
        {"numbers", "use", "+15551234567", "--force", "--instance", "4711"});
    EXPECT_TRUE(numbers.force);
    EXPECT_EQ(numbers.instance, "4711");
    numbers = command_of<NumbersCommand>({"numbers", "restore"});
    EXPECT_EQ(numbers.action, Action::restore);
    EXPECT_EQ(numbers.number, "");
    EXPECT_EQ(command_of<NumbersCommand>({"numbers", "restore", "+15551234567"}).number,
              "+15551234567");
    for (const Words& words : {Words{"numbers"}, Words{"numbers", "use"},
                               Words{"numbers", "use", "desk"}, Words{"numbers", "restore", "1"}}) {
        const auto parsed = parse_command_line(words);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().exit, ExitCode::usage);
    }
}

TEST(CommandLine, ReadsListenAndTalk) {
    auto visit = command_of<ListenCommand>({"listen"});
    EXPECT_FALSE(visit.talk);
    EXPECT_EQ(visit.id, "");
    EXPECT_EQ(visit.side, "both");
    visit = command_of<ListenCommand>(
        {"listen", "c_7", "--wav", "a.wav", "--side", "far", "--instance", "4711"});
    EXPECT_EQ(visit.id, "c_7");
    EXPECT_EQ(visit.wav, "a.wav");
    EXPECT_EQ(visit.side, "far");
    EXPECT_EQ(visit.instance, "4711");
    EXPECT_TRUE(command_of<ListenCommand>({"listen", "--raw"}).raw);
    visit = command_of<ListenCommand>({"talk", "c_7", "--file", "a.wav"});
    EXPECT_TRUE(visit.talk);
    EXPECT_EQ(visit.file, "a.wav");
    EXPECT_EQ(invocation_of({"talk", "--microphone", "null"}).settings.at("AGENTBRIDGE_MICROPHONE"),
              "null");
    for (const Words& words :
         {Words{"listen", "--raw", "--wav", "a.wav"}, Words{"listen", "--side", "left"},
          Words{"listen", "--file", "a.wav"}, Words{"talk", "--raw"}}) {
        const auto parsed = parse_command_line(words);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().exit, ExitCode::usage);
    }
}

TEST(CommandLine, ReadsWhatIsSaidAndPlayed) {
    auto calls = command_of<CallsCommand>({"calls", "say", "One moment."});
    EXPECT_EQ(calls.text, "One moment.");
    EXPECT_EQ(calls.id, "");
    calls = command_of<CallsCommand>({"calls", "say", "c_7", "One moment.", "--interrupt"});
    EXPECT_EQ(calls.id, "c_7");
    EXPECT_TRUE(calls.interrupt);
    calls = command_of<CallsCommand>({"calls", "play", "a.wav"});
    EXPECT_EQ(calls.file, "a.wav");
    calls = command_of<CallsCommand>({"calls", "play", "c_7", "a.wav"});
    EXPECT_EQ(calls.id, "c_7");
    EXPECT_FALSE(parse_command_line({"calls", "say"}));
    EXPECT_FALSE(parse_command_line({"calls", "play"}));
}

TEST(CommandLine, ReadsCall) {
    const Words words{"call",       "--target",       "+15551234567", "--from",    "+15557654321",
                      "--no-audio", "--listen-only",  "--yes",        "--dry-run", "--time-limit",
                      "2m",         "--ring-timeout", "20",           "--speaker", "file:x.wav",
                      "--json",     "--no-color",     "--env-file",   "other.env", "--log-format",
                      "json",       "--workers",      "auto"};
    const auto call = command_of<RunCommand>(words);
    EXPECT_EQ(call.kind, RunCommand::Kind::call);
    EXPECT_EQ(call.target, "+15551234567");
    EXPECT_TRUE(call.no_audio && call.listen_only && call.yes && call.dry_run);
    const auto invocation = invocation_of(words);
    EXPECT_TRUE(invocation.json && invocation.no_color);
    EXPECT_EQ(invocation.env_file, "other.env");
    const std::map<std::string, std::string> settings{
        {"TWILIO_PHONE_NUMBER", "+15557654321"}, {"AGENTBRIDGE_TIME_LIMIT", "2m"},
        {"AGENTBRIDGE_RING_TIMEOUT", "20"},      {"AGENTBRIDGE_SPEAKER", "file:x.wav"},
        {"AGENTBRIDGE_LOG_FORMAT", "json"},      {"AGENTBRIDGE_WORKERS", "auto"}};
    EXPECT_EQ(invocation.settings, settings);
}

TEST(CommandLine, TakesTheMicrophoneAndWhatIsDoneToIt) {
    EXPECT_FALSE(command_of<RunCommand>({"serve"}).mic);
    EXPECT_FALSE(command_of<DemoCommand>({"demo"}).mic);
    const Words words{"--microphone",           "Headset",        "--mic",
                      "--no-echo-cancellation", "--no-auto-gain", "--no-noise-suppression",
                      "--no-high-pass"};
    const std::map<std::string, std::string> settings{{"AGENTBRIDGE_MICROPHONE", "Headset"},
                                                      {"AGENTBRIDGE_ECHO_CANCELLATION", "off"},
                                                      {"AGENTBRIDGE_AUTO_GAIN", "off"},
                                                      {"AGENTBRIDGE_NOISE_SUPPRESSION", "off"},
                                                      {"AGENTBRIDGE_HIGH_PASS", "off"}};
    const auto with = [&](Words command) {
        command.insert(command.end(), words.begin(), words.end());
        return command;
    };
    const auto call = with({"call", "--target", "+15551234567"});
    EXPECT_TRUE(command_of<RunCommand>(call).mic);
    EXPECT_EQ(invocation_of(call).settings, settings);
    EXPECT_TRUE(command_of<RunCommand>(with({"serve"})).mic);
    EXPECT_EQ(invocation_of(with({"serve"})).settings, settings);
    EXPECT_TRUE(command_of<DemoCommand>(with({"demo"})).mic);
    EXPECT_EQ(invocation_of(with({"demo"})).settings, settings);
    // Without a command, as the others.
    EXPECT_TRUE(command_of<RunCommand>(with({"--target", "+15551234567"})).mic);
    const Words test{"devices", "test", "--microphone", "USB", "--no-mic"};
    EXPECT_TRUE(command_of<DevicesCommand>(test).no_mic);
    EXPECT_EQ(invocation_of(test).settings.at("AGENTBRIDGE_MICROPHONE"), "USB");
}

TEST(CommandLine, TakesTheGeneralFlagsBeforeAndAfterTheCommand) {
    for (const auto& words : {Words{"--json", "config", "show"}, Words{"config", "--json", "show"},
                              Words{"config", "show", "--json"}}) {
        EXPECT_TRUE(invocation_of(words).json);
    }
    EXPECT_EQ(invocation_of({"--log-level", "DEBUG", "demo"}).settings.at("LOG_LEVEL"), "DEBUG");
    EXPECT_EQ(invocation_of({"demo", "--env-file", "x"}).env_file, "x");
}

TEST(CommandLine, ReadsTheOtherCommands) {
    EXPECT_EQ(invocation_of({"serve", "--answer", "reject"}).settings.at("AGENTBRIDGE_ANSWER"),
              "reject");

    const auto demo = command_of<DemoCommand>({"demo", "--persona", "say:Hello, you", "--wav",
                                               "d.wav", "--to", "+12025550101", "--no-audio"});
    EXPECT_EQ(demo.persona, "say:Hello, you");
    EXPECT_EQ(demo.wav, "d.wav");
    EXPECT_EQ(demo.to, "+12025550101");
    EXPECT_TRUE(demo.no_audio);

    EXPECT_EQ(command_of<DevicesCommand>({"devices", "list"}).action, DevicesCommand::Action::list);
    const auto test = command_of<DevicesCommand>({"devices", "test", "USB Audio"});
    EXPECT_EQ(test.action, DevicesCommand::Action::test);
    EXPECT_EQ(test.device, "USB Audio");

    const auto show = command_of<ConfigCommand>({"config", "show", "--show-origin"});
    EXPECT_EQ(show.action, ConfigCommand::Action::show);
    EXPECT_TRUE(show.show_origin);
    EXPECT_EQ(command_of<ConfigCommand>({"config", "check"}).action, ConfigCommand::Action::check);
    const auto init = command_of<ConfigCommand>({"config", "init", "my.env", "--force"});
    EXPECT_EQ(init.action, ConfigCommand::Action::init);
    EXPECT_TRUE(init.force);
    EXPECT_EQ(init.file, "my.env");

    const auto emulator = command_of<EmulatorServeCommand>(
        {"emulator",  "serve",           "--port",      "0",
         "--host",    "0.0.0.0",         "--persona",   "+12025550142=echo",
         "--persona", "default=say:a=b", "--ledger",    "l.jsonl",
         "--ca",      "ca.pem",          "--voice-url", "http://127.0.0.1:8000/twilio/voice",
         "--fault",   "create=429:2s*3", "--fault",     "seed=7"});
    EXPECT_EQ(emulator.faults, (std::vector<std::string>{"create=429:2s*3", "seed=7"}));
    EXPECT_EQ(emulator.port, 0);
    EXPECT_EQ(emulator.host, "0.0.0.0");
    ASSERT_EQ(emulator.personas.size(), 2u);
    EXPECT_EQ(emulator.personas[0], std::pair(std::string("+12025550142"), std::string("echo")));
    EXPECT_EQ(emulator.personas[1], std::pair(std::string("default"), std::string("say:a=b")));
    EXPECT_EQ(emulator.ledger, "l.jsonl");
    EXPECT_EQ(emulator.ca, "ca.pem");
    EXPECT_EQ(emulator.voice_url, "http://127.0.0.1:8000/twilio/voice");
    EXPECT_EQ(command_of<EmulatorServeCommand>({"emulator", "serve"}).port, 8010);

    const auto trigger = command_of<EmulatorTriggerCommand>(
        {"emulator", "trigger", "incoming-call", "--from", "+12025550123", "--to", "+15005550006",
         "--persona", "echo", "--emulator-url", "http://127.0.0.1:9"});
    EXPECT_EQ(trigger.from, "+12025550123");
    EXPECT_EQ(trigger.to, "+15005550006");
    EXPECT_EQ(trigger.persona, "echo");
    EXPECT_EQ(trigger.emulator_url, "http://127.0.0.1:9");
    EXPECT_EQ(command_of<EmulatorLedgerCommand>({"emulator", "ledger", "--emulator-url", "u"})
                  .emulator_url,
              "u");

    command_of<VersionCommand>({"version"});
    command_of<VersionCommand>({"--version"});
    EXPECT_EQ(command_of<HelpCommand>({"help"}).topic, "");
    EXPECT_EQ(command_of<HelpCommand>({"help", "audio"}).topic, "audio");
}

TEST(CommandLine, EndsWithAUsageErrorThatHelps) {
    const std::vector<std::pair<Words, std::string>> rows{
        {{"cal"}, "did you mean call?"},
        {{"banana"}, "'banana' is not a command"},
        {{"--tagret", "+15551234567"}, "'+15551234567' is not a command"},
        {{"call", "--tagret", "+15551234567"},
         "--tagret is not a flag of `agentbridge call`; did you mean --target?"},
        {{"call", "--tagret=+15551234567"}, "did you mean --target?"},
        {{"call"}, "needs --target"},
        {{"call", "--target"}, "--target"},
        {{"call", "--target", ""}, "not empty"},
        {{"call", "--target", "5551234567"}, "write +15551234567"},
        {{"call", "--target", "+1555CALLNOW"}, "letters"},
        {{"--target", "12"}, "--target"},
        {{"call", "--target", "+15551234567", "--from", "555"}, "--from '555'"},
        {{"call", "--target", "+15551234567", "--time-limit", "tomorrow"},
         "--time-limit 'tomorrow'"},
        {{"call", "--target", "+15551234567", "--ring-timeout", "1"}, "5 to 600"},
        {{"call", "--target", "+15551234567", "--answer", "auto"}, "--answer is not a flag"},
        {{"serve", "--answer", "maybe"}, "auto, ring, reject"},
        {{"serve", "--log-level", "LOUD"}, "DEBUG, INFO, WARNING or ERROR"},
        {{"serve", "--log-format", "xml"}, "text, json"},
        {{"serve", "--workers", "0"}, "auto"},
        {{"serve", "--speaker", ""}, "not empty"},
        {{"serve", "--microphone", ""}, "not empty"},
        {{"serve", "--mic", "--listen-only"}, "do not go together"},
        {{"serve", "+15551234567"}, "does not take"},
        {{"serve", "--auth-token", "canary"}, "secrets are never flags"},
        {{"devices"}, "needs one of: list, test"},
        {{"devices", "lst"}, "did you mean list?"},
        {{"devices", "list", "--target", "+15551234567"},
         "--target is not a flag of `agentbridge devices list`"},
        {{"config"}, "needs one of: show, check, init"},
        {{"config", "sho"}, "did you mean show?"},
        {{"config", "show", "--show-orgin"}, "did you mean --show-origin?"},
        {{"emulator"}, "needs one of: serve, trigger, load, ledger"},
        {{"emulator", "trigger"}, "needs one of: incoming-call"},
        {{"emulator", "serve", "--port", "70000"}, "--port"},
        {{"emulator", "serve", "--port", "x"}, "--port"},
        {{"emulator", "serve", "--persona", "echo"}, "NUMBER=DESC"},
        {{"emulator", "serve", "--persona", "+12025550142="}, "NUMBER=DESC"},
        {{"emulator", "trigger", "incoming-call", "--from", "x"}, "--from"},
        {{"demo", "--to", "202"}, "--to"},
        {{"demo", "--record"}, "--record is not a flag"},
        {{"help", "banana"}, "topics: exit-codes"},
        {{"help", "exit-code"}, "did you mean exit-codes?"},
    };
    for (const auto& [words, part] : rows) {
        const auto parsed = parse_command_line(words);
        ASSERT_FALSE(parsed) << testing::PrintToString(words);
        EXPECT_EQ(parsed.error().exit, ExitCode::usage);
        EXPECT_THAT(parsed.error().err,
                    AllOf(HasSubstr("agentbridge: "), HasSubstr(part), HasSubstr("--help")))
            << testing::PrintToString(words);
        EXPECT_THAT(parsed.error().err, testing::Not(HasSubstr("canary")));
        EXPECT_THAT(parsed.error().out, IsEmpty());
    }
}

TEST(CommandLine, HelpsEveryCommandWithExamples) {
    const auto help = [](const Words& words) {
        const auto parsed = parse_command_line(words);
        EXPECT_FALSE(parsed);
        if (parsed) return std::string();
        EXPECT_EQ(parsed.error().exit, ExitCode::ok);
        EXPECT_EQ(parsed.error().err, "");
        return parsed.error().out;
    };
    EXPECT_EQ(help({"--help"}), help_overview());
    EXPECT_EQ(help({"-h"}), help_overview());
    EXPECT_THAT(help({"call", "--help"}),
                AllOf(HasSubstr("--target"), HasSubstr("--ring-timeout"), HasSubstr("Examples"),
                      HasSubstr("agentbridge call --target")));
    EXPECT_EQ(help({"help", "call"}), help({"call", "--help"}));
    EXPECT_THAT(help({"serve", "-h"}), HasSubstr("--answer"));
    EXPECT_THAT(help({"demo", "-h"}), HasSubstr("--persona"));
    EXPECT_THAT(help({"devices", "-h"}), AllOf(HasSubstr("list"), HasSubstr("test")));
    EXPECT_THAT(help({"config", "init", "-h"}), HasSubstr("--force"));
    EXPECT_THAT(help({"emulator", "serve", "-h"}), HasSubstr("--ledger"));
    EXPECT_THAT(help({"emulator", "trigger", "incoming-call", "-h"}), HasSubstr("--emulator-url"));
    for (const auto& name : command_names()) EXPECT_THAT(help_overview(), HasSubstr(name));
}

TEST(CommandLine, HasAPageForEveryTopic) {
    for (const auto& topic : help_topics()) {
        ASSERT_TRUE(help_topic(topic)) << topic;
        EXPECT_GT(help_topic(topic)->size(), 200u) << topic;
        EXPECT_THAT(help_overview(), HasSubstr(topic));
    }
    EXPECT_FALSE(help_topic("banana"));
    EXPECT_THAT(*help_topic("exit-codes"), AllOf(HasSubstr("130"), HasSubstr("  9  ")));
    EXPECT_THAT(*help_topic("environment"),
                AllOf(HasSubstr("AUDIO_BUFFER_SIZE [1024 samples]"), HasSubstr("--log-level")));
}

TEST(CommandLine, TakesEverySettingsFlagBeforeTheCommandToo) {
    const auto serve = parse_command_line({"--tunnel", "ngrok", "--url-check", "off"});
    ASSERT_TRUE(serve) << serve.error().err;
    EXPECT_EQ(serve->settings.at("AGENTBRIDGE_TUNNEL"), "ngrok");
    EXPECT_EQ(serve->settings.at("AGENTBRIDGE_URL_CHECK"), "off");
    EXPECT_FALSE(parse_command_line({"serve", "--tunnel", "wormhole"}));
}

TEST(CommandLine, KnowsDoctorCompletionAndTheManPage) {
    EXPECT_TRUE(std::holds_alternative<DoctorCommand>(parse_command_line({"doctor"})->command));
    EXPECT_EQ(
        std::get<CompletionCommand>(parse_command_line({"completion", "fish"})->command).shell,
        "fish");
    EXPECT_FALSE(parse_command_line({"completion"}));
    EXPECT_FALSE(parse_command_line({"completion", "powershell"}));
    EXPECT_TRUE(std::get<HelpCommand>(parse_command_line({"help", "--man"})->command).man);
}

TEST(CommandLine, ReadsWhatIsAskedOfARunningProgram) {
    using Action = CallsCommand::Action;
    auto calls = command_of<CallsCommand>({"calls", "list", "--state", "live"});
    EXPECT_EQ(calls.action, Action::list);
    EXPECT_EQ(calls.state, "live");
    calls = command_of<CallsCommand>({"calls", "show", "c_7qk", "--instance", "4711"});
    EXPECT_EQ(calls.action, Action::show);
    EXPECT_EQ(calls.id, "c_7qk");
    EXPECT_EQ(calls.instance, "4711");
    EXPECT_EQ(command_of<CallsCommand>({"--instance", "4711", "calls", "mute"}).id, "");
    calls = command_of<CallsCommand>({"calls", "hold", "--silence"});
    EXPECT_EQ(calls.action, Action::hold);
    EXPECT_TRUE(calls.silence);
    calls = command_of<CallsCommand>({"calls", "dtmf", "12#"});
    EXPECT_EQ(calls.keys, "12#");
    EXPECT_EQ(calls.id, "") << "one word is the keys";
    calls = command_of<CallsCommand>({"calls", "dtmf", "c_7qk", "12#", "--in-band"});
    EXPECT_EQ(calls.keys, "12#");
    EXPECT_EQ(calls.id, "c_7qk");
    EXPECT_TRUE(calls.in_band);
    calls = command_of<CallsCommand>({"calls", "volume", "50%"});
    EXPECT_EQ(calls.percent, 50);
    EXPECT_EQ(calls.id, "");
    calls = command_of<CallsCommand>({"calls", "volume", "CA12", "100"});
    EXPECT_EQ(calls.percent, 100);
    EXPECT_EQ(calls.id, "CA12");
    calls = command_of<CallsCommand>({"calls", "transfer", "c_7qk", "--to", "sip:me@home.net"});
    EXPECT_EQ(calls.to, "sip:me@home.net");
    EXPECT_FALSE(calls.warm);
    calls = command_of<CallsCommand>(
        {"calls", "transfer", "--to", "+15551234567", "--warm", "--silence"});
    EXPECT_TRUE(calls.warm);
    EXPECT_TRUE(calls.silence);
    EXPECT_EQ(calls.id, "");
    EXPECT_EQ(command_of<CallsCommand>({"calls", "join", "c_7qk"}).action, Action::join);
    EXPECT_EQ(command_of<CallsCommand>({"calls", "cancel-transfer"}).action,
              Action::cancel_transfer);
    calls = command_of<CallsCommand>({"calls", "dial", "+15551234567"});
    EXPECT_EQ(calls.action, Action::dial);
    EXPECT_EQ(calls.to, "+15551234567");
    EXPECT_TRUE(calls.focus);
    calls = command_of<CallsCommand>(
        {"calls", "dial", "sip:me@home.net", "--from", "+15557654321", "--no-focus"});
    EXPECT_EQ(calls.from, "+15557654321");
    EXPECT_FALSE(calls.focus);
    for (const auto& [word, action] :
         std::vector<std::pair<std::string, Action>>{{"watch", Action::watch},
                                                     {"hangup", Action::hangup},
                                                     {"mute", Action::mute},
                                                     {"unmute", Action::unmute},
                                                     {"resume", Action::resume},
                                                     {"accept", Action::accept},
                                                     {"reject", Action::reject},
                                                     {"focus", Action::focus},
                                                     {"solo", Action::solo},
                                                     {"unsolo", Action::unsolo},
                                                     {"clear", Action::clear}})
        EXPECT_EQ(command_of<CallsCommand>({"calls", word}).action, action) << word;
}

TEST(CommandLine, SaysWhatACallsCommandLacks) {
    for (const auto& [words, part] : std::vector<std::pair<Words, std::string>>{
             {{"calls"}, "needs one of: list, show"},
             {{"calls", "dtmf"}, "needs keys"},
             {{"calls", "volume"}, "'' is not a volume"},
             {{"calls", "volume", "101"}, "'101' is not a volume"},
             {{"calls", "volume", "-5"}, "-5"},
             {{"calls", "volume", "c_7qk", "loud"}, "'loud' is not a volume"},
             {{"calls", "transfer", "c_7qk"}, "needs --to"},
             {{"calls", "transfer", "--to", "5551234567"}, "--to: "},
             {{"calls", "transfer", "--to", "+15551234567", "--silence"}, "--warm"},
             {{"calls", "dial"}, "needs a number"},
             {{"calls", "dial", "nobody"}, "nobody"},
             {{"calls", "sing"}, "'sing' is not a command"},
             {{"calls", "watch", "c_7qk"}, "c_7qk"},
         }) {
        const auto parsed = parse_command_line(words);
        ASSERT_FALSE(parsed) << part;
        EXPECT_EQ(parsed.error().exit, ExitCode::usage);
        EXPECT_THAT(parsed.error().err, HasSubstr(part));
    }
}

TEST(CommandLine, TakesHowCallsSoundAndAreAnsweredFromTheKeyboard) {
    const auto parsed =
        parse_command_line({"serve", "--push-to-talk", "--other-calls", "pan", "--no-bell"});
    ASSERT_TRUE(parsed) << parsed.error().err;
    EXPECT_EQ(parsed->settings.at("AGENTBRIDGE_PUSH_TO_TALK"), "on");
    EXPECT_EQ(parsed->settings.at("AGENTBRIDGE_OTHER_CALLS"), "pan");
    EXPECT_TRUE(std::get<RunCommand>(parsed->command).no_bell);
    EXPECT_TRUE(command_of<DemoCommand>({"demo", "--no-bell", "--push-to-talk"}).no_bell);
    EXPECT_FALSE(parse_command_line({"call", "--target", "+15551234567", "--other-calls", "loud"}));
}

}  // namespace
}  // namespace bridge::app
