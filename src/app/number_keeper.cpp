#include "app/number_keeper.hpp"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "base/spawn.hpp"

namespace bridge::app {
namespace {

constexpr auto kPart = "numbers";
constexpr std::chrono::seconds kFollowAgain{15};

}  // namespace

NumberKeeper::NumberKeeper(asio::any_io_executor main, asio::any_io_executor io,
                           std::shared_ptr<NumberWebhooks> webhooks)
    : main_(main), io_(std::move(io)), webhooks_(std::move(webhooks)), again_(std::move(main)) {}

asio::awaitable<void> NumberKeeper::restore(std::shared_ptr<NumberWebhooks> webhooks) {
    std::string all;
    auto returned = co_await NumberWebhooks::restore(std::move(webhooks), all);
    if (!returned) {
        log::warning(kPart, "{}", returned.error().message);
        co_return;
    }
    for (const auto& one : *returned) {
        if (one.what != ReturnedNumber::What::held)
            log::warning(kPart, "left by a former run: {}", format_returned(one));
    }
}

/// Thread: an io thread, which never holds the keeper.
template <class T>
asio::awaitable<void> NumberKeeper::tell(std::weak_ptr<NumberKeeper> weak,
                                         asio::any_io_executor main, asio::awaitable<T> task,
                                         std::function<void(T)> told) {
    auto result = co_await std::move(task);
    asio::post(main, [weak = std::move(weak), told = std::move(told),
                      result = std::move(result)]() mutable {
        if (const auto keeper = weak.lock()) told(std::move(result));
    });
}

void NumberKeeper::restore_left() {
    spawn(io_, "numbers of a former run", restore(webhooks_));
}

void NumberKeeper::use(std::string number, bool force,
                       std::function<void(Result<UsedNumber>)> told) {
    spawn(io_, "number to use",
          tell(weak_from_this(), main_, NumberWebhooks::use(webhooks_, std::move(number), force),
               std::move(told)));
}

void NumberKeeper::follow() {
    if (ending_) return;
    again_.cancel();
    std::function<void(Result<std::vector<std::string>>)> told =
        [weak = weak_from_this()](const Result<std::vector<std::string>>& followed) {
            if (const auto keeper = weak.lock()) keeper->on_followed(followed);
        };
    spawn(io_, "numbers follow the public address",
          tell(weak_from_this(), main_, NumberWebhooks::follow(webhooks_), std::move(told)));
}

void NumberKeeper::on_followed(const Result<std::vector<std::string>>& told) {
    if (ending_) return;
    if (told) {
        for (const auto& sentence : *told) log::warning(kPart, "{}", sentence);
        return;
    }
    log::error(kPart,
               "inbound calls still go to the former public address: {}; tried again in {} s",
               told.error().message, kFollowAgain.count());
    again_.expires_after(kFollowAgain);
    again_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto keeper = weak.lock();
        if (!error && keeper) keeper->follow();
    });
}

void NumberKeeper::give_back(std::function<void(Result<std::vector<ReturnedNumber>>)> told) {
    if (std::exchange(ending_, true)) return;
    again_.cancel();
    spawn(io_, "numbers given back",
          tell(weak_from_this(), main_, NumberWebhooks::give_back(webhooks_), std::move(told)));
}

}  // namespace bridge::app
