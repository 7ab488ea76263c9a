#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/parse.hpp>
#include <thread>

#include "tests/support/openapi_check.hpp"
#include "tests/support/plain_history.hpp"
#include "tests/unit/call/call_fixture.hpp"
#include "web/api.hpp"
#include "web/openapi.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::milliseconds;

asio::awaitable<void> ask_of_transcripts(std::shared_ptr<Api> api, net::HttpRequest request,
                                         std::optional<net::HttpResponse>* into) {
    *into = co_await Api::answer(std::move(api), std::move(request));
}

call::TranscriptPiece heard(int begin, std::string text, bool final = true) {
    call::TranscriptPiece piece;
    piece.number = static_cast<std::uint64_t>(begin / 1000 + 1);
    piece.final = final;
    piece.begin = milliseconds(begin);
    piece.end = milliseconds(begin + 800);
    piece.text = std::move(text);
    piece.confidence = 0.875F;
    piece.words = {{"hello", piece.begin, piece.end, std::nullopt}};
    return piece;
}

/// Two recordings of one call.
class TwoRecordings final : public RecordingLibrary {
public:
    TwoRecordings()
        : workers_([] {
              WorkerPoolOptions options;
              options.threads = 1;
              return options;
          }()) {}
    WorkerPool& workers() const override { return workers_; }
    std::vector<RecordingEntry> list() const override {
        RecordingEntry newest, other;
        newest.name = "newest";
        newest.call = other.call = CallId("c_9");
        newest.formats = {"flac"};
        other.formats = {"wav"};
        return {newest, other};
    }
    void look_into(RecordingEntry& entry) const override { entry.offset = milliseconds(2000); }
    Result<std::string> file(const RecordingEntry& entry, std::string_view format) const override {
        return entry.name + "." + std::string(format);
    }
    Result<RecordingPeaks> peaks(const RecordingEntry&, std::size_t) const override {
        return fail(Errc::io, "not here");
    }
    Result<> remove(const std::string&) const override { return fail(Errc::io, "not here"); }

private:
    mutable WorkerPool workers_;
};

struct TranscriptRoutes : testing::Test {
    TranscriptRoutes() {
        ApiParts parts;
        parts.calls = &registry;
        parts.desk = desk;
        parts.order = [this](const CallOrder& order) -> Result<call::CallSpec> {
            orders.push_back(order);
            return call::CallFixture::outbound();
        };
        parts.transcripts = book;
        parts.history = history;
        parts.transcript_sources.ready = [this]() -> Result<> {
            if (trouble) return tl::unexpected(*trouble);
            return {};
        };
        parts.recordings = recordings;
        parts.transcript_sources.make = [this](const CallId& id, const RecordedSound& sound,
                                               auto told) -> Result<> {
            if (trouble) return tl::unexpected(*trouble);
            made = id.str() + " " + sound.file + " " + std::to_string(sound.offset.count());
            call::TranscriptDocument document;
            document.call = id;
            document.engine = "vosk";
            document.complete = true;
            document.pieces = {heard(0, "made later")};
            told(std::move(document));
            return {};
        };
        api = std::make_shared<Api>(loop.get_executor(), std::move(parts));
    }

