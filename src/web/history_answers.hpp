#pragma once
// Calls that are over, as the routes of the API show them: from the history, which is asked on a
// thread of its own and waited for here.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "call/history.hpp"
#include "call/transcript_document.hpp"
#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/routes.hpp"

namespace bridge::web {

/// A call that lives, with what the desk knows and what is kept of it.
boost::json::object live_call_json(const Api& api, const call::CallSnapshot& call);
/// A call as the history has it: JSON text. `with_matches`: where it has what was searched for.
std::string stored_call_text(const call::FoundCall& found, bool with_matches);

/// What was taken down of it; nothing: it was not.
std::optional<call::TranscriptDocument> stored_transcript(call::StoredTranscript stored);

/// The answer when the history did not answer.
net::HttpResponse history_problem(const Error& error);

/// `name`: CallId or CallSid.
Answer show_stored(std::shared_ptr<Api> api, std::string name, int status);
Answer show_stored_timeline(std::shared_ptr<Api> api, std::string name);

/// Asks the history and waits for what it tells. Errors: as call::History has them, not_found
/// (there is no history), timed_out.
template <class T>
boost::asio::awaitable<Result<T>> ask_history(
    std::shared_ptr<Api> api,
    std::function<void(call::History& history, call::History::Told<T> told)> ask) {
    const auto history = api->parts().history;
    if (!history) co_return fail(Errc::not_found, "this program has no history");
    auto told = std::make_shared<Told<Result<T>>>(api->executor());
    ask(*history, [told](Result<T> result) { Told<Result<T>>::post(told, std::move(result)); });
    auto result = co_await Told<Result<T>>::wait(told);
    if (!result) co_return fail(Errc::timed_out, "the history does not answer");
    co_return std::move(*result);
}

}  // namespace bridge::web
