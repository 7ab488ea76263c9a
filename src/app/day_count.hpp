#pragma once
// Tells the dial policy how long calls took in the last 24 hours: at once, and every half minute
// from then on. From the journal, which outlives this program and is shared with others.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "app/dial_policy.hpp"

namespace bridge::app {

/// Thread: the executor's, for every member. Reads the disk, a few milliseconds.
class DayCount : public std::enable_shared_from_this<DayCount> {
public:
    static std::shared_ptr<DayCount> start(boost::asio::any_io_executor executor,
                                           std::filesystem::path journal, std::string account,
                                           std::shared_ptr<DialPolicy> policy);
    void stop() { timer_.cancel(); }

private:
    DayCount(boost::asio::any_io_executor executor, std::filesystem::path journal,
             std::string account, std::shared_ptr<DialPolicy> policy);
    void read();

    boost::asio::steady_timer timer_;
    const std::filesystem::path journal_;
    const std::string account_;
    const std::shared_ptr<DialPolicy> policy_;
    bool failed_ = false;
};

}  // namespace bridge::app
