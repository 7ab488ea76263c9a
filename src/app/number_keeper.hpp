#pragma once
// The running program's side of its numbers: NumberWebhooks works on an io thread, what comes of
// it is wanted on the main thread, and an address that could not be followed is followed later.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/number_webhooks.hpp"

namespace bridge::app {

/// Thread: main's executor, for every member and handler. No handler is called once it is gone.
class NumberKeeper : public std::enable_shared_from_this<NumberKeeper> {
public:
    /// `io`: the executor of `webhooks`.
    NumberKeeper(boost::asio::any_io_executor main, boost::asio::any_io_executor io,
                 std::shared_ptr<NumberWebhooks> webhooks);

    /// Gives back what a program has left that has ended. What becomes of it is logged.
    void restore_left();
    void use(std::string number, bool force, std::function<void(Result<UsedNumber>)> told);
    /// The public address is another one. Logged, and tried again every 15 seconds.
    void follow();
    /// Gives back what this program has; takes nothing any more. `told` once, unless it takes
    /// for ever.
    void give_back(std::function<void(Result<std::vector<ReturnedNumber>>)> told);

private:
    static boost::asio::awaitable<void> restore(std::shared_ptr<NumberWebhooks> webhooks);
    template <class T>
    static boost::asio::awaitable<void> tell(std::weak_ptr<NumberKeeper> weak,
                                             boost::asio::any_io_executor main,
                                             boost::asio::awaitable<T> task,
                                             std::function<void(T)> told);
    void on_followed(const Result<std::vector<std::string>>& told);

    const boost::asio::any_io_executor main_, io_;
    const std::shared_ptr<NumberWebhooks> webhooks_;
    boost::asio::steady_timer again_;
    bool ending_ = false;
};

}  // namespace bridge::app
