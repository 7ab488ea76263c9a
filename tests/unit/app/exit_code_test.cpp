#include "app/exit_code.hpp"

#include <gtest/gtest.h>

#include <set>

namespace bridge::app {
namespace {

using call::CallState;

TEST(ExitCodes, AreTheContractWithScripts) {
    const std::vector<int> numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130};
    ASSERT_EQ(all_exit_codes().size(), numbers.size());
    for (std::size_t at = 0; at < numbers.size(); ++at) {
        EXPECT_EQ(to_int(all_exit_codes()[at]), numbers[at]);
        EXPECT_FALSE(meaning_of(all_exit_codes()[at]).empty());
    }
}

TEST(ExitCodes, FollowFromTheCallsEnd) {
    struct Row {
        const char* what;
        CallState state;
        bool created, confirmed, unknown, stopped;
        int carrier_code;
        ExitCode expected;
    };
    const std::vector<Row> rows{
        {"hung up by the phone", CallState::completed, true, true, false, false, 0, ExitCode::ok},
        {"hung up by Ctrl-C", CallState::completed, true, true, false, true, 0, ExitCode::ok},
        {"busy", CallState::busy, true, true, false, false, 0, ExitCode::refused},
        {"failed", CallState::failed, true, true, false, false, 0, ExitCode::refused},
        {"no answer", CallState::no_answer, true, true, false, false, 0, ExitCode::no_answer},
        {"canceled by the carrier", CallState::canceled, true, true, false, false, 0,
         ExitCode::refused},
        {"canceled by Ctrl-C while it rang", CallState::canceled, true, true, false, true, 0,
         ExitCode::ok},
        {"Ctrl-C before the create", CallState::canceled, false, false, false, true, 0,
         ExitCode::interrupted},
        {"Ctrl-C, end not confirmed", CallState::completed, true, false, false, true, 0,
         ExitCode::not_confirmed},
        {"gone, end not confirmed", CallState::failed, true, false, false, false, 0,
         ExitCode::not_confirmed},
        {"create timed out", CallState::failed, false, false, true, false, 0,
         ExitCode::not_confirmed},
        {"refused by REST", CallState::failed, false, false, false, false, 21211,
         ExitCode::refused},
        {"bad credentials", CallState::failed, false, false, false, false, 20003,
         ExitCode::authentication},
        {"no network", CallState::failed, false, false, false, false, 0, ExitCode::failure},
    };
    for (const auto& row : rows) {
        call::CallSnapshot snapshot;
        snapshot.state = row.state;
        if (row.created) snapshot.sid = CallSid{"CA0123456789abcdef0123456789abcdef"};
        snapshot.end_confirmed = row.confirmed;
        snapshot.outcome_unknown = row.unknown;
        snapshot.carrier_code = row.carrier_code;
        EXPECT_EQ(exit_code_for(snapshot, row.stopped), row.expected) << row.what;
    }
}

TEST(ExitCodes, TellACallThatWasNeverHeardFromAGoodOne) {
    call::CallSnapshot snapshot;
    snapshot.state = CallState::completed;
    snapshot.sid = CallSid{"CA0123456789abcdef0123456789abcdef"};
    snapshot.end_confirmed = true;
    EXPECT_EQ(exit_code_for(snapshot, false), ExitCode::ok) << "hung up at once";
    snapshot.never_heard = true;
    EXPECT_EQ(exit_code_for(snapshot, false), ExitCode::failure);
    EXPECT_EQ(exit_code_for(snapshot, true), ExitCode::ok);
    snapshot.unheard = true;
    EXPECT_EQ(exit_code_for(snapshot, false), ExitCode::public_url_unreachable);
}

TEST(ExitCodes, FollowFromErrors) {
    EXPECT_EQ(exit_code_for(Error{Errc::bad_config, ""}), ExitCode::configuration);
    EXPECT_EQ(exit_code_for(Error{Errc::unauthorized, ""}), ExitCode::authentication);
    EXPECT_EQ(exit_code_for(Error{Errc::refused, ""}), ExitCode::refused);
    EXPECT_EQ(exit_code_for(Error{Errc::no_device, ""}), ExitCode::no_device);
    EXPECT_EQ(exit_code_for(Error{Errc::io, ""}), ExitCode::failure);
}

}  // namespace
}  // namespace bridge::app
