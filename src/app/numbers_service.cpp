// `agentbridge numbers list` and `restore`: done over REST, with nothing else running.

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "app/former_calls.hpp"
#include "app/number_webhooks.hpp"
#include "app/numbers.hpp"
#include "app/rest_options.hpp"
#include "net/http_client.hpp"
#include "stores/sqlite_journal.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kRest = 5s;

Failure failure(const Error& error) {
    return {exit_for_number(error), error.message};
}

std::shared_ptr<twilio::RestClient> rest_client(const Config& config, asio::io_context& loop) {
    auto options = rest_options(config);
    options.total_timeout = kRest;
    options.tries = 2;
    return std::make_shared<twilio::RestClient>(
        loop.get_executor(), net::HttpClient::make(loop.get_executor(), http_options(config)),
        std::move(options));
}

/// Runs one task to its end; what it uses lives in `loop` as long.
template <class T>
T run(asio::io_context& loop, asio::awaitable<T> task) {
    std::optional<T> result;
    std::exception_ptr failed;
    asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
        failed = error;
        if (!error) result.emplace(std::move(value));
        loop.stop();
    });
    loop.run();
    if (failed) std::rethrow_exception(failed);
    return std::move(*result);
}

}  // namespace

Outcome<std::vector<NumberRow>> list_numbers(const Config& config) {
    auto borrowed =
        stores::read_borrowed_numbers(config.state_dir / "journal.db", account_key(config));
    if (!borrowed) return tl::unexpected(failure(borrowed.error()));
    std::vector<std::string> bases{config.public_url};
    for (const auto& one : running_instances(config.state_dir)) bases.push_back(one.public_url);

    asio::io_context loop{1};
    const auto rest = rest_client(config, loop);
    const auto numbers = run(loop, rest->numbers());
    if (!numbers) return tl::unexpected(failure(numbers.error()));
    std::vector<NumberRow> rows;
    for (const auto& number : *numbers) {
        NumberRow row;
        row.sid = number.sid;
        row.number = number.number;
        row.voice = number.voice;
        row.routing = routing_of(number);
        const auto found = std::find_if(borrowed->begin(), borrowed->end(),
                                        [&](const auto& one) { return one.sid == number.sid; });
        auto ours = bases;
        bool left = false;
        if (found != borrowed->end()) {
            row.borrowed = *found;
            left = !is_alive(config.state_dir, found->instance);
            ours.insert(ours.end(), found->bases.begin(), found->bases.end());
        }
        row.target = target_of(row.routing, ours, left);
        rows.push_back(std::move(row));
    }
    return rows;
}

Outcome<std::vector<ReturnedNumber>> restore_numbers(const Config& config,
                                                     const std::string& number) {
    auto memory = open_memory(config);
    if (!memory) return tl::unexpected(Failure{ExitCode::configuration, memory.error().message});
    asio::io_context loop{1};
    NumberWebhooksOptions options;
    options.journal = memory->journal;
    options.alive = [folder = config.state_dir](const std::string& name) {
        return is_alive(folder, name);
    };
    options.local_carrier = config.carrier_is_local();
    const auto webhooks = std::make_shared<NumberWebhooks>(
        loop.get_executor(), rest_client(config, loop), std::move(options));
    auto returned = run(loop, NumberWebhooks::restore(webhooks, number));
    // Nothing comes from its thread any more when the loop goes.
    memory->journal->close();
    if (!returned) return tl::unexpected(failure(returned.error()));
    return std::move(*returned);
}

}  // namespace bridge::app
