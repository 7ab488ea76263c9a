#include <gtest/gtest.h>

#include "tests/unit/app/run_program.hpp"

namespace bridge::app {
namespace {

call::JournalEntry entry(std::string sid) {
    call::JournalEntry out;
    out.id = CallId{"c_1"};
    out.sid = CallSid{std::move(sid)};
    out.to = "+15551234567";
    out.from = "+15005550006";
    out.instance = "4711-abc";
    return out;
}

call::OrphanOutcome outcome(std::string sid, call::OrphanOutcome::What what) {
    call::OrphanOutcome out;
    out.entry = entry(std::move(sid));
    out.what = what;
    return out;
}

struct Reap : Ran {
    explicit Reap(ReapReport report, std::vector<std::string> flags = {})
        : Ran(run(std::move(report), flags)) {}
    static Ran run(ReapReport report, const std::vector<std::string>& flags) {
        ProgramRun program;
        program.environment = {{"TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"},
                               {"TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"}};
        program.parts.reap_calls = [&](const Config&, bool look_only) -> Outcome<ReapReport> {
            EXPECT_EQ(look_only, !flags.empty() && flags[0] == "--dry-run");
            return report;
        };
        std::vector<std::string> arguments{"reap"};
        arguments.insert(arguments.end(), flags.begin(), flags.end());
        return program(arguments);
    }
};

TEST(ReapCommand, SaysThatThereIsNothing) {
    const Reap reap({});
    EXPECT_EQ(reap.exit, ExitCode::ok);
    EXPECT_EQ(reap.out, "no call of a former run is open\n");
}

TEST(ReapCommand, NamesWhatItEnded) {
    ReapReport report;
    report.outcomes = {outcome("CA1", call::OrphanOutcome::What::ended)};
    report.held = {entry("CA2")};
    const Reap reap(report);
    EXPECT_EQ(reap.exit, ExitCode::ok);
    EXPECT_EQ(reap.out,
              "CA2 to +15551234567: held by a running agentbridge (process 4711)\n"
              "CA1 to +15551234567: ended\n");
}

TEST(ReapCommand, Ends9WhenACallStaysOpen) {
    ReapReport report;
    report.outcomes = {outcome("CA1", call::OrphanOutcome::What::not_confirmed),
                       outcome("", call::OrphanOutcome::What::ambiguous)};
    report.outcomes[0].detail = "no route";
    report.outcomes[1].candidates = {CallSid{"CA8"}, CallSid{"CA9"}};
    const Reap reap(report);
    EXPECT_EQ(reap.exit, ExitCode::not_confirmed);
    EXPECT_EQ(reap.out,
              "CA1 to +15551234567: not confirmed ended: no route\n"
              "c_1 to +15551234567: several calls may be it: CA8 CA9; none was ended\n");
    EXPECT_NE(reap.err.find("may still be live"), std::string::npos);
}

TEST(ReapCommand, WritesJson) {
    ReapReport report;
    report.outcomes = {outcome("CA1", call::OrphanOutcome::What::already_over)};
    const Reap reap(report, {"--json"});
    EXPECT_EQ(reap.out,
              R"([{"call_id":"c_1","call_sid":"CA1","direction":"outbound","to":"+15551234567",)"
              R"("from":"+15005550006","state":"created","outcome":"already over"}])"
              "\n");
}

TEST(ReapCommand, OnlyLooksWhenToldTo) {
    ReapReport report;
    report.found = {entry("CA1")};
    const Reap reap(report, {"--dry-run"});
    EXPECT_EQ(reap.exit, ExitCode::ok);
    EXPECT_EQ(reap.out, "CA1 to +15551234567: nobody holds it\n");
}

}  // namespace
}  // namespace bridge::app
