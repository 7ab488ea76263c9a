#include "app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "audio/echo_canceller.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr ConfigNeeds kAll{true, true, true};
const std::map<std::string, std::string> kGood{
    {"TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"},
    {"TWILIO_AUTH_TOKEN", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"},
    {"TWILIO_PHONE_NUMBER", "+15551234567"},
    {"PUBLIC_URL", "https://3f1c9a.ngrok.app"},
};

LoadedConfig load(std::map<std::string, std::string> changes, const ConfigNeeds& needs = kAll) {
    ConfigSources sources;
    sources.environment = std::move(changes);
    sources.environment.insert(kGood.begin(), kGood.end());
    sources.looked_for_file = "/here/.env";
    return load_config(sources, needs);
}

std::string all_of(const LoadedConfig& loaded) {
    std::string out;
    for (const auto& problem : loaded.problems) out += format_problem(problem) + "\n";
    for (const auto& warning : loaded.warnings) out += warning + "\n";
    return out;
}

const Problem* problem_about(const LoadedConfig& loaded, std::string_view name) {
    for (const auto& problem : loaded.problems) {
        if (problem.setting == name) return &problem;
    }
    return nullptr;
}

TEST(Config, WhatIsKeptIsKeptForATimeOrForEver) {
    for (const auto& [text, hours] :
         {std::pair{"12h", 12}, std::pair{"30d", 720}, std::pair{"4w", 672}, std::pair{"1h", 1}}) {
        const auto parsed = parse_retention(text);
        ASSERT_TRUE(parsed && *parsed) << text;
        EXPECT_EQ(**parsed, std::chrono::hours(hours)) << text;
    }
    for (const auto* text : {"forever", "0"}) {
        const auto parsed = parse_retention(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_FALSE(*parsed) << text;
    }
    for (const auto* text : {"", "30", "30m", "-1d", "d", "99999999999d", "36501d", "1.5d"})
        EXPECT_FALSE(parse_retention(text)) << text;
}

TEST(Config, AServiceThatResemblesOpenAiHasItsOwnAddressHeaderAndLimits) {
    const auto loaded =
        load({{"AGENTBRIDGE_OPENAI_URL",
               "wss://me.openai.azure.com/openai/realtime?api-version=1&deployment=d"},
              {"AGENTBRIDGE_OPENAI_KEY_HEADER", "api-key"},
              {"AGENTBRIDGE_OPENAI_VAD_PREFIX", "120"},
              {"AGENTBRIDGE_OPENAI_SESSION_LIMIT", "25m"}});
    EXPECT_TRUE(loaded.problems.empty()) << all_of(loaded);
    const auto& openai = loaded.config.agent.openai;
    EXPECT_EQ(agents::realtime_url(openai),
              "wss://me.openai.azure.com/openai/realtime?api-version=1&deployment=d");
    EXPECT_EQ(openai.key_header, "api-key");
    EXPECT_EQ(openai.vad_prefix, std::chrono::milliseconds(120));
    EXPECT_EQ(openai.session_limit, std::chrono::minutes(25));
    for (const auto& [name, value] : std::map<std::string, std::string>{
             {"AGENTBRIDGE_OPENAI_KEY_HEADER", "api-key: sk"},
             {"AGENTBRIDGE_OPENAI_VAD_PREFIX", "-1"},
             {"AGENTBRIDGE_OPENAI_SESSION_LIMIT", "59"},
             {"AGENTBRIDGE_DEEPGRAM_URL", "wss://agent.deepgram.com/v1/agent/converse?a=b"},
             {"AGENTBRIDGE_BOT_CONNECT", "later"}})
        EXPECT_NE(problem_about(load({{name, value}}), name), nullptr) << name;
}

TEST(Config, ABotIsConnectedEarlyUnlessItIsToBeAsTwilioDoesIt) {
    EXPECT_TRUE(load({}).config.agent.bot.early);
    EXPECT_FALSE(load({{"AGENTBRIDGE_BOT_CONNECT", "answer"}}).config.agent.bot.early);
}

TEST(Config, AnElevenLabsAgentIsOverriddenOnlyByWhatWasSet) {
    const auto plain = load({}).config.agent.elevenlabs;
    EXPECT_EQ(plain.prompt + plain.first_message + plain.language + plain.voice_id, "");
    const auto set =
        load({{"AGENTBRIDGE_AGENT_INSTRUCTIONS", "Be kind."}, {"AGENTBRIDGE_AGENT_LANGUAGE", "en"}})
            .config.agent.elevenlabs;
    EXPECT_EQ(set.prompt, "Be kind.");
    EXPECT_EQ(set.language, "en");
    EXPECT_EQ(set.first_message, "");
}

TEST(Config, KeepsWhatTheFileSetsForAToolsHeaders) {
    ConfigSources sources;
    sources.file = parse_dotenv("SHOP_TOKEN=old\nSHOP_TOKEN=t-1\nNOTHING\n", {});
    const auto variables = load_config(sources, {}).config.agent.file_variables;
    ASSERT_EQ(variables.size(), 1U);
    EXPECT_EQ(variables.at("SHOP_TOKEN").reveal(), "t-1");
}

TEST(Config, ATunnelAndACertificateOfOurOwnExcludeEachOther) {
    ConfigSources sources;
    sources.environment = {{"AGENTBRIDGE_TUNNEL", "ngrok"},
                           {"AGENTBRIDGE_TLS_CERT", "cert.pem"},
                           {"AGENTBRIDGE_TLS_KEY", "key.pem"}};
    const auto with_both = load_config(sources, {});
    ASSERT_EQ(with_both.problems.size(), 1U);
    EXPECT_EQ(with_both.problems[0].setting, "AGENTBRIDGE_TUNNEL");
    sources.environment.erase("AGENTBRIDGE_TUNNEL");
    EXPECT_TRUE(load_config(sources, {}).problems.empty());
}

TEST(Config, TheNumberToUseIsOursOrANamedOne) {
    const auto number = [](const char* written) {
        return load({{"AGENTBRIDGE_USE_NUMBER", written}}).config.use_number;
    };
    EXPECT_EQ(load({}).config.use_number, "");
    EXPECT_EQ(number(""), "");
    EXPECT_EQ(number("off"), "");
    EXPECT_EQ(number("On"), "+15551234567");
    EXPECT_EQ(number("+15557654321"), "+15557654321");
    const auto wrong = load({{"AGENTBRIDGE_USE_NUMBER", "yes"}});
    EXPECT_NE(problem_about(wrong, "AGENTBRIDGE_USE_NUMBER"), nullptr) << all_of(wrong);
}

TEST(Config, WhatIsDoneAboutAMachineTurnsItsDetectionOn) {
    const auto config = [](std::map<std::string, std::string> values) {
        const auto loaded = load(std::move(values));
        EXPECT_THAT(loaded.problems, IsEmpty()) << all_of(loaded);
        return loaded.config;
    };
    EXPECT_EQ(config({}).on_machine, OnMachine::ignore);
    const auto hangup = config({{"AGENTBRIDGE_ON_MACHINE", "hangup"}});
    EXPECT_EQ(hangup.on_machine, OnMachine::hang_up);
    EXPECT_EQ(hangup.machine_detection, MachineDetection::enable);
    const TemporaryFolder folder;
    const auto file = folder.write("hello.wav", "").string();
    const auto message = config({{"AGENTBRIDGE_ON_MACHINE", "message:" + file}});
    EXPECT_EQ(message.on_machine, OnMachine::message);
    EXPECT_EQ(message.machine_message, file);
    EXPECT_EQ(message.machine_detection, MachineDetection::detect_message_end);
    const auto early = config({{"AGENTBRIDGE_ON_MACHINE", "message:" + file},
                               {"AGENTBRIDGE_MACHINE_DETECTION", "enable"}});
    EXPECT_EQ(early.machine_detection, MachineDetection::enable);
}

TEST(Config, HasTheDefaultsOfTheTable) {
    const auto loaded = load({});
    EXPECT_THAT(loaded.problems, IsEmpty()) << all_of(loaded);
    EXPECT_THAT(loaded.warnings, IsEmpty()) << all_of(loaded);
    const auto& config = loaded.config;
    EXPECT_EQ(config.server_host, "127.0.0.1");
    EXPECT_EQ(config.server_port, 8000);
    EXPECT_EQ(config.websocket_port, 8001);
    EXPECT_EQ(config.sample_rate, 8000);
    EXPECT_EQ(config.channels, 1);
    EXPECT_EQ(config.buffer_samples, 1024);
    EXPECT_EQ(config.playout_ceiling().count(), 128);
    EXPECT_EQ(config.log_level, log::Level::info);
    EXPECT_FALSE(config.log_json);
    EXPECT_EQ(config.ring_timeout.count(), 30);
    EXPECT_EQ(config.time_limit.count(), 14400);
    EXPECT_EQ(config.workers, 1);
    EXPECT_EQ(config.stream_signature, StreamSignature::require);
    EXPECT_EQ(config.answer, AnswerPolicy::accept);
    EXPECT_EQ(config.machine_detection, MachineDetection::off);
    EXPECT_EQ(config.speaker, "default");
    EXPECT_FALSE(config.speaker_named);
    EXPECT_EQ(config.microphone, "default");
    EXPECT_FALSE(config.microphone_named);
    EXPECT_TRUE(config.mic.echo_cancellation && config.mic.noise_suppression &&
                config.mic.gain_control && config.mic.high_pass);
    EXPECT_EQ(config.mic.engine, audio::MicOptions::EchoEngine::speex);
    EXPECT_EQ(config.base_url, "");
    EXPECT_EQ(config.public_url, "https://3f1c9a.ngrok.app");
    EXPECT_FALSE(config.carrier_is_local());
}

TEST(Config, ReadsEachValue) {
    const auto loaded = load({{"SERVER_HOST", "0.0.0.0"},
                              {"SERVER_PORT", "9000"},
                              {"WEBSOCKET_PORT", "9000"},
                              {"PUBLIC_URL", "https://3f1c9a.ngrok.app/bridge/"},
                              {"AUDIO_SAMPLE_RATE", "16000"},
                              {"AUDIO_CHANNELS", "2"},
                              {"AUDIO_BUFFER_SIZE", "2048"},
                              {"LOG_LEVEL", "critical"},
                              {"TWILIO_API_KEY", "SK0123456789abcdef0123456789abcdef"},
                              {"TWILIO_API_SECRET", "s3cr3t"},
                              {"TWILIO_AUTH_TOKEN", "new , old"},
                              {"TWILIO_REGION", "ie1"},
                              {"TWILIO_EDGE", "dublin"},
                              {"AGENTBRIDGE_MEDIA_URL", "https://media.3f1c9a.app:8443/m/"},
                              {"AGENTBRIDGE_STREAM_SIGNATURE", "LOG"},
                              {"AGENTBRIDGE_SPEAKER", "file:out.wav"},
                              {"AGENTBRIDGE_MICROPHONE", "Headset"},
                              {"AGENTBRIDGE_ECHO_CANCELLATION", "speex"},
                              {"AGENTBRIDGE_NOISE_SUPPRESSION", "off"},
                              {"AGENTBRIDGE_AUTO_GAIN", "off"},
                              {"AGENTBRIDGE_HIGH_PASS", "off"},
                              {"AGENTBRIDGE_LOG_FORMAT", "json"},
                              {"AGENTBRIDGE_RING_TIMEOUT", "45s"},
                              {"AGENTBRIDGE_TIME_LIMIT", "2h"},
                              {"AGENTBRIDGE_WORKERS", "4"},
                              {"AGENTBRIDGE_STATE_DIR", "/tmp"},
                              {"AGENTBRIDGE_MACHINE_DETECTION", "detect-message-end"},
                              {"AGENTBRIDGE_ANSWER", "reject"}});
    EXPECT_THAT(loaded.problems, IsEmpty()) << all_of(loaded);
    const auto& config = loaded.config;
    EXPECT_EQ(config.server_host, "0.0.0.0");
    EXPECT_EQ(config.server_port, 9000);
    EXPECT_EQ(config.websocket_port, 0) << "the same port twice means off";
    EXPECT_EQ(config.public_url, "https://3f1c9a.ngrok.app/bridge");
    EXPECT_EQ(config.sample_rate, 16000);
    EXPECT_EQ(config.channels, 2);
    EXPECT_EQ(config.playout_ceiling().count(), 128);
    EXPECT_EQ(config.log_level, log::Level::error);
    EXPECT_EQ(config.api_key, "SK0123456789abcdef0123456789abcdef");
    EXPECT_EQ(config.api_secret.reveal(), "s3cr3t");
    ASSERT_EQ(config.auth_tokens.size(), 2u);
    EXPECT_EQ(config.auth_tokens[0].reveal(), "new");
    EXPECT_EQ(config.auth_tokens[1].reveal(), "old");
    EXPECT_EQ(config.region, "ie1");
    EXPECT_EQ(config.edge, "dublin");
    EXPECT_EQ(config.media_url, "wss://media.3f1c9a.app:8443/m");
    EXPECT_EQ(config.stream_signature, StreamSignature::log);
    EXPECT_EQ(config.speaker, "file:out.wav");
    EXPECT_TRUE(config.speaker_named);
    EXPECT_EQ(config.microphone, "Headset");
    EXPECT_TRUE(config.microphone_named);
    EXPECT_TRUE(config.mic.echo_cancellation);
    EXPECT_EQ(config.mic.engine, audio::MicOptions::EchoEngine::speex);
    EXPECT_FALSE(config.mic.noise_suppression || config.mic.gain_control || config.mic.high_pass);
    EXPECT_FALSE(load({{"AGENTBRIDGE_ECHO_CANCELLATION", "off"}}).config.mic.echo_cancellation);
    EXPECT_TRUE(config.log_json);
    EXPECT_EQ(config.ring_timeout.count(), 45);
    EXPECT_EQ(config.time_limit.count(), 7200);
    EXPECT_EQ(config.workers, 4);
    EXPECT_EQ(config.state_dir, "/tmp");
    EXPECT_EQ(config.machine_detection, MachineDetection::detect_message_end);
    EXPECT_EQ(config.answer, AnswerPolicy::reject);
}

TEST(Config, PutsAFlagBeforeTheEnvironmentBeforeTheFileBeforeTheDefault) {
    ConfigSources sources;
    sources.file = parse_dotenv(
        "LOG_LEVEL=DEBUG\n\nSERVER_PORT=9001\nWEBSOCKET_PORT=9002\nSERVER_HOST=\n", {});
    sources.file->path = "/here/.env";
    sources.environment = {{"LOG_LEVEL", "WARNING"}, {"SERVER_PORT", "9003"}};
    sources.flags = {{"LOG_LEVEL", "ERROR"}};
    const auto loaded = load_config(sources, {});
    EXPECT_EQ(loaded.config.log_level, log::Level::error);
    EXPECT_EQ(loaded.config.server_port, 9003);
    EXPECT_EQ(loaded.config.websocket_port, 9002);
    EXPECT_EQ(format_origin(loaded.value("LOG_LEVEL").origin), "--log-level");
    EXPECT_EQ(format_origin(loaded.value("SERVER_PORT").origin), "environment");
    EXPECT_EQ(format_origin(loaded.value("WEBSOCKET_PORT").origin), "/here/.env line 4");
    EXPECT_EQ(format_origin(loaded.value("SERVER_HOST").origin), "default")
        << "empty means the default";
    EXPECT_EQ(loaded.config.server_host, "127.0.0.1");
    EXPECT_EQ(format_origin(loaded.value("AUDIO_CHANNELS").origin), "default");
}

struct BadRow {
    const char* name;
    const char* value;
    const char* part;  ///< of the problem's text
};

TEST(Config, FindsWhatIsWrongWithAValueAndNamesTheFix) {
    const std::vector<BadRow> rows{
        {"TWILIO_ACCOUNT_SID", "SK0123456789abcdef0123456789abcdef", "TWILIO_API_KEY"},
        {"TWILIO_ACCOUNT_SID", "AC123", "32 hex digits"},
        {"TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdeg", "32 hex digits"},
        {"TWILIO_AUTH_TOKEN", "a,b,c", "two with a comma"},
        {"TWILIO_AUTH_TOKEN", "a,", "two with a comma"},
        {"TWILIO_AUTH_TOKEN", "a b", "two with a comma"},
        {"TWILIO_PHONE_NUMBER", "5551234567", "write +15551234567"},
        {"TWILIO_PHONE_NUMBER", "+1 555 123 4567", "write +15551234567"},
        {"TWILIO_API_KEY", "AC0123456789abcdef0123456789abcdef", "SK and 32"},
        {"TWILIO_BASE_URL", "http://api.twilio.com", "must be https"},
        {"TWILIO_BASE_URL", "api.twilio.com", "is not an address"},
        {"TWILIO_BASE_URL", "https://u:p@api.twilio.com", "user name"},
        {"TWILIO_REGION", "IE1", "small letters"},
        {"TWILIO_EDGE", "dub.lin", "small letters"},
        {"SERVER_HOST", "my.host", "0.0.0.0"},
        {"SERVER_HOST", "300.0.0.1", "0.0.0.0"},
        {"SERVER_PORT", "0", "1 to 65535"},
        {"SERVER_PORT", "65536", "1 to 65535"},
        {"SERVER_PORT", "80a", "1 to 65535"},
        {"SERVER_PORT", "99999999999999999999", "1 to 65535"},
        {"WEBSOCKET_PORT", "-1", "0 to 65535"},
        {"PUBLIC_URL", "http://3f1c9a.ngrok.app", "must be https"},
        {"PUBLIC_URL", "http://192.168.1.5:8000", "must be https"},
        {"PUBLIC_URL", "http://127.0.0.1.evil.net", "must be https"},
        {"PUBLIC_URL", "ftp://3f1c9a.ngrok.app", "scheme"},
        {"PUBLIC_URL", "3f1c9a.ngrok.app", "is not an address"},
        {"PUBLIC_URL", "https://", "is not an address"},
        {"PUBLIC_URL", "https://a.app/?x=1", "query"},
        {"PUBLIC_URL", "https://a.app/#x", "query or fragment"},
        {"PUBLIC_URL", "https://a.app:0", "port"},
        {"AGENTBRIDGE_MEDIA_URL", "ws://a.app", "must be wss"},
        {"AUDIO_SAMPLE_RATE", "44.1", "whole number"},
        {"AUDIO_SAMPLE_RATE", "4000", "8000 to 192000"},
        {"AUDIO_CHANNELS", "3", "1 to 2"},
        {"AUDIO_BUFFER_SIZE", "0", "160 to 16000"},
        {"AUDIO_BUFFER_SIZE", "20000", "160 to 16000"},
        {"LOG_LEVEL", "VERBOSE", "DEBUG, INFO, WARNING or ERROR"},
        {"LOG_LEVEL", "DEBG", "did you mean DEBUG"},
        {"AGENTBRIDGE_STREAM_SIGNATURE", "off", "require, log"},
        {"AGENTBRIDGE_LOG_FORMAT", "jsn", "did you mean json"},
        {"AGENTBRIDGE_RING_TIMEOUT", "2", "5 to 600"},
        {"AGENTBRIDGE_RING_TIMEOUT", "soon", "90s, 15m, 4h"},
        {"AGENTBRIDGE_TIME_LIMIT", "25h", "1 to 86400"},
        {"AGENTBRIDGE_WORKERS", "0", "auto"},
        {"AGENTBRIDGE_WORKERS", "many", "auto"},
        {"AGENTBRIDGE_STATE_DIR", "/dev/null", "not a folder"},
        {"AGENTBRIDGE_MACHINE_DETECTION", "on", "detect-message-end"},
        {"AGENTBRIDGE_ON_MACHINE", "hang", "message:FILE"},
        {"AGENTBRIDGE_ON_MACHINE", "message", "message:FILE"},
        {"AGENTBRIDGE_ON_MACHINE", "message:/nowhere.wav", "message:hello.wav"},
        {"AGENTBRIDGE_ANSWER", "rejct", "did you mean reject"},
        {"AGENTBRIDGE_CA_FILE", "/nowhere/ca.pem", "not a file"},
        {"AGENTBRIDGE_SPEAKER", "file:", "file:call.wav"},
        {"AGENTBRIDGE_MICROPHONE", "file:", "file:speech.wav"},
        {"AGENTBRIDGE_MICROPHONE", "file:,loop", "file:speech.wav"},
        {"AGENTBRIDGE_ECHO_CANCELLATION", "on", "speex, webrtc, off"},
        {"AGENTBRIDGE_NOISE_SUPPRESSION", "maybe", "on, off"},
        {"AGENTBRIDGE_AUTO_GAIN", "1", "on, off"},
        {"AGENTBRIDGE_HIGH_PASS", "100", "on, off"},
    };
    for (const auto& [name, value, part] : rows) {
        const auto loaded = load({{name, value}});
        const auto* problem = problem_about(loaded, name);
        ASSERT_NE(problem, nullptr) << name << "=" << value;
        EXPECT_THAT(format_problem(*problem), HasSubstr(part)) << name << "=" << value;
        EXPECT_EQ(problem->where, "environment");
        EXPECT_FALSE(problem->fix.empty()) << name;
        const auto lines = format_problem(*problem);
        EXPECT_LE(std::count(lines.begin(), lines.end(), '\n'), 2);
    }
}

TEST(Config, TakesTheOtherEchoCancellerWhereItIsThere) {
    const auto loaded = load({{"AGENTBRIDGE_ECHO_CANCELLATION", "webrtc"}});
    const auto* problem = problem_about(loaded, "AGENTBRIDGE_ECHO_CANCELLATION");
    EXPECT_EQ(problem == nullptr, audio::has_webrtc());
    EXPECT_EQ(loaded.config.mic.engine, audio::MicOptions::EchoEngine::webrtc);
    EXPECT_TRUE(loaded.config.mic.echo_cancellation);
}

TEST(Config, ReportsEverythingAtOnce) {
    ConfigSources sources;
    sources.looked_for_file = "/here/.env (and the folders above it; there is none)";
    sources.environment = {
        {"SERVER_PORT", "eighty"}, {"LOG_LEVEL", "LOUD"}, {"AGENTBRIDGE_WORKERS", "-3"}};
    const auto loaded = load_config(sources, kAll);
    std::vector<std::string> names;
    for (const auto& problem : loaded.problems) names.push_back(problem.setting);
    EXPECT_THAT(names, testing::UnorderedElementsAre(
                           "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER",
                           "PUBLIC_URL", "SERVER_PORT", "LOG_LEVEL", "AGENTBRIDGE_WORKERS"));
    const auto* missing = problem_about(loaded, "TWILIO_AUTH_TOKEN");
    ASSERT_NE(missing, nullptr);
    EXPECT_THAT(missing->where, AllOf(HasSubstr("environment"), HasSubstr("/here/.env")));
    EXPECT_THAT(problem_about(loaded, "PUBLIC_URL")->fix, HasSubstr("ngrok http 8000"));
}

TEST(Config, NeedsOnlyWhatTheCommandNeeds) {
    EXPECT_THAT(load_config({}, {}).problems, IsEmpty());
    EXPECT_EQ(load_config({}, {false, true, false}).problems.size(), 1u);
    EXPECT_EQ(load_config({}, {true, false, false}).problems.size(), 2u);
}

TEST(Config, CountsTheExamplesTextAsUnsetAndSaysWhereItStands) {
    ConfigSources sources;
    sources.file = parse_dotenv(
        "TWILIO_ACCOUNT_SID=your_account_sid_here\nTWILIO_AUTH_TOKEN=your_auth_token_here\n"
        "TWILIO_PHONE_NUMBER=+1234567890\nPUBLIC_URL=https://your-ngrok-url.ngrok.io\n",
        {});
    sources.file->path = "/here/.env";
    const auto loaded = load_config(sources, kAll);
    ASSERT_EQ(loaded.problems.size(), 4u) << all_of(loaded);
    for (const auto& problem : loaded.problems)
        EXPECT_EQ(problem.what, "still has the example's text");
    EXPECT_EQ(problem_about(loaded, "PUBLIC_URL")->where, "/here/.env line 4");
    EXPECT_EQ(loaded.config.account_sid, "");
}

TEST(Config, AsksForTheAuthTokenBesideAnApiKeyAndSaysWhy) {
    auto loaded = load({{"TWILIO_API_KEY", "SK0123456789abcdef0123456789abcdef"},
                        {"TWILIO_API_SECRET", "s"},
                        {"TWILIO_AUTH_TOKEN", ""}},
                       {});
    ASSERT_EQ(loaded.problems.size(), 1u) << all_of(loaded);
    EXPECT_EQ(loaded.problems[0].setting, "TWILIO_AUTH_TOKEN");
    EXPECT_THAT(loaded.problems[0].fix, HasSubstr("signs webhooks"));
    loaded = load({{"TWILIO_API_KEY", "SK0123456789abcdef0123456789abcdef"}}, {});
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_EQ(loaded.problems[0].setting, "TWILIO_API_SECRET");
    loaded = load({{"TWILIO_API_SECRET", "s"}}, {});
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_EQ(loaded.problems[0].setting, "TWILIO_API_KEY");
}

TEST(Config, LetsPlainHttpLeadToThisMachineOnly) {
    for (const auto* url : {"http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000",
                            "http://127.1.2.3"}) {
        EXPECT_THAT(load({{"PUBLIC_URL", url}}).problems, IsEmpty()) << url;
        const auto loaded = load({{"TWILIO_BASE_URL", url}});
        EXPECT_THAT(loaded.problems, IsEmpty()) << url;
        EXPECT_TRUE(loaded.config.carrier_is_local()) << url;
    }
    EXPECT_FALSE(
        load({{"TWILIO_BASE_URL", "https://api.dublin.ie1.twilio.com"}}).config.carrier_is_local());
}

TEST(Config, ReachesTheEmulatorWithoutATunnel) {
    const auto loaded = load({{"PUBLIC_URL", ""},
                              {"TWILIO_BASE_URL", "http://127.0.0.1:8010/"},
                              {"SERVER_PORT", "9000"}});
    EXPECT_THAT(loaded.problems, IsEmpty()) << all_of(loaded);
    EXPECT_EQ(loaded.config.public_url, "http://127.0.0.1:9000");
    EXPECT_EQ(loaded.config.base_url, "http://127.0.0.1:8010");
}

TEST(Config, WarnsOfNamesThatAreNearlyRight) {
    ConfigSources sources;
    sources.environment = {{"AGENTBRIDGE_SPEEKER", "x"},
                           {"AGENTBRIDGE_BANANA_SPLIT_XYZ", "x"},
                           {"TWILIO_AUTH_TOKN", "x"}};
    sources.file = parse_dotenv("TWILIO_ACOUNT_SID=canary\nSOMETHING_ELSE=1\nnot good\n", {});
    sources.file->path = "/here/.env";
    const auto loaded = load_config(sources, {});
    const auto text = all_of(loaded);
    EXPECT_THAT(text, HasSubstr("AGENTBRIDGE_SPEEKER (environment) is not a setting; did you mean "
                                "AGENTBRIDGE_SPEAKER?"));
    EXPECT_THAT(text, HasSubstr("AGENTBRIDGE_BANANA_SPLIT_XYZ (environment) is not a setting\n"));
    EXPECT_THAT(text, HasSubstr("TWILIO_ACOUNT_SID (/here/.env line 1) is not a setting; did you "
                                "mean TWILIO_ACCOUNT_SID?"));
    EXPECT_THAT(text, HasSubstr("/here/.env line 3 cannot be read"));
    EXPECT_THAT(text, Not(HasSubstr("SOMETHING_ELSE")));
    EXPECT_THAT(text, Not(HasSubstr("TWILIO_AUTH_TOKN")))
        << "the environment is full of other programs' names";
    EXPECT_THAT(text, Not(HasSubstr("canary")));
    EXPECT_EQ(loaded.warnings.size(), 4u);
}

TEST(Config, WarnsWhenRegionAndEdgeDoNotGoTogether) {
    EXPECT_THAT(all_of(load({{"TWILIO_REGION", "ie1"}})), HasSubstr("both or neither"));
    EXPECT_THAT(all_of(load({{"TWILIO_EDGE", "dublin"}})), HasSubstr("both or neither"));
    EXPECT_THAT(all_of(load({{"TWILIO_EDGE", "dublin"},
                             {"TWILIO_REGION", "ie1"},
                             {"TWILIO_BASE_URL", "https://a.b"}})),
                HasSubstr("not used"));
}

TEST(Config, NeverShowsASecretInAProblem) {
    const std::string canary = "canary0123456789abcdef01234567890";
    for (const auto& setting : all_settings()) {
        if (setting.kind == Setting::Kind::path || setting.name == "AGENTBRIDGE_SPEAKER" ||
            setting.name == "AGENTBRIDGE_MICROPHONE")
            continue;
        for (const auto& value :
             {canary, canary + " " + canary, canary + ",", "https://u:" + canary + "@host"}) {
            if (!setting.secret() && value != canary && value[0] != 'h') continue;
            const auto loaded = load({{std::string(setting.name), value}});
            EXPECT_THAT(all_of(loaded), Not(HasSubstr("canary"))) << setting.name << "=" << value;
            EXPECT_THAT(loaded.value(setting.name).shown(), Not(HasSubstr("canary")))
                << setting.name;
        }
    }
}

TEST(Config, HandsTheLogEverySecret) {
    const auto loaded = load({{"TWILIO_AUTH_TOKEN", "one,two"},
                              {"TWILIO_API_KEY", "SK0123456789abcdef0123456789abcdef"},
                              {"TWILIO_API_SECRET", "three"}});
    std::vector<std::string> secrets;
    for (const auto& secret : secrets_of(loaded)) secrets.push_back(secret.reveal());
    EXPECT_THAT(secrets, testing::IsSupersetOf({"one", "two", "three"}));
}

TEST(Config, GathersFromTheNamedFileOrTheNearestOne) {
    const TemporaryFolder folder;
    folder.write(".env", "SERVER_PORT=9100\n");
    folder.write("other.env", "SERVER_PORT=9200\n");
    std::filesystem::create_directory(folder.path() / "deep");
    const auto port = [&](const std::string& named) {
        return load_config(gather_sources(named, folder.path() / "deep", {}, {}), {})
            .config.server_port;
    };
    EXPECT_EQ(port(""), 9100);
    EXPECT_EQ(port((folder.path() / "other.env").string()), 9200);
    const auto loaded = load_config(gather_sources("/nowhere/x.env", folder.path(), {}, {}), {});
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_EQ(loaded.problems[0].setting, "--env-file");
    EXPECT_THAT(format_problem(loaded.problems[0]), HasSubstr("/nowhere/x.env"));
}

TEST(Config, KeepsStateWhereTheSystemWantsIt) {
#if !defined(__APPLE__)
    EXPECT_EQ(load({{"HOME", "/home/me"}}).config.state_dir, "/home/me/.local/state/agentbridge");
    EXPECT_EQ(load({{"HOME", "/home/me"}, {"XDG_STATE_HOME", "/s"}}).config.state_dir,
              "/s/agentbridge");
    EXPECT_EQ(load({{"HOME", "/home/me"}, {"XDG_STATE_HOME", "s"}}).config.state_dir,
              "/home/me/.local/state/agentbridge");
#else
    EXPECT_EQ(load({{"HOME", "/Users/me"}}).config.state_dir,
              "/Users/me/Library/Application Support/agentbridge");
#endif
}

TEST(Config, ReadsTimesWithUnits) {
    const std::vector<std::pair<const char*, int>> rows{
        {"90", 90}, {"90s", 90}, {"15m", 900}, {"4h", 14400}, {"0", 0}};
    for (const auto& [text, seconds] : rows) {
        ASSERT_TRUE(parse_duration(text)) << text;
        EXPECT_EQ(parse_duration(text)->count(), seconds) << text;
    }
    for (const auto* text : {"", "s", "-1", "1.5h", "1h30m", "5 m", "9999999999999999999"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Config, ReadsPythonsLogLevels) {
    using log::Level;
    const std::vector<std::pair<const char*, Level>> rows{
        {"DEBUG", Level::debug},  {"info", Level::info},   {"Warning", Level::warning},
        {"WARN", Level::warning}, {"ERROR", Level::error}, {"CRITICAL", Level::error},
        {"FATAL", Level::error},  {"NOTSET", Level::debug}};
    for (const auto& [text, level] : rows) {
        ASSERT_TRUE(parse_log_level(text)) << text;
        EXPECT_EQ(*parse_log_level(text), level) << text;
    }
    EXPECT_FALSE(parse_log_level("TRACE"));
    EXPECT_FALSE(parse_log_level(""));
}

TEST(Config, TakesTheHostOutOfAUrl) {
    EXPECT_EQ(host_of_url("https://a.b:8443/c"), "a.b");
    EXPECT_EQ(host_of_url("http://127.0.0.1.evil.net"), "127.0.0.1.evil.net");
    EXPECT_EQ(host_of_url("http://[::1]:80/"), "[::1]");
    EXPECT_EQ(host_of_url("http://u@127.0.0.1@evil.net/"), "evil.net");
    EXPECT_EQ(host_of_url("https://evil.net?@127.0.0.1"), "evil.net");
    EXPECT_EQ(host_of_url("a.b"), "");
    EXPECT_EQ(host_of_url(""), "");
}

TEST(Config, KnowsThisMachine) {
    for (const auto* host :
         {"127.0.0.1", "127.255.0.9", "localhost", "LOCALHOST", "::1", "[::1]"}) {
        EXPECT_TRUE(is_loopback_host(host)) << host;
    }
    for (const auto* host :
         {"", "128.0.0.1", "127.0.0", "127.0.0.1.nip.io", "localhost.evil.net", "0.0.0.0", "::"}) {
        EXPECT_FALSE(is_loopback_host(host)) << host;
    }
}

}  // namespace
}  // namespace bridge::app
