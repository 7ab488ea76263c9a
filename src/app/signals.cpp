#include "app/signals.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

namespace bridge::app {

struct Signals::State : std::enable_shared_from_this<State> {
    State(boost::asio::any_io_executor executor, std::function<void(Stop)> tell)
        : set(std::move(executor), SIGINT, SIGTERM, SIGHUP), on_stop(std::move(tell)) {}

    void wait() {
        set.async_wait([self = shared_from_this()](boost::system::error_code error, int) {
            if (error || !self->on_stop) return;
            self->wait();
            const auto how = self->stopping ? Stop::forced : Stop::graceful;
            self->stopping = true;
            // A copy: the handler may destroy us.
            const auto tell = self->on_stop;
            tell(how);
        });
    }

    boost::asio::signal_set set;
    std::function<void(Stop)> on_stop;
    bool stopping = false;
};

Signals::Signals(boost::asio::any_io_executor executor, std::function<void(Stop)> on_stop)
    : state_(std::make_shared<State>(std::move(executor), std::move(on_stop))) {
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
    std::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c)  a full quota is an error of write()
    state_->wait();
}

Signals::~Signals() {
    state_->on_stop = nullptr;
    boost::system::error_code ignored;
    state_->set.cancel(ignored);
}

}  // namespace bridge::app
