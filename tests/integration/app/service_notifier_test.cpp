#include "app/service_notifier.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>

#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

/// A service manager: what it is told comes in as datagrams.
class ServiceNotifierTest : public testing::Test {
protected:
    ServiceNotifierTest() {
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    ~ServiceNotifierTest() override { ::close(socket_); }

    std::shared_ptr<ServiceNotifier> open(std::map<std::string, std::string> more = {}) {
        more.emplace("NOTIFY_SOCKET", path_);
        return ServiceNotifier::open(main_.get_executor(), more);
    }
    /// What came since the last time, in one string.
    std::string told() {
        std::string out;
        std::array<char, 512> buffer{};
        for (;;) {
            const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
            if (size < 0) return out;
            out += std::string(buffer.data(), static_cast<std::size_t>(size)) + "|";
        }
    }
    /// So many turns of the watchdog's timer.
    void turn(int times) {
        main_.restart();
        for (int at = 0; at < times; ++at) ASSERT_EQ(main_.run_one_for(5s), 1U);
    }

    TemporaryFolder folder_;
    const std::string path_ = (folder_.path() / "notify").string();
    boost::asio::io_context main_, io_;
    int socket_ = -1;
};

TEST_F(ServiceNotifierTest, SaysReadyAndOnceThatItStops) {
    const auto notifier = open();
    ASSERT_TRUE(notifier);
    notifier->ready("listening on 127.0.0.1:8000\nand more");
    EXPECT_EQ(told(), "READY=1\nSTATUS=listening on 127.0.0.1:8000|");
    notifier->stopping();
    notifier->stopping();
    EXPECT_EQ(told(), "STOPPING=1|");
}

TEST_F(ServiceNotifierTest, FeedsTheWatchdogOnlyWhileEveryLoopTurns) {
    const auto notifier = open({{"WATCHDOG_USEC", "30000"}});
    notifier->watch({main_.get_executor(), io_.get_executor()});
    EXPECT_EQ(told(), "") << "nobody has answered yet";
    turn(1);  // the main loop's own answer
    io_.poll();
    turn(1);
    EXPECT_EQ(told(), "WATCHDOG=1|");
    // The io thread stands still.
    turn(6);
    EXPECT_EQ(told(), "");
    io_.restart();
    EXPECT_EQ(io_.poll(), 1U) << "it was asked once, however long it stood";
    turn(1);
    EXPECT_EQ(told(), "WATCHDOG=1|");
    notifier->stop();
    main_.restart();
    main_.run_for(5s);
    EXPECT_EQ(told(), "");
}

TEST_F(ServiceNotifierTest, AsksNothingWithoutAWatchdogOfItsOwn) {
    for (const auto& environment : {std::map<std::string, std::string>{},
                                    {{"WATCHDOG_USEC", "no"}},
                                    {{"WATCHDOG_USEC", "30000"}, {"WATCHDOG_PID", "1"}}}) {
        const auto notifier = open(environment);
        notifier->watch({io_.get_executor()});
        EXPECT_EQ(io_.poll(), 0U);
    }
}

TEST_F(ServiceNotifierTest, NobodyToTellIsNoTrouble) {
    EXPECT_FALSE(ServiceNotifier::open(main_.get_executor(), {}));
    EXPECT_FALSE(ServiceNotifier::open(main_.get_executor(), {{"NOTIFY_SOCKET", ""}}));
    EXPECT_FALSE(ServiceNotifier::open(main_.get_executor(), {{"NOTIFY_SOCKET", "relative"}}));
    EXPECT_FALSE(ServiceNotifier::open(main_.get_executor(),
                                       {{"NOTIFY_SOCKET", "/" + std::string(200, 'x')}}));
    const auto notifier = open();
    ::unlink(path_.c_str());
    notifier->ready("nobody listens");
    notifier->stopping();
}

}  // namespace
}  // namespace bridge::app
