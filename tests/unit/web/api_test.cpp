#include "web/api.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

#include "tests/support/openapi_check.hpp"
#include "tests/support/plain_history.hpp"
#include "tests/unit/call/call_fixture.hpp"
#include "web/openapi.hpp"

namespace bridge::web {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

asio::awaitable<void> ask_api(std::shared_ptr<Api> api, net::HttpRequest request,
                              std::optional<net::HttpResponse>* into) {
    *into = co_await Api::answer(std::move(api), std::move(request));
}

/// Every answer of these tests is held against the document.
const OpenApiCheck& description() {
    static const OpenApiCheck check(openapi_document());
    return check;
}

/// The API over real calls, on a loop that is run by hand.
struct Plane {
    explicit Plane(bool inbound = true) {
        ApiParts parts;
        parts.calls = &registry;
        parts.desk = desk;
        parts.order = [this](const CallOrder& order) -> Result<call::CallSpec> {
            orders.push_back(order);
            if (order_problem) return tl::unexpected(*order_problem);
            auto spec = call::CallFixture::outbound();
            spec.to = order.to;
            spec.focus = false;
            return spec;
        };
        parts.target = [](std::string_view to) -> Result<std::string> {
            if (to.starts_with("+881")) return fail(Errc::refused, "a satellite telephone");
            if (to.starts_with('+')) return std::string(to);
            return fail(Errc::bad_field, "write it as +15551234567");
        };
        if (inbound) {
            parts.use_number = [this](std::string number, bool force) {
                return answer_number(this, std::move(number), force);
            };
        }
        parts.history = history;
        api = std::make_shared<Api>(loop.get_executor(), std::move(parts));
    }

