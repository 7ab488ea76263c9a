// Recordings of calls: made, listed, heard and deleted.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/fields.hpp"
#include "web/file_body.hpp"
#include "web/history_answers.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

using Self = std::shared_ptr<Api>;
using Library = std::shared_ptr<RecordingLibrary>;

/// What a recording is shown with of its call, live or over.
struct KnownCall {
    CallId id;
    CallSid sid;
    std::string to, from;
    call::Direction direction = call::Direction::outbound;
};
using Found = std::optional<KnownCall>;

constexpr std::size_t kPageLimit = 200, kPageUsual = 50;
constexpr std::size_t kFewestBuckets = 50, kMostBuckets = 4000, kUsualBuckets = 800;

net::HttpResponse no_recordings() {
    return problem(404, "not_found", "this program keeps no recordings");
}

net::HttpResponse no_recording(std::string_view what) {
    return problem(404, "no_recording", fmt::format("there is no recording of {}", what));
}

std::string_view type_of(std::string_view format) {
    return format == "flac" ? "audio/flac" : format == "opus" ? "audio/ogg" : "audio/wav";
}

/// Runs `work` where it may wait for the disk.
template <class Work>
auto on_worker(const Self& self, Work work) {
    return offload(self->parts().recordings->workers(), self->executor(), std::move(work),
                   asio::use_awaitable);
}

/// Nothing: neither a call that lives nor the history has that name.
asio::awaitable<Found> known_call(Self self, std::string name) {
    if (const auto id = self->parts().calls->find(name)) {
        auto told = std::make_shared<Told<Found>>(self->executor());
        self->parts().calls->visit(*id, [told](call::Call* call) {
            Found known;
            if (call != nullptr) {
                const auto now = call->snapshot();
                known = KnownCall{now.id, now.sid, now.to, now.from, now.direction};
            }
            Told<Found>::post(told, std::move(known));
        });
        auto found = co_await Told<Found>::wait(told);
        if (found && *found) co_return std::move(*found);
    }
    using Stored = std::optional<call::StoredCall>;
    std::function<void(call::History&, call::History::Told<Stored>)> ask =
        [name](call::History& history, auto told) { history.find(name, std::move(told)); };
    auto asking = ask_history<Stored>(self, std::move(ask));
    auto stored = co_await std::move(asking);
    if (!stored || !*stored) co_return Found();
    auto& call = **stored;
    co_return Found(KnownCall{std::move(call.id), std::move(call.sid), std::move(call.to),
                              std::move(call.from), call.direction});
}

json::object entry_json(const RecordingEntry& entry, const Found& call) {
    json::array formats;
    for (const auto& format : entry.formats) formats.emplace_back(format);
    json::object out{{"name", entry.name},
                     {"call", entry.call.str()},
                     {"call_sid", call ? call->sid.str() : std::string()},
                     {"began", format_time(entry.began)},
                     {"duration_ms", entry.duration.count()},
                     {"offset_ms", entry.offset.count()},
                     {"bytes", entry.bytes},
                     {"formats", std::move(formats)},
                     {"live", entry.live},
                     {"source", entry.by_carrier ? "twilio" : "bridge"}};
    if (call) {
        out["to"] = call->to;
        out["from"] = call->from;
        out["direction"] = call->direction == call::Direction::outbound ? "outbound" : "inbound";
    }
    return out;
}

// --- the list

struct ListQuery {
    std::string call, before;
    std::optional<std::chrono::system_clock::time_point> since;
    std::size_t limit = kPageUsual;
};

tl::expected<ListQuery, net::HttpResponse> read_list(std::string_view query) {
    ListQuery out;
    out.call = query_value(query, "call");
    out.before = query_value(query, "cursor");
    if (const auto since = query_value(query, "since"); !since.empty()) {
        out.since = parse_time(since);
        if (!out.since)
            return tl::unexpected(
                problem(422, "bad_field",
                        "since: write the time as 2026-03-04T05:06:07Z (RFC 3339)", "since"));
    }
    if (const auto limit = query_value(query, "limit"); !limit.empty()) {
        const auto* const end = limit.data() + limit.size();
        const auto [stopped, error] = std::from_chars(limit.data(), end, out.limit);
        if (error != std::errc() || stopped != end || out.limit < 1 || out.limit > kPageLimit)
            return tl::unexpected(
                problem(422, "bad_field", "limit: 1 to 200 are allowed", "limit"));
    }
    return out;
}

