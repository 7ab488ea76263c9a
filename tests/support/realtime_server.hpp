#pragma once
// A Realtime service for tests, strict where OpenAI's is: written from its reference. It listens,
// answers with tones, calls functions, and fails in every way it is told to.

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/http_server.hpp"
#include "tests/support/realtime_talk.hpp"

namespace bridge::test {

/// Thread: the loop's, for every member but `listen` and `port`.
class RealtimeServer : public std::enable_shared_from_this<RealtimeServer> {
public:
    static Result<std::shared_ptr<RealtimeServer>> listen(boost::asio::any_io_executor executor,
                                                          Clock& clock,
                                                          RealtimeServiceOptions options);
    RealtimeServer(Clock& clock, RealtimeServiceOptions options);

    std::uint16_t port() const { return http_->port(); }
    std::string url() const { return "ws://127.0.0.1:" + std::to_string(port()) + "/v1/realtime"; }
    void start() { http_->start(); }
    /// Ends every session and takes no more.
    void stop();

    RealtimeScript& script() { return script_; }
    RealtimeServiceOptions& options() { return options_; }
    /// All sessions so far, the newest last.
    const std::vector<std::shared_ptr<RealtimeTalk>>& talks() const { return talks_; }
    /// Sessions that were asked for, whether they came to be or not.
    int asked() const { return asked_; }

private:
    void upgrade(net::Upgrade upgrade);

    Clock& clock_;
    RealtimeServiceOptions options_;
    RealtimeScript script_;
    std::shared_ptr<net::HttpServer> http_;
    std::vector<std::shared_ptr<RealtimeTalk>> talks_;
    int asked_ = 0;
};

}  // namespace bridge::test