    static asio::awaitable<Result<std::string>> answer_number(Plane* plane, std::string number,
                                                              bool force) {
        plane->numbers.push_back(number + (force ? " by force" : ""));
        if (plane->number_problem) co_return tl::unexpected(*plane->number_problem);
        co_return R"({"number":")" + number +
            R"(","sid":"PN1","voice_url":"","former_voice_url":"","former_application":"",)"
            R"("former_trunk":"","already":false})";
    }

    call::DeskOptions desk_options() {
        call::DeskOptions options;
        options.transfers = &transfers;
        options.target = [](const CallId&, const std::string& to) -> Result<call::CallSpec> {
            auto spec = call::CallFixture::outbound();
            spec.to = to;
            spec.focus = false;
            return spec;
        };
        return options;
    }

    CallId talks() {
        auto spec = call::CallFixture::outbound();
        spec.direction = call::Direction::inbound;
        spec.sid = CallSid{"CA" + std::to_string(++count)};
        spec.focus = false;
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

    net::HttpResponse ask(std::string method, std::string target, std::string body = {},
                          std::vector<std::pair<std::string, std::string>> headers = {}) {
        net::HttpRequest request;
        const auto asked_method = method;
        auto below = target.substr(0, target.find('?'));
        if (below.starts_with("/api/v1")) below.erase(0, 7);
        request.method = std::move(method);
        request.target = std::move(target);
        if (!body.empty()) request.headers.add("Content-Type", "application/json; charset=utf-8");
        for (auto& [name, value] : headers) request.headers.set(name, value);
        request.body = std::move(body);
        std::optional<net::HttpResponse> answer;
        asio::co_spawn(loop, ask_api(api, std::move(request), &answer), asio::detached);
        run();
        if (!answer) ADD_FAILURE() << "no answer without waiting";
        if (answer) {
            const auto wrong = description().problem_with(asked_method, below, *answer);
            EXPECT_EQ(wrong, "") << asked_method << " " << below << ": " << answer->body;
        }
        return answer.value_or(net::HttpResponse{});
    }
    json::value body(const net::HttpResponse& response) { return json::parse(response.body); }
    std::string code(const net::HttpResponse& response) {
        EXPECT_EQ(response.headers.find("Content-Type"), "application/problem+json");
        EXPECT_EQ(body(response).at("status").as_int64(), response.status);
        return json::value_to<std::string>(body(response).at("code"));
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
    call::WarmTransfers transfers{registry, bus, loop.get_executor(), clock};
    std::shared_ptr<call::Desk> desk =
        call::Desk::open(registry, bus, loop.get_executor(), desk_options());
    std::shared_ptr<test::PlainHistory> history = std::make_shared<test::PlainHistory>();
    std::vector<CallOrder> orders;
    std::optional<Error> order_problem;
    std::vector<std::string> numbers;
    std::optional<Error> number_problem;
    std::shared_ptr<Api> api;
    int count = 0;
};

std::string at(const CallId& id, const std::string& verb = {}) {
    return "/api/v1/calls/" + id.str() + (verb.empty() ? "" : "/" + verb);
}

TEST(Api, ANumberIsPointedHere) {
    Plane p;
    const auto path = "/api/v1/numbers/use";
    const auto answer = p.ask("POST", path, R"({"number":"+1555"})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(p.body(answer).at("number"), "+1555");
    EXPECT_EQ(answer.headers.find("Cache-Control"), "no-store");
    p.ask("POST", path, R"({"number":"+1555","force":true})");
    EXPECT_EQ(p.numbers, (std::vector<std::string>{"+1555", "+1555 by force"}));
    EXPECT_EQ(p.ask("GET", path).status, 405);
    EXPECT_EQ(p.code(p.ask("POST", path, "{}")), "bad_field");
    EXPECT_EQ(p.code(p.ask("POST", path, R"({"number":"+1555","forse":true})")), "bad_field");
    EXPECT_EQ(p.numbers.size(), 2U);
}

TEST(Api, WhyANumberIsNotPointedHereIsAProblem) {
    Plane p;
    struct Case {
        Errc error;
        int status;
        const char* code;
    };
    for (const auto& one :
         {Case{Errc::not_found, 404, "no_such_number"}, Case{Errc::refused, 409, "taken"},
          Case{Errc::bad_config, 409, "not_usable"}, Case{Errc::unauthorized, 502, "unauthorized"},
          Case{Errc::cancelled, 503, "draining"}, Case{Errc::io, 500, "internal"}}) {
        p.number_problem = Error{make_error_code(one.error), "why"};
        const auto answer = p.ask("POST", "/api/v1/numbers/use", R"({"number":"+1555"})");
        EXPECT_EQ(answer.status, one.status);
        EXPECT_EQ(p.code(answer), one.code);
        EXPECT_EQ(p.body(answer).at("detail").as_string(), "why");
    }
}

TEST(Api, AProgramWithoutInboundCallsTakesNoNumber) {
    Plane p(false);
    const auto answer = p.ask("POST", "/api/v1/numbers/use", R"({"number":"+1555"})");
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(p.code(answer), "not_usable");
}

TEST(Api, ListsTheCalls) {
    Plane p;
    EXPECT_EQ(p.ask("GET", "/api/v1/calls").body, "{\"calls\":[],\"next\":null}\n");
    const auto first = p.talks();
    p.clock.advance(std::chrono::seconds(1));
    const auto second = p.talks();
    const auto answer = p.ask("GET", "/api/v1/calls");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.find("Cache-Control"), "no-store");
    const auto body = p.body(answer);
    const auto& calls = body.at("calls").as_array();
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0].at("call").as_string(), first.str());
    EXPECT_EQ(calls[1].at("call").as_string(), second.str());
    EXPECT_TRUE(calls[0].at("local").at("focus").as_bool());
    EXPECT_EQ(calls[1].at("local").at("volume").as_int64(), 100);
}

TEST(Api, ListsTheCallsOfOneState) {
    Plane p;
    p.talks();
    for (const auto& [state, expected] : std::vector<std::pair<std::string, std::size_t>>{
             {"live", 1}, {"in-progress", 1}, {"ringing", 0}, {"completed", 0}, {"", 1}}) {
        const auto answer = p.ask("GET", "/api/v1/calls?x=1&state=" + state);
        EXPECT_EQ(p.body(answer).at("calls").as_array().size(), expected) << state;
    }
    EXPECT_EQ(p.code(p.ask("GET", "/api/v1/calls?state=talking")), "bad_field");
}

