#pragma once
// The calls of a running program, followed from outside: fetched when something happens, and told
// as it happens.
//
//   GET /events ──▶ FollowedCalls ──▶ heard()       each event
//                        └─ GET /calls ──▶ changed()   what the calls are then

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "app/control_client.hpp"
#include "base/ids.hpp"

namespace bridge::app {

/// Thread: the executor's, for every member. It makes no call once `ended` was told or it was
/// stopped.
class FollowedCalls : public std::enable_shared_from_this<FollowedCalls> {
public:
    struct Parts {
        boost::asio::any_io_executor executor;
        std::shared_ptr<ControlClient> client;
        /// Their figures are to be fetched once a second, whatever happens, and their levels heard.
        bool figures = false;
        /// The events can be heard: nothing that happens from now on is missed. May be empty.
        std::function<void()> ready{};
        /// `list`: {"calls": […]}, those that live.
        std::function<void(const boost::json::value& list)> changed;
        std::function<void(const boost::json::value& event)> heard{};  ///< may be empty
        /// The program does not answer any more, or never did.
        std::function<void(Failure)> ended;
    };
    explicit FollowedCalls(Parts parts);

    void start();
    void stop();
    /// The connection has been up.
    bool answered() const { return answered_; }
    /// This call alone matters from now on, also when it is over. Empty: none, until there is one.
    void only(CallId call);
    /// Something has changed: they are fetched again, soon.
    void look();

private:
    using Self = std::shared_ptr<FollowedCalls>;
    static boost::asio::awaitable<void> listen(Self self);
    static boost::asio::awaitable<void> fetch(Self self);
    static boost::asio::awaitable<Outcome<boost::json::value>> current(Self self);
    void tick();
    bool take(std::string_view piece);
    void take_events();
    void take_event(std::string_view event);
    void end(Failure failure);

    const Parts parts_;
    boost::asio::steady_timer second_, pause_, retry_;
    std::string text_;        ///< of the stream, not yet taken
    std::string last_event_;  ///< its id
    bool all_ = true;         ///< else only_
    CallId only_;
    bool answered_ = false, fetching_ = false, again_ = false, stopped_ = false;
};

}  // namespace bridge::app
