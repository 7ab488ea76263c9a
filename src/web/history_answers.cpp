#include "web/history_answers.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "web/json.hpp"
#include "web/problem.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;

json::string json_text(std::string_view text) {
    return json::string(text.data(), text.size());
}

json::array matches_json(const std::vector<call::TextMatch>& matches) {
    json::array out;
    for (const auto& match : matches) {
        json::object one{{"where", json_text(call::to_string(match.where))},
                         {"snippet", match.snippet}};
        if (match.speaker) one["speaker"] = json_text(call::to_string(*match.speaker));
        if (match.begin) one["begin_ms"] = match.begin->count();
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

json::object live_call_json(const Api& api, const call::CallSnapshot& call) {
    auto out = call_json(call, api.parts().desk->place(call.id));
    out["recorded"] = !call.recording.file.empty();
    out["transcribed"] = call.transcription.status != call::TranscriptionStatus::none;
    return out;
}

std::string stored_call_text(const call::FoundCall& found, bool with_matches) {
    const auto& call = found.call;
    // The document is an object of ours; it is not read only to be written again.
    auto text = call.document;
    if (text.ends_with('}')) text.pop_back();
    if (text.empty()) text = "{";
    text += fmt::format(R"({}"recorded":{},"transcribed":{},"captured":{})",
                        text.size() > 1 ? "," : "", call.recorded, call.transcribed, call.captured);
    if (with_matches) text += ",\"matches\":" + json::serialize(matches_json(found.matches));
    return text + "}";
}

net::HttpResponse history_problem(const Error& error) {
    if (error.code == Errc::timed_out) return problem(504, "timed_out", error.message);
    if (error.code == Errc::not_found) return problem(404, "not_found", error.message);
    return problem(503, "no_history", error.message);
}

Answer show_stored(std::shared_ptr<Api> api, std::string name, int status) {
    using Found = std::optional<call::StoredCall>;
    if (!api->parts().history) co_return no_call(name);
    std::function<void(call::History&, call::History::Told<Found>)> ask =
        [name](call::History& history, auto told) { history.find(name, std::move(told)); };
    auto asking = ask_history<Found>(std::move(api), std::move(ask));
    auto found = co_await std::move(asking);
    if (!found) co_return history_problem(found.error());
    if (!*found) co_return no_call(name);
    const call::FoundCall call{std::move(**found)};
    co_return answer_json_text(status, stored_call_text(call, false));
}

Answer show_stored_timeline(std::shared_ptr<Api> api, std::string name) {
    using Found = std::optional<call::StoredTimeline>;
    if (!api->parts().history) co_return no_call(name);
    std::function<void(call::History&, call::History::Told<Found>)> ask =
        [name](call::History& history, auto told) { history.timeline(name, std::move(told)); };
    auto asking = ask_history<Found>(std::move(api), std::move(ask));
    auto found = co_await std::move(asking);
    if (!found) co_return history_problem(found.error());
    if (!*found) co_return no_call(name);
    co_return answer_json_text(200, (*found)->document);
}

std::optional<call::TranscriptDocument> stored_transcript(call::StoredTranscript stored) {
    call::TranscriptDocument out;
    out.call = stored.call.id;
    out.pieces = std::move(stored.pieces);
    boost::system::error_code error;
    const auto document = json::parse(stored.call.document, error);
    const auto* call = error ? nullptr : document.if_object();
    const auto* state = call == nullptr ? nullptr : call->if_contains("transcription");
    if (state != nullptr && state->is_object()) {
        const auto& about = state->get_object();
        const auto* engine = about.if_contains("engine");
        const auto* status = about.if_contains("status");
        if (engine != nullptr && engine->is_string()) out.engine = engine->get_string();
        out.complete = status != nullptr && *status == "off" && !about.contains("reason");
    }
    if (out.pieces.empty() && !stored.call.transcribed && state == nullptr) return std::nullopt;
    return out;
}

}  // namespace bridge::web
