#include "app/reach/ngrok_tunnels.hpp"

#include <gmock/gmock.h>

namespace bridge::app {
namespace {

using testing::HasSubstr;

TEST(NgrokTunnels, ReadsTheAgentsAnswer) {
    const auto tunnels = parse_ngrok_tunnels(
        R"({"tunnels":[{"name":"command_line","ID":"9f","uri":"/api/tunnels/command_line",
            "public_url":"https://3f1c9a.ngrok-free.app","proto":"https",
            "config":{"addr":"http://localhost:8000","inspect":true},
            "metrics":{"conns":{"count":0}}},{"public_url":7},"odd",{}],"uri":"/api/tunnels"})");
    ASSERT_TRUE(tunnels);
    ASSERT_EQ(tunnels->size(), 1u);
    EXPECT_EQ(tunnels->front().url, "https://3f1c9a.ngrok-free.app");
    EXPECT_EQ(tunnels->front().addr, "http://localhost:8000");
    for (const auto* text : {"", "<html>", "[]", "{}", R"({"tunnels":{}})"})
        EXPECT_FALSE(parse_ngrok_tunnels(text)) << text;
}

TEST(NgrokTunnels, UnderstandsEveryFormOfAnAddress) {
    struct Case {
        const char* addr;
        const char* host;
        std::uint16_t port;
    };
    for (const auto& [addr, host, port] : std::initializer_list<Case>{
             {"http://localhost:8000", "localhost", 8000},
             {"localhost:8000", "localhost", 8000},
             {"8000", "", 8000},
             {"http://127.0.0.1:8000", "127.0.0.1", 8000},
             {"https://localhost:8000", "localhost", 8000},
             {"http://[::1]:8000/", "[::1]", 8000},
             {"http://localhost", "localhost", 80},
             {"https://localhost", "localhost", 443},
             {"tcp://10.0.0.7:22", "10.0.0.7", 22},
             {"file:///srv/www", "", 80},
             {"localhost:80x", "localhost", 0},
             {"", "", 0},
         }) {
        const auto target = parse_tunnel_addr(addr);
        EXPECT_EQ(target.host, host) << addr;
        EXPECT_EQ(target.port, port) << addr;
    }
}

TEST(NgrokTunnels, ChoosesTheHttpsTunnelToOurPortAmongSeveral) {
    const std::vector<NgrokTunnel> tunnels{
        {"a", "https://a.ngrok.app", "http://localhost:3000"},
        {"b", "http://b.ngrok.app", "http://localhost:8000"},
        {"c", "https://c.ngrok.app", "http://10.0.0.7:8000"},
        {"d", "https://d.ngrok.app", "8000"},
        {"e", "tcp://0.tcp.ngrok.io:1234", "localhost:22"},
    };
    EXPECT_EQ(choose_tunnel(tunnels, "0.0.0.0", 8000).url, "https://d.ngrok.app");
    EXPECT_EQ(choose_tunnel(tunnels, "10.0.0.7", 8000).note,
              "2 tunnels lead to port 8000; https://c.ngrok.app is used "
              "(PUBLIC_URL=https://d.ngrok.app would choose the next)");
    EXPECT_EQ(choose_tunnel(tunnels, "10.0.0.7", 8000, "https://d.ngrok.app").url,
              "https://d.ngrok.app")
        << "the one in use is kept";
}

TEST(NgrokTunnels, SaysWhatIsThereInsteadAndTheCommand) {
    const auto wrong =
        choose_tunnel({{"a", "https://a.ngrok.app", "http://localhost:3000"}}, "127.0.0.1", 8000);
    EXPECT_EQ(wrong.url, "");
    EXPECT_THAT(wrong.what, HasSubstr("no tunnel to port 8000: https://a.ngrok.app points at port "
                                      "3000"));
    EXPECT_EQ(wrong.fix, "run: ngrok http 8000, or set SERVER_PORT=3000");
    EXPECT_THAT(choose_tunnel({}, "127.0.0.1", 8000).what, HasSubstr("has no tunnel"));
    EXPECT_THAT(choose_tunnel({{"a", "http://a.ngrok.app", "8000"}}, "127.0.0.1", 8000).what,
                HasSubstr("not https"));
    EXPECT_THAT(
        choose_tunnel({{"a", "https://a.ngrok.app", "http://10.1.1.1:8000"}}, "127.0.0.1", 8000)
            .what,
        HasSubstr("points at http://10.1.1.1:8000"));
}

}  // namespace
}  // namespace bridge::app
