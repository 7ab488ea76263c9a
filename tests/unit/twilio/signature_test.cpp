#include "twilio/wire/signature.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>

namespace bridge::twilio {
namespace {

struct Vector {
    std::string name, url, signature;
    Form parameters;
};

std::vector<Vector> vectors() {
    std::ifstream file(AGENTBRIDGE_TEST_DATA "/twilio/signatures.json");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    std::vector<Vector> out;
    const auto json = boost::json::parse(text);
    for (const auto& item : json.at("vectors").as_array()) {
        Vector v{item.at("name").as_string().c_str(),
                 item.at("url").as_string().c_str(),
                 item.at("signature").as_string().c_str(),
                 {}};
        for (const auto& pair : item.at("parameters").as_array()) {
            v.parameters.add(pair.at(0).as_string().c_str(), pair.at(1).as_string().c_str());
        }
        out.push_back(std::move(v));
    }
    return out;
}

Vector vector(std::string_view name) {
    const auto all = vectors();
    return *std::find_if(all.begin(), all.end(), [&](const Vector& v) { return v.name == name; });
}

const std::vector<Secret> kTokens{Secret{"12345"}};

bool webhook_accepts(std::string_view configured, const Vector& v,
                     const std::vector<Secret>& tokens = kTokens) {
    const auto candidates = webhook_url_candidates(configured);
    return matching_url(v.signature, tokens, candidates, v.parameters).has_value();
}

bool upgrade_accepts(std::string_view configured, const Vector& v) {
    const auto candidates = upgrade_url_candidates(configured);
    return matching_url(v.signature, kTokens, candidates, {}).has_value();
}

TEST(Signature, IsWhatTwiliosOwnLibraryComputes) {
    const auto all = vectors();
    ASSERT_EQ(all.size(), 13u);
    for (const auto& v : all) {
        EXPECT_EQ(compute_signature(Secret{"12345"}, v.url, v.parameters), v.signature) << v.name;
        EXPECT_TRUE(matching_url(v.signature, kTokens, std::vector{v.url}, v.parameters)) << v.name;
    }
}

TEST(Signature, DoesNotDependOnTheOrderOfParameters) {
    auto v = vector("8");
    auto pairs = v.parameters.pairs();
    std::reverse(pairs.begin(), pairs.end());
    v.parameters = Form(pairs);
    EXPECT_TRUE(webhook_accepts(v.url, v));
}

TEST(Signature, CoversEveryParameterAndTheUrl) {
    for (const auto& v : vectors()) {
        for (std::size_t i = 0; i < v.parameters.pairs().size(); ++i) {
            auto pairs = v.parameters.pairs();
            pairs[i].second += "x";
            EXPECT_FALSE(matching_url(v.signature, kTokens, std::vector{v.url}, Form(pairs)))
                << v.name << " " << i;
        }
        auto more = v.parameters;
        more.add("Extra", "");
        EXPECT_FALSE(matching_url(v.signature, kTokens, std::vector{v.url}, more)) << v.name;
        EXPECT_FALSE(matching_url(v.signature, kTokens, std::vector{v.url + "x"}, v.parameters))
            << v.name;
        EXPECT_FALSE(webhook_accepts("https://elsewhere.example.com/voice", v)) << v.name;
    }
}

TEST(Signature, AcceptsAnyTokenOfTheList) {
    const auto v = vector("1");
    EXPECT_TRUE(webhook_accepts(v.url, v, {Secret{"old"}, Secret{"12345"}}));
    EXPECT_TRUE(webhook_accepts(v.url, v, {Secret{"12345"}, Secret{"new"}}));
    EXPECT_FALSE(webhook_accepts(v.url, v, {Secret{"54321"}}));
    EXPECT_FALSE(webhook_accepts(v.url, v, {}));
}

TEST(Signature, NeverAcceptsAnEmptyToken) {
    Vector v{
        "", "https://a.example/x", compute_signature(Secret{""}, "https://a.example/x", {}), {}};
    EXPECT_FALSE(webhook_accepts(v.url, v, {Secret{""}}));
}

TEST(Signature, RejectsSignaturesThatAreNone) {
    const auto v = vector("4");
    for (auto text : {std::string(), v.signature.substr(1), v.signature + "=", std::string(28, 'A'),
                      std::string(4000, 'A')}) {
        EXPECT_FALSE(matching_url(text, kTokens, std::vector{v.url}, v.parameters)) << text;
    }
}

TEST(Signature, WithAPortConfiguredTwilioMayLeaveItOut) {
    const std::string_view configured = "https://bridge.example.com:8443/voice/incoming";
    EXPECT_TRUE(webhook_accepts(configured, vector("7")));
    EXPECT_TRUE(webhook_accepts(configured, vector("7b")));
}

TEST(Signature, APortThatIsNotConfiguredIsRejected) {
    EXPECT_FALSE(webhook_accepts("https://bridge.example.com/voice/incoming", vector("7")));
    EXPECT_TRUE(webhook_accepts("https://bridge.example.com/voice/incoming", vector("7b")));
    EXPECT_FALSE(webhook_accepts("https://bridge.example.com:9443/voice/incoming", vector("7")));
}

TEST(Signature, TheDefaultPortMayBeWritten) {
    const auto plain = std::string("https://bridge.example.com/voice");
    const auto with = std::string("https://bridge.example.com:443/voice");
    const auto signed_with = compute_signature(Secret{"12345"}, with, {});
    const auto signed_plain = compute_signature(Secret{"12345"}, plain, {});
    EXPECT_TRUE(webhook_accepts(plain, {"", "", signed_with, {}}));
    EXPECT_TRUE(webhook_accepts(with, {"", "", signed_plain, {}}));
}

TEST(Signature, DropsUserAndFragmentAndKeepsTheQueryByteForByte) {
    EXPECT_TRUE(webhook_accepts(
        "https://user:pass@bridge.example.com/voice/incoming?who=J%20D&x=a%2Bb#rc=2", vector("9")));
    EXPECT_FALSE(
        webhook_accepts("https://bridge.example.com/voice/incoming?who=J+D&x=a%2Bb", vector("9")));
}

TEST(Signature, TheUpgradeMayBeSignedInAnyOfItsForms) {
    for (const auto* name : {"3", "3b", "3c"}) {
        EXPECT_TRUE(upgrade_accepts("wss://bridge.example.com/media", vector(name))) << name;
    }
    EXPECT_TRUE(upgrade_accepts("wss://bridge.example.com", vector("3d")));
    for (const auto* url :
         {"wss://bridge.example.com:443/media", "https://bridge.example.com:443/media/",
          "wss://bridge.example.com:80/media"}) {
        EXPECT_TRUE(upgrade_accepts("wss://bridge.example.com/media",
                                    {"", "", compute_signature(Secret{"12345"}, url, {}), {}}))
            << url;
    }
    for (const auto* url :
         {"wss://bridge.example.com:8443/media", "wss://bridge.example.com/media/",
          "https://bridge.example.com/media"}) {
        EXPECT_TRUE(upgrade_accepts("wss://bridge.example.com:8443/media",
                                    {"", "", compute_signature(Secret{"12345"}, url, {}), {}}))
            << url;
    }
    for (const auto* url : {"ws://127.0.0.1:8000/media", "http://127.0.0.1:8000/media",
                            "ws://127.0.0.1:8000/media/"}) {
        EXPECT_TRUE(upgrade_accepts("ws://127.0.0.1:8000/media",
                                    {"", "", compute_signature(Secret{"12345"}, url, {}), {}}))
            << url;
    }
}

TEST(Signature, TheUpgradeOfAnotherAddressIsRejected) {
    for (const auto* url : {"wss://bridge.example.com/media2", "wss://other.example.com/media",
                            "wss://bridge.example.com:8443/media", "ws://bridge.example.com/media",
                            "wss://bridge.example.com/media?x=1"}) {
        EXPECT_FALSE(upgrade_accepts("wss://bridge.example.com/media",
                                     {"", "", compute_signature(Secret{"12345"}, url, {}), {}}))
            << url;
    }
}

TEST(Signature, ABodyHashStandsForTheBody) {
    const std::string body = R"({"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"})";
    const auto v = vector("5");
    const auto hash = body_hash_parameter(v.url.substr(v.url.find('?') + 1));
    ASSERT_TRUE(hash);
    EXPECT_TRUE(body_hash_matches(*hash, body));
    for (std::size_t i = 0; i < body.size(); ++i) {
        auto changed = body;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(body_hash_matches(*hash, changed)) << i;
    }
    EXPECT_FALSE(body_hash_matches("", body));
    EXPECT_FALSE(body_hash_parameter("a=b"));
}

TEST(SplitUrl, TakesAddressesApart) {
    const auto url = split_url("https://u:p@[::1]:8443/a?b=c@d:e#f");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "[::1]");
    EXPECT_EQ(url->port, "8443");
    EXPECT_EQ(url->target, "/a?b=c@d:e");
    EXPECT_FALSE(split_url("bridge.example.com/a"));
    EXPECT_FALSE(split_url("https:///a"));
    EXPECT_FALSE(split_url("://a"));
}

}  // namespace
}  // namespace bridge::twilio
