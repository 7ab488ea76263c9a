// What was said in a call: while it lives, and afterwards.

#include <fmt/format.h>

#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <utility>

#include "web/answers.hpp"
#include "web/api.hpp"
#include "web/fields.hpp"
#include "web/history_answers.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Self = std::shared_ptr<Api>;

/// Errors that are about the program's settings, not about the call.
net::HttpResponse transcript_problem(const Error& error) {
    if (error.code == Errc::bad_config) return problem(409, "bad_config", error.message);
    return problem_of(error);
}

Answer transcription(Self self, Asked asked) {
    const auto id = self->parts().calls->find(asked.id);
    if (!id) co_return no_call(asked.id);
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    const auto state = fields->wanted_text("state");
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    if (state != "on" && state != "off")
        co_return problem(422, "bad_field", "state: on and off are allowed", "state");
    const auto& ready = self->parts().transcript_sources.ready;
    if (state == "on") {
        if (!ready) co_return problem(409, "bad_config", "this program takes nothing down");
        if (auto good = ready(); !good) co_return transcript_problem(good.error());
    }
    using Done = Result<call::CallSnapshot>;
    auto told = std::make_shared<Told<Done>>(self->executor());
    self->parts().desk->carry_out(*id, call::command::Transcribe{state == "on"},
                                  [told](Done done) { told->tell(std::move(done)); });
    auto done = co_await Told<Done>::wait(told);
    if (!done) co_return no_answer();
    if (!*done) co_return problem_of(done->error());
    co_return answer_json(200, call_json(**done, self->parts().desk->place(*id)));
}

net::HttpResponse as_text(std::string_view type, std::string body) {
    auto response = net::respond(200, std::string(type), std::move(body));
    response.headers.set("Cache-Control", "no-store");
    return response;
}

net::HttpResponse written(const call::TranscriptDocument& document, std::string_view verb) {
    if (verb.ends_with(".txt"))
        return as_text("text/plain; charset=utf-8", format_transcript_text(document));
    if (verb.ends_with(".srt"))
        return as_text("application/x-subrip; charset=utf-8", format_transcript_srt(document));
    if (verb.ends_with(".vtt"))
        return as_text("text/vtt; charset=utf-8", format_transcript_vtt(document));
    return answer_json(200, transcript_json(document));
}

/// What a path means: a call that lives, one of this run, or one of the past.
struct Meant {
    CallId id;
    std::optional<call::TranscriptDocument> transcript;
};

asio::awaitable<Result<Meant>> find_meant(Self self, std::string name) {
    using Stored = std::optional<call::StoredTranscript>;
    const auto& book = self->parts().transcripts;
    Meant out{self->parts().calls->find(name).value_or(CallId(name)), {}};
    out.transcript = book ? book->find(out.id) : std::nullopt;
    if (out.transcript || !self->parts().history) co_return out;
    const std::function<void(call::History&, call::History::Told<Stored>)> ask =
        [name](call::History& history, call::History::Told<Stored> told) {
            history.transcript(name, std::move(told));
        };
    auto asking = ask_history<Stored>(self, ask);
    auto stored = co_await std::move(asking);
    if (!stored) co_return tl::unexpected(stored.error());
    if (!*stored) co_return out;
    out.id = (*stored)->call.id;  // it may have been named by its CallSid
    out.transcript = book ? book->find(out.id) : std::nullopt;
    if (!out.transcript) out.transcript = stored_transcript(std::move(**stored));
    co_return out;
}

Answer transcript(Self self, Asked asked) {
    auto finding = find_meant(self, asked.id);
    auto meant = co_await std::move(finding);
    if (!meant) co_return history_problem(meant.error());
    auto& known = meant->transcript;
    const auto& asks = self->parts().transcript_sources.making;
    if (asks && asks(meant->id)) {
        if (!known) known.emplace().call = meant->id;
        known->complete = false;
        auto body = transcript_json(*known);
        body["making"] = true;
        if (asked.verb == "transcript" || asked.verb.ends_with(".json"))
            co_return answer_json(200, body);
    }
    if (!known)
        co_return problem(404, "no_transcript", "what was said in this call was not taken down");
    co_return written(*known, asked.verb);
}

/// The last recording of a call. Blocks on the disk. Errors: not_found, io.
Result<RecordedSound> sound_of(const RecordingLibrary& library, const CallId& call) {
    for (auto& entry : library.list()) {
        if (entry.call != call || entry.live || entry.formats.empty()) continue;
        library.look_into(entry);
        auto file = library.file(entry, entry.formats.front());
        if (!file) return tl::unexpected(file.error());
        return RecordedSound{std::move(*file), entry.offset};
    }
    return fail(Errc::not_found, fmt::format("there is no recording of {}", call));
}

asio::awaitable<Result<RecordedSound>> find_sound(Self self, CallId call) {
    const auto library = self->parts().recordings;
    if (!library) co_return fail(Errc::not_found, "this program keeps no recordings");
    const auto look = [library, call] { return sound_of(*library, call); };
    co_return co_await offload(library->workers(), self->executor(), look, asio::use_awaitable);
}

/// Of the recording of a call that is over.
Answer make_transcript(Self self, Asked asked) {
    auto fields = read_fields(asked.request, kBodyBytes);
    if (!fields) co_return std::move(fields.error());
    if (auto good = fields->done(); !good) co_return problem_of(good.error());
    const auto& make = self->parts().transcript_sources.make;
    if (!make) co_return problem(409, "bad_config", "this program takes nothing down");
    if (self->parts().calls->find(asked.id))
        co_return problem(409, "wrong_state",
                          "the call lives; PUT …/transcription takes it down as it goes on");
    auto finding = find_meant(self, asked.id);
    auto meant = co_await std::move(finding);
    if (!meant) co_return history_problem(meant.error());
    auto finding_sound = find_sound(self, meant->id);
    auto sound = co_await std::move(finding_sound);
    if (!sound && sound.error().code == Errc::not_found)
        co_return problem(404, "no_recording", sound.error().message);
    if (!sound) co_return problem_of(sound.error());
    const auto begun =
        make(meant->id, std::move(*sound),
             [book = self->parts().transcripts,
              history = self->parts().history](Result<call::TranscriptDocument> made) {
                 if (!made) return;
                 if (history)
                     history->add_transcript(made->call, made->pieces, [](Result<bool>) {});
                 if (book) book->put(std::move(*made));
             });
    if (!begun) co_return transcript_problem(begun.error());
    co_return answer_json(202, json::object{{"call", meant->id.str()}});
}

}  // namespace

json::object transcript_json(const call::TranscriptDocument& document) {
    json::array pieces;
    for (const auto& piece : document.pieces) pieces.push_back(piece_json(piece));
    json::object out{{"call", document.call.str()},
                     {"engine", document.engine},
                     {"complete", document.complete},
                     {"pieces", std::move(pieces)}};
    if (document.dropped > 0) out["dropped"] = document.dropped;
    return out;
}

const std::vector<Route>& transcript_routes() {
    static const std::vector<Route> routes{
        {"PUT", "/calls/{id}/transcription", transcription},
        {"GET", "/calls/{id}/transcript", transcript},
        {"GET", "/calls/{id}/transcript.json", transcript},
        {"GET", "/calls/{id}/transcript.txt", transcript},
        {"GET", "/calls/{id}/transcript.srt", transcript},
        {"GET", "/calls/{id}/transcript.vtt", transcript},
        {"POST", "/calls/{id}/transcript", make_transcript},
    };
    return routes;
}

}  // namespace bridge::web
