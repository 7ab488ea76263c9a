#include "agents/tools/tool_hosts.hpp"

#include <gtest/gtest.h>

#include <string>

#include "agents/tools/words.hpp"

namespace bridge::agents {
namespace {

TEST(ToolUrlTest, ReadsTheHostOfAnHonestUrl) {
    struct Row {
        const char* url;
        const char* host;
        bool secure;
    };
    for (const auto& row : {Row{"https://API.Example.com/orders?x=1", "api.example.com", true},
                            Row{"https://api.example.com.", "api.example.com", true},
                            Row{"http://127.0.0.1:8090/x", "127.0.0.1", false},
                            Row{"https://[2606:4700::0001]:8443/x", "2606:4700::1", true},
                            Row{"https://a/%7Bid%7D/(b)", "a", true}}) {
        const auto url = parse_tool_url(row.url);
        ASSERT_TRUE(url) << row.url << ": " << url.error().message;
        EXPECT_EQ(url->host, row.host);
        EXPECT_EQ(url->secure, row.secure);
    }
}

TEST(ToolUrlTest, RefusesWhatTwoProgramsMayReadDifferently) {
    for (const auto* url : {"",
                            "ftp://a/",
                            "HTTPS://a/",
                            "https:/a",
                            "https://",
                            "https:///x",
                            "https://user@a/",
                            "https://a@b:c@d/",
                            "https://a/x y",
                            "https://a/\r\nHost: b",
                            "https://a\\@b/",
                            "https://a/#part",
                            "https://a/{id}",
                            "https://ä.example/",
                            "https://a:0/",
                            "https://a:65536/",
                            "https://a:8x/",
                            "https://[::1/",
                            "https://[::1]x/",
                            "https://[127.0.0.1]/",
                            "https://[fe80::1%25lo]/",
                            "https://127.1/",
                            "https://2130706433/",
                            "https://0x7f000001/",
                            "https://0177.0.0.1/",
                            "https://1.2.3.4.5/",
                            "https://a..b/",
                            "https://.a/",
                            "https://a%2eb/"}) {
        EXPECT_FALSE(parse_tool_url(url)) << url;
    }
}

TEST(ToolHostsTest, KnowsTheAddressesInsideOfNetworks) {
    for (const auto* inside : {"10.1.2.3",
                               "172.16.0.1",
                               "172.31.255.255",
                               "192.168.1.1",
                               "169.254.169.254",
                               "100.64.0.1",
                               "127.0.0.1",
                               "0.0.0.0",
                               "224.0.0.1",
                               "255.255.255.255",
                               "198.18.0.1",
                               "::1",
                               "::",
                               "fe80::1",
                               "fd00::1",
                               "ff02::1",
                               "::ffff:10.0.0.1",
                               "::ffff:8.8.8.8",
                               "64:ff9b::a00:1",
                               "2002:a00:1::"})
        EXPECT_TRUE(is_inside_address(inside)) << inside;
    for (const auto* outside : {"8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1",
                                "2606:4700::1", "2002:808:808::", "example.com", "localhost"})
        EXPECT_FALSE(is_inside_address(outside)) << outside;
    EXPECT_TRUE(is_loopback("127.9.9.9"));
    EXPECT_TRUE(is_loopback("::1"));
    EXPECT_TRUE(is_loopback("localhost"));
    EXPECT_FALSE(is_loopback("127.0.0.1.evil.net"));
    EXPECT_FALSE(is_loopback("localhost.evil.net"));
}

/// "" if it may be asked, else why not.
std::string asked(const std::string& list, const std::string& url) {
    const auto hosts = ToolHosts::parse(list);
    const auto parsed = parse_tool_url(url);
    EXPECT_TRUE(hosts) << list;
    EXPECT_TRUE(parsed) << url;
    if (!hosts || !parsed) return "not parsed";
    const auto outcome = hosts->check(*parsed);
    return outcome ? "" : outcome.error().message;
}

TEST(ToolHostsTest, WithoutAListTheUrlsOwnHostsMayBeAskedButNotTheInsideOfANetwork) {
    EXPECT_EQ(asked("", "https://api.example.com/x"), "");
    EXPECT_EQ(asked("", "http://localhost:8090/x"), "");
    EXPECT_EQ(asked("", "https://127.0.0.1/x"), "");
    EXPECT_EQ(asked("", "http://api.example.com/x"),
              "plain http is for this machine alone; use https");
    EXPECT_NE(asked("", "https://10.0.0.5/x").find("AGENTBRIDGE_TOOL_HOSTS"), std::string::npos);
    EXPECT_NE(asked("", "https://[::ffff:10.0.0.5]/x"), "");
    EXPECT_NE(asked("", "https://169.254.169.254/latest/meta-data"), "");
}

TEST(ToolHostsTest, WithAListOnlyWhatIsOnIt) {
    EXPECT_EQ(asked("api.example.com, 10.0.0.5", "https://API.example.com:444/x"), "");
    EXPECT_EQ(asked("api.example.com, 10.0.0.5", "https://10.0.0.5/x"), "");
    EXPECT_EQ(asked("[fd00::1]", "https://[FD00::0:1]/x"), "");
    EXPECT_NE(asked("api.example.com", "https://example.com/x"), "");
    EXPECT_NE(asked("api.example.com", "http://127.0.0.1/x"), "");
    EXPECT_NE(asked("10.0.0.5", "http://10.0.0.5/x"), "");
    EXPECT_FALSE(ToolHosts::parse("https://a/"));
    EXPECT_FALSE(ToolHosts::parse("*.example.com"));
}

TEST(WordsTest, ReadableTextIsUtf8AndNoLongerThanAskedFor) {
    EXPECT_EQ(readable("plain", 10), "plain");
    EXPECT_EQ(readable("äöü€😀", 5), "äöü€😀");
    EXPECT_EQ(readable("äöü€😀", 4), "äöü€…");
    EXPECT_EQ(readable("a\xff"
                       "b\xc3",
                       10),
              "a\uFFFD"
              "b\uFFFD");
    EXPECT_EQ(readable("\xed\xa0\x80", 10), "\uFFFD\uFFFD\uFFFD");  // half of a surrogate pair
    EXPECT_EQ(readable("\xc0\xaf", 10), "\uFFFD\uFFFD");            // "/", longer than needed
}

}  // namespace
}  // namespace bridge::agents
