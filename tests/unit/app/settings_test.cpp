#include "app/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "app/config.hpp"
#include "app/dotenv.hpp"

namespace bridge::app {
namespace {

TEST(Settings, HaveEachNameOnceAndALineOfMeaning) {
    std::set<std::string_view> names;
    for (const auto& setting : all_settings()) {
        EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
        EXPECT_FALSE(setting.meaning.empty()) << setting.name;
        EXPECT_FALSE(setting.section.empty()) << setting.name;
        EXPECT_TRUE(setting.flag.empty() || !setting.secret()) << "secrets are never flags";
    }
    for (const auto* name :
         {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "SERVER_HOST",
          "SERVER_PORT", "WEBSOCKET_PORT", "PUBLIC_URL", "AUDIO_SAMPLE_RATE", "AUDIO_CHANNELS",
          "AUDIO_BUFFER_SIZE", "LOG_LEVEL"}) {
        EXPECT_EQ(names.count(name), 1u) << name;
    }
}

TEST(Settings, TellThePlaceholdersOfExamplesFromValues) {
    const std::vector<std::tuple<const char*, const char*, bool>> rows{
        {"TWILIO_ACCOUNT_SID", "your_account_sid_here", true},
        {"TWILIO_ACCOUNT_SID", "YOUR_ACCOUNT_SID", true},
        {"TWILIO_ACCOUNT_SID", "ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true},
        {"TWILIO_ACCOUNT_SID", "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", true},
        {"TWILIO_ACCOUNT_SID", "AC...", true},
        {"TWILIO_ACCOUNT_SID", "<your sid>", true},
        {"TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef", false},
        {"TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000000", false},
        {"TWILIO_AUTH_TOKEN", "your_auth_token_here", true},
        {"TWILIO_AUTH_TOKEN", "your-auth-token", true},
        {"TWILIO_AUTH_TOKEN", "twilio_token_goes_here", true},
        {"TWILIO_AUTH_TOKEN", "xxxxxxxxxxxx", true},
        {"TWILIO_AUTH_TOKEN", "changeme", true},
        {"TWILIO_AUTH_TOKEN", "<token>", true},
        {"TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef", false},
        {"TWILIO_AUTH_TOKEN", "12345", false},
        {"TWILIO_AUTH_TOKEN", "yourtoken1", false},
        {"TWILIO_AUTH_TOKEN", "secret", false},
        {"TWILIO_API_KEY", "SKxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true},
        {"TWILIO_API_KEY", "SK0123456789abcdef0123456789abcdef", false},
        {"TWILIO_PHONE_NUMBER", "+1234567890", true},
        {"TWILIO_PHONE_NUMBER", "+1xxxxxxxxxx", true},
        {"TWILIO_PHONE_NUMBER", "+10000000000", true},
        {"TWILIO_PHONE_NUMBER", "+15551234567", false},
        {"TWILIO_PHONE_NUMBER", "+15005550006", false},
        {"TWILIO_PHONE_NUMBER", "+12025550100", false},
        {"PUBLIC_URL", "https://your-ngrok-url.ngrok.io", true},
        {"PUBLIC_URL", "https://your-domain.ngrok.io", true},
        {"PUBLIC_URL", "https://your-domain.com/bridge", true},
        {"PUBLIC_URL", "https://yourdomain.com", true},
        {"PUBLIC_URL", "https://xxxx.ngrok.io", true},
        {"PUBLIC_URL", "https://bridge.example.com", true},
        {"PUBLIC_URL", "https://3f1c9a.ngrok.io", false},
        {"PUBLIC_URL", "https://yourcompany.com", false},
        {"PUBLIC_URL", "https://notexample.com", false},
        {"PUBLIC_URL", "http://127.0.0.1:8000", false},
        {"PUBLIC_URL", "http://[::1]:8000", false},
        {"LOG_LEVEL", "your_level", false},
        {"SERVER_PORT", "8000", false},
    };
    for (const auto& [name, value, expected] : rows) {
        ASSERT_NE(find_setting(name), nullptr);
        EXPECT_EQ(is_placeholder(*find_setting(name), value), expected) << name << "=" << value;
    }
}

TEST(Settings, WriteAnEnvFileThatReadsBackAsTheDefaults) {
    for (const bool for_example : {false, true}) {
        ConfigSources sources;
        sources.file = parse_dotenv(format_env_file(for_example), {});
        EXPECT_TRUE(sources.file->bad_lines.empty());
        const auto loaded = load_config(sources, {});
        EXPECT_TRUE(loaded.problems.empty()) << format_problem(loaded.problems.front());
        EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.front();
        EXPECT_EQ(loaded.config.server_host, for_example ? "0.0.0.0" : "127.0.0.1");
        EXPECT_EQ(loaded.config.account_sid, "");
        EXPECT_EQ(loaded.config.public_url, "");
        EXPECT_EQ(loaded.config.buffer_samples, 1024);
        for (const auto& setting : all_settings()) {
            EXPECT_THAT(
                format_env_file(for_example),
                testing::HasSubstr("\n" +
                                   std::string(setting.section == "Twilio, more" ||
                                                       setting.section == "Program" ||
                                                       setting.section.starts_with("Agents") ||
                                                       setting.name.substr(0, 12) == "AGENTBRIDGE_"
                                                   ? "#"
                                                   : "") +
                                   std::string(setting.name) + "="));
        }
    }
}

TEST(Settings, AreTheOnesOfTheExampleFile) {
    std::ifstream in(std::string(AGENTBRIDGE_TEST_DATA) + "/../../config/.env.example",
                     std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    EXPECT_EQ(text, format_env_file(true)) << "write it anew from settings.cpp";
}

}  // namespace
}  // namespace bridge::app