TEST(Api, ShowsACallByEitherName) {
    Plane p;
    const auto id = p.talks();
    for (const auto& name : {id.str(), std::string("CA1")}) {
        const auto answer = p.ask("GET", "/api/v1/calls/" + name);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(p.body(answer).at("call").as_string(), id.str());
    }
    const auto unknown = p.ask("GET", "/api/v1/calls/c_nobody");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(p.code(unknown), "no_such_call");
}

TEST(Api, HangsACallUp) {
    Plane p;
    const auto id = p.talks();
    EXPECT_EQ(p.ask("DELETE", at(id)).status, 202);
    EXPECT_EQ(p.carrier->hung_up, std::vector<std::string>{"CA1"});
}

TEST(Api, CarriesOutCommandsAndAnswersWithTheCall) {
    Plane p;
    p.talks();
    const auto id = p.talks();
    const auto local = [&](const std::string& verb, const std::string& body,
                           const char* field) -> json::value {
        const auto answer = p.ask("POST", at(id, verb), body);
        EXPECT_EQ(answer.status, 200) << verb << answer.body;
        return p.body(answer).at("local").at(field);
    };
    EXPECT_EQ(local("mute", "", "muted"), json::value(true));
    EXPECT_EQ(local("unmute", "{}", "muted"), json::value(false));
    EXPECT_EQ(local("volume", R"({"percent":30})", "volume"), json::value(30));
    EXPECT_EQ(local("solo", "", "solo"), json::value(true));
    EXPECT_EQ(local("unsolo", "", "solo"), json::value(false));
    EXPECT_EQ(local("focus", "", "focus"), json::value(true));
    EXPECT_EQ(p.ask("POST", at(id, "clear")).status, 200);
    EXPECT_EQ(p.ask("POST", at(id, "hold"), R"({"sound":"silence"})").status, 200);
    EXPECT_EQ(p.ask("POST", at(id, "resume")).status, 200);
    EXPECT_EQ(p.ask("POST", at(id, "dtmf"), R"({"keys":"12#","in_band":true})").status, 202);
    EXPECT_EQ(p.ask("POST", at(id, "transfer"), R"({"to":"+15550000000"})").status, 202);
}

TEST(Api, NamesTheFieldThatIsWrong) {
    Plane p;
    const auto id = p.talks();
    struct Case {
        std::string verb, body, field;
    };
    for (const auto& one : std::vector<Case>{
             {"dtmf", "", "keys"},
             {"dtmf", R"({"keys":12})", "keys"},
             {"dtmf", R"({"keys":"12x"})", "keys"},
             {"dtmf", R"({"keys":"1","in_band":"yes"})", "in_band"},
             {"dtmf", R"({"keys":"1","key":"2"})", "key"},
             {"volume", R"({"percent":101})", "percent"},
             {"volume", R"({"percent":99999999999})", "percent"},
             {"volume", R"({"percent":1.5})", "percent"},
             {"volume", "{}", "percent"},
             {"hold", R"({"sound":"noise"})", "sound"},
             {"transfer", R"({"to":"5551234567"})", "to"},
             {"transfer", "{}", "to"},
             {"transfer", R"({"to":"+1555","mode":"hot"})", "mode"},
             {"transfer", R"({"to":"+1555","mode":"warm","sound":"noise"})", "sound"},
             {"transfer", R"({"to":"+1555","sound":"music"})", "sound"},
             {"transfer/join", R"({"to":"+1555"})", "to"},
             {"mute", R"({"on":true})", "on"},
         }) {
        const auto answer = p.ask("POST", at(id, one.verb), one.body);
        EXPECT_EQ(answer.status, 422) << one.verb << one.body;
        EXPECT_EQ(p.code(answer), "bad_field") << one.body;
        const auto body = p.body(answer);
        EXPECT_EQ(body.at("field").as_string(), one.field) << answer.body;
    }
}

TEST(Api, RefusesBodiesItCannotRead) {
    Plane p;
    const auto path = at(p.talks(), "dtmf");
    const auto form =
        p.ask("POST", path, "keys=1", {{"Content-Type", "application/x-www-form-urlencoded"}});
    EXPECT_EQ(form.status, 415);
    EXPECT_EQ(p.code(form), "not_json");
    for (const auto* text : {"{", "[]", "1", "{\"keys\":\"1\"} x"}) {
        const auto answer = p.ask("POST", path, text);
        EXPECT_EQ(answer.status, 400) << text;
        EXPECT_EQ(p.code(answer), "bad_json");
    }
    const auto large = p.ask("POST", path, R"({"keys":")" + std::string(17000, '1') + "\"}");
    EXPECT_EQ(large.status, 413);
    EXPECT_EQ(p.code(large), "too_large");
    const auto deep = p.ask("POST", path, std::string(5000, '['));
    EXPECT_EQ(deep.status, 400);
}

TEST(Api, SaysWhenACallCannotDoThatNow) {
    Plane p;
    const auto id = p.talks();
    for (const auto* verb : {"accept", "reject"}) {
        const auto answer = p.ask("POST", at(id, verb));
        EXPECT_EQ(answer.status, 409);
        EXPECT_EQ(p.code(answer), "wrong_state");
    }
}

TEST(Api, TransfersACallWarm) {
    Plane p;
    const auto far = p.talks();
    p.carrier->place_outcome = call::PlacedCall{CallSid{"CA2"}, "queued"};
    const auto begun = p.ask("POST", at(far, "transfer"),
                             R"({"to":"+15550000000","mode":"warm","sound":"silence"})");
    ASSERT_EQ(begun.status, 202) << begun.body;
    const auto body = p.body(begun);
    const auto& transfer = body.at("transfer");
    EXPECT_EQ(transfer.at("to").as_string(), "+15550000000");
    EXPECT_EQ(transfer.at("status").as_string(), "dialling");
    EXPECT_EQ(transfer.at("mode").as_string(), "warm");
    EXPECT_TRUE(body.at("local").at("held").as_bool());
    const CallId target{json::value_to<std::string>(transfer.at("call"))};
    const auto listed = p.body(p.ask("GET", at(target)));
    EXPECT_EQ(listed.at("parent").as_string(), far.str());
    EXPECT_TRUE(listed.at("local").at("focus").as_bool());

    const auto early = p.ask("POST", at(target, "transfer/join"));
    EXPECT_EQ(early.status, 409);
    EXPECT_EQ(p.code(early), "wrong_state");
    const auto again = p.ask("POST", at(far, "transfer"), R"({"to":"+15550000001","mode":"warm"})");
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(p.code(again), "already");

    const auto cancelled = p.ask("POST", at(far, "transfer/cancel"));
    EXPECT_EQ(cancelled.status, 202);
    EXPECT_EQ(p.body(cancelled).at("transfer").at("status").as_string(), "failed: cancelled");
    EXPECT_EQ(p.ask("POST", at(far, "transfer/cancel")).status, 409);
    EXPECT_EQ(p.ask("POST", at(far, "transfer/join")).status, 409);
    EXPECT_EQ(p.ask("GET", at(far, "transfer/join")).headers.find("Allow"), "POST");
}

TEST(Api, TransfersToNobodyTheDialPolicyForbids) {
    Plane p;
    const auto id = p.talks();
    for (const auto* mode : {"cold", "warm"}) {
        const auto answer = p.ask("POST", "/api/v1/calls/" + id.str() + "/transfer",
                                  std::string(R"({"to":"+8816312345","mode":")") + mode + "\"}");
        EXPECT_EQ(answer.status, 403);
        EXPECT_EQ(p.code(answer), "refused_by_policy");
        EXPECT_EQ(json::value_to<std::string>(p.body(answer).at("detail")),
                  "a satellite telephone");
    }
    EXPECT_TRUE(p.carrier->placed.empty());
}

TEST(Api, KnowsItsRoutesAndTheirMethods) {
    Plane p;
    const auto id = p.talks();
    for (const auto& path :
         {std::string("/api"), std::string("/api/v2/calls"), std::string("/api/v1/call"),
          std::string("/api/v1/calls/"), at(id, "sing"), at(id, "mute/now"), at(id) + "/"}) {
        const auto answer = p.ask("POST", path);
        EXPECT_EQ(answer.status, 404) << path;
    }
    const auto put = p.ask("PUT", "/api/v1/calls");
    EXPECT_EQ(put.status, 405);
    EXPECT_EQ(put.headers.find("Allow"), "GET, HEAD, POST");
    EXPECT_EQ(p.code(put), "method_not_allowed");
    EXPECT_EQ(p.ask("POST", at(id)).headers.find("Allow"), "GET, HEAD, DELETE");
    EXPECT_EQ(p.ask("GET", at(id, "mute")).headers.find("Allow"), "POST");
}

TEST(Api, PlacesACall) {
    Plane p;
    const auto answer = p.ask("POST", "/api/v1/calls",
                              R"({"to":"+15551234567","from":"+15557654321","time_limit_s":60})");
    EXPECT_EQ(answer.status, 201) << answer.body;
    const auto body = p.body(answer);
    const auto id = json::value_to<std::string>(body.at("call"));
    EXPECT_EQ(answer.headers.find("Location"), "/api/v1/calls/" + id);
    ASSERT_EQ(p.orders.size(), 1U);
    EXPECT_EQ(p.orders[0].from, "+15557654321");
    EXPECT_EQ(p.orders[0].time_limit, std::chrono::seconds(60));
    ASSERT_EQ(p.carrier->placed.size(), 1U);
    EXPECT_EQ(p.carrier->placed[0].to, "+15551234567");
    EXPECT_EQ(p.desk->focused().str(), id);
}

TEST(Api, LeavesTheFocusWhereItIsWhenAsked) {
    Plane p;
    const auto first = p.talks();
    EXPECT_EQ(p.ask("POST", "/api/v1/calls", R"({"to":"+15551234567","focus":false})").status, 201);
    EXPECT_EQ(p.desk->focused(), first);
}

TEST(Api, PlacesACallOnceForOneKey) {
    Plane p;
    const std::string body = R"({"to":"+15551234567"})";
    const auto first = p.ask("POST", "/api/v1/calls", body, {{"Idempotency-Key", "k1"}});
    const auto again = p.ask("POST", "/api/v1/calls", body, {{"Idempotency-Key", "k1"}});
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.headers.find("Location"), first.headers.find("Location"));
    EXPECT_EQ(p.carrier->placed.size(), 1U);
    const auto other =
        p.ask("POST", "/api/v1/calls", R"({"to":"+15550000000"})", {{"Idempotency-Key", "k1"}});
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(p.code(other), "key_reused");
    p.ask("POST", "/api/v1/calls", body, {{"Idempotency-Key", "k2"}});
    EXPECT_EQ(p.carrier->placed.size(), 2U);
    EXPECT_EQ(p.ask("POST", "/api/v1/calls", body, {{"Idempotency-Key", "a b"}}).status, 422);
}

