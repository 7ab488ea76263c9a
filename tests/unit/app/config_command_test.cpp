#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>

#include "tests/unit/app/run_program.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kGoodFile =
    "TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abcdef\n"
    "TWILIO_AUTH_TOKEN=canary1token,canary2token\n"
    "TWILIO_PHONE_NUMBER=+15551234567\n"
    "PUBLIC_URL=https://3f1c9a.ngrok.app\n"
    "TWILIO_API_KEY=SK0123456789abcdef0123456789abcdef\n"
    "TWILIO_API_SECRET=\"canary3secret\"\n";

int mode_of(const std::filesystem::path& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? static_cast<int>(found.st_mode & 0777U) : -1;
}

TEST(ConfigCommand, ShowsEveryValueButTheSecrets) {
    const TemporaryFolder folder;
    const auto file = folder.write(".env", kGoodFile);
    ProgramRun program{folder.path().string(), {{"LOG_LEVEL", "DEBUG"}}, "", {}, {}};
    auto ran = program({"config", "show"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_THAT(ran.out,
                AllOf(HasSubstr("TWILIO_AUTH_TOKEN=***\n"), HasSubstr("TWILIO_API_SECRET=***\n"),
                      HasSubstr("PUBLIC_URL=https://3f1c9a.ngrok.app\n"),
                      HasSubstr("LOG_LEVEL=DEBUG\n"), HasSubstr("AGENTBRIDGE_MEDIA_URL=\n")));
    ran = program({"config", "show", "--show-origin", "--log-level", "ERROR"});
    EXPECT_THAT(ran.out, testing::ContainsRegex("TWILIO_AUTH_TOKEN=\\*\\*\\* +# " + file.string() +
                                                " line 2\n"));
    EXPECT_THAT(ran.out, testing::ContainsRegex("LOG_LEVEL=ERROR +# --log-level\n"));
    EXPECT_THAT(ran.out, testing::ContainsRegex("SERVER_PORT=8000 +# default\n"));
    EXPECT_THAT(ran.out, testing::ContainsRegex("AGENTBRIDGE_MEDIA_URL= +# unset\n"));
    ran = program({"config", "show", "--json", "--show-origin"});
    const auto shown = boost::json::parse(ran.out).as_object();
    EXPECT_EQ(shown.at("TWILIO_AUTH_TOKEN").at("value").as_string(), "***");
    EXPECT_EQ(shown.at("LOG_LEVEL").at("origin").as_string(), "environment");
    EXPECT_TRUE(shown.at("TWILIO_BASE_URL").at("value").is_null());
}

TEST(ConfigCommand, NeverPrintsASecretWhateverIsAsked) {
    const TemporaryFolder folder;
    folder.write(".env", std::string(kGoodFile) +
                             "TWILIO_ACOUNT_SID=canary4wrongname0123456789\ncanary5 not a line\n"
                             "TWILIO_ACCOUNT_SID=canary6tokeninthewrongplace01234\nLOG_LEVEL="
                             "canary7abcdefghijklmnop01\n"
                             "PUBLIC_URL=https://canary8:canary9@3f1c9a.ngrok.app\n");
    ProgramRun program{
        folder.path().string(),
        {{"AGENTBRIDGE_TOKEN", "canaryA"}, {"SERVER_PORT", "canaryB0123456789abcdef"}},
        "",
        {},
        {}};
    const std::vector<std::vector<std::string>> lines{
        {"config", "show"},
        {"config", "show", "--show-origin"},
        {"config", "show", "--json", "--show-origin"},
        {"config", "check"},
        {"config", "check", "--json"},
        {"call", "--target", "+15551234567"},
        {"call", "--target", "+15551234567", "--dry-run"},
        {"serve"}};
    for (const auto& line : lines) {
        const auto ran = program(line);
        EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("canary"))) << testing::PrintToString(line);
        EXPECT_FALSE((ran.out + ran.err).empty());
    }
}

