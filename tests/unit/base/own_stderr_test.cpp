#include "base/own_stderr.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace bridge {
namespace {

// In a process of its own: the descriptors are everybody's.
template <class Child>
std::string told_by(Child child) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const auto pid = ::fork();
    if (pid == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        child();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string told;
    char part[256];
    for (ssize_t got; (got = ::read(ends[0], part, sizeof part)) > 0;)
        told.append(part, static_cast<std::size_t>(got));
    ::close(ends[0]);
    ::waitpid(pid, nullptr, 0);
    return told;
}

TEST(OwnStderr, StillReachesTheTerminalWhenDescriptor2IsSentElsewhere) {
    const auto told = told_by([] {
        keep_own_stderr();
        ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
        write_own_stderr("ours\n");
        OwnStderrStream stream;
        stream << "and " << 2 << '\n';
        EXPECT_EQ(::write(STDERR_FILENO, "theirs\n", 7), 7);
    });
    EXPECT_EQ(told, "ours\nand 2\n");
}

TEST(OwnStderr, IsDescriptor2UnlessItWasKept) {
    EXPECT_EQ(told_by([] { write_own_stderr("line\n"); }), "line\n");
}

}  // namespace
}  // namespace bridge