TEST(Api, TellsWhyACallIsNotPlaced) {
    Plane p;
    EXPECT_EQ(p.code(p.ask("POST", "/api/v1/calls", "{}")), "bad_field");
    for (const auto* text : {R"({"to":"+1","time_limit_s":0})", R"({"to":"+1","time_limit_s":"1"})",
                             R"({"to":"+1","agent":"x"})"})
        EXPECT_EQ(p.code(p.ask("POST", "/api/v1/calls", text)), "bad_field") << text;
    EXPECT_TRUE(p.orders.empty());
    for (const auto& [error, status, code] :
         std::vector<std::tuple<Errc, int, std::string>>{{Errc::bad_field, 422, "bad_field"},
                                                         {Errc::cancelled, 503, "draining"},
                                                         {Errc::refused, 403, "refused_by_policy"},
                                                         {Errc::unreachable, 503, "not_ready"}}) {
        p.order_problem = Error{make_error_code(error), "to: that is why"};
        const auto answer = p.ask("POST", "/api/v1/calls", R"({"to":"+1"})");
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(p.code(answer), code);
    }
    EXPECT_TRUE(p.carrier->placed.empty());
}

TEST(Api, IsDescribedRouteByRoute) {
    std::set<std::string> routed;
    for (const auto& route : Api::routes())
        routed.insert(std::string(route.method) + " " + std::string(route.path));
    EXPECT_EQ(routed.size(), Api::routes().size()) << "a route is there twice";
    EXPECT_EQ(routed, description().operations());
}

