// The cascade of the local agent against servers written here: a language model's that checks each
// question as OpenAI would and answers piece by piece, Vosk's and whisper.cpp's.

#include "agents/local/cascade_agent.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "base/loop_clock.hpp"
#include "net/http_client.hpp"
#include "net/server_websocket.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/support/agent_ear.hpp"
#include "tests/support/moving_voice.hpp"

namespace bridge::agents::local {
namespace {

using namespace std::chrono_literals;
using net::test::eventually;
namespace json = boost::json;

std::string words(const std::string& text) {
    return "data: " +
           json::serialize(json::object{
               {"choices", json::array{{{"index", 0}, {"delta", {{"content", text}}}}}}}) +
           "\n\n";
}
std::string tool(const std::string& name, const std::string& arguments) {
    return "data: " +
           json::serialize(json::object{
               {"choices",
                json::array{
                    {{"delta",
                      {{"tool_calls",
                        json::array{{{"index", 0},
                                     {"id", "call_" + name},
                                     {"type", "function"},
                                     {"function", {{"name", name}, {"arguments", arguments}}}}}}}},
                     {"finish_reason", "tool_calls"}}}}}) +
           "\n\n";
}
constexpr const char* kEnd =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

/// Answers questions with what the test has put ready, one connection each.
class ChatServer {
public:
    struct Answer {
        int status = 200;
        std::vector<std::string> pieces;
        std::size_t hold_before = 99;  ///< this piece waits for `let_go`
    };

    ChatServer() : thread_([this] { serve(); }) {}
    ~ChatServer() {
        stopping_ = true;
        thread_.join();
    }
    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(listener_.port()) + "/v1";
    }
    void will(Answer answer) {
        const std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answer));
    }
    void let_go() { held_ = false; }
    std::vector<json::object> questions() {
        const std::lock_guard lock(mutex_);
        return questions_;
    }
    std::vector<std::string> complaints() {
        const std::lock_guard lock(mutex_);
        return complaints_;
    }
    bool dropped() const { return dropped_; }

