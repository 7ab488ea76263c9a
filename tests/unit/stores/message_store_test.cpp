#include "stores/message_store.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <csignal>
#include <iterator>

#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::stores {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

/// Files may not grow beyond `bytes`, as on a disk that is full.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int);
};

class MessageStoreTest : public testing::Test {
protected:
    std::shared_ptr<MessageStore> open() {
        auto store = MessageStore::open({folder.path() / "messages", {}, [] {
                                             return std::chrono::sys_days(2026y / 1 / 31) + 9h;
                                         }});
        EXPECT_TRUE(store) << store.error().message;
        return store ? *store : nullptr;
    }
    void keep(MessageStore& store, std::string text) {
        store.keep({CallId{"c_1"}, CallSid{"CA1"}, "+15550001111", "+15550002222", "Ann",
                    "555 1234", std::move(text)},
                   loop.get_executor(),
                   [this](Result<std::string> where) { answers.push_back(std::move(where)); });
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder.path() / "messages"), {}));
    }

    app::TemporaryFolder folder;
    boost::asio::io_context loop;
    std::vector<Result<std::string>> answers;
};

TEST_F(MessageStoreTest, KeepsOneFileForAMessageThatNobodyElseCanRead) {
    auto store = open();
    keep(*store, "Call me \"back\"\n.");
    keep(*store, "Again");
    store.reset();
    EXPECT_TRUE(answers.empty());  // told on the executor, not by the disk's thread
    loop.run();
    ASSERT_EQ(answers.size(), 2U);
    ASSERT_TRUE(answers[0] && answers[1]);
    EXPECT_EQ(*answers[0], folder.path() / "messages/20260131T090000Z-c_1-1.json");
    EXPECT_EQ(*answers[1], folder.path() / "messages/20260131T090000Z-c_1-2.json");
    EXPECT_EQ(json::parse(folder.read("messages/20260131T090000Z-c_1-1.json")),
              json::parse(R"({"time": "2026-01-31T09:00:00Z", "call": "c_1", "call_sid": "CA1",
                              "from": "+15550001111", "to": "+15550002222", "name": "Ann",
                              "number": "555 1234", "text": "Call me \"back\"\n."})"));
    struct stat about {};
    ASSERT_EQ(::stat(answers[0]->c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat((folder.path() / "messages").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0700U);
    EXPECT_EQ(files(), 2U);
}

TEST_F(MessageStoreTest, OnAFullDiskLeavesNothingAndGoesOnWhenThereIsRoom) {
    auto store = open();
    {
        const FullDisk full(20);
        keep(*store, "no room");
        loop.restart();
        while (answers.empty()) {
            loop.restart();
            loop.run_for(10ms);
        }
    }
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::io);
    EXPECT_NE(answers[0].error().message.find("cannot be written"), std::string::npos);
    EXPECT_EQ(answers[0].error().message.find("no room"), std::string::npos);
    EXPECT_EQ(files(), 0U);
    keep(*store, "room");
    store.reset();
    loop.restart();
    loop.run();
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_TRUE(answers[1]);
    EXPECT_EQ(files(), 1U);
}

TEST_F(MessageStoreTest, SaysWhenTheFolderCannotBeUsed) {
    const auto store = MessageStore::open({"/proc/messages"});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::io);
    EXPECT_NE(store.error().message.find("/proc/messages"), std::string::npos);
}

}  // namespace
}  // namespace bridge::stores
