// Lists of calls, and those that are over.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/history_answers.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

using Self = std::shared_ptr<Api>;
using Calls = std::vector<call::CallSnapshot>;
using Found = std::vector<call::FoundCall>;
using Snapshots = std::vector<std::optional<call::CallSnapshot>>;

constexpr std::size_t kPageLimit = 200;
constexpr std::size_t kPageUsual = 50;
/// Of calls that live: whoever asks for these means all, and few have more.
constexpr std::size_t kLivePageUsual = 200;
constexpr std::size_t kMostQuery = 1000;  ///< bytes that are searched for
/// Calls go on between so many that are written down.
constexpr std::size_t kAtOnce = 16;

net::HttpResponse wrong(std::string_view name, std::string what) {
    return problem(422, "bad_field", fmt::format("{}: {}", name, what), name);
}

// --- a place in a list, for a client to bring back; it says nothing to it

std::string format_cursor(const call::CallPlace& place) {
    return fmt::format("{}.{}", place.created.time_since_epoch().count(), place.id);
}

std::optional<call::CallPlace> parse_cursor(std::string_view text) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos || text.size() > 80) return std::nullopt;
    std::chrono::system_clock::rep count = 0;
    const auto* const end = text.data() + dot;
    const auto [stopped, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc() || stopped != end) return std::nullopt;
    using Time = std::chrono::system_clock::time_point;
    return call::CallPlace{Time(Time::duration(count)), CallId(std::string(text.substr(dot + 1)))};
}

/// A list of calls that live begins with the oldest; its cursor is a place in their order.
std::string format_live_cursor(std::uint64_t number) {
    return fmt::format("n{}", number);
}

std::optional<std::uint64_t> parse_live_cursor(std::string_view text) {
    std::uint64_t number = 0;
    if (!text.starts_with('n')) return std::nullopt;
    const auto* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + 1, end, number);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return number;
}

// --- what is asked for

struct ListQuery {
    enum class Which { live, one_state, ended, all } which = Which::live;
    call::CallQuery page;
    std::uint64_t opened_after = 0;  ///< of those that live: the registry's number

    bool of_live_calls() const {
        return which == Which::live || (which == Which::one_state && !is_final(*page.state));
    }
};

/// True: it is one of this list's.
bool read_cursor(std::string_view cursor, ListQuery& out) {
    if (!out.of_live_calls()) {
        out.page.after = parse_cursor(cursor);
        return out.page.after.has_value();
    }
    const auto number = parse_live_cursor(cursor);
    out.opened_after = number.value_or(0);
    return number.has_value();
}

/// As people write numbers: without what they put between the digits.
std::string number_part(std::string text) {
    constexpr std::string_view kBetween = " -()./";
    const bool number = text.find_first_not_of("+0123456789 -()./") == std::string::npos;
    if (number) {
        std::erase_if(text, [&](char c) { return kBetween.find(c) != std::string_view::npos; });
    }
    return text;
}

tl::expected<void, net::HttpResponse> read_state(std::string_view query, ListQuery& out) {
    const auto state = query_value(query, "state");
    if (state == "ended" || (state.empty() && out.page.words)) {
        out.which = ListQuery::Which::ended;
    } else if (state == "all") {
        out.which = ListQuery::Which::all;
    } else if (!state.empty() && state != "live") {
        out.which = ListQuery::Which::one_state;
        out.page.state =
            state == "created" ? call::CallState::created : call::parse_call_state(state);
        if (!out.page.state)
            return tl::unexpected(
                wrong("state",
                      fmt::format("'{}' is none; live, ended, all and Twilio's words are", state)));
    }
    if (out.of_live_calls() && out.page.words)
        return tl::unexpected(
            wrong("state", "calls that are over are searched; with q, ask for ended or all"));
    return {};
}

