#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "stores/memory_calls.hpp"
#include "tests/unit/app/run_program.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

call::CallChange kept(const std::string& id, std::chrono::seconds at) {
    call::CallChange change;
    auto& call = change.call;
    call.id = CallId{id};
    call.sid = CallSid{"CA" + id};
    call.to = "+15551234567";
    call.from = "+15005550006";
    call.state = call::CallState::completed;
    call.created = std::chrono::system_clock::time_point(at);
    call.ended = call.created + 75s;
    call.document = R"({"call":")" + id + R"("})";
    return change;
}

/// A store that outlives the command.
class Borrowed final : public call::CallStore {
public:
    explicit Borrowed(stores::MemoryCalls& store) : store_(store) {}
    Result<> write(const std::vector<call::CallChange>& changes) override {
        return store_.write(changes);
    }
    Result<std::vector<call::FoundCall>> page(const call::CallQuery& query) override {
        return store_.page(query);
    }
    Result<std::optional<call::StoredCall>> find(std::string_view name) override {
        return store_.find(name);
    }
    Result<std::string> timeline(const CallId& call) override { return store_.timeline(call); }
    Result<std::vector<call::StoredEvent>> events(const CallId& call) override {
        return store_.events(call);
    }
    Result<std::vector<call::TranscriptPiece>> transcript(const CallId& call) override {
        return store_.transcript(call);
    }
    Result<bool> remove(const CallId& call) override { return store_.remove(call); }
    Result<std::vector<CallId>> ended_before(std::chrono::system_clock::time_point time,
                                             std::size_t limit) override {
        return store_.ended_before(time, limit);
    }
    Result<std::vector<call::StoredCall>> live() override { return store_.live(); }

private:
    stores::MemoryCalls& store_;
};

struct HistoryRun : ProgramRun {
    HistoryRun() {
        parts.history.open = [this](const Config&,
                                    HistoryAccess how) -> Result<std::unique_ptr<call::CallStore>> {
            access = how;
            if (problem) return tl::unexpected(*problem);
            return std::make_unique<Borrowed>(store);
        };
        parts.history.is_left = [](const Config&, const std::string& holder) {
            return holder == "dead";
        };
        parts.history.remove_files = [this](const Config&, const CallId& call) -> Result<> {
            removed += call.str();
            return {};
        };
        auto one = kept("c_1", 100s);
        call::TranscriptPiece piece;
        piece.number = 1;
        piece.final = true;
        piece.begin = 61s;
        piece.text = "my refund\x1B[2J please";
        one.pieces = {piece};
        one.events = {{1, R"({"type":"state"})"}};
        one.timeline = R"({"events":[]})";
        one.call.transcribed = true;
        auto live = kept("c_3", 300s);
        live.call.ended.reset();
        live.call.state = call::CallState::in_progress;
        live.call.instance = "dead";
        store.write({one, kept("c_2", 200s), live});
    }
    Ran history(std::vector<std::string> words) const {
        words.insert(words.begin(), "history");
        return (*this)(words);
    }

    stores::MemoryCalls store;
    HistoryAccess access{};
    std::optional<Error> problem;
    std::string removed;
};

TEST(HistoryCommand, ListsTheNewestFirst) {
    const HistoryRun run;
    const auto ran = run.history({"list"});
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    EXPECT_EQ(ran.out,
              "began (UTC)          call  who              state           time  kept\n"
              "1970-01-01 00:03:20  c_2   to +15551234567  completed      01:15\n"
              "1970-01-01 00:01:40  c_1   to +15551234567  completed      01:15  words\n");
    EXPECT_EQ(run.access, HistoryAccess::reading);
    EXPECT_THAT(run.history({"list", "--state", "all"}).out, HasSubstr("unknown"))
        << "its program has died";
    EXPECT_EQ(run.history({"list", "--state", "busy"}).out, "no calls\n");
    EXPECT_THAT(run.history({"list", "--limit", "1"}).out, Not(HasSubstr("c_1")));
    EXPECT_THAT(run.history({"list", "--since", "1970-01-01T00:03:00Z"}).out,
                Not(HasSubstr("c_1")));
    EXPECT_EQ(run.history({"list", "--until", "1970-01-01"}).out, "no calls\n");
    EXPECT_EQ(run.history({"list", "--json"}).out,
              R"({"calls":[{"call":"c_2","recorded":false,"transcribed":false,"captured":false},)"
              R"({"call":"c_1","recorded":false,"transcribed":true,"captured":false}]})"
              "\n");
}

TEST(HistoryCommand, SearchesAndShowsWhere) {
    const HistoryRun run;
    const auto ran = run.history({"search", "please", "refund"});
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("c_1"));
    EXPECT_THAT(ran.out, HasSubstr("    phone 01:01: my [refund]"));
    EXPECT_THAT(ran.out, Not(HasSubstr("\x1B")));
    EXPECT_THAT(ran.out, Not(HasSubstr("c_2")));
    EXPECT_THAT(run.history({"search", "refund", "--json"}).out, HasSubstr(R"("matches":[)"));
}

TEST(HistoryCommand, ShowsOneCall) {
    const HistoryRun run;
    const auto ran = run.history({"show", "CAc_1"});
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("call      c_1\n"));
    EXPECT_THAT(ran.out, HasSubstr("   01:01  phone: my refund"));
    EXPECT_THAT(run.history({"show", "c_1", "--json"}).out,
                HasSubstr(R"("events":[{"type":"state"}],"transcript":[{"speaker":"far")"));
    const auto none = run.history({"show", "c_9"});
    EXPECT_EQ(none.exit, ExitCode::failure);
    EXPECT_THAT(none.err, HasSubstr("there is no call c_9"));
}

TEST(HistoryCommand, ForgetsACallWithItsFiles) {
    HistoryRun run;
    EXPECT_EQ(run.history({"delete", "c_1"}).exit, ExitCode::ok);
    EXPECT_EQ(run.access, HistoryAccess::writing);
    EXPECT_EQ(run.removed, "c_1");
    EXPECT_FALSE(*run.store.find("c_1"));
    EXPECT_EQ(run.history({"delete", "c_3"}).exit, ExitCode::ok) << "its program has died";
    auto live = kept("c_4", 400s);
    live.call.ended.reset();
    live.call.instance = "alive";
    run.store.write({live});
    const auto ran = run.history({"delete", "c_4"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_THAT(ran.err, HasSubstr("is not over"));
}

TEST(HistoryCommand, ExportsALineForEachCall) {
    HistoryRun run;
    for (int i = 0; i < 450; ++i)
        run.store.write({kept("c_x" + std::to_string(i), 1000s + i * 1s)});
    const auto out = run.history({"export"}).out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 452);
    const auto some = run.history({"export", "--limit", "3"}).out;
    EXPECT_EQ(std::count(some.begin(), some.end(), '\n'), 3);
}

TEST(HistoryCommand, SaysWhatIsWrong) {
    HistoryRun run;
    for (const auto& words : std::vector<std::vector<std::string>>{{"list", "--since", "monday"},
                                                                   {"list", "--state", "odd"},
                                                                   {"list", "--direction", "up"},
                                                                   {"list", "--limit", "0"},
                                                                   {"search"},
                                                                   {"show"},
                                                                   {}})
        EXPECT_EQ(run.history(words).exit, ExitCode::usage);
    run.problem = Error{make_error_code(Errc::io), "the disk is away"};
    const auto ran = run.history({"list"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_EQ(ran.err, "agentbridge: the disk is away\n");
}

}  // namespace
}  // namespace bridge::app
