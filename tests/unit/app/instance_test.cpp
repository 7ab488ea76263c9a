#include "app/instance.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

TEST(Instance, IsAliveUntilItIsLetGo) {
    const TemporaryFolder folder;
    auto instance = Instance::claim(folder.path());
    ASSERT_TRUE(instance) << instance.error().message;
    const auto name = (*instance)->name();
    EXPECT_TRUE(is_alive(folder.path(), name));
    EXPECT_FALSE(is_alive(folder.path(), name + "x")) << "another run with the same process number";
    instance->reset();
    EXPECT_FALSE(is_alive(folder.path(), name));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "instances"));
}

TEST(Instance, TellsWhereItIsToItsOwnerOnly) {
    const TemporaryFolder folder;
    const auto instance = Instance::claim(folder.path());
    ASSERT_TRUE(instance);
    ASSERT_TRUE((*instance)->describe(
        {"https://x.example.net", "http://127.0.0.1:8080", Secret{"the-token"}}));
    const auto file = "instances/" + std::to_string(::getpid()) + ".json";
    const auto text = folder.read(file);
    for (const auto* part : {"https://x.example.net", "http://127.0.0.1:8080", "the-token"})
        EXPECT_NE(text.find(part), std::string::npos) << text;
    struct stat info {};
    ASSERT_EQ(::stat((folder.path() / file).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_TRUE(is_alive(folder.path(), (*instance)->name()));
}

TEST(Instance, OfAKilledProcessIsDeadAndClearedAway) {
    const TemporaryFolder folder;
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const auto child = ::fork();
    if (child == 0) {
        const auto instance = Instance::claim(folder.path());
        const auto name = instance ? (*instance)->name() : std::string("failed");
        if (::write(ready[1], name.data(), name.size()) < 0) ::_exit(1);
        for (;;) ::pause();
    }
    char text[128];
    const auto length = ::read(ready[0], text, sizeof text);
    ASSERT_GT(length, 0);
    const std::string name(text, static_cast<std::size_t>(length));
    EXPECT_TRUE(is_alive(folder.path(), name));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_FALSE(is_alive(folder.path(), name));
    const auto file = folder.path() / "instances" / (std::to_string(child) + ".json");
    EXPECT_TRUE(std::filesystem::exists(file)) << "nobody was left to remove it";
    const auto next = Instance::claim(folder.path());
    EXPECT_FALSE(std::filesystem::exists(file));
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST(Instance, MakesTheStateFolderForItsOwnerOnly) {
    const TemporaryFolder folder;
    const auto state = folder.path() / "a" / "b";
    ASSERT_TRUE(prepare_state_dir(state));
    struct stat info {};
    ASSERT_EQ(::stat(state.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    EXPECT_TRUE(prepare_state_dir(state)) << "it may be there";
}

TEST(Instance, NamesTheFolderItCannotMake) {
    const TemporaryFolder folder;
    folder.write("file", "");
    const auto made = prepare_state_dir(folder.path() / "file" / "state");
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("file"), std::string::npos);
    EXPECT_NE(made.error().message.find("AGENTBRIDGE_STATE_DIR"), std::string::npos);
}

TEST(Instance, IsListedForAsLongAsItsProgramRuns) {
    const TemporaryFolder folder;
    EXPECT_TRUE(running_instances(folder.path()).empty());
    {
        const auto mine = Instance::claim(folder.path());
        ASSERT_TRUE(mine);
        auto seen = running_instances(folder.path());
        ASSERT_EQ(seen.size(), 1U);
        EXPECT_EQ(seen[0].pid, ::getpid());
        EXPECT_EQ(seen[0].control_url, "") << "it has not said yet";
        ASSERT_TRUE((*mine)->describe(
            {"https://x.ngrok.app", "http://127.0.0.1:8080", Secret{"the-token"}}));
        seen = running_instances(folder.path());
        ASSERT_EQ(seen.size(), 1U);
        EXPECT_EQ(seen[0].control_url, "http://127.0.0.1:8080");
        EXPECT_EQ(seen[0].public_url, "https://x.ngrok.app");
        EXPECT_EQ(seen[0].token.reveal(), "the-token");
        folder.write("instances/1.json", "{\"pid\":1}");  // nobody holds it
        EXPECT_EQ(running_instances(folder.path()).size(), 1U);
    }
    EXPECT_TRUE(running_instances(folder.path()).empty());
}

}  // namespace
}  // namespace bridge::app