    CallId talks() {
        auto spec = call::CallFixture::outbound();
        spec.direction = call::Direction::inbound;
        spec.sid = CallSid{"CA1"};
        const auto id = registry.open(spec);
        registry.post(id,
                      call::input::VoiceRequested{spec.sid, "+1", "+2", "in-progress", "", false});
        run();
        const auto call = registry.here(id);
        call->accept(call::input::StreamStarted{call->open_stream(),
                                                std::make_shared<call::ScriptedLine>()});
        run();
        return id;
    }
    net::HttpResponse ask(std::string method, std::string target, std::string body = {}) {
        net::HttpRequest request;
        const auto asked = method;
        request.method = std::move(method);
        request.target = "/api/v1" + target;
        if (!body.empty()) request.headers.add("Content-Type", "application/json");
        request.body = std::move(body);
        std::optional<net::HttpResponse> answer;
        asio::co_spawn(loop, ask_of_transcripts(api, std::move(request), &answer), asio::detached);
        // A worker may be asked.
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        do {
            run();
            std::this_thread::yield();
        } while (!answer && std::chrono::steady_clock::now() < until);
        EXPECT_TRUE(answer);
        static const OpenApiCheck check(openapi_document());
        if (answer) {
            EXPECT_EQ(check.problem_with(asked, target, *answer), "") << answer->body;
        }
        return answer.value_or(net::HttpResponse{});
    }
    std::string code(const net::HttpResponse& response) {
        return std::string(json::parse(response.body).at("code").as_string());
    }
    void happens(const CallId& id, call::TranscriptNews news) {
        call::CallEvent event;
        event.call = id;
        if (auto* piece = std::get_if<call::TranscriptPiece>(&news)) {
            event.what = call::event::Transcribed{*piece};
        } else {
            event.what =
                call::event::TranscriptionChanged{std::get<call::TranscriptionState>(news)};
        }
        book->take(event);
    }
    void run() {
        loop.restart();
        loop.poll();
    }

    asio::io_context loop;
    VirtualClock clock;
    call::EventBus bus;
    std::shared_ptr<call::ScriptedCarrier> carrier = std::make_shared<call::ScriptedCarrier>();
    call::CallRegistry registry{{{loop.get_executor(), &clock}}, {bus, carrier, nullptr, {}}};
    std::shared_ptr<call::Desk> desk =
        call::Desk::open(registry, bus, loop.get_executor(), call::DeskOptions{});
    std::shared_ptr<test::PlainHistory> history = std::make_shared<test::PlainHistory>();
    std::shared_ptr<TwoRecordings> recordings = std::make_shared<TwoRecordings>();
    std::shared_ptr<TranscriptBook> book = std::make_shared<TranscriptBook>();
    std::vector<CallOrder> orders;
    std::optional<Error> trouble;
    std::string made;
    std::shared_ptr<Api> api;
};

TEST_F(TranscriptRoutes, ATranscriptIsThereWhileTheCallGoesOn) {
    const auto id = talks();
    EXPECT_EQ(code(ask("GET", "/calls/" + id.str() + "/transcript")), "no_transcript");
    happens(id, call::TranscriptionState{"vosk", call::TranscriptionStatus::running, {}});
    happens(id, heard(2000, "Who is there?"));
    happens(id, heard(0, "Hello <there>"));
    happens(id, heard(4000, "a guess", false));
    const auto answer = ask("GET", "/calls/CA1/transcript");
    ASSERT_EQ(answer.status, 200);
    const auto document = json::parse(answer.body);
    EXPECT_EQ(document.at("engine").as_string(), "vosk");
    EXPECT_FALSE(document.at("complete").as_bool());
    ASSERT_EQ(document.at("pieces").as_array().size(), 2U);
    EXPECT_EQ(document.at("pieces").at(0).at("text").as_string(), "Hello <there>");
    EXPECT_EQ(ask("GET", "/calls/CA1/transcript.json").body, answer.body);
    EXPECT_EQ(ask("GET", "/calls/CA1/transcript.txt").body,
              "00:00:00.0  far   Hello <there>\n00:00:02.0  far   Who is there?\n");
    const auto srt = ask("GET", "/calls/CA1/transcript.srt");
    EXPECT_EQ(srt.headers.find("Content-Type"), "application/x-subrip; charset=utf-8");
    EXPECT_TRUE(srt.body.starts_with("1\n00:00:00,000 --> 00:00:00,800\nFar: Hello <there>\n"));
    const auto vtt = ask("GET", "/calls/CA1/transcript.vtt");
    EXPECT_NE(vtt.body.find("<v far>Hello &lt;there&gt;"), std::string::npos);
    happens(id, call::TranscriptionState{"vosk", call::TranscriptionStatus::off, {}});
    EXPECT_TRUE(json::parse(ask("GET", "/calls/CA1/transcript").body).at("complete").as_bool());
}

