#include "twilio/webhooks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <mutex>

#include "base/log.hpp"
#include "twilio/wire/probe.hpp"
#include "twilio/wire/signature.hpp"

namespace bridge::twilio {
namespace {

namespace asio = boost::asio;
const Secret kToken{"12345"};

Form call_sid(std::string sid) {
    Form form;
    form.add("CallSid", std::move(sid));
    return form;
}

class WebhooksTest : public testing::Test {
protected:
    WebhooksTest() {
        log::Options to_here;
        to_here.write = [this](std::string_view line) {
            const std::lock_guard lock(log_mutex);
            log_text += line;
        };
        log::start(to_here);
        options.url = *PublicUrl::parse("https://bridge.example.com");
        options.auth_tokens = {kToken};
        options.metrics = std::make_shared<metrics::Registry>();
        options.now = [this] { return clock.now(); };
    }
    ~WebhooksTest() override { log::stop(); }

    net::HttpResponse ask(net::HttpRequest request) {
        if (!webhooks) webhooks = std::make_shared<Webhooks>(registry, tokens, options);
        std::optional<net::HttpResponse> result;
        std::exception_ptr failed;
        asio::co_spawn(context, webhooks->handler()(std::move(request)),
                       [&](std::exception_ptr error, net::HttpResponse response) {
                           failed = error;
                           if (!error) result = std::move(response);
                       });
        settle();
        if (failed) std::rethrow_exception(failed);
        return std::move(*result);
    }
    void settle() {
        context.restart();
        context.poll();
    }
    net::HttpRequest unsigned_request(std::string target, const Form& form,
                                      std::string method = "POST") {
        net::HttpRequest request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.headers.add("Host", "localhost:8000");
        request.peer = "127.0.0.1:1";
        if (request.method == "POST") {
            request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
            request.body = format_form(form);
        } else if (!form.pairs().empty()) {
            request.target +=
                (request.target.find('?') == std::string::npos ? "?" : "&") + format_form(form);
        }
        return request;
    }
    net::HttpRequest request(std::string target, const Form& form, std::string method = "POST",
                             std::string_view base = "https://bridge.example.com") {
        auto out = unsigned_request(std::move(target), form, std::move(method));
        out.headers.add("X-Twilio-Signature",
                        compute_signature(kToken, std::string(base) + out.target,
                                          out.method == "POST" ? form : Form{}));
        return out;
    }
    net::HttpResponse post(std::string target, std::vector<Form::Pair> pairs) {
        return ask(request(std::move(target), Form(std::move(pairs))));
    }
    CallId dial(bool listen_only = false) {
        call::CallSpec spec;
        spec.to = "+15551234567";
        spec.from = "+15005550006";
        spec.listen_only = listen_only;
        const auto id = registry.open(spec);
        settle();
        return id;
    }
    call::CallSnapshot snapshot(const CallId& id) {
        call::CallSnapshot out;
        registry.snapshot(id, [&out](call::CallSnapshot taken) { out = std::move(taken); });
        settle();
        return out;
    }
    /// The token in a TwiML document, spent.
    std::optional<MediaTicket> ticket(const std::string& twiml) {
        const std::string before = "wss://bridge.example.com/twilio/media/";
        const auto at = twiml.find(before);
        if (at == std::string::npos) return std::nullopt;
        return tokens->take(
            twiml.substr(at + before.size(), twiml.find('"', at) - at - before.size()),
            clock.now());
    }
    bool logged(std::string_view words) {
        log::flush();
        const std::lock_guard lock(log_mutex);
        return log_text.find(words) != std::string::npos;
    }

