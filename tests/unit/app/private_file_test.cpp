#include "app/private_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

#include "base/log.hpp"

namespace bridge::app {
namespace {

class PrivateFile : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "private-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string session() { return std::string(page_session(folder_).reveal()); }
    std::filesystem::path file() const { return folder_ / "page-session"; }
    std::filesystem::path folder_;
};

TEST_F(PrivateFile, IsReadByItsOwnerOnlyAndWrittenWhole) {
    ASSERT_TRUE(write_private(folder_ / "one", "first"));
    ASSERT_TRUE(write_private(folder_ / "one", "second"));
    std::ifstream in(folder_ / "one");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "second");
    struct stat facts {};
    ASSERT_EQ(::stat((folder_ / "one").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
    EXPECT_FALSE(write_private(folder_ / "none" / "one", "text"));
}

TEST_F(PrivateFile, ThePagesSessionOutlivesTheProgram) {
    const auto first = session();
    EXPECT_EQ(first.size(), 32U);
    EXPECT_EQ(session(), first);
}

TEST_F(PrivateFile, ThePagesSessionIsMadeAnewWhenOthersCouldReadIt) {
    const auto first = session();
    ASSERT_EQ(::chmod(file().c_str(), 0644), 0);
    const auto second = session();
    EXPECT_NE(second, first);
    EXPECT_EQ(session(), second);
}

TEST_F(PrivateFile, ThePagesSessionIsMadeAnewWhenItIsOldOrBroken) {
    const auto first = session();
    const timespec old{std::time(nullptr) - 31L * 24 * 3600, 0};
    const timespec times[2] = {old, old};
    ASSERT_EQ(::utimensat(AT_FDCWD, file().c_str(), times, 0), 0);
    const auto second = session();
    EXPECT_NE(second, first);
    ASSERT_TRUE(write_private(file(), "short"));
    EXPECT_EQ(session().size(), 32U);
    ASSERT_TRUE(write_private(file(), std::string(31, 'a') + ";"));
    EXPECT_EQ(session().find(';'), std::string::npos);
}

TEST_F(PrivateFile, AFolderThatCannotBeWrittenStillGivesASession) {
    log::Options quiet;
    quiet.write = [](std::string_view) {};
    log::start(quiet);
    EXPECT_EQ(page_session(folder_ / "none").reveal().size(), 32U);
    log::stop();
}

}  // namespace
}  // namespace bridge::app