tl::expected<void, net::HttpResponse> read_filters(std::string_view query, ListQuery& out) {
    auto& page = out.page;
    for (const auto& [name, into] :
         {std::pair{"since", &page.since}, std::pair{"until", &page.until}}) {
        const auto text = query_value(query, name);
        if (text.empty()) continue;
        *into = parse_time(text);
        if (!*into)
            return tl::unexpected(wrong(name, "write the time as 2026-03-04T05:06:07Z (RFC 3339)"));
    }
    page.number = number_part(query_value(query, "number"));
    if (page.number.size() > kMostQuery)
        return tl::unexpected(wrong("number", "that is longer than any number"));
    if (const auto direction = query_value(query, "direction"); !direction.empty()) {
        if (direction != "inbound" && direction != "outbound")
            return tl::unexpected(wrong("direction", "inbound and outbound are allowed"));
        page.direction =
            direction == "inbound" ? call::Direction::inbound : call::Direction::outbound;
    }
    if (const auto cursor = query_value(query, "cursor"); !cursor.empty()) {
        if (!read_cursor(cursor, out))
            return tl::unexpected(wrong("cursor", "it must be the `next` of an answer"));
    }
    page.limit = out.of_live_calls() ? kLivePageUsual : kPageUsual;
    if (const auto limit = query_value(query, "limit"); !limit.empty()) {
        const auto* const end = limit.data() + limit.size();
        const auto [stopped, error] = std::from_chars(limit.data(), end, page.limit);
        if (error != std::errc() || stopped != end || page.limit < 1 || page.limit > kPageLimit)
            return tl::unexpected(wrong("limit", "1 to 200 are allowed"));
    }
    return {};
}

tl::expected<ListQuery, net::HttpResponse> read_list(std::string_view query) {
    ListQuery out;
    if (auto words = query_value(query, "q"); !words.empty()) {
        if (words.size() > kMostQuery)
            return tl::unexpected(wrong("q", "at most 1000 bytes are searched for"));
        out.page.words = std::move(words);
    }
    if (auto good = read_state(query, out); !good) return tl::unexpected(std::move(good.error()));
    if (auto good = read_filters(query, out); !good) return tl::unexpected(std::move(good.error()));
    return out;
}

// --- the calls

asio::awaitable<std::optional<Snapshots>> snapshots_of(Self self, std::vector<CallId> wanted) {
    auto told = std::make_shared<Told<Snapshots>>(self->executor());
    self->parts().calls->snapshots(wanted, self->executor(),
                                   [told](Snapshots calls) { told->tell(std::move(calls)); });
    co_return co_await Told<Snapshots>::wait(told);
}

bool is_wanted(const call::CallSnapshot& call, const call::CallQuery& query) {
    return (!query.state || call.state == *query.state) &&
           (!query.since || call.created >= *query.since) &&
           (!query.until || call.created < *query.until) &&
           (!query.direction || call.direction == *query.direction) &&
           (query.number.empty() || call.to.find(query.number) != std::string::npos ||
            call.from.find(query.number) != std::string::npos) &&
           (!query.after || is_newer(*query.after, place_of(call)));
}

asio::awaitable<Result<Found>> stored_calls(Self self, call::CallQuery query) {
    if (!self->parts().history) co_return Found();
    std::function<void(call::History&, call::History::Told<Found>)> ask =
        [query = std::move(query)](call::History& history, auto told) {
            history.page(query, std::move(told));
        };
    auto asking = ask_history<Found>(std::move(self), std::move(ask));
    co_return co_await std::move(asking);
}

/// One call of a list: a live one, or one of the past.
struct Listed {
    const call::CallSnapshot* live = nullptr;
    const call::FoundCall* stored = nullptr;
    call::CallPlace place() const {
        return live != nullptr ? place_of(*live) : place_of(stored->call);
    }
};

/// Both together, the newest first. What has ended meanwhile is among those of the past already.
std::vector<Listed> merged(const Calls& live, const Found& stored, const call::CallQuery& query) {
    std::unordered_set<CallId> ended;
    std::vector<Listed> past, present, all;
    for (const auto& one : stored) {
        ended.insert(one.call.id);
        past.push_back({nullptr, &one});
    }
    for (const auto& call : live) {
        if (is_wanted(call, query) && !ended.contains(call.id)) present.push_back({&call, nullptr});
    }
    const auto newer = [](const Listed& left, const Listed& right) {
        return is_newer(left.place(), right.place());
    };
    std::sort(present.begin(), present.end(), newer);
    std::merge(past.begin(), past.end(), present.begin(), present.end(), std::back_inserter(all),
               newer);
    return all;
}

/// {"calls", "next"}
asio::awaitable<std::string> list_text(Self self, std::vector<Listed> calls, bool with_matches,
                                       std::optional<std::string> next) {
    std::string text = R"({"calls":[)";
    for (std::size_t i = 0; i < calls.size(); ++i) {
        if (i > 0) text += ',';
        text += calls[i].live != nullptr ? json::serialize(live_call_json(*self, *calls[i].live))
                                         : stored_call_text(*calls[i].stored, with_matches);
        if (i % kAtOnce == kAtOnce - 1) co_await asio::post(self->executor(), asio::use_awaitable);
    }
    text += R"(],"next":)";
    text += next ? json::serialize(json::value(json::string(*next))) : "null";
    co_return text + "}";
}

