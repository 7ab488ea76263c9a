#include <gtest/gtest.h>

#include "emulator/form.hpp"
#include "emulator/sid.hpp"
#include "emulator/timestamps.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

TEST(Form, ReadsRepeatedEmptyAndEscapedFields) {
    const auto form = parse_form("a=1+2&b=%2B1&a=&c&%C3%A9=x%zz&&=y");
    const Fields expected{{"a", "1 2"}, {"b", "+1"},          {"a", ""},
                          {"c", ""},    {"\xC3\xA9", "x%zz"}, {"", "y"}};
    EXPECT_EQ(form, expected);
    EXPECT_EQ(all_fields(form, "a").size(), 2U);
    EXPECT_EQ(field_or(form, "c", "default"), "default");
    EXPECT_FALSE(find_field(form, "d"));
}

TEST(Form, WritesWhatItReads) {
    const Fields fields{{"To", "+1 (555)"}, {"Twiml", "<Response>&\"\xC3\xA9\n"}, {"empty", ""}};
    EXPECT_EQ(parse_form(encode_form(fields)), fields);
}

TEST(Url, TakesAnAddressApart) {
    const auto url = parse_url("HTTPS://u:p%40@Host.example:8443/a/b?c=d%20e#rc=2");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->userinfo, "u:p%40");
    EXPECT_EQ(url->host, "Host.example");
    EXPECT_EQ(url->port, "8443");
    EXPECT_EQ(url->target, "/a/b?c=d%20e");
    EXPECT_EQ(url->fragment, "rc=2");
    EXPECT_EQ(url->str(), "https://Host.example:8443/a/b?c=d%20e");
    EXPECT_EQ(parse_url("ws://[::1]:80")->authority(), "[::1]:80");
}

TEST(Url, RefusesWhatIsNone) {
    for (const auto* text :
         {"", "host/path", "http://", "http:///x", "http://h:x/", "http://h:99999/", "http://h /x",
          "http://h/a b", "http://[::1/x", "ht!tp://h"}) {
        EXPECT_FALSE(parse_url(text)) << text;
    }
    EXPECT_FALSE(is_web_url("ftp://host/"));
    EXPECT_TRUE(is_web_url("http://localhost:8000/twilio/voice"));
}

TEST(Url, ResolvesReferencesAgainstTheDocument) {
    const std::string base = "https://h:8443/a/b?x=1";
    const std::pair<const char*, const char*> table[] = {
        {"https://other/z", "https://other/z"},
        {"//other/z", "https://other/z"},
        {"/z?y=2", "https://h:8443/z?y=2"},
        {"z", "https://h:8443/a/z"},
        {"?y=2", "https://h:8443/a/b?y=2"},
        {"", "https://h:8443/a/b?x=1"},
        {"/z?next=http://q/", "https://h:8443/z?next=http://q/"},
    };
    for (const auto& [reference, expected] : table) {
        EXPECT_EQ(resolve_url(base, reference), expected) << reference;
    }
    EXPECT_EQ(resolve_url("http://h", "z"), "http://h/z");
}

TEST(Url, KnowsThisMachine) {
    for (const auto* host : {"localhost", "127.0.0.1", "127.8.8.8", "::1"}) {
        EXPECT_TRUE(is_loopback_host(host)) << host;
    }
    for (const auto* host :
         {"", "0.0.0.0", "10.0.0.1", "127.evil.example", "localhost.evil.example"}) {
        EXPECT_FALSE(is_loopback_host(host)) << host;
    }
}

TEST(Sid, HasItsPrefixAndThirtyTwoDigits) {
    const auto sid = new_sid("CA");
    EXPECT_TRUE(is_sid(sid, "CA")) << sid;
    EXPECT_FALSE(is_sid(sid, "AC"));
    EXPECT_NE(sid, new_sid("CA"));
    EXPECT_FALSE(is_sid("CA123", "CA"));
}

TEST(Sid, ChecksTelephoneNumbers) {
    for (const auto* good : {"+15005550006", "+4930123456", "+123456789012345"}) {
        EXPECT_TRUE(is_e164(good)) << good;
    }
    for (const auto* bad :
         {"", "+", "15005550006", "+0123456", "+1 500", "+1234567890123456", "+12a"}) {
        EXPECT_FALSE(is_e164(bad)) << bad;
    }
    EXPECT_EQ(formatted_number("+15005550006"), "(500) 555-0006");
    EXPECT_EQ(formatted_number("+4930123456"), "+4930123456");
}

TEST(Timestamps, AreSpelledAsTwilioDoes) {
    const auto time = WallTime(std::chrono::milliseconds(1283286988123));
    EXPECT_EQ(format_rfc2822(time), "Tue, 31 Aug 2010 20:36:28 +0000");
    EXPECT_EQ(format_iso8601(time), "2010-08-31T20:36:28.123Z");
    EXPECT_EQ(format_day(time), "2010-08-31");
}

}  // namespace
}  // namespace bridge::emulator