    std::mutex log_mutex;
    std::string log_text;
    asio::io_context context;
    VirtualClock clock;
    call::EventBus bus;
    call::CallRegistry registry{{call::CallHome{context.get_executor(), &clock}},
                                {bus, nullptr, nullptr, {}}};
    std::shared_ptr<MediaTokens> tokens = std::make_shared<MediaTokens>();
    WebhookOptions options;
    std::shared_ptr<Webhooks> webhooks;
};

constexpr std::string_view kHangup = "<Hangup/>";

TEST_F(WebhooksTest, ConnectsAnOutboundCallToItsStream) {
    const auto id = dial();
    const auto answer =
        post("/twilio/voice?call=" + id.str(),
             {{"CallSid", "CA1"}, {"From", "+1"}, {"CallStatus", "in-progress"}, {"FromCity", ""}});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.find("Content-Type"), "text/xml; charset=utf-8");
    EXPECT_NE(
        answer.body.find("<Response><Connect><Stream url=\"wss://bridge.example.com/twilio/media/"),
        std::string::npos);
    EXPECT_NE(
        answer.body.find("statusCallback=\"https://bridge.example.com/twilio/stream-status?call=" +
                         id.str() + "\""),
        std::string::npos);
    EXPECT_TRUE(answer.body.ends_with("</Connect></Response>")) << "nothing follows the stream";
    const auto found = ticket(answer.body);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->call, id);
    EXPECT_EQ(found->sid.str(), "CA1");
    EXPECT_EQ(registry.find("CA1"), id);
    EXPECT_EQ(snapshot(id).state, call::CallState::in_progress);
}

TEST_F(WebhooksTest, AnswersARetryLikeTheFirstRequest) {
    const auto id = dial();
    for (int i = 0; i < 3; ++i) {
        auto again = request("/twilio/voice?call=" + id.str(),
                             Form({{"CallSid", "CA1"}, {"CallStatus", "in-progress"}}));
        again.headers.add("I-Twilio-Idempotency-Token", "same");
        EXPECT_TRUE(ticket(ask(again).body));
    }
    EXPECT_EQ(registry.size(), 1u);
}

TEST_F(WebhooksTest, ListensOnlyIfTheCallSaysSo) {
    const auto id = dial(true);
    const auto answer =
        post("/twilio/voice?call=" + id.str(), {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}});
    EXPECT_NE(answer.body.find("<Start><Stream"), std::string::npos);
    EXPECT_NE(answer.body.find("<Pause length=\"3600\"/><Redirect "
                               "method=\"POST\">https://bridge.example.com/twilio/voice?call=" +
                               id.str()),
              std::string::npos);
    EXPECT_TRUE(ticket(answer.body));
    registry.here(id)->open_stream();
    const auto later =
        post("/twilio/voice?call=" + id.str(), {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}});
    EXPECT_EQ(later.body.find("<Stream"), std::string::npos) << "the stream runs already";
    EXPECT_NE(later.body.find("<Pause"), std::string::npos);
}

TEST_F(WebhooksTest, TellsACallThatIsOverOrUnknownToHangUp) {
    const auto id = dial();
    post("/twilio/status?call=" + id.str(),
         {{"CallSid", "CA1"}, {"CallStatus", "completed"}, {"SequenceNumber", "3"}});
    EXPECT_NE(post("/twilio/voice?call=" + id.str(), {{"CallSid", "CA1"}}).body.find(kHangup),
              std::string::npos);
    EXPECT_NE(post("/twilio/voice?call=c_unknown", {{"CallSid", "CA2"}}).body.find(kHangup),
              std::string::npos);
    EXPECT_EQ(tokens->size(), 0u);
}

TEST_F(WebhooksTest, TellsASecondCallInTheNameOfAnotherToHangUp) {
    const auto id = dial();
    EXPECT_TRUE(ticket(
        post("/twilio/voice?call=" + id.str(), {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}})
            .body));
    EXPECT_NE(
        post("/twilio/voice?call=" + id.str(), {{"CallSid", "CA2"}, {"CallStatus", "in-progress"}})
            .body.find(kHangup),
        std::string::npos);
}