/// The part of the list that was asked for, and one more if there is.
std::vector<RecordingEntry> select(const RecordingLibrary& library, const ListQuery& query) {
    std::vector<RecordingEntry> out;
    for (auto& entry : library.list()) {
        if (!query.call.empty() && entry.call.str() != query.call) continue;
        if (query.since && entry.began < *query.since) continue;
        if (!query.before.empty() && entry.name >= query.before) continue;
        library.look_into(entry);
        out.push_back(std::move(entry));
        if (out.size() > query.limit) break;
    }
    return out;
}

Answer list(Self self, Asked asked) {
    const auto library = self->parts().recordings;
    if (!library) co_return no_recordings();
    auto query = read_list(asked.request.query());
    if (!query) co_return std::move(query.error());
    if (!query->call.empty()) {
        if (const auto call = co_await known_call(self, query->call)) query->call = call->id.str();
    }
    auto work = [library, query = *query]() -> Result<std::vector<RecordingEntry>> {
        return select(*library, query);
    };
    auto entries = co_await on_worker(self, std::move(work));
    if (!entries) co_return problem_of(entries.error());
    json::object body;
    body["next"] = nullptr;
    if (entries->size() > query->limit) {
        entries->resize(query->limit);
        body["next"] = entries->back().name;
    }
    json::array out;
    for (const auto& entry : *entries) {
        const auto call = co_await known_call(self, entry.call.str());
        out.push_back(entry_json(entry, call));
    }
    body["recordings"] = std::move(out);
    co_return answer_json(200, body);
}

/// A recording goes. The call whose last one it was; nothing: it has others.
Result<std::optional<CallId>> remove_one(const RecordingLibrary& library, const std::string& name) {
    std::optional<CallId> call;
    for (auto& entry : library.list()) {
        if (entry.name == name) call = std::move(entry.call);
    }
    if (auto removed = library.remove(name); !removed) return tl::unexpected(removed.error());
    for (const auto& entry : library.list()) {
        if (call && entry.call == *call) call.reset();
    }
    return call;
}

Answer remove(Self self, Asked asked) {
    const auto library = self->parts().recordings;
    if (!library) co_return no_recordings();
    auto work = [library, name = asked.id] { return remove_one(*library, name); };
    auto removed = co_await on_worker(self, std::move(work));
    if (removed && *removed && self->parts().history) {
        const std::function<void(call::History&, call::History::Told<bool>)> mark =
            [call = **removed](call::History& history, call::History::Told<bool> told) {
                history.mark(call, false, {}, std::move(told));
            };
        auto marking = ask_history<bool>(self, mark);
        const auto marked = co_await std::move(marking);
        if (!marked)
            log::warning({"call", **removed}, "the history still says that it was recorded: {}",
                         marked.error().message);
    }
    if (removed) co_return no_content();
    if (removed.error().code == Errc::not_found) co_return no_recording(asked.id);
    if (removed.error().code == Errc::refused)
        co_return problem(409, "wrong_state", removed.error().message);
    co_return problem_of(removed.error());
}

// --- the recording of a call

/// The last one of a call. Errors: not_found.
Result<RecordingEntry> last_of(const RecordingLibrary& library, const std::string& call) {
    for (auto& entry : library.list()) {
        if (entry.call.str() == call) return std::move(entry);
    }
    return fail(Errc::not_found, "there is no recording of " + call);
}

net::HttpResponse recording_problem(const Error& error) {
    if (error.code == Errc::not_found) return problem(404, "no_recording", error.message);
    return problem_of(error);
}

Answer show(Self self, Asked asked) {
    const auto library = self->parts().recordings;
    if (!library) co_return no_recordings();
    const auto call = co_await known_call(self, asked.id);
    auto work = [library, id = call ? call->id.str() : asked.id]() -> Result<RecordingEntry> {
        auto entry = last_of(*library, id);
        if (entry) library->look_into(*entry);
        return entry;
    };
    auto entry = co_await on_worker(self, std::move(work));
    if (!entry) co_return recording_problem(entry.error());
    co_return answer_json(200, json::object{{"recording", entry_json(*entry, call)}});
}

