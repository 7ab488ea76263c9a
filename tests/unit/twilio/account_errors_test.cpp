#include "twilio/wire/account_errors.hpp"

#include <gtest/gtest.h>

namespace bridge::twilio {
namespace {

TEST(AccountErrors, SayWhatToDo) {
    const std::vector<std::tuple<int, int, std::string_view, Errc>> cases{
        {401, 20003, "TWILIO_AUTH_TOKEN", Errc::unauthorized},
        {400, 21201, "--target", Errc::refused},
        {400, 21211, "+15551234567", Errc::refused},
        {400, 21215, "Geo permissions", Errc::refused},
        {400, 21219, "verified numbers", Errc::refused},
        {400, 21210, "TWILIO_PHONE_NUMBER", Errc::refused},
        {404, 20404, "no such call", Errc::not_found},
        {429, 20429, "wait", Errc::unreachable},
        {500, 20500, "before trying again", Errc::unreachable}};
    for (const auto& [status, code, words, errc] : cases) {
        const auto error = to_error({status, code, "Twilio's words"});
        EXPECT_NE(error.message.find(std::to_string(code)), std::string::npos) << code;
        EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
        EXPECT_EQ(error.code, errc) << code;
        EXPECT_EQ(error.message.find('\n'), std::string::npos);
    }
}

TEST(AccountErrors, PointATrialToTheDemo) {
    const auto refusal = parse_refusal(
        400,
        R"({"code":20001,"message":"Trial accounts have limited parameter access","status":400})");
    EXPECT_TRUE(is_trial_limit(refusal));
    EXPECT_NE(explain(refusal).find("agentbridge demo"), std::string::npos);
    EXPECT_NE(explain(refusal).find("strip media streams"), std::string::npos);
    EXPECT_FALSE(is_trial_limit({400, 21211, "The number is not valid"}));
}

TEST(AccountErrors, ReadBodiesThatAreNotTwilios) {
    const auto page = parse_refusal(502, "<html>\nBad Gateway</html>");
    EXPECT_EQ(page.code, 0);
    EXPECT_EQ(page.message, "<html> Bad Gateway</html>");
    EXPECT_NE(explain(page).find("HTTP 502"), std::string::npos);
    EXPECT_EQ(parse_refusal(400, "").message, "");
    EXPECT_EQ(parse_refusal(400, R"({"code":"21211","message":null})").code, 21211);
    EXPECT_EQ(parse_refusal(400, "[1,2]").code, 0);
    EXPECT_EQ(parse_refusal(400, R"({"code":{}})").code, 0);
    EXPECT_NE(explain({400, 29999, "new"}).find("https://www.twilio.com/docs/errors/29999"),
              std::string::npos);
    EXPECT_NE(explain({302, 0, ""}).find("TWILIO_BASE_URL"), std::string::npos);
}

TEST(AccountErrors, ExplainStreamErrors) {
    EXPECT_EQ(find_error_code("31920 - Stream - WebSocket - Handshake Error"), 31920);
    EXPECT_EQ(find_error_code("error 31951"), 31951);
    EXPECT_EQ(find_error_code("took 1234567 ms"), std::nullopt);
    EXPECT_EQ(find_error_code(""), std::nullopt);
    for (const int code :
         {31900, 31901, 31902, 31903, 31904, 31910, 31920, 31921, 31922, 31923, 31924,
          31930, 31931, 31940, 31941, 31942, 31950, 31951, 31952, 31953, 31960}) {
        EXPECT_FALSE(explain_stream_error(code).empty()) << code;
    }
    EXPECT_TRUE(explain_stream_error(1).empty());
}

}  // namespace
}  // namespace bridge::twilio