TEST_F(WebhooksTest, OpensACallForEachInboundCallSid) {
    const std::vector<Form::Pair> pairs{{"CallSid", "CA7"},
                                        {"From", "+15551112222"},
                                        {"To", "+15005550006"},
                                        {"CallStatus", "ringing"}};
    const auto first = ticket(post("/twilio/voice", pairs).body);
    const auto second = ticket(post("/twilio/voice", pairs).body);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->call, second->call);
    EXPECT_EQ(registry.size(), 1u);
    const auto seen = snapshot(first->call);
    EXPECT_EQ(seen.direction, call::Direction::inbound);
    EXPECT_EQ(seen.sid.str(), "CA7");
    EXPECT_EQ(seen.from, "+15551112222");
    EXPECT_EQ(seen.to, "+15005550006");
    EXPECT_TRUE(logged("+*******2222"));
    EXPECT_FALSE(logged("5551112222")) << "numbers are masked";
    post("/twilio/status", {{"CallSid", "CA7"}, {"CallStatus", "completed"}});
    EXPECT_EQ(registry.size(), 0u);
    EXPECT_NE(post("/twilio/voice", pairs).body.find(kHangup), std::string::npos)
        << "a late retry opens no second call";
    EXPECT_EQ(registry.size(), 0u);
}

TEST_F(WebhooksTest, RejectsInboundCallsIfToldTo) {
    options.inbound = InboundPolicy::reject;
    options.reject_reason = RejectReason::busy;
    EXPECT_NE(post("/twilio/voice", {{"CallSid", "CA7"}}).body.find("<Reject reason=\"busy\"/>"),
              std::string::npos);
    EXPECT_EQ(registry.size(), 0u);
}

TEST_F(WebhooksTest, TakesParametersFromTheQueryOfAGet) {
    const auto answer =
        ask(request("/twilio/voice", Form({{"CallSid", "CA8"}, {"From", "+1 5"}}), "GET"));
    ASSERT_TRUE(ticket(answer.body));
    EXPECT_TRUE(registry.find("CA8"));
}

TEST_F(WebhooksTest, PassesStatusOn) {
    const auto id = dial();
    const auto answer =
        post("/twilio/status?call=" + id.str(),
             {{"CallSid", "CA1"}, {"CallStatus", "ringing"}, {"SequenceNumber", "1"}});
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(snapshot(id).state, call::CallState::ringing);
    EXPECT_EQ(registry.find("CA1"), id);
    EXPECT_EQ(post("/twilio/status",
                   {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}, {"SequenceNumber", "2"}})
                  .status,
              204);
    EXPECT_EQ(snapshot(id).state, call::CallState::in_progress);
    EXPECT_EQ(post("/twilio/status",
                   {{"CallSid", "CA99"}, {"CallStatus", "completed"}, {"SequenceNumber", "x"}})
                  .status,
              204);
}

TEST_F(WebhooksTest, PassesMachineDetectionOn) {
    const auto id = dial();
    EXPECT_EQ(post("/twilio/amd?call=" + id.str(), {{"CallSid", "CA1"},
                                                    {"AnsweredBy", "machine_start"},
                                                    {"MachineDetectionDuration", "2300"}})
                  .status,
              204);
    EXPECT_EQ(snapshot(id).answered_by, "machine_start");
}

TEST_F(WebhooksTest, ExplainsAStreamError) {
    const auto id = dial();
    EXPECT_EQ(post("/twilio/stream-status?call=" + id.str(),
                   {{"CallSid", "CA1"},
                    {"StreamSid", "MZ1"},
                    {"StreamEvent", "stream-error"},
                    {"StreamError", "31902 - refused\nby\x1b host"}})
                  .status,
              204);
    EXPECT_TRUE(logged("is the tunnel up?"));
    EXPECT_TRUE(logged("refused by  host")) << "what comes from outside stays on its line";
}

TEST_F(WebhooksTest, LogsAndHangsUpOnTheFallback) {
    const auto answer =
        post("/twilio/fallback", {{"CallSid", "CA1"},
                                  {"ErrorCode", "11205"},
                                  {"ErrorUrl", "https://bridge.example.com/twilio/voice"}});
    EXPECT_NE(answer.body.find(kHangup), std::string::npos);
    EXPECT_TRUE(logged("11205"));
    EXPECT_TRUE(logged("check that PUBLIC_URL reaches this program"));
}