/// A call that is over, as the history has it.
call::CallSnapshot former(const std::string& id, const std::string& sid) {
    call::CallSnapshot out;
    out.id = CallId(id);
    out.sid = CallSid(sid);
    out.state = call::CallState::completed;
    out.ended = std::chrono::system_clock::now();
    return out;
}

TEST_F(TranscriptRoutes, CallsOfThePastComeFromTheHistory) {
    auto taken_down = former("c_old", "CA7");
    taken_down.transcription = {"deepgram", call::TranscriptionStatus::off, {}};
    history->keep(taken_down, {heard(0, "long ago")});
    history->keep(former("c_silent", "CA8"));
    const auto answer = ask("GET", "/calls/CA7/transcript");
    ASSERT_EQ(answer.status, 200);
    const auto document = json::parse(answer.body);
    EXPECT_EQ(document.at("call").as_string(), "c_old");
    EXPECT_EQ(document.at("engine").as_string(), "deepgram");
    EXPECT_TRUE(document.at("complete").as_bool());
    EXPECT_EQ(ask("GET", "/calls/c_old/transcript.txt").body, "00:00:00.0  far   long ago\n");
    EXPECT_EQ(code(ask("GET", "/calls/c_silent/transcript")), "no_transcript");
    EXPECT_EQ(code(ask("GET", "/calls/c_none/transcript.vtt")), "no_transcript");
}

TEST_F(TranscriptRoutes, IsTurnedOnAndOffOrSaysHowToGetAnEngine) {
    const auto id = talks();
    const auto path = "/calls/" + id.str() + "/transcription";
    EXPECT_EQ(ask("PUT", path, R"({"state":"on"})").status, 200);
    EXPECT_EQ(ask("PUT", path, R"({"state":"off"})").status, 200);
    EXPECT_EQ(ask("PUT", path, R"({"state":"maybe"})").status, 422);
    EXPECT_EQ(ask("PUT", path, R"({})").status, 422);
    EXPECT_EQ(ask("PUT", "/calls/c_none/transcription", R"({"state":"on"})").status, 404);
    trouble = Error{Errc::bad_config, "no transcriber is set up; set AGENTBRIDGE_TRANSCRIBER"};
    const auto refused = ask("PUT", path, R"({"state":"on"})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(code(refused), "bad_config");
}

TEST_F(TranscriptRoutes, ARecordingIsTakenDownAfterTheFact) {
    history->keep(former("c_9", "CA9"));
    EXPECT_EQ(ask("POST", "/calls/CA9/transcript", "{}").status, 202);
    EXPECT_EQ(made, "c_9 newest.flac 2000");
    EXPECT_EQ(history->store.transcript(CallId("c_9"))->size(), 1U);
    const auto there = ask("GET", "/calls/c_9/transcript.txt");
    EXPECT_EQ(there.body, "00:00:00.0  far   made later\n");
    EXPECT_EQ(code(ask("POST", "/calls/c_8/transcript")), "no_recording");
    trouble = Error{Errc::exists, "it is under way"};
    EXPECT_EQ(ask("POST", "/calls/c_9/transcript").status, 409);
    const auto id = talks();
    EXPECT_EQ(code(ask("POST", "/calls/" + id.str() + "/transcript")), "wrong_state");
}

TEST_F(TranscriptRoutes, ANewCallMayBeTakenDown) {
    EXPECT_EQ(ask("POST", "/calls", R"({"to":"+15551234567","transcribe":true})").status, 201);
    ASSERT_EQ(orders.size(), 1U);
    EXPECT_EQ(orders[0].transcribe, true);
}

TEST_F(TranscriptRoutes, TheBookForgetsTheOldestCalls) {
    for (std::size_t i = 0; i < TranscriptBook::kKept + 5; ++i)
        happens(CallId("c_" + std::to_string(i)), heard(0, "x"));
    EXPECT_FALSE(book->find(CallId("c_4")));
    EXPECT_TRUE(book->find(CallId("c_5")));
}

}  // namespace
}  // namespace bridge::web