private:
    void serve() {
        while (!stopping_) {
            if (!listener_.somebody_waits()) {
                std::this_thread::sleep_for(1ms);
                continue;
            }
            auto socket = listener_.accept();
            answer(socket);
        }
    }

    void complain(const std::string& what) {
        const std::lock_guard lock(mutex_);
        complaints_.push_back(what);
    }

    void check(const std::string& head, const json::object& question) {
        if (!head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n")) complain(head);
        if (head.find("Authorization: Bearer k3y\r\n") == head.npos) complain("no key");
        if (question.at("model").as_string() != "small") complain("another model");
        if (!question.at("stream").as_bool()) complain("not streamed");
        std::set<std::string> open;
        for (const auto& one : question.at("messages").as_array()) {
            const auto& message = one.as_object();
            const std::string role(message.at("role").as_string());
            if (!message.at("content").is_string()) complain("content");
            if (role == "tool") {
                if (open.erase(std::string(message.at("tool_call_id").as_string())) == 0)
                    complain("a result nobody asked for");
                continue;
            }
            if (!open.empty()) complain(role + " before the tools have answered");
            if (role == "assistant" && message.contains("tool_calls"))
                for (const auto& call : message.at("tool_calls").as_array())
                    open.insert(std::string(call.at("id").as_string()));
        }
        if (!open.empty()) complain("a tool has not answered");
    }

    void answer(net::test::RawSocket& socket) {
        const auto head = socket.receive_until("\r\n\r\n");
        const auto length = head.find("Content-Length: ");
        if (length == head.npos) return;  // a question that was given up before it was asked
        const auto body = socket.receive_exactly(std::stoul(head.substr(length + 16)));
        const auto question = json::parse(body).as_object();
        check(head, question);
        Answer next;
        {
            const std::lock_guard lock(mutex_);
            questions_.push_back(question);
            if (answers_.empty()) {
                complaints_.emplace_back("a question too many");
                return;
            }
            next = std::move(answers_.front());
            answers_.pop_front();
        }
        socket.send("HTTP/1.1 " + std::to_string(next.status) +
                    " X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
        for (std::size_t i = 0; i < next.pieces.size(); ++i) {
            while (i == next.hold_before && held_ && !stopping_) {
                pollfd gone{socket.fd(), POLLIN, 0};
                if (::poll(&gone, 1, 1) > 0) {  // the client has hung up
                    dropped_ = true;
                    return;
                }
            }
            socket.send(next.pieces[i]);
        }
    }

    net::test::RawListener listener_;
    std::mutex mutex_;
    std::deque<Answer> answers_;
    std::vector<json::object> questions_;
    std::vector<std::string> complaints_;
    std::atomic<bool> stopping_{false}, held_{true}, dropped_{false};
    std::thread thread_;
};

/// Understands whatever the test says next.
class Ear final : public SpeechToText {
public:
    Ear(asio::any_io_executor executor, std::shared_ptr<std::deque<Result<std::string>>> next)
        : executor_(std::move(executor)), next_(std::move(next)) {}
    void begin() override {}
    void hear(std::span<const std::int16_t>) override {}
    void end(Done done) override {
        if (next_->empty()) return;
        asio::post(executor_, [done, words = next_->front()] { done(words); });
        next_->pop_front();
    }
    void cancel() override {}

private:
    const asio::any_io_executor executor_;
    const std::shared_ptr<std::deque<Result<std::string>>> next_;
};

/// 50 ms for each character.
Result<std::vector<std::int16_t>> hum(const std::string& text) {
    return std::vector<std::int16_t>(text.size() * 400, 500);
}

class CascadeTest : public net::test::LoopTest {
protected:
    void SetUp() override {
        on_loop([this] {
            clock_ = std::make_unique<LoopClock>(executor());
            http_ = net::HttpClient::make(executor(), {});
        });
        options_.greeting = "";
        options_.instructions = "Be brief.";
        options_.chat = {server_.url(), "small", Secret("k3y"), 20s};
        options_.tools = {{"end_call", "Ends.", R"({"type":"object"})"}};
    }
    void TearDown() override {
        on_loop([this] {
            if (agent_) agent_->stop();
            agent_.reset();
            http_.reset();
        });
        pool_.stop();
        on_loop([this] { clock_.reset(); });
        EXPECT_TRUE(server_.complaints().empty()) << server_.complaints().front();
        LoopTest::TearDown();
    }
    void begin() {
        on_loop([this] {
            agent_ = std::make_shared<CascadeAgent>(LocalParts{executor(), *clock_, pool_, hum},
                                                    std::make_unique<Ear>(executor(), said_), http_,
                                                    options_);
            agent_->start({}, ear_.ear());
            for (int i = 0; i < 50; ++i) agent_->write(caller_.frame(0));
        });
    }
    /// The caller says so; half a second of it and a second of quiet.
    void say(Result<std::string> text) {
        on_loop([&] {
            said_->push_back(std::move(text));
            for (int i = 0; i < 25; ++i) agent_->write(caller_.frame(9000));
            for (int i = 0; i < 50; ++i) agent_->write(caller_.frame(0));
        });
    }
    template <class T>
    T look(std::function<T()> at) {
        T out{};
        on_loop([&] { out = at(); });
        return out;
    }
    /// Sentences it has spoken.
    std::vector<std::string> sentences() {
        return look<std::vector<std::string>>([this] {
            std::vector<std::string> out;
            for (const auto& text : ear_.told.texts)
                if (text.speaker == call::Speaker::agent) out.push_back(text.text);
            return out;
        });
    }
    bool says(std::vector<std::string> expected) {
        return eventually([&] { return sentences() == expected; });
    }
    /// The caller has heard the sentence number `n` to its end.
    void heard(std::size_t n) {
        on_loop([&] { agent_->spoken(ear_.voice->utterances.at(n).id, {}); });
    }
    std::string last_messages() {
        const auto all = server_.questions();
        return all.empty() ? "" : json::serialize(all.back().at("messages"));
    }
    bool asked(std::size_t times) {
        return eventually([&] { return server_.questions().size() == times; });
    }

    ChatServer server_;
    WorkerPool pool_{{"cpu", 1, 64, nullptr}};
    std::unique_ptr<LoopClock> clock_;
    std::shared_ptr<net::HttpClient> http_;
    CascadeOptions options_;
    test::MovingVoice caller_;
    std::shared_ptr<std::deque<Result<std::string>>> said_ =
        std::make_shared<std::deque<Result<std::string>>>();
    test::AgentEar ear_;
    std::shared_ptr<CascadeAgent> agent_;
};

TEST_F(CascadeTest, GreetsAtOnceAndSpeaksTheFirstSentenceWhileTheModelStillThinks) {
    options_.greeting = "Good day. What is it?";
    begin();
    EXPECT_TRUE(says({"Good day.", "What is it?"}));
    heard(1);
    heard(0);
    server_.will({200, {words("It is "), words("noon. The sun"), words(" shines."), kEnd}, 2});
    say(std::string("What time is it?"));
    EXPECT_TRUE(says({"Good day.", "What is it?", "It is noon."})) << "the rest is not there yet";
    EXPECT_EQ(last_messages(), R"([{"role":"system","content":"Be brief."},)"
                               R"({"role":"assistant","content":"Good day. What is it?"},)"
                               R"({"role":"user","content":"What time is it?"}])");
    server_.let_go();
    EXPECT_TRUE(says({"Good day.", "What is it?", "It is noon.", "The sun shines."}));
}

TEST_F(CascadeTest, CutOffTheModelIsStoppedAndToldWhatTheCallerHeard) {
    server_.will(
        {200, {words("One and two. Three and four and five. Six."), words(" Seven."), kEnd}, 1});
    begin();
    say(std::string("Count."));
    ASSERT_TRUE(says({"One and two.", "Three and four and five."}));
    on_loop([this] {
        // What was not sent yet is told first; of the second sentence half was heard.
        agent_->spoken(ear_.voice->utterances[0].id, {});
        agent_->interrupted(ear_.voice->utterances[1].id,
                            {620ms, 700ms, 1200ms, call::SpeechOutcome::cleared});
    });
    EXPECT_TRUE(eventually([&] { return server_.dropped(); })) << "it need not go on thinking";
    server_.will({200, {words("Good."), kEnd}});
    say(std::string("Stop."));
    ASSERT_TRUE(says({"One and two.", "Three and four and five.", "Good."}));
    EXPECT_EQ(last_messages(), R"([{"role":"system","content":"Be brief."},)"
                               R"({"role":"user","content":"Count."},)"
                               R"({"role":"assistant","content":"One and two. Three and"},)"
                               R"({"role":"user","content":"Stop."}])");
}

TEST_F(CascadeTest, HangsUpWhenItsGoodbyeWasHeardAndGoesOnWithWhatCameOfIt) {
    server_.will({200, {words("Goodbye."), tool("end_call", R"({"reason":"bye"})"), kEnd}});
    begin();
    say(std::string("That is all."));
    ASSERT_TRUE(says({"Goodbye."}));
    const auto tools = [this] {
        return look<std::size_t>([this] { return ear_.told.tools.size(); });
    };
    EXPECT_EQ(tools(), 0U) << "nobody has heard it yet";
    // The answer may still be on its way when the word is heard.
    heard(0);
    ASSERT_TRUE(eventually([&] { return tools() == 1; }));
    on_loop([this] {
        EXPECT_EQ(ear_.told.tools[0].name, "end_call");
        EXPECT_EQ(ear_.told.tools[0].arguments, R"({"reason":"bye"})");
    });
    say(std::string("Wait!"));  // comes while the tool runs, and is told after its result
    ASSERT_TRUE(eventually([this] {
        return look<std::string>([this] { return ear_.told.texts.back().text; }) == "Wait!";
    }));
    server_.will({200, {words("Yes?"), kEnd}});
    on_loop([this] {
        agent_->tool_result({"another", "x", false});
        agent_->tool_result({ear_.told.tools[0].id, "soon", false});
    });
    ASSERT_TRUE(says({"Goodbye.", "Yes?"}));
    EXPECT_NE(
        last_messages().find(R"({"role":"tool","content":"soon","tool_call_id":"call_end_call"},)"
                             R"({"role":"user","content":"Wait!"})"),
        std::string::npos)
        << last_messages();
}

TEST_F(CascadeTest, AGoodbyeThatIsInterruptedEndsNothing) {
    server_.will({200, {words("Goodbye."), tool("end_call", "{}"), kEnd}});
    begin();
    say(std::string("That is all."));
    ASSERT_TRUE(says({"Goodbye."}));
    ASSERT_TRUE(eventually([this] { return look<bool>([this] { return !agent_->asking(); }); }));
    on_loop([this] {
        agent_->interrupted(ear_.voice->utterances[0].id,
                            {100ms, 200ms, 400ms, call::SpeechOutcome::cleared});
        EXPECT_TRUE(ear_.told.tools.empty());
    });
    server_.will({200, {words("Yes?"), kEnd}});
    say(std::string("Wait!"));
    ASSERT_TRUE(says({"Goodbye.", "Yes?"}));
    EXPECT_NE(last_messages().find("the caller has interrupted you"), std::string::npos)
        << last_messages();
    on_loop([this] { EXPECT_TRUE(ear_.told.tools.empty()); });
}

TEST_F(CascadeTest, ApologisesOnceAndIsDroppedWhenTheServerStaysAway) {
    server_.will({500, {"broken"}});
    server_.will({500, {"broken"}});
    server_.will({200, {"data: {nonsense\n\n"}});
    options_.apology = "Sorry.";
    begin();
    say(std::string("Hello?"));
    ASSERT_TRUE(
        eventually([&] { return look<std::size_t>([&] { return ear_.told.ends.size(); }) == 1; }));
    EXPECT_EQ(sentences(), std::vector<std::string>{"Sorry."});
    on_loop([this] {
        EXPECT_EQ(ear_.told.ends[0].how, call::AgentEnd::dropped);
        EXPECT_EQ(ear_.told.warnings.size(), 2U);
        EXPECT_EQ(ear_.told.ends[0].reason.find("k3y"), std::string::npos);
    });
    // Started again, it answers what it owes.
    server_.will({200, {words("Here I am."), kEnd}});
    on_loop([this] { agent_->start({}, ear_.ear()); });
    EXPECT_TRUE(says({"Sorry.", "Here I am."}));
}

TEST_F(CascadeTest, ARefusedKeyIsNotTriedAgain) {
    server_.will({401, {R"({"error":{"message":"no"}})"}});
    begin();
    say(std::string("Hello?"));
    ASSERT_TRUE(
        eventually([&] { return look<std::size_t>([&] { return ear_.told.ends.size(); }) == 1; }));
    on_loop([this] {
        EXPECT_EQ(ear_.told.ends[0].how, call::AgentEnd::refused);
        EXPECT_NE(ear_.told.ends[0].reason.find("AGENTBRIDGE_LLM_KEY"), std::string::npos);
    });
}

TEST_F(CascadeTest, AServerThatSaysNothingIsNotWaitedForForEver) {
    options_.patience = 100ms;
    for (int i = 0; i < 3; ++i) server_.will({200, {"", kEnd}, 1});
    begin();
    say(std::string("Hello?"));
    ASSERT_TRUE(
        eventually([&] { return look<std::size_t>([&] { return ear_.told.ends.size(); }) == 1; }));
    on_loop([this] { EXPECT_EQ(ear_.told.ends[0].how, call::AgentEnd::dropped); });
}

TEST_F(CascadeTest, KeysAreToldTogetherAndAPersonIsNotInterrupted) {
    server_.will({200, {words("Twelve."), kEnd}});
    begin();
    on_loop([this] {
        agent_->context("A colleague has taken over.");
        agent_->taken_over(true);
        agent_->dtmf('9');
    });
    say(std::string("Hello?"));
    on_loop([this] {
        said_->clear();
        agent_->taken_over(false);
        agent_->dtmf('1');
        agent_->dtmf('2');
    });
    ASSERT_TRUE(says({"Twelve."}));
    EXPECT_NE(last_messages().find("(The caller pressed the keys 12.)"), std::string::npos);
    EXPECT_EQ(last_messages().find("Hello?"), std::string::npos);
}

// ---- the ears

class EarTest : public net::test::LoopTest {
protected:
    void SetUp() override {
        on_loop([this] { http_ = net::HttpClient::make(executor(), {}); });
    }
    void TearDown() override {
        on_loop([this] {
            ear_.reset();
            http_.reset();
        });
        LoopTest::TearDown();
    }
    Result<std::string> transcribe(std::size_t samples = 8000) {
        std::promise<Result<std::string>> told;
        auto text = told.get_future();
        on_loop([&] {
            ear_->begin();
            const std::vector<std::int16_t> block(160, 0x1234);
            for (std::size_t at = 0; at < samples; at += block.size()) ear_->hear(block);
            ear_->end([&](Result<std::string> words) { told.set_value(std::move(words)); });
        });
        if (text.wait_for(net::test::kPatience) != std::future_status::ready)
            throw std::runtime_error("no text");
        return text.get();
    }
    std::shared_ptr<net::HttpClient> http_;
    std::unique_ptr<SpeechToText> ear_;
};

/// One reply for each binary frame and one for the end, which must be so to the byte.
class VoskServer {
public:
    explicit VoskServer(std::string fault = {}) : fault_(std::move(fault)) {}

    void accept(net::Upgrade upgrade) {
        if (!net::ServerWebSocket::check(upgrade.head)) return;
        auto socket = net::ServerWebSocket::accept(std::move(upgrade), {});
        sockets_.push_back(socket);
        auto* raw = socket.get();
        raw->start(
            [this, raw](std::span<const net::WebSocketMessage> batch) {
                for (const auto& message : batch) hear(*raw, message);
            },
            [](const net::WebSocketEnd&) {});
    }
    void forget() { sockets_.clear(); }

    std::size_t bytes = 0;
    std::vector<std::string> complaints;
    std::string config;

private:
    void hear(net::ServerWebSocket& socket, const net::WebSocketMessage& message) {
        if (!message.text) {
            bytes += message.payload.size();
            if (message.payload.size() % 2 != 0) complaints.emplace_back("half a sample");
            if (fault_ == "close") return socket.close(1011, "no memory");
            if (fault_ == "deaf") return;
            // The recogniser ends a sentence of its own accord in the middle.
            socket.send(bytes > 6000 && !said_ ? R"({"text" : "hello there", "result" : []})"
                                               : R"({"partial" : "hel"})");
            said_ = said_ || bytes > 6000;
        } else if (message.payload == R"({"eof" : 1})") {
            socket.send(R"({"text" : "general"})");
            socket.close(1000, "");
        } else if (message.payload.find("config") != message.payload.npos) {
            config = message.payload;
        } else {
            complaints.emplace_back(message.payload);
        }
    }
    const std::string fault_;
    bool said_ = false;
    std::vector<std::shared_ptr<net::ServerWebSocket>> sockets_;
};

TEST_F(EarTest, VoskHearsWhileTheCallerSpeaksAndItsTextsArePutTogether) {
    VoskServer vosk;
    const auto server =
        serve({}, {}, [&](net::Upgrade upgrade) { vosk.accept(std::move(upgrade)); });
    ear_ = make_vosk(executor(), "ws://127.0.0.1:" + std::to_string(server->port()));
    const auto text = transcribe();
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, "hello there general");
    on_loop([&] {
        EXPECT_EQ(vosk.bytes, 16000U);
        EXPECT_TRUE(vosk.complaints.empty());
        EXPECT_EQ(vosk.config, R"({"config":{"sample_rate":8000}})");
        vosk.forget();
    });
}