struct FoundFile {
    std::string path, name;
};

/// The verb is "recording.wav" and the like.
Answer sound(Self self, Asked asked) {
    const auto library = self->parts().recordings;
    if (!library) co_return no_recordings();
    const std::string format(asked.verb.substr(asked.verb.find('.') + 1));
    const auto call = co_await known_call(self, asked.id);
    auto work = [library, format, id = call ? call->id.str() : asked.id]() -> Result<FoundFile> {
        auto entry = last_of(*library, id);
        if (!entry) return tl::unexpected(entry.error());
        auto path = library->file(*entry, format);
        if (!path) return tl::unexpected(path.error());
        return FoundFile{std::move(*path), fmt::format("{}.{}", entry->name, format)};
    };
    auto found = co_await on_worker(self, std::move(work));
    if (!found) co_return recording_problem(found.error());
    co_return answer_file(asked.request, found->path, type_of(format), found->name,
                          library->workers(), self->executor());
}

json::array levels_json(const std::vector<float>& levels) {
    json::array out;
    out.reserve(levels.size());
    for (const auto level : levels) out.emplace_back(std::round(level * 1000.0) / 1000.0);
    return out;
}

Answer peaks(Self self, Asked asked) {
    const auto library = self->parts().recordings;
    if (!library) co_return no_recordings();
    std::size_t buckets = kUsualBuckets;
    if (const auto text = query_value(asked.request.query(), "buckets"); !text.empty()) {
        const auto* const end = text.data() + text.size();
        const auto [stopped, error] = std::from_chars(text.data(), end, buckets);
        if (error != std::errc() || stopped != end || buckets < kFewestBuckets ||
            buckets > kMostBuckets)
            co_return problem(422, "bad_field", "buckets: 50 to 4000 are allowed", "buckets");
    }
    const auto call = co_await known_call(self, asked.id);
    auto work = [library, buckets,
                 id = call ? call->id.str() : asked.id]() -> Result<RecordingPeaks> {
        auto entry = last_of(*library, id);
        if (!entry) return tl::unexpected(entry.error());
        return library->peaks(*entry, buckets);
    };
    auto found = co_await on_worker(self, std::move(work));
    if (!found) co_return recording_problem(found.error());
    co_return answer_json(200, json::object{{"duration_ms", found->duration.count()},
                                            {"far", levels_json(found->far)},
                                            {"near", levels_json(found->near)}});
}

/// It is recorded from now on; or the recording pauses, goes on, or ends.
Answer set(Self self, Asked asked) {
    using Done = Result<call::CallSnapshot>;
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    const auto state = fields->wanted_text("state");
    const auto notice = fields->text("notice");
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    using Status = call::RecordingStatus;
    const auto status = call::parse_recording_status(state);
    if (status != Status::recording && status != Status::paused && status != Status::stopped)
        co_return problem(422, "bad_field", "state: recording, paused and stopped are allowed",
                          "state");
    call::command::Record record{*status};
    if (notice) record.notice = call::parse_recording_notice(*notice);
    if (notice && !record.notice)
        co_return problem(422, "bad_field", "notice: none, beep and spoken are allowed", "notice");
    auto told = std::make_shared<Told<Done>>(self->executor());
    call::Command command = record;
    self->parts().desk->carry_out(*id, std::move(command),
                                  [told](Done done) { told->tell(std::move(done)); });
    auto done = co_await Told<Done>::wait(told);
    if (!done) co_return no_answer();
    if (!*done) co_return problem_of(done->error());
    co_return answer_json(200, call_json(**done, self->parts().desk->place(*id)));
}

}  // namespace

const std::vector<Route>& recording_routes() {
    static const std::vector<Route> routes{
        {"GET", "/recordings", list},
        {"DELETE", "/recordings/{id}", remove},
        {"PUT", "/calls/{id}/recording", set},
        {"GET", "/calls/{id}/recording", show},
        {"GET", "/calls/{id}/recording.wav", sound},
        {"GET", "/calls/{id}/recording.flac", sound},
        {"GET", "/calls/{id}/recording.opus", sound},
        {"GET", "/calls/{id}/recording/peaks", peaks},
    };
    return routes;
}

}  // namespace bridge::web
