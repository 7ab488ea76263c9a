#include "app/day_count.hpp"

#include <utility>

#include "base/log.hpp"
#include "stores/sqlite_journal.hpp"

namespace bridge::app {

using namespace std::chrono_literals;

std::shared_ptr<DayCount> DayCount::start(boost::asio::any_io_executor executor,
                                          std::filesystem::path journal, std::string account,
                                          std::shared_ptr<DialPolicy> policy) {
    std::shared_ptr<DayCount> made(new DayCount(std::move(executor), std::move(journal),
                                                std::move(account), std::move(policy)));
    made->read();
    return made;
}

DayCount::DayCount(boost::asio::any_io_executor executor, std::filesystem::path journal,
                   std::string account, std::shared_ptr<DialPolicy> policy)
    : timer_(std::move(executor)),
      journal_(std::move(journal)),
      account_(std::move(account)),
      policy_(std::move(policy)) {}

void DayCount::read() {
    const auto now = std::chrono::system_clock::now();
    auto time = stores::read_time_on_calls(journal_, account_, now - 24h, now);
    if (time) {
        failed_ = false;
    } else if (!std::exchange(failed_, true)) {
        log::warning("dial",
                     "the minutes of today's calls are not known, so that none is placed: {}",
                     time.error().message);
    }
    policy_->spoken(std::move(time));
    timer_.expires_after(30s);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (self && !error) self->read();
    });
}

}  // namespace bridge::app