TEST_F(EarTest, AVoskServerThatClosesEarlyOrIsNotThereIsNamed) {
    VoskServer vosk("close");
    const auto server =
        serve({}, {}, [&](net::Upgrade upgrade) { vosk.accept(std::move(upgrade)); });
    ear_ = make_vosk(executor(), "ws://127.0.0.1:" + std::to_string(server->port()));
    EXPECT_EQ(transcribe().error().code, Errc::connection_lost);
    on_loop([&] { vosk.forget(); });
    const net::test::DeafPort nobody;
    on_loop(
        [&] { ear_ = make_vosk(executor(), "ws://127.0.0.1:" + std::to_string(nobody.port())); });
    const auto text = transcribe();
    EXPECT_EQ(text.error().code, Errc::unreachable);
    EXPECT_NE(text.error().message.find("AGENTBRIDGE_VOSK_URL"), std::string::npos);
}

TEST_F(EarTest, AnUtteranceThatIsDroppedLeavesNothingBehind) {
    VoskServer vosk("deaf");
    const auto server =
        serve({}, {}, [&](net::Upgrade upgrade) { vosk.accept(std::move(upgrade)); });
    on_loop([&] {
        ear_ = make_vosk(executor(), "ws://127.0.0.1:" + std::to_string(server->port()));
        ear_->begin();
        ear_->hear(std::vector<std::int16_t>(8000));
    });
    EXPECT_TRUE(eventually([&] {
        std::size_t bytes = 0;
        on_loop([&] { bytes = vosk.bytes; });
        return bytes > 0;
    }));
    on_loop([&] {
        ear_->end([](Result<std::string>) { ADD_FAILURE() << "nobody wants it"; });
        ear_->cancel();
        ear_->begin();
        ear_.reset();
    });
    EXPECT_TRUE(eventually([] { return live_tasks() <= 1; }));
    on_loop([&] { vosk.forget(); });
}

