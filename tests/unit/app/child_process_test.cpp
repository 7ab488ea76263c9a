#include "app/reach/child_process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>

#include "app/config.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;
using Leash = ChildOptions::Leash;

bool alive(pid_t pid) {
    return ::kill(pid, 0) == 0;
}

template <class Condition>
bool within(std::chrono::milliseconds limit, Condition condition) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

class ChildProcessTest : public testing::TestWithParam<Leash> {
protected:
    ChildOptions shell(const std::string& script) const {
        ChildOptions options;
        options.program = "sh";  // the child is a shell here because a test needs a program
        options.arguments = {"-c", script};
        options.environment = process_environment();
        options.leash = GetParam();
        return options;
    }
    Result<std::unique_ptr<ChildProcess>> start(ChildOptions options) {
        return ChildProcess::start(
            loop.get_executor(), std::move(options),
            [this](const std::string& line) { lines.push_back(line); },
            [this](int status) { exit = status; });
    }
    template <class Condition>
    bool run_until(Condition condition) {
        const auto until = std::chrono::steady_clock::now() + 5s;
        while (!condition() && std::chrono::steady_clock::now() < until) {
            loop.restart();
            loop.run_for(5ms);
        }
        return condition();
    }

    boost::asio::io_context loop{1};
    std::vector<std::string> lines;
    std::optional<int> exit;
};

TEST_P(ChildProcessTest, GivesItsLinesAndHowItEnded) {
    auto child = start(shell("echo one; echo two >&2; printf three; exit 7"));
    ASSERT_TRUE(child) << child.error().message;
    ASSERT_TRUE(run_until([&] { return exit.has_value(); }));
    EXPECT_EQ(exit, 7);
    EXPECT_THAT(lines, testing::UnorderedElementsAre("one", "two", "three"));
}

TEST_P(ChildProcessTest, InheritsNothingButItsOutput) {
    const int opened = ::open("/dev/null", O_RDONLY);
    const int held = ::fcntl(opened, F_DUPFD, 200);  // far from those that ls opens itself
    ::close(opened);
    ASSERT_GE(held, 200);
    auto child = start(shell("ls /dev/fd/; echo done"));
    ASSERT_TRUE(child);
    ASSERT_TRUE(run_until([&] { return exit.has_value(); }));
    EXPECT_THAT(lines, testing::Not(testing::Contains(std::to_string(held))));
    EXPECT_THAT(lines, testing::Contains("done"));
    ::close(held);
}

TEST_P(ChildProcessTest, IsGoneAfterStopEvenIfItDoesNotWantTo) {
    auto child = start(shell("trap '' TERM; echo $$; while :; do sleep 0.05; done"));
    ASSERT_TRUE(child);
    ASSERT_TRUE(run_until([&] { return !lines.empty(); }));
    const auto pid = static_cast<pid_t>(std::stoi(lines.front()));
    EXPECT_TRUE(alive(pid));
    child->reset();
    EXPECT_TRUE(within(1s, [&] { return !alive(pid); }));
    EXPECT_FALSE(exit) << "nobody is told of an end that was asked for";
}

TEST_P(ChildProcessTest, EndsWhenItsParentIsKilled) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto parent = ::fork();
    if (parent == 0) {
        boost::asio::io_context own;
        std::string pid;
        auto child = ChildProcess::start(
            own.get_executor(), shell("trap '' TERM; echo $$; while :; do sleep 0.05; done"),
            [&](const std::string& line) { pid = line; }, [](int) {});
        while (pid.empty()) own.run_for(5ms);
        pid += "\n";
        if (::write(pipe[1], pid.data(), pid.size()) < 0) ::_exit(1);
        own.run_for(60s);
        ::_exit(0);
    }
    ::close(pipe[1]);
    std::string text(32, '\0');
    const auto got = ::read(pipe[0], text.data(), text.size());
    ::close(pipe[0]);
    ASSERT_GT(got, 0);
    const auto pid = static_cast<pid_t>(std::stoi(text));
    EXPECT_TRUE(alive(pid));
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(within(3s, [&] { return !alive(pid); }));
}

TEST_P(ChildProcessTest, SaysWhatCannotBeStarted) {
    ChildOptions options;
    options.leash = GetParam();
    options.program = "no-such-program-here";
    options.environment = {{"PATH", "/usr/bin:/bin"}};
    const auto missing = start(options);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    options.program = "/etc/passwd";
    EXPECT_EQ(start(options).error().code, Errc::not_found);
}

#if defined(__linux__)
INSTANTIATE_TEST_SUITE_P(EveryLeash, ChildProcessTest,
                         testing::Values(Leash::death_signal, Leash::watcher));
#else
INSTANTIATE_TEST_SUITE_P(EveryLeash, ChildProcessTest, testing::Values(Leash::watcher));
#endif

}  // namespace
}  // namespace bridge::app
