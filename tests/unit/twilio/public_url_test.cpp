#include "twilio/public_url.hpp"

#include <gtest/gtest.h>

namespace bridge::twilio {
namespace {

TEST(PublicUrl, NamesTheWebhooksAndTheMediaSocket) {
    const auto url = PublicUrl::parse("https://Bridge.example.com:8443/twilio-in/");
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(url->base(), "https://bridge.example.com:8443/twilio-in");
    EXPECT_EQ(url->url("/twilio/voice?call=c"),
              "https://bridge.example.com:8443/twilio-in/twilio/voice?call=c");
    EXPECT_EQ(url->media_url("t0ken"),
              "wss://bridge.example.com:8443/twilio-in/twilio/media/t0ken");
    EXPECT_FALSE(url->loopback());
}

TEST(PublicUrl, MayNameAnotherPlaceForMedia) {
    for (const auto* media : {"wss://media.example.com/", "https://media.example.com"}) {
        const auto url = PublicUrl::parse("https://bridge.example.com", media);
        ASSERT_TRUE(url) << url.error().message;
        EXPECT_EQ(url->media_url("t"), "wss://media.example.com/twilio/media/t");
    }
}

TEST(PublicUrl, TakesItsOwnPathOffATargetOrLeavesItAlone) {
    const auto url = PublicUrl::parse("https://b.example.com/in");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->below_base("/in/twilio/voice?x"), "/twilio/voice?x");
    EXPECT_EQ(url->below_base("/twilio/voice"), "/twilio/voice");
    EXPECT_EQ(url->below_base("/india"), "/india");
}

TEST(PublicUrl, PlainHttpIsForThisMachineAlone) {
    for (const auto* url : {"http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000",
                            "http://127.1.2.3"}) {
        const auto parsed = PublicUrl::parse(url);
        ASSERT_TRUE(parsed) << url;
        EXPECT_TRUE(parsed->loopback());
        EXPECT_TRUE(parsed->media_url("t").starts_with("ws://")) << url;
    }
    for (const auto* url :
         {"http://bridge.example.com", "http://127.example.com", "http://10.0.0.1"}) {
        EXPECT_EQ(PublicUrl::parse(url).error().code, Errc::bad_config) << url;
    }
    EXPECT_FALSE(PublicUrl::parse("https://b.example.com", "ws://b.example.com"));
}

TEST(PublicUrl, RefusesWhatIsNoAddressAndNamesTheSetting) {
    for (const auto* url :
         {"", "bridge.example.com", "ftp://bridge.example.com", "https://",
          "https://b.example.com?x=1", "https://b.example.com/#x", "https://u:p@b.example.com",
          "https://b.example.com:0", "https://b.example.com:70000",
          "https://b.example.com:", "https://b.example.com:x", "https://b.example .com",
          "https://b\"c", "wss://b.example.com"}) {
        const auto parsed = PublicUrl::parse(url);
        ASSERT_FALSE(parsed) << url;
        EXPECT_NE(parsed.error().message.find("PUBLIC_URL"), std::string::npos);
    }
    EXPECT_NE(PublicUrl::parse("https://b.example.com", "nothing")
                  .error()
                  .message.find("AGENTBRIDGE_MEDIA_URL"),
              std::string::npos);
}

TEST(SharedUrl, CopiesShareOneValueAndOldAddressesAreRemembered) {
    const SharedUrl first = *PublicUrl::parse("https://a.ngrok.app");
    const auto copy = first;
    const auto held = copy.now();
    first.change(*PublicUrl::parse("https://b.ngrok.app/x"));
    EXPECT_EQ(copy.now()->base(), "https://b.ngrok.app/x");
    EXPECT_EQ(held->base(), "https://a.ngrok.app") << "a snapshot stays as it is";
    EXPECT_EQ(below_known(*copy.known(), "/x/twilio/status?call=1"), "/twilio/status?call=1");
    EXPECT_EQ(below_known(*copy.known(), "/twilio/status"), "/twilio/status");
    EXPECT_EQ(below_known(*copy.known(), "/elsewhere"), "/elsewhere");

    first.change(*PublicUrl::parse("https://a.ngrok.app"));
    ASSERT_EQ(copy.known()->size(), 2u) << "an address that comes back is not kept twice";
    for (int i = 0; i < 40; ++i)
        first.change(*PublicUrl::parse("https://n" + std::to_string(i) + ".ngrok.app"));
    EXPECT_EQ(copy.known()->size(), SharedUrl::kRemembered);
    EXPECT_EQ(copy.now()->base(), "https://n39.ngrok.app");
}

}  // namespace
}  // namespace bridge::twilio
