#pragma once
// Tells the service manager that started this program how it does: READY=1, STOPPING=1, and
// WATCHDOG=1 as long as every io thread turns. systemd's protocol (sd_notify(3)): datagrams to the
// socket that NOTIFY_SOCKET names.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bridge::app {

/// Thread: the executor's, for every member. Nothing here blocks: what the manager does not take
/// at once is not said.
class ServiceNotifier : public std::enable_shared_from_this<ServiceNotifier> {
public:
    /// Null when nobody is to be told. `environment`: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
    static std::shared_ptr<ServiceNotifier> open(
        boost::asio::any_io_executor executor,
        const std::map<std::string, std::string>& environment);
    ~ServiceNotifier();
    ServiceNotifier(const ServiceNotifier&) = delete;
    ServiceNotifier& operator=(const ServiceNotifier&) = delete;

    /// Calls are taken from now on. `status`: one line for people.
    void ready(std::string_view status);
    /// Three times within the watchdog's time each of `loops` is asked for a sign of life; the
    /// manager gets its own only when all have answered. Nothing is asked where there is no
    /// watchdog.
    void watch(std::vector<boost::asio::any_io_executor> loops);
    /// Once; the watchdog is kept content until `stop`.
    void stopping();
    /// Says nothing any more.
    void stop();

private:
    ServiceNotifier(boost::asio::any_io_executor executor, int socket, std::string path,
                    std::chrono::microseconds watchdog);
    void send(std::string_view text);
    void ask();

    boost::asio::steady_timer timer_;
    const int socket_;
    const std::string path_;
    const std::chrono::microseconds watchdog_;  ///< 0: there is none
    bool stopping_ = false;
    std::vector<boost::asio::any_io_executor> loops_;
    /// How many have answered; a round has one of its own, so that a late answer is nobody's.
    std::shared_ptr<std::atomic<std::size_t>> answered_;
};

}  // namespace bridge::app