struct Form {
    std::map<std::string, std::string> fields;
    std::string file;
};

/// Reads a form as strictly as a library would.
std::optional<Form> form_of(const net::HttpRequest& request) {
    const std::string type(request.headers.find("Content-Type").value_or(""));
    const std::string prefix = "multipart/form-data; boundary=";
    if (!type.starts_with(prefix)) return {};
    const auto mark = "--" + type.substr(prefix.size());
    Form form;
    std::string_view rest = request.body;
    while (rest.starts_with(mark + "\r\n")) {
        rest.remove_prefix(mark.size() + 2);
        const auto head = rest.substr(0, rest.find("\r\n\r\n"));
        rest.remove_prefix(head.size() + 4);
        const auto body = rest.substr(0, rest.find("\r\n" + mark));
        rest.remove_prefix(body.size() + 2);
        const auto name = head.find("name=\"");
        const auto key = std::string(head.substr(name + 6, head.find('"', name + 6) - name - 6));
        if (head.find("filename=") != head.npos) {
            form.file = body;
        } else {
            form.fields[key] = body;
        }
    }
    if (rest != mark + "--\r\n") return {};
    return form;
}

/// whisper.cpp's at /inference, OpenAI's elsewhere.
asio::awaitable<net::HttpResponse> whisper(net::HttpRequest request) {
    const auto form = form_of(request);
    if (!form || request.method != "POST") co_return net::respond(400, "text/plain", "no form");
    const auto& wav = form->file;
    if (!wav.starts_with("RIFF") || wav.substr(8, 8) != "WAVEfmt " ||
        wav.substr(24, 4) != std::string("\x80\x3E\0\0", 4))
        co_return net::respond(400, "text/plain", "no WAV of 16 kHz");
    const bool openai = request.path() == "/v1/audio/transcriptions";
    if (openai && request.headers.find("Authorization") != "Bearer k3y")
        co_return net::respond(401, "text/plain", "");
    if (openai != form->fields.contains("model"))
        co_return net::respond(400, "text/plain", "model");
    if (form->fields.at("response_format") != "json") co_return net::respond(400, "text/plain", "");
    if (request.path() == "/blank/inference")
        co_return net::respond(200, "application/json", R"({"text":" [BLANK_AUDIO]\n"})");
    if (request.path() == "/odd/inference") co_return net::respond(200, "application/json", "[]");
    co_return net::respond(
        200, "application/json",
        json::serialize(
            json::object{{"text", " " + std::to_string((wav.size() - 44) / 2) + " samples.\n"}}));
}

