#include "app/reach/tunnel_program.hpp"

#include <gmock/gmock.h>

namespace bridge::app {
namespace {

TEST(TunnelProgram, ReadsNgroksLog) {
    const TunnelProgram ngrok(TunnelKind::ngrok, "http://127.0.0.1:8000");
    EXPECT_EQ(
        ngrok.read(R"({"addr":"127.0.0.1:4041","lvl":"info","msg":"starting web service"})").api,
        "http://127.0.0.1:4041");
    const auto started = ngrok.read(
        R"({"addr":"http://localhost:8000","lvl":"info","msg":"started tunnel","name":"command_line",)"
        R"("obj":"tunnels","t":"2026-01-01T00:00:00Z","url":"https://3f1c9a.ngrok-free.app"})");
    EXPECT_EQ(started.url, "https://3f1c9a.ngrok-free.app");
    EXPECT_TRUE(started.connected);
    EXPECT_EQ(ngrok.read(R"({"lvl":"info","msg":"started tunnel","url":"http://a.ngrok.app"})").url,
              "");
    EXPECT_EQ(ngrok.read(R"({"lvl":"eror","msg":"session closed","err":"bad token\nmore"})").error,
              "bad token");
    EXPECT_EQ(ngrok.read("ERROR:  authentication failed: no authtoken").error,
              "authentication failed: no authtoken");
    EXPECT_EQ(ngrok.read("ERROR:").error, "");
    EXPECT_EQ(ngrok.read("not json at all").error, "");
}

TEST(TunnelProgram, ReadsCloudflaredsOutput) {
    const TunnelProgram cloudflared(TunnelKind::cloudflared, "http://127.0.0.1:8000");
    EXPECT_EQ(
        cloudflared.read("2026-01-01T00:00:00Z INF |  https://blue-fox.trycloudflare.com  |").url,
        "https://blue-fox.trycloudflare.com");
    EXPECT_EQ(cloudflared.read("INF Thank you (https://developers.cloudflare.com/x)").url, "");
    const auto failed = cloudflared.read(
        "failed to request quick Tunnel: Post \"https://api.trycloudflare.com/tunnel\": no host");
    EXPECT_EQ(failed.url, "") << "that is where it asks, not what it got";
    EXPECT_THAT(failed.error, testing::StartsWith("failed to request quick Tunnel"));
    EXPECT_EQ(cloudflared.read("2026-01-01T00:00:00Z ERR Unable to reach the origin").error,
              "Unable to reach the origin");
    EXPECT_TRUE(cloudflared.read("INF Registered tunnel connection connIndex=0").connected);
}

TEST(TunnelProgram, IsGivenNoSecrets) {
    const auto left = tunnel_environment({{"TWILIO_AUTH_TOKEN", "t"},
                                          {"TWILIO_API_SECRET", "s"},
                                          {"OPENAI_API_KEY", "k"},
                                          {"NGROK_AUTHTOKEN", "its own"},
                                          {"PATH", "/bin"}});
    EXPECT_EQ(left, (std::map<std::string, std::string>{{"NGROK_AUTHTOKEN", "its own"},
                                                        {"PATH", "/bin"}}));
}

}  // namespace
}  // namespace bridge::app
