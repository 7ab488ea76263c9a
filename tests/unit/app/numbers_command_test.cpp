#include <gtest/gtest.h>

#include "tests/unit/app/run_program.hpp"
#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using Target = NumberRow::Target;
using What = ReturnedNumber::What;

constexpr auto kNumber = "+15005550006";

call::BorrowedNumber borrowed() {
    call::BorrowedNumber out;
    out.former.voice_url = "https://their.example/voice";
    out.instance = "4711-abc";
    return out;
}

NumberRow row(Target target, std::string number = kNumber) {
    NumberRow out;
    out.sid = "PN1";
    out.number = std::move(number);
    out.target = target;
    out.routing.voice_url = "https://user:pass@here.example/twilio/voice?key=1";
    return out;
}

ReturnedNumber returned(What what, std::string detail = {}) {
    return {what, kNumber, borrowed().former, "4711-abc", std::move(detail)};
}

struct Numbers : ProgramRun {
    Numbers() {
        environment = {{"TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"},
                       {"TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"},
                       {"AGENTBRIDGE_STATE_DIR", folder_of_state.path().string()}};
        parts.numbers.list = [this](const Config&) -> Outcome<std::vector<NumberRow>> {
            if (problem) return tl::unexpected(*problem);
            return rows;
        };
        parts.numbers.restore =
            [this](const Config&,
                   const std::string& number) -> Outcome<std::vector<ReturnedNumber>> {
            asked_for = number;
            if (problem) return tl::unexpected(*problem);
            return given_back;
        };
    }
    TemporaryFolder folder_of_state;
    std::vector<NumberRow> rows;
    std::vector<ReturnedNumber> given_back;
    std::optional<Failure> problem;
    std::string asked_for;
};

TEST(NumbersCommand, ListsWhereCallsGo) {
    Numbers numbers;
    auto here = row(Target::here);
    here.borrowed = borrowed();
    auto left = row(Target::left, "+15005550007");
    left.borrowed = borrowed();
    auto trunk = row(Target::trunk, "+15005550008");
    trunk.routing.trunk = "TK1";
    trunk.voice = false;
    numbers.rows = {here, left, trunk, row(Target::elsewhere, "+15005550009")};
    const auto ran = numbers({"numbers", "list"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_EQ(ran.out,
              "NUMBER           VOICE  INBOUND CALLS GO\n"
              "+15005550006     yes    here (process 4711), before to https://their.example/voice\n"
              "+15005550007     yes    to a program that has ended, before to "
              "https://their.example/voice; `agentbridge numbers restore` gives it back\n"
              "+15005550008     no     to the SIP trunk TK1\n"
              "+15005550009     yes    to https://***@here.example/twilio/voice?…\n");
}

TEST(NumbersCommand, ListsAsJson) {
    Numbers numbers;
    auto here = row(Target::here);
    here.borrowed = borrowed();
    numbers.rows = {here};
    EXPECT_EQ(numbers({"numbers", "list", "--json"}).out,
              R"([{"number":"+15005550006","sid":"PN1","voice":true,"target":"here",)"
              R"("voice_url":"https://***@here.example/twilio/voice?…","application":"",)"
              R"("trunk":"","process":"4711","former":"to https://their.example/voice"}])"
              "\n");
}

TEST(NumbersCommand, SaysThatThereAreNone) {
    Numbers numbers;
    EXPECT_EQ(numbers({"numbers", "list"}).out,
              "the account has no numbers; buy one at console.twilio.com\n");
    EXPECT_EQ(numbers({"numbers", "list", "--json"}).out, "[]\n");
    EXPECT_EQ(numbers({"numbers", "restore"}).out, "no number is to be given back\n");
    EXPECT_EQ(numbers({"numbers", "restore", kNumber}).out,
              "+15005550006 is not to be given back\n");
    EXPECT_EQ(numbers.asked_for, kNumber);
}

TEST(NumbersCommand, WhatFailsIsToldWithItsCode) {
    Numbers numbers;
    numbers.problem = Failure{ExitCode::authentication, "refused"};
    for (const auto* action : {"list", "restore"}) {
        const auto ran = numbers({"numbers", action});
        EXPECT_EQ(ran.exit, ExitCode::authentication);
        EXPECT_EQ(ran.err, "agentbridge: refused\n");
    }
}

TEST(NumbersCommand, NamesWhatItGaveBack) {
    Numbers numbers;
    numbers.given_back = {returned(What::returned), returned(What::held)};
    auto ran = numbers({"numbers", "restore"});
    EXPECT_EQ(ran.exit, ExitCode::ok);
    EXPECT_EQ(ran.out,
              "inbound calls of +15005550006 go to https://their.example/voice again\n"
              "+15005550006 is used by a running agentbridge (process 4711), which gives it back "
              "when it ends\n");
    numbers.given_back = {returned(What::failed, "no route")};
    ran = numbers({"numbers", "restore", "--json"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_EQ(ran.out,
              R"([{"number":"+15005550006","outcome":"failed",)"
              R"("former":"to https://their.example/voice","process":"4711","detail":"no route"}])"
              "\n");
}

TEST(NumbersCommand, UseNeedsAProgramThatRuns) {
    Numbers numbers;
    const auto ran = numbers({"numbers", "use", kNumber});
    EXPECT_EQ(ran.exit, ExitCode::usage);
    EXPECT_NE(ran.err.find("agentbridge serve --use-number=+15005550006"), std::string::npos)
        << ran.err;
}

TEST(NumbersCommand, AProgramThatCannotBeReachedIsNamed) {
    Numbers numbers;
    numbers.environment["AGENTBRIDGE_CONTROL_URL"] = "http://127.0.0.1:1";
    numbers.environment["AGENTBRIDGE_CONTROL_TOKEN"] = "token";
    const auto ran = numbers({"numbers", "use", kNumber});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_NE(ran.err.find("no agentbridge answers at http://127.0.0.1:1"), std::string::npos)
        << ran.err;
}

}  // namespace
}  // namespace bridge::app