TEST(Api, SaysWhatItKnowsNothingOf) {
    Plane p;
    EXPECT_EQ(p.ask("GET", "/api/v1").status, 404);
    EXPECT_EQ(p.ask("GET", "/api/v1/").status, 404);
    EXPECT_EQ(p.ask("GET", "/api/v2/calls").status, 404);
    EXPECT_EQ(p.ask("GET", "/api/v1/calls/").status, 404);
    EXPECT_EQ(p.ask("GET", "/api/v1/calls/c_1/").status, 404);
    EXPECT_EQ(p.ask("GET", "/api/v1/calls/c_1/agent/x").status, 404);
    const auto answer = p.ask("PATCH", "/api/v1/calls/c_1/agent");
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.headers.find("Allow"), "PUT, DELETE");
    EXPECT_EQ(p.ask("GET", "/api/v1/calls/c_1/mute").headers.find("Allow"), "POST");
    EXPECT_EQ(p.ask("POST", "/api/v1/doctor").headers.find("Allow"), "GET, HEAD");
    EXPECT_EQ(p.code(p.ask("GET", "/api/v1/emulator")), "no_emulator");
    EXPECT_EQ(p.code(p.ask("GET", "/api/v1/doctor")), "not_found");
}

call::CallSnapshot over(int at, call::CallState state = call::CallState::completed) {
    call::CallSnapshot out;
    out.id = CallId{"c_over" + std::to_string(at)};
    out.sid = CallSid{"CAover" + std::to_string(at)};
    out.state = state;
    out.created = std::chrono::system_clock::time_point(std::chrono::seconds(at));
    out.ended = out.created + std::chrono::seconds(1);
    return out;
}