TEST(ConfigCommand, ChecksAllAtOnce) {
    const TemporaryFolder folder;
    const auto file = folder.write(".env", kGoodFile);
    ::chmod(file.c_str(), 0600);
    ProgramRun program{folder.path().string(), {}, "", {}, {}};
    auto ran = program({"config", "check"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_EQ(ran.out, "the settings are in order (" + file.string() + ")\n");

    ::chmod(file.c_str(), 0644);
    ran = program({"config", "check"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_THAT(ran.out, HasSubstr("chmod 600"));

    program.environment = {
        {"SERVER_PORT", "x"}, {"LOG_LEVEL", "y"}, {"TWILIO_PHONE_NUMBER", "555"}};
    ran = program({"config", "check"});
    EXPECT_EQ(ran.exit, ExitCode::configuration);
    EXPECT_THAT(ran.out,
                AllOf(HasSubstr("SERVER_PORT=x"), HasSubstr("LOG_LEVEL=y"),
                      HasSubstr("TWILIO_PHONE_NUMBER=555"), HasSubstr("3 to be put right")));
    ran = program({"config", "check", "--json"});
    EXPECT_EQ(ran.exit, ExitCode::configuration);
    const auto checked = boost::json::parse(ran.out).as_object();
    EXPECT_FALSE(checked.at("ok").as_bool());
    EXPECT_EQ(checked.at("problems").as_array().size(), 3u);
}

TEST(ConfigCommand, ReadsTheFileThatIsNamed) {
    const TemporaryFolder folder;
    const auto other = folder.write("other.env", "SERVER_PORT=9123\n");
    const ProgramRun program{folder.path().string(), {}, "", {}, {}};
    EXPECT_THAT(program({"config", "show", "--env-file", other.string()}).out,
                HasSubstr("SERVER_PORT=9123\n"));
    const auto missing = program({"config", "show", "--env-file", other.string() + ".gone"});
    EXPECT_EQ(missing.exit, ExitCode::configuration);
    EXPECT_THAT(missing.err, HasSubstr("other.env.gone"));
}

TEST(ConfigCommand, WritesANewFileThatOnlyItsOwnerCanReadAndKeepsAnOldOne) {
    const TemporaryFolder folder;
    const ProgramRun program{folder.path().string(), {}, "", {}, {}};
    auto ran = program({"config", "init"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_EQ(ran.out, (folder.path() / ".env").string() + "\n");
    EXPECT_EQ(mode_of(folder.path() / ".env"), 0600);
    EXPECT_THAT(folder.read(".env"), HasSubstr("TWILIO_ACCOUNT_SID=your_account_sid_here"));

    folder.write(".env", "mine");
    ran = program({"config", "init"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_THAT(ran.err, HasSubstr("--force"));
    EXPECT_EQ(folder.read(".env"), "mine");

    ::chmod((folder.path() / ".env").c_str(), 0666);
    EXPECT_EQ(program({"config", "init", "--force"}).exit, ExitCode::ok);
    EXPECT_EQ(mode_of(folder.path() / ".env"), 0600);
    EXPECT_THAT(folder.read(".env"), HasSubstr("LOG_LEVEL=INFO"));

    EXPECT_EQ(program({"config", "init", "no/such/folder/.env"}).exit, ExitCode::failure);
}

TEST(ConfigCommand, LeavesUsageHelpAndVersionToTheirStreams) {
    const ProgramRun program;
    auto ran = program({"cal"});
    EXPECT_EQ(ran.exit, ExitCode::usage);
    EXPECT_EQ(ran.out, "");
    ran = program({"--help"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_EQ(ran.err, "");
    EXPECT_THAT(program({"help", "exit-codes"}).out, HasSubstr("130"));
    ran = program({"version"});
    EXPECT_THAT(ran.out, AllOf(testing::StartsWith("agentbridge "), HasSubstr("compiler"),
                               HasSubstr("boost"), HasSubstr("libcurl")));
    EXPECT_TRUE(
        boost::json::parse(program({"version", "--json"}).out).as_object().contains("libraries"));
}

}  // namespace
}  // namespace bridge::app