TEST_F(WebhooksTest, HangsUpACallWhoseDialWasAnsweredAndTakesBackAnyOther) {
    for (const auto* word : {"completed", "answered"}) {
        const auto id = dial();
        const auto sid = std::string("CA-") + word;
        post("/twilio/voice?call=" + id.str(), {{"CallSid", sid}, {"CallStatus", "in-progress"}});
        const auto answer = post("/twilio/dial-result?call=" + id.str(),
                                 {{"CallSid", sid}, {"DialCallStatus", word}});
        EXPECT_NE(answer.body.find(kHangup), std::string::npos) << word;
    }
    for (const auto* word : {"busy", "no-answer", "failed", "canceled", "", "new-word"}) {
        const auto id = dial();
        const auto sid = std::string("CA-") + word;
        post("/twilio/voice?call=" + id.str(), {{"CallSid", sid}, {"CallStatus", "in-progress"}});
        const auto answer = post("/twilio/dial-result?call=" + id.str(),
                                 {{"CallSid", sid}, {"DialCallStatus", word}});
        const auto way_back = ticket(answer.body);
        ASSERT_TRUE(way_back) << word << ": " << answer.body;
        EXPECT_EQ(way_back->call, id);
        EXPECT_EQ(way_back->sid.str(), sid);
    }
    const auto gone =
        post("/twilio/dial-result?call=c_gone", {{"CallSid", "CA9"}, {"DialCallStatus", "busy"}});
    EXPECT_NE(gone.body.find(kHangup), std::string::npos);
    const auto id = dial();
    post("/twilio/voice?call=" + id.str(), {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}});
    const auto other = post("/twilio/dial-result?call=" + id.str(),
                            {{"CallSid", "CA2"}, {"DialCallStatus", "busy"}});
    EXPECT_NE(other.body.find(kHangup), std::string::npos) << "another call in its name";
}

TEST_F(WebhooksTest, PassesTheLegsOfATransferAndConferencesOn) {
    const auto first = dial(), second = dial();
    post("/twilio/voice?call=" + first.str(), {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}});
    post("/twilio/voice?call=" + second.str(), {{"CallSid", "CA2"}, {"CallStatus", "in-progress"}});
    EXPECT_EQ(post("/twilio/participant?call=" + first.str(),
                   {{"CallSid", "CA7"}, {"ParentCallSid", "CA1"}, {"CallStatus", "ringing"}})
                  .status,
              204);
    // One address is told of everybody in the room.
    EXPECT_EQ(post("/twilio/conference?call=" + first.str(),
                   {{"CallSid", "CA2"},
                    {"ConferenceSid", "CF1"},
                    {"StatusCallbackEvent", "participant-join"}})
                  .status,
              204);
    EXPECT_TRUE(logged("participant-join call=" + second.str()));
    EXPECT_EQ(post("/twilio/conference?call=" + first.str(),
                   {{"ConferenceSid", "CF1"}, {"StatusCallbackEvent", "conference-end"}})
                  .status,
              204);
    EXPECT_TRUE(logged("conference-end call=" + first.str()));
    EXPECT_EQ(post("/twilio/conference?call=" + first.str(),
                   {{"CallSid", "CA9"}, {"StatusCallbackEvent", "participant-leave"}})
                  .status,
              204);
    EXPECT_FALSE(logged("participant-leave"));
}

TEST_F(WebhooksTest, AnswersOnlyItsOwnPathsAndMethods) {
    EXPECT_EQ(post("/", {}).status, 404);
    EXPECT_EQ(post("/twilio/voice/", {}).status, 404);
    EXPECT_EQ(post("/twilio/media/x", {}).status, 404);
    const auto answer = ask(unsigned_request("/twilio/voice", {}, "DELETE"));
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.headers.find("Allow"), "GET, POST");
}

