#pragma once
// Points numbers of the account to this program and gives them back: what was there before is in
// the journal before anything is changed, so that it survives a crash too.
//
//   use ──▶ journal: former values ──▶ REST: our webhooks      ... calls come here ...
//   give_back, restore ──▶ REST: is it still ours? ──▶ REST: former values ──▶ journal: forgotten

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/numbers.hpp"
#include "base/result.hpp"
#include "call/journal.hpp"
#include "twilio/public_url.hpp"
#include "twilio/rest_client.hpp"

namespace bridge::app {

call::NumberRouting routing_of(const twilio::PhoneNumber& number);

struct NumberWebhooksOptions {
    std::shared_ptr<call::Journal> journal;
    twilio::SharedUrl url;  ///< where numbers are pointed to
    /// Whether the program of that name still runs.
    std::function<bool(const std::string& instance)> alive;
    bool local_carrier = false;  ///< it is on this machine, and so reaches loopback addresses
};

/// One thing at a time: each of these waits for those before it. Thread: the executor's, which is
/// the one the REST client may be used on; `busy` from any.
class NumberWebhooks : public std::enable_shared_from_this<NumberWebhooks> {
public:
    NumberWebhooks(boost::asio::any_io_executor executor, std::shared_ptr<twilio::RestClient> rest,
                   NumberWebhooksOptions options);

    /// Calls of `number` (E.164) come here from now on. A number that leads to somebody else, or is
    /// used by another running program, is only taken with `force`. Errors: not_found (the message
    /// lists those there are), bad_config (no voice; an address that the carrier cannot reach),
    /// refused, cancelled (this program is ending), io (journal; nothing was changed), and those of
    /// REST.
    static boost::asio::awaitable<Result<UsedNumber>> use(std::shared_ptr<NumberWebhooks> self,
                                                          std::string number, bool force);
    /// The public address has changed: the numbers of this program follow. Sentences for people
    /// about those that did not, because somebody else has pointed them elsewhere. Errors: those of
    /// REST and journal; it may be asked again.
    static boost::asio::awaitable<Result<std::vector<std::string>>> follow(
        std::shared_ptr<NumberWebhooks> self);
    /// Gives back what this program has, and takes nothing any more. Errors: io.
    static boost::asio::awaitable<Result<std::vector<ReturnedNumber>>> give_back(
        std::shared_ptr<NumberWebhooks> self);
    /// Gives back what no running program has; `number` empty: all, else that one alone, which
    /// may also be one of this program if it is `own`. Errors: io.
    static boost::asio::awaitable<Result<std::vector<ReturnedNumber>>> restore(
        std::shared_ptr<NumberWebhooks> self, std::string number, bool own = false);

    /// There may be something to give back.
    bool busy() const { return busy_.load(); }

private:
    class Turn;
    static boost::asio::awaitable<void> await_turn(std::shared_ptr<NumberWebhooks> self);
    static boost::asio::awaitable<Result<UsedNumber>> use_in_turn(
        std::shared_ptr<NumberWebhooks> self, std::string number, bool force);
    static boost::asio::awaitable<Result<twilio::PhoneNumber>> find(
        std::shared_ptr<NumberWebhooks> self, std::string number);
    static boost::asio::awaitable<ReturnedNumber> put_back(std::shared_ptr<NumberWebhooks> self,
                                                           call::BorrowedNumber number);

    const std::shared_ptr<twilio::RestClient> rest_;
    const NumberWebhooksOptions options_;
    boost::asio::steady_timer next_;  ///< wakes who waits for its turn
    bool taken_ = false;              ///< somebody has the turn
    bool ending_ = false;
    std::atomic<bool> busy_{false};
};

}  // namespace bridge::app