TEST(Api, ListsCallsThatAreOverPageByPage) {
    Plane p;
    const auto live = p.talks();
    for (int i = 1; i <= 5; ++i)
        p.history->keep(over(i, i == 3 ? call::CallState::busy : call::CallState::completed));
    const auto ids = [&](const std::string& query) {
        const auto answer = p.ask("GET", "/api/v1/calls?" + query);
        EXPECT_EQ(answer.status, 200) << answer.body;
        std::string out;
        const auto body = p.body(answer);
        for (const auto& call : body.at("calls").as_array()) {
            const auto id = json::value_to<std::string>(call.at("call"));
            out += id == live.str() ? "L" : id.substr(id.size() - 1);
        }
        return std::pair(out, body.at("next").is_null()
                                  ? std::string()
                                  : json::value_to<std::string>(body.at("next")));
    };
    EXPECT_EQ(ids("").first, "L");
    EXPECT_EQ(ids("state=ended").first, "54321");
    EXPECT_EQ(ids("state=all").first, "L54321");
    EXPECT_EQ(ids("state=busy").first, "3");
    EXPECT_EQ(ids("state=ended&since=1970-01-01T00:00:04Z").first, "54");
    EXPECT_EQ(ids("state=ended&since=1970-01-01T01:00:04%2B01:00").first, "54");
    auto [page, next] = ids("state=all&limit=4");
    EXPECT_EQ(page, "L543");
    ASSERT_NE(next, "");
    std::tie(page, next) = ids("state=all&limit=4&cursor=" + next);
    EXPECT_EQ(page, "21");
    EXPECT_EQ(next, "");
    for (const auto* query : {"limit=0", "limit=201", "limit=x", "since=yesterday", "cursor=x",
                              "since=2026-13-01T00:00:00Z", "since=2026-01-01T00:00:00",
                              "since=9999-01-01T00:00:00Z"}) {
        const auto answer = p.ask("GET", std::string("/api/v1/calls?") + query);
        EXPECT_EQ(answer.status, 422) << query;
        const std::string word(query);
        EXPECT_EQ(p.body(answer).at("field"), json::value(word.substr(0, word.find('='))));
    }
}