TEST_F(WebhooksTest, RefusesEveryPathWithoutARightSignature) {
    const auto id = dial();
    for (const std::string path : {"voice", "status", "stream-status", "amd", "fallback",
                                   "dial-result", "participant", "conference"}) {
        const auto target = "/twilio/" + path + "?call=" + id.str();
        const Form form({{"CallSid", "CA1"}, {"CallStatus", "completed"}});
        for (const auto* method : {"POST", "GET"}) {
            EXPECT_EQ(ask(unsigned_request(target, form, method)).status, 400) << path;
            auto wrong = unsigned_request(target, form, method);
            wrong.headers.add("X-Twilio-Signature",
                              compute_signature(Secret{"another"},
                                                "https://bridge.example.com" + wrong.target, form));
            EXPECT_EQ(ask(wrong).status, 403) << path;
            auto changed = request(target, form, method);
            (*method == 'P' ? changed.body : changed.target) += "x";
            EXPECT_EQ(ask(changed).status, 403) << path;
        }
    }
    const auto refused = [this](const char* cause) {
        return options.metrics
            ->counter("agentbridge_webhook_refusals_total", "", {{"cause", cause}})
            .value();
    };
    EXPECT_EQ(refused("no_signature"), 16U);
    EXPECT_EQ(refused("signature"), 32U);
    EXPECT_EQ(snapshot(id).state, call::CallState::created);
    EXPECT_EQ(tokens->size(), 0u);
}

TEST_F(WebhooksTest, NeverTrustsTheHostHeader) {
    auto forged = unsigned_request("/twilio/voice", call_sid("CA1"));
    forged.headers.set("Host", "other.example.com");
    forged.headers.add(
        "X-Twilio-Signature",
        compute_signature(kToken, "https://other.example.com/twilio/voice", call_sid("CA1")));
    EXPECT_EQ(ask(forged).status, 403);
    EXPECT_TRUE(logged("expected for https://bridge.example.com/twilio/voice"));
    EXPECT_TRUE(logged("it was made for https://other.example.com: set PUBLIC_URL to that"));
}

TEST_F(WebhooksTest, AcceptsBothTokensWhileOneIsChanged) {
    options.auth_tokens = {Secret{"next"}, kToken};
    EXPECT_TRUE(ticket(post("/twilio/voice", {{"CallSid", "CA1"}}).body));
}

TEST_F(WebhooksTest, WorksBelowAPathOfThePublicUrl) {
    options.url = *PublicUrl::parse("https://bridge.example.com/in");
    for (const auto* target : {"/twilio/voice", "/in/twilio/voice"}) {
        auto asked = unsigned_request(target, call_sid("CA1"));
        asked.headers.add("X-Twilio-Signature",
                          compute_signature(kToken, "https://bridge.example.com/in/twilio/voice",
                                            call_sid("CA1")));
        EXPECT_EQ(ask(asked).status, 200) << target;
    }
}

TEST_F(WebhooksTest, ChecksABodyThatIsSignedByItsHash) {
    const std::string body = R"({"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"})";
    auto asked = unsigned_request(
        "/twilio/"
        "status?bodySHA256=5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9",
        {});
    asked.headers.set("Content-Type", "application/json");
    asked.body = body;
    asked.headers.add("X-Twilio-Signature",
                      compute_signature(kToken, "https://bridge.example.com" + asked.target, {}));
    EXPECT_EQ(ask(asked).status, 204);
    asked.body[5] = 'X';
    EXPECT_EQ(ask(asked).status, 403);
}

TEST_F(WebhooksTest, RefusesAFormThatIsTooLarge) {
    std::vector<Form::Pair> pairs;
    for (int i = 0; i < 1001; ++i) pairs.emplace_back(std::to_string(i), "");
    EXPECT_EQ(post("/twilio/status", pairs).status, 413);
}

TEST_F(WebhooksTest, NeedsACallSid) {
    EXPECT_EQ(post("/twilio/voice", {{"From", "+1"}}).status, 400);
}

TEST_F(WebhooksTest, TellsOfARecordingAlsoOfACallThatNobodyKnows) {
    std::vector<RecordingReport> reports;
    options.recording_reported = [&](RecordingReport report) {
        reports.push_back(std::move(report));
    };
    const std::string target = "/twilio/recording-status?call=c_gone&name=20260101T000000Z-c_gone";
    const std::vector<Form::Pair> pairs{
        {"CallSid", "CA1"}, {"RecordingSid", "RE1"}, {"RecordingStatus", "completed"}};
    EXPECT_EQ(post(target, pairs).status, 204);
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports[0].call.str(), "c_gone");
    EXPECT_EQ(reports[0].name, "20260101T000000Z-c_gone");
    EXPECT_EQ(reports[0].recording, "RE1");
    EXPECT_EQ(reports[0].status, "completed");
    // The name is signed with the rest.
    auto forged = request(target, Form(pairs));
    forged.target += "x";
    EXPECT_EQ(ask(std::move(forged)).status, 403);
    EXPECT_EQ(ask(unsigned_request(target, Form(pairs))).status, 400);
    EXPECT_EQ(post(target, {{"CallSid", "CA1"}}).status, 204);
    EXPECT_EQ(reports.size(), 1U);
}

