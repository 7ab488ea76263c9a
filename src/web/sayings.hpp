#pragma once
// What is said and played into a call by request, and the call's timeline:
//
//   POST …/calls/{id}/say       {"text", "interrupt"?}    Flite speaks it
//   POST …/calls/{id}/play      a WAV file
//   GET  …/calls/{id}/timeline

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "call/call_registry.hpp"
#include "net/http_message.hpp"

namespace bridge::web {

/// Speech of a text: 8 kHz, mono. Runs on a worker. Errors: too_large, internal.
using Synthesize = std::function<Result<std::vector<std::int16_t>>(const std::string& text)>;

/// Thread: the executor's, for every member.
class Sayings : public std::enable_shared_from_this<Sayings> {
public:
    using Answer = boost::asio::awaitable<net::HttpResponse>;
    /// What `play` takes.
    static constexpr std::size_t kMostBytes = 20 * 1024 * 1024;
    static constexpr std::size_t kMostCharacters = 2000;

    /// `calls` and `pool` outlive it. Empty `synthesize`: nothing can be said here, only played.
    Sayings(boost::asio::any_io_executor executor, call::CallRegistry& calls, WorkerPool& pool,
            Synthesize synthesize)
        : executor_(std::move(executor)),
          calls_(calls),
          pool_(pool),
          synthesize_(std::move(synthesize)) {}

    /// Whether a request may bring a body of kMostBytes.
    static bool is_play(const net::HttpRequest& head);

    static Answer say(std::shared_ptr<Sayings> self, CallId id, net::HttpRequest request);
    static Answer play(std::shared_ptr<Sayings> self, CallId id, net::HttpRequest request);
    /// `name`: CallId or CallSid, of a call that lives or of one of the last that ended.
    static Answer timeline(std::shared_ptr<Sayings> self, std::string name);

private:
    static Answer hand_in(std::shared_ptr<Sayings> self, CallId id,
                          std::vector<std::int16_t> samples, bool interrupt);

    const boost::asio::any_io_executor executor_;
    call::CallRegistry& calls_;
    WorkerPool& pool_;
    const Synthesize synthesize_;
};

}  // namespace bridge::web