/// The next ones of those that live, the oldest first.
Answer list_live(Self self, ListQuery query) {
    const auto limit = query.page.limit;
    auto& registry = *self->parts().calls;
    Calls calls;
    std::optional<std::string> next;
    auto after = query.opened_after;
    while (!next) {
        const auto ids = registry.opened_after(after, limit + 1);
        if (ids.empty()) break;
        std::vector<CallId> wanted;
        for (const auto& one : ids) wanted.push_back(one.id);
        auto asking = snapshots_of(self, std::move(wanted));
        auto found = co_await std::move(asking);
        if (!found) co_return no_answer();
        for (std::size_t i = 0; i < ids.size() && !next; ++i) {
            auto& call = (*found)[i];
            const bool listed = call && !is_final(call->state) && is_wanted(*call, query.page);
            if (listed && calls.size() == limit) {
                next = format_live_cursor(after);
            } else {
                if (listed) calls.push_back(std::move(*call));
                after = ids[i].number;
            }
        }
    }
    std::vector<Listed> listed;
    for (const auto& call : calls) listed.push_back({&call});
    auto writing = list_text(self, std::move(listed), false, std::move(next));
    co_return answer_json_text(200, co_await std::move(writing));
}

/// Those of the past and, unless they are searched, those that live or have just ended.
Answer list_newest(Self self, ListQuery query) {
    const auto& page = query.page;
    // A call is over before its last sound is played; until then it is not of the past.
    const bool only_over = query.which != ListQuery::Which::all;
    std::vector<CallId> wanted;
    if (!page.words)
        wanted = only_over ? self->parts().calls->finished() : self->parts().calls->ids();
    auto asking = snapshots_of(self, std::move(wanted));
    auto found = co_await std::move(asking);
    if (!found) co_return no_answer();
    Calls live;
    for (auto& call : *found) {
        if (call && (!only_over || is_final(call->state))) live.push_back(std::move(*call));
    }
    auto one_more = page;
    ++one_more.limit;
    auto reading = stored_calls(self, std::move(one_more));
    const auto stored = co_await std::move(reading);
    if (!stored) co_return history_problem(stored.error());
    auto calls = merged(live, *stored, page);
    std::optional<std::string> next;
    if (calls.size() > page.limit) {
        calls.resize(page.limit);
        next = format_cursor(calls.back().place());
    }
    auto writing = list_text(self, std::move(calls), page.words.has_value(), std::move(next));
    co_return answer_json_text(200, co_await std::move(writing));
}

Answer list(Self self, Asked asked) {
    auto query = read_list(asked.request.query());
    if (!query) co_return std::move(query.error());
    const bool live = query->of_live_calls();
    auto listing = live ? list_live(self, std::move(*query)) : list_newest(self, std::move(*query));
    co_return co_await std::move(listing);
}

Answer forget(Self self, Asked asked) {
    using Call = std::optional<call::StoredCall>;
    const auto name = asked.id;
    const auto lives = problem(409, "wrong_state", fmt::format("call {} is not over", name));
    if (self->parts().calls->find(name)) co_return lives;
    if (!self->parts().history) co_return no_call(name);
    std::function<void(call::History&, call::History::Told<Call>)> ask =
        [name](call::History& history, auto told) { history.find(name, std::move(told)); };
    auto asking = ask_history<Call>(self, std::move(ask));
    auto found = co_await std::move(asking);
    if (!found) co_return history_problem(found.error());
    if (!*found) co_return no_call(name);
    if (!(*found)->ended) co_return lives;
    std::function<void(call::History&, call::History::Told<bool>)> remove =
        [id = (*found)->id](call::History& history, auto told) {
            history.remove(id, std::move(told));
        };
    auto removing = ask_history<bool>(self, std::move(remove));
    auto removed = co_await std::move(removing);
    if (!removed) co_return history_problem(removed.error());
    co_return *removed ? no_content() : no_call(name);
}

}  // namespace

const std::vector<Route>& history_routes() {
    static const std::vector<Route> routes{
        {"GET", "/calls", list},
        {"DELETE", "/calls/{id}/history", forget},
    };
    return routes;
}

}  // namespace bridge::web