TEST_F(WebhooksTest, FollowsThePublicAddressAndStillTakesWhatWasSignedForTheOldOne) {
    const SharedUrl url = *PublicUrl::parse("https://bridge.example.com");
    options.url = url;
    const auto before = dial();
    post("/twilio/voice?call=" + before.str(), {{"CallSid", "CA1"}, {"CallStatus", "in-progress"}});
    url.change(*PublicUrl::parse("https://new.example.com/tunnel"));

    const Form over({{"CallSid", "CA1"}, {"CallStatus", "failed"}});
    EXPECT_EQ(ask(request("/twilio/status?call=" + before.str(), over)).status, 204);
    settle();
    EXPECT_EQ(registry.size(), 0u) << "the old call heard of its end";

    const auto id = dial();
    const auto answer = ask(request("/tunnel/twilio/voice?call=" + id.str(),
                                    Form({{"CallSid", "CA2"}, {"CallStatus", "in-progress"}}),
                                    "POST", "https://new.example.com"));
    EXPECT_NE(answer.body.find("wss://new.example.com/tunnel/twilio/media/"), std::string::npos)
        << answer.body;
    EXPECT_EQ(ask(request("/twilio/status?call=" + id.str(), over, "POST", "https://evil.example"))
                  .status,
              403);
}

TEST_F(WebhooksTest, RecognisesItselfByASealedProbe) {
    options.instance = "me";
    const Probe probe{new_nonce(), kToken};
    const auto target = "/twilio/status?probe=" + format_probe(probe);
    const auto right = parse_probe_report(ask(request(target, probe_form())).body, probe);
    ASSERT_TRUE(right) << right.error().message;
    EXPECT_EQ(right->instance, "me");
    EXPECT_EQ(right->public_url, "https://bridge.example.com");
    EXPECT_TRUE(right->signature_came && right->signature_right && right->body_whole);

    const auto stripped =
        parse_probe_report(ask(unsigned_request(target, probe_form())).body, probe);
    ASSERT_TRUE(stripped);
    EXPECT_FALSE(stripped->signature_came);
    EXPECT_NE(stripped->cause.find("did not arrive"), std::string::npos);

    const auto elsewhere = parse_probe_report(
        ask(request(target, probe_form(), "POST", "https://old.example")).body, probe);
    ASSERT_TRUE(elsewhere);
    EXPECT_FALSE(elsewhere->signature_right);

    auto rewritten = request(target, probe_form());
    rewritten.body.replace(rewritten.body.find("15005550006"), 1, "2");
    const auto spoilt = parse_probe_report(ask(rewritten).body, probe);
    ASSERT_TRUE(spoilt);
    EXPECT_FALSE(spoilt->body_whole || spoilt->signature_right);
}

TEST_F(WebhooksTest, AnswersNoProbeThatAStrangerMade) {
    options.instance = "me";
    const Probe strangers{new_nonce(), Secret("another token")};
    const auto target = "/twilio/status?probe=" + format_probe(strangers);
    EXPECT_EQ(ask(unsigned_request(target, probe_form())).status, 400);
    EXPECT_EQ(ask(unsigned_request("/twilio/status?probe=1.2", probe_form())).status, 400);
    const Probe ours{new_nonce(), kToken};
    const auto answer = ask(unsigned_request("/twilio/status?probe=" + format_probe(ours), {}));
    EXPECT_EQ(answer.status, 200);
    const Probe other{new_nonce(), kToken};
    EXPECT_FALSE(parse_probe_report(answer.body, other)) << "an answer fits its question alone";
}

}  // namespace
}  // namespace bridge::twilio