TEST_F(EarTest, WhisperIsSentAWavInAForm) {
    const auto base = "http://127.0.0.1:" + std::to_string(serve({}, &whisper)->port());
    ear_ = make_whisper(executor(), http_, {base + "/inference", "", {}});
    EXPECT_NEAR(std::stod(transcribe().value()), 16000, 100);
    EXPECT_TRUE(transcribe().value().ends_with(" samples."));
    on_loop([&] {
        ear_ = make_whisper(executor(), http_,
                            {base + "/v1/audio/transcriptions", "whisper-1", Secret("k3y")});
    });
    EXPECT_NEAR(std::stod(transcribe(24000).value()), 48000, 100);
}

TEST_F(EarTest, WhisperHearsNothingInSilenceAndItsRefusalsSayWhatToCheck) {
    const auto base = "http://127.0.0.1:" + std::to_string(serve({}, &whisper)->port());
    const std::pair<WhisperOptions, Errc> refused[] = {
        {{base + "/v1/audio/transcriptions", "whisper-1", Secret("wrong")}, Errc::unauthorized},
        {{base + "/nowhere", "m", {}}, Errc::refused},
        {{base + "/odd/inference", "", {}}, Errc::protocol},
    };
    for (const auto& [options, code] : refused) {
        on_loop([&] { ear_ = make_whisper(executor(), http_, options); });
        const auto text = transcribe();
        ASSERT_FALSE(text);
        EXPECT_EQ(text.error().code, code) << text.error().message;
        EXPECT_EQ(text.error().message.find("wrong"), std::string::npos);
    }
    on_loop([&] { ear_ = make_whisper(executor(), http_, {base + "/blank/inference", "", {}}); });
    EXPECT_EQ(transcribe().value(), "");
}

}  // namespace
}  // namespace bridge::agents::local