TEST(Api, ListsCallsThatLivePageByPageTheOldestFirst) {
    Plane p;
    std::vector<std::string> opened;
    for (int i = 0; i < 5; ++i) opened.push_back(p.talks().str());
    std::vector<std::string> listed;
    std::string cursor;
    int pages = 0;
    do {
        const auto body = p.body(p.ask("GET", "/api/v1/calls?limit=2" + cursor));
        for (const auto& call : body.at("calls").as_array())
            listed.push_back(json::value_to<std::string>(call.at("call")));
        cursor = body.at("next").is_null()
                     ? std::string()
                     : "&cursor=" + json::value_to<std::string>(body.at("next"));
        ++pages;
    } while (!cursor.empty() && pages < 10);
    EXPECT_EQ(listed, opened);
    EXPECT_EQ(pages, 3);
    // None of the other list's cursors, and nothing at all of one state that nobody has.
    EXPECT_EQ(p.ask("GET", "/api/v1/calls?cursor=n1x").status, 422);
    EXPECT_EQ(p.ask("GET", "/api/v1/calls?state=ended&cursor=n1").status, 422);
    EXPECT_EQ(p.body(p.ask("GET", "/api/v1/calls?state=ringing")).at("calls"), json::array());
}

TEST(Api, ShowsACallThatIsOver) {
    Plane p;
    p.history->keep(over(1));
    for (const auto* name : {"c_over1", "CAover1"}) {
        const auto answer = p.ask("GET", std::string("/api/v1/calls/") + name);
        EXPECT_EQ(answer.status, 200) << name;
        EXPECT_EQ(p.body(answer).at("created"), "1970-01-01T00:00:01.000Z");
        EXPECT_EQ(p.body(answer).at("ended"), "1970-01-01T00:00:02.000Z");
        EXPECT_FALSE(p.body(answer).as_object().contains("answered_at"));
    }
    EXPECT_EQ(p.code(p.ask("POST", "/api/v1/calls/c_over1/mute")), "no_such_call");
    const auto answer = p.ask("GET", "/api/v1/calls/c_over1");
    EXPECT_EQ(p.body(answer).at("recorded"), false);
    EXPECT_EQ(p.body(answer).at("transcribed"), false);
    EXPECT_EQ(p.body(answer).at("captured"), false);
}

