// `agentbridge reap`: the calls of former runs, ended one by one over REST, with nothing else
// running.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "app/former_calls.hpp"
#include "app/rest_options.hpp"
#include "app/session.hpp"
#include "base/spawn.hpp"
#include "net/http_client.hpp"

namespace bridge::app {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> settle(std::shared_ptr<call::Journal> journal,
                             std::shared_ptr<call::Carrier> carrier,
                             std::vector<call::JournalEntry> orphans,
                             std::vector<call::OrphanOutcome>& into) {
    const call::SettleOptions options;
    into = co_await call::settle_orphans(std::move(journal), std::move(carrier), std::move(orphans),
                                         options);
}

}  // namespace

Outcome<ReapReport> reap_calls(const Config& config, bool look_only) {
    auto memory = open_memory(config);
    if (!memory) {
        return tl::unexpected(Failure{ExitCode::configuration, memory.error().message});
    }
    ReapReport report;
    report.held = std::move(memory->held);
    if (look_only) {
        report.found = std::move(memory->orphans);
        return report;
    }
    if (memory->orphans.empty()) return report;

    asio::io_context loop;
    std::exception_ptr failed;
    {
        const auto http = net::HttpClient::make(loop.get_executor(), http_options(config));
        auto options = rest_options(config);
        options.total_timeout = 5s;
        options.tries = 2;
        const auto rest =
            std::make_shared<twilio::RestClient>(loop.get_executor(), http, std::move(options));
        asio::co_spawn(loop,
                       settle(memory->journal, rest, std::move(memory->orphans), report.outcomes),
                       [&](std::exception_ptr error) {
                           failed = error;
                           loop.stop();
                       });
        loop.run();
    }
    if (failed) std::rethrow_exception(failed);
    return report;
}

}  // namespace bridge::app
