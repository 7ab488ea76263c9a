#pragma once
// What the routes of the API have in common: answers, and waiting for what another thread tells.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_message.hpp"

namespace bridge::web {

inline constexpr std::string_view kApiPrefix = "/api/v1";
inline constexpr std::size_t kBodyBytes = 16 * 1024;

net::HttpResponse answer_json(int status, const boost::json::value& body);
/// `body` is JSON already.
net::HttpResponse answer_json_text(int status, std::string body);
net::HttpResponse no_answer();
net::HttpResponse no_call(std::string_view id);
net::HttpResponse no_content();

/// The value of one query parameter, decoded; empty: there is none.
std::string query_value(std::string_view query, std::string_view name);

/// "2026-03-04T05:06:07.089Z"
std::string format_time(std::chrono::system_clock::time_point time);
/// As RFC 3339 has it, with Z or an offset. Nothing: it is not.
std::optional<std::chrono::system_clock::time_point> parse_time(std::string_view text);

/// A value that is told later, and waited for. Thread: the executor's, but for `post`.
template <class T>
class Told {
public:
    /// A call answers in a turn of its thread; one that takes so long has a problem of its own.
    static constexpr std::chrono::seconds kPatience{5};

    explicit Told(const boost::asio::any_io_executor& executor) : timer_(executor) {}
    void tell(T value) {
        value_ = std::move(value);
        timer_.cancel();
    }
    /// Tells it from another thread, soon. Thread: any.
    static void post(std::shared_ptr<Told> told, T value) {
        auto executor = told->timer_.get_executor();
        boost::asio::post(executor, [told = std::move(told), value = std::move(value)]() mutable {
            told->tell(std::move(value));
        });
    }
    /// Nothing if it is not told in time.
    static boost::asio::awaitable<std::optional<T>> wait(std::shared_ptr<Told> told) {
        if (!told->value_) {
            told->timer_.expires_after(kPatience);
            co_await told->timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        co_return std::move(told->value_);
    }

private:
    boost::asio::steady_timer timer_;
    std::optional<T> value_;
};

}  // namespace bridge::web