TEST(Api, SearchesWhatWasSaid) {
    Plane p;
    const auto live = p.talks();
    call::TranscriptPiece piece;
    piece.speaker = call::LineEnd::near;
    piece.number = 1;
    piece.begin = std::chrono::milliseconds(2500);
    piece.text = "Your <b>refund</b> is on its way";
    for (int i = 1; i <= 3; ++i) p.history->keep(over(i), {piece});
    p.history->keep(over(4));
    for (const auto* query : {"q=refund", "state=ended&q=Refund%20way", "state=all&q=refund"}) {
        const auto answer = p.ask("GET", std::string("/api/v1/calls?limit=2&") + query);
        ASSERT_EQ(answer.status, 200) << answer.body;
        const auto body = p.body(answer);
        const auto& calls = body.at("calls").as_array();
        ASSERT_EQ(calls.size(), 2u) << query;
        EXPECT_EQ(calls[0].at("call"), "c_over3");
        EXPECT_EQ(calls[0].at("transcribed"), true);
        const auto& match = calls[0].at("matches").at(0);
        EXPECT_EQ(match.at("where"), "transcript");
        EXPECT_EQ(match.at("speaker"), "near");
        EXPECT_EQ(match.at("begin_ms"), 2500);
        EXPECT_NE(json::value_to<std::string>(match.at("snippet")).find("<b>\x01refund\x02</b>"),
                  std::string::npos);
        const auto next = json::value_to<std::string>(body.at("next"));
        const auto rest =
            p.body(p.ask("GET", std::string("/api/v1/calls?") + query + "&cursor=" + next));
        ASSERT_EQ(rest.at("calls").as_array().size(), 1u);
        EXPECT_EQ(rest.at("calls").at(0).at("call"), "c_over1");
        EXPECT_TRUE(rest.at("next").is_null());
    }
    EXPECT_TRUE(
        p.body(p.ask("GET", "/api/v1/calls?q=%F0%9F%99%82%22")).at("calls").as_array().empty());
    for (const auto* query : {"state=live&q=x", "state=ringing&q=x"}) {
        const auto answer = p.ask("GET", std::string("/api/v1/calls?") + query);
        EXPECT_EQ(answer.status, 422);
        EXPECT_EQ(p.body(answer).at("field"), "state");
    }
    EXPECT_EQ(p.ask("GET", "/api/v1/calls?q=" + std::string(1001, 'x')).status, 422);
}

TEST(Api, FiltersListsByNumberDirectionAndTime) {
    Plane p;
    auto inbound = over(1);
    inbound.direction = call::Direction::inbound;
    inbound.from = "+4989123456";
    p.history->keep(inbound);
    p.history->keep(over(2));
    const auto live = p.talks();  // inbound, from +1 to +2
    const auto count = [&](const std::string& query) {
        const auto answer = p.ask("GET", "/api/v1/calls?" + query);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return p.body(answer).at("calls").as_array().size();
    };
    EXPECT_EQ(count("state=all"), 3u);
    EXPECT_EQ(count("state=all&direction=inbound"), 2u);
    EXPECT_EQ(count("state=all&number=%2B49%2089%20123-456"), 1u);
    EXPECT_EQ(count("state=ended&until=1970-01-01T00:00:02Z"), 1u);
    EXPECT_EQ(count("number=123-4567"), 1u);
    EXPECT_EQ(count("number=999"), 0u);
    for (const auto* query : {"direction=up", "until=soon"})
        EXPECT_EQ(p.ask("GET", std::string("/api/v1/calls?") + query).status, 422) << query;
}

TEST(Api, ForgetsACallThatIsOver) {
    Plane p;
    const auto live = p.talks();
    p.history->keep(over(1));
    EXPECT_EQ(p.code(p.ask("DELETE", "/api/v1/calls/" + live.str() + "/history")), "wrong_state");
    EXPECT_EQ(p.code(p.ask("DELETE", "/api/v1/calls/c_none/history")), "no_such_call");
    EXPECT_EQ(p.ask("DELETE", "/api/v1/calls/CAover1/history").status, 204);
    EXPECT_EQ(p.code(p.ask("GET", "/api/v1/calls/c_over1")), "no_such_call");
}

TEST(Api, SaysWhenTheHistoryCannotBeRead) {
    Plane p;
    p.history->problem = Error{make_error_code(Errc::io), "the disk is away"};
    for (const auto* path : {"/api/v1/calls?state=ended", "/api/v1/calls/c_over1"}) {
        const auto answer = p.ask("GET", path);
        EXPECT_EQ(answer.status, 503);
        EXPECT_EQ(p.code(answer), "no_history");
    }
    EXPECT_EQ(p.ask("GET", "/api/v1/calls").status, 200);
}

}  // namespace
}  // namespace bridge::web
