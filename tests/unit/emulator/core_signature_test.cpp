// Expected signatures were made with Twilio's own Node helper, token "12345".

#include <gtest/gtest.h>

#include "emulator/signature.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

struct Vector {
    const char* url;
    Fields fields;
    const char* signature;
};

TEST(Signature, IsWhatTwiliosOwnHelperMakes) {
    const Vector vectors[] = {
        {"https://mycompany.com/myapp.php?foo=1&bar=2",
         {{"CallSid", "CA1234567890ABCDE"},
          {"Caller", "+14158675309"},
          {"Digits", "1234"},
          {"From", "+14158675309"},
          {"To", "+18005551212"}},
         "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        {"https://mycompany.com/myapp",
         {{"To", "+18005551212"},
          {"From", "+12349013030"},
          {"Digits", "1234"},
          {"Caller", "+12349013030"},
          {"CallSid", "CA1234567890ABCDE"}},
         "3KI2uRuYyAdhZIJXcpU0izDUzWI="},
        {"wss://bridge.example.com/media", {}, "ASGyPT9kdDVOm79OxfQnw7HcSP8="},
        {"wss://bridge.example.com/media/", {}, "s8PR4IzGlCW8C4hFit29c/IbuH8="},
        {"https://bridge.example.com/media", {}, "k+bG+9TKzlwcKoVkEifGbIQQ/mM="},
        {"wss://bridge.example.com", {}, "H+tBrEBNW+YZrSz9/uBKkOP7IJ0="},
        {"https://bridge.example.com/voice/incoming", {}, "xfAXLYmxG78EGAkwBxuvi4JVE8A="},
        {"https://bridge.example.com/voice/status",
         {{"Body", "x"}, {"MessageSid", "b"}, {"MessageSid", "a"}, {"MessageSid", "a"}},
         "5mXtGXPAtPNV2P8c1c3sUrHMySo="},
        {"https://bridge.example.com:8443/voice/incoming",
         {{"CallSid", "CA00000000000000000000000000000001"}, {"From", "+15005550006"}},
         "z9t8YPWNHxGgJ1O0TSrqD9I8z4k="},
        {"https://bridge.example.com/voice/incoming",
         {{"CallSid", "CA00000000000000000000000000000001"},
          {"CallerName",
           "Zo\xC3\xAB & \xE2\x80\x9C"
           "Co\xE2\x80\x9D <x>"},
          {"From", "+15005550006"},
          {"FromCity", ""},
          {"a", "lower"},
          {"B", "upper"},
          {"_u", "under"}},
         "wVDFHAVCzTPCaczkCpMI53p+7H8="},
        {"https://bridge.example.com/voice/incoming?who=J%20D&x=a%2Bb",
         {{"CallSid", "CA1"}},
         "P0pvmpc0bZDVSLC0udXaoAeKWf8="},
    };
    for (const auto& vector : vectors) {
        EXPECT_EQ(sign(vector.url, vector.fields, Secret("12345")), vector.signature) << vector.url;
    }
}

TEST(Signature, CoversAnHttpsWebhookWithoutItsPort) {
    const auto url = parse_url("https://name:word@bridge.example.com:8443/voice/incoming#rc=2");
    ASSERT_TRUE(url);
    const Fields fields{{"CallSid", "CA00000000000000000000000000000001"},
                        {"From", "+15005550006"}};
    EXPECT_EQ(sign(signed_form(*url), fields, Secret("12345")), "4ckhy2uEzS9Bx20k7Y3Wasgab0o=");
    EXPECT_EQ(signed_form(*parse_url("http://127.0.0.1:8000/voice")),
              "http://127.0.0.1:8000/voice");
}

}  // namespace
}  // namespace bridge::emulator
