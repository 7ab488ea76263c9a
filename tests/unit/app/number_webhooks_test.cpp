#include "app/number_webhooks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <exception>
#include <map>
#include <set>

#include "tests/support/run_task.hpp"
#include "tests/unit/call/memory_journal.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Answer = tl::expected<net::HttpResponse, net::HttpFailure>;
using What = ReturnedNumber::What;

constexpr auto kNumber = "+15005550006";
constexpr auto kHere = "https://here.example/twilio/voice";
constexpr auto kTheirs = "https://their.example/voice";

/// An account with numbers, as far as the REST client asks.
class Account final : public net::HttpClient {
public:
    using Fields = std::map<std::string, std::string>;

    asio::awaitable<Answer> request(net::HttpCall call) override {
        requests.push_back(call.method);
        if (before_answer) before_answer();
        if (!failures.empty()) {
            const auto failure = std::move(failures.front());
            failures.pop_front();
            if (failure.status == 0) {
                net::HttpFailure lost;
                lost.error = {make_error_code(Errc::timed_out), "no answer"};
                lost.request_sent = true;
                if (failure.after) change(call);
                co_return tl::unexpected(lost);
            }
            if (failure.status != 200) {
                co_return net::respond(failure.status, "application/json",
                                       fmt::format(R"({{"code":{},"message":"m"}})", failure.code));
            }
        }
        if (call.method == "POST") co_return answer(change(call));
        const auto query = call.url.substr(call.url.find('?') + 1);
        const auto wanted = twilio::parse_form(query)->get("PhoneNumber");
        json::array list;
        for (const auto& [sid, fields] : numbers) {
            if (fields.at("phone_number").find(wanted) != std::string::npos)
                list.push_back(object(sid));
        }
        co_return answer(json::object{{"incoming_phone_numbers", std::move(list)}});
    }

    /// "https://…/IncomingPhoneNumbers/PN1.json" and its form.
    json::object change(const net::HttpCall& call) {
        const auto begin = call.url.rfind('/') + 1;
        const auto sid = call.url.substr(begin, call.url.size() - begin - 5);
        static const std::map<std::string, std::string> names{
            {"VoiceUrl", "voice_url"},
            {"VoiceMethod", "voice_method"},
            {"VoiceFallbackUrl", "voice_fallback_url"},
            {"VoiceFallbackMethod", "voice_fallback_method"},
            {"StatusCallback", "status_callback"},
            {"StatusCallbackMethod", "status_callback_method"},
            {"VoiceApplicationSid", "voice_application_sid"},
            {"TrunkSid", "trunk_sid"}};
        const auto form = *twilio::parse_form(call.body);
        for (const auto& [name, value] : form.pairs()) numbers.at(sid)[names.at(name)] = value;
        return object(sid);
    }

    json::object object(const std::string& sid) const {
        json::object out{{"sid", sid}, {"capabilities", json::object{{"voice", voice}}}};
        for (const auto& [name, value] : numbers.at(sid)) out[name] = value;
        return out;
    }
    static net::HttpResponse answer(const json::object& body) {
        return net::respond(200, "application/json", json::serialize(body));
    }

    struct Failed {
        int status = 0;      ///< 0: no answer; 200: none
        int code = 0;        ///< Twilio's
        bool after = false;  ///< no answer, but the change was made
    };
    std::map<std::string, Fields> numbers;
    std::deque<Failed> failures;
    std::vector<std::string> requests;
    std::function<void()> before_answer;
    bool voice = true;
};

class NumberWebhooksTest : public testing::Test {
protected:
    NumberWebhooksTest() {
        add("PN1", kNumber, kTheirs);
        url.change(*twilio::PublicUrl::parse("https://here.example"));
    }

    void add(const std::string& sid, const std::string& number, const std::string& voice_url) {
        account->numbers[sid] = {{"phone_number", number},
                                 {"voice_url", voice_url},
                                 {"voice_method", "GET"},
                                 {"voice_fallback_url", ""},
                                 {"voice_fallback_method", "POST"},
                                 {"status_callback", "https://their.example/status"},
                                 {"status_callback_method", "POST"},
                                 {"voice_application_sid", ""},
                                 {"trunk_sid", ""}};
    }
    std::string& at(const std::string& name) { return account->numbers["PN1"][name]; }

    /// A program of its own, with the same journal and account.
    std::shared_ptr<NumberWebhooks> webhooks() {
        twilio::RestOptions rest;
        rest.base_url = "https://api.example.com";
        rest.account_sid = "AC1";
        rest.wait = [](std::chrono::milliseconds) -> asio::awaitable<void> { co_return; };
        NumberWebhooksOptions options;
        options.journal = journal;
        options.url = url;
        options.alive = [this](const std::string& name) { return alive.count(name) > 0; };
        options.local_carrier = local_carrier;
        return std::make_shared<NumberWebhooks>(
            loop.get_executor(),
            std::make_shared<twilio::RestClient>(loop.get_executor(), account, std::move(rest)),
            std::move(options));
    }

    template <class T>
    T run(asio::awaitable<T> task) {
        return test::run_task(loop, std::move(task));
    }
    Result<UsedNumber> use(bool force = false, std::string number = kNumber) {
        return run(NumberWebhooks::use(here, std::move(number), force));
    }
    std::vector<ReturnedNumber> give_back() { return *run(NumberWebhooks::give_back(here)); }
    std::vector<ReturnedNumber> restore(std::string number = {}) {
        return *run(NumberWebhooks::restore(here, std::move(number)));
    }
    /// The program ends without a word; another one starts.
    void crash() {
        alive.erase(journal->name);
        journal->name = "2-next";
        alive.insert(journal->name);
        here = webhooks();
    }

    asio::io_context loop;
    std::shared_ptr<Account> account = std::make_shared<Account>();
    std::shared_ptr<call::MemoryJournal> journal = std::make_shared<call::MemoryJournal>();
    std::set<std::string> alive{"1-test"};
    twilio::SharedUrl url;
    bool local_carrier = false;
    std::shared_ptr<NumberWebhooks> here = webhooks();
};

TEST_F(NumberWebhooksTest, TakesANumberAndPutsEveryFieldBack) {
    at("voice_url") = "https://demo.twilio.com/welcome/voice/";
    const auto before = account->numbers;
    const auto used = use();
    ASSERT_TRUE(used) << used.error().message;
    EXPECT_EQ(used->voice_url, kHere);
    EXPECT_EQ(used->former.voice_url, "https://demo.twilio.com/welcome/voice/");
    EXPECT_EQ(at("voice_url"), kHere);
    EXPECT_EQ(at("voice_method"), "POST");
    EXPECT_EQ(at("voice_fallback_url"), "https://here.example/twilio/fallback");
    EXPECT_EQ(at("status_callback"), "https://here.example/twilio/status");
    EXPECT_TRUE(here->busy());

    const auto returned = give_back();
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
    EXPECT_TRUE(journal->numbers.empty());
    EXPECT_EQ(use().error().code, Errc::cancelled) << "nothing is taken at the end";
}

TEST_F(NumberWebhooksTest, WritesTheFormerValuesDownBeforeItChangesAnything) {
    at("voice_url") = "";
    account->before_answer = [&] {
        if (account->requests.back() != "POST") return;
        ASSERT_EQ(journal->numbers.size(), 1U);
        EXPECT_EQ(journal->numbers[0].former.status_url, "https://their.example/status");
        EXPECT_EQ(journal->numbers[0].former.voice_method, "GET");
    };
    ASSERT_TRUE(use());
    EXPECT_EQ(account->requests.back(), "POST");
}

TEST_F(NumberWebhooksTest, ChangesNothingWhenItCannotBeWrittenDown) {
    at("voice_url") = "";
    const auto before = account->numbers;
    journal->borrow_outcome = fail(Errc::io, "disk full");
    const auto used = use();
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Errc::io);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, LeavesSomebodyElsesWebhookWithoutForce) {
    struct Case {
        const char* field;
        const char* value;
        const char* named;
    };
    for (const auto& one : {Case{"voice_url", kTheirs, "https://their.example/voice"},
                            Case{"voice_url", "https://here.example/other", "here.example/other"},
                            Case{"voice_application_sid", "AP1", "application AP1"},
                            Case{"trunk_sid", "TK1", "trunk TK1"}}) {
        SCOPED_TRACE(one.value);
        add("PN1", kNumber, "");
        at(one.field) = one.value;
        const auto before = account->numbers;
        const auto used = use();
        ASSERT_FALSE(used);
        EXPECT_EQ(used.error().code, Errc::refused);
        EXPECT_NE(used.error().message.find(one.named), std::string::npos) << used.error().message;
        EXPECT_NE(used.error().message.find("--force"), std::string::npos);
        EXPECT_EQ(account->numbers, before);
        EXPECT_TRUE(journal->numbers.empty());
    }
}

TEST_F(NumberWebhooksTest, ForceTakesItAndPutsItBack) {
    for (const auto* field : {"voice_url", "voice_application_sid", "trunk_sid"}) {
        SCOPED_TRACE(field);
        here = webhooks();
        add("PN1", kNumber, kTheirs);
        if (std::string(field) != "voice_url") at(field) = "XX1";
        const auto before = account->numbers;
        ASSERT_TRUE(use(true));
        EXPECT_EQ(at("voice_url"), kHere);
        EXPECT_EQ(at("voice_application_sid"), "") << "it would win over the webhook";
        EXPECT_EQ(at("trunk_sid"), "");
        EXPECT_EQ(give_back()[0].what, What::returned);
        EXPECT_EQ(account->numbers, before);
    }
}

TEST_F(NumberWebhooksTest, ANumberThatLeadsHereByHandStaysSo) {
    at("voice_url") = kHere;
    const auto before = account->numbers;
    const auto used = use();
    ASSERT_TRUE(used) << used.error().message;
    EXPECT_FALSE(used->already) << "its other fields are changed";
    EXPECT_EQ(give_back()[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, NothingIsTakenFromANumberThatIsAsItShouldBe) {
    account->numbers["PN1"] = {{"phone_number", kNumber},
                               {"voice_url", kHere},
                               {"voice_method", "POST"},
                               {"voice_fallback_url", "https://here.example/twilio/fallback"},
                               {"voice_fallback_method", "POST"},
                               {"status_callback", "https://here.example/twilio/status"},
                               {"status_callback_method", "POST"},
                               {"voice_application_sid", ""},
                               {"trunk_sid", ""}};
    const auto used = use();
    ASSERT_TRUE(used);
    EXPECT_TRUE(used->already);
    EXPECT_TRUE(journal->numbers.empty());
    EXPECT_FALSE(here->busy());
}

TEST_F(NumberWebhooksTest, UsedTwiceItIsGivenBackOnce) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    const auto again = use();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->already);
    EXPECT_EQ(give_back().size(), 1U);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, AnUnknownNumberIsToldWithThoseThereAre) {
    add("PN2", "+15005550007", "");
    const auto used = use(false, "+15005550099");
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Errc::not_found);
    EXPECT_NE(used.error().message.find("+15005550006, +15005550007"), std::string::npos)
        << used.error().message;
    account->numbers.clear();
    EXPECT_NE(use().error().message.find("has none"), std::string::npos);
}

TEST_F(NumberWebhooksTest, ANumberWithoutVoiceIsNoUse) {
    account->voice = false;
    const auto used = use();
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Errc::bad_config);
    EXPECT_NE(used.error().message.find("no voice"), std::string::npos);
}

TEST_F(NumberWebhooksTest, RefusedCredentialsAreToldAsSuch) {
    account->failures = {{401, 20003}};
    const auto used = use();
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Errc::unauthorized);
}

TEST_F(NumberWebhooksTest, AnAddressOfThisMachineIsNothingToPointTo) {
    at("voice_url") = "";
    url.change(*twilio::PublicUrl::parse("http://127.0.0.1:8000"));
    EXPECT_EQ(use().error().code, Errc::bad_config);
    EXPECT_TRUE(account->requests.empty());
    local_carrier = true;
    here = webhooks();
    EXPECT_TRUE(use());
}

TEST_F(NumberWebhooksTest, ARefusedChangeLeavesNothingToGiveBack) {
    at("voice_url") = "";
    account->failures = {{200}, {403, 70051}};
    const auto used = use();
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Errc::refused);
    EXPECT_TRUE(journal->numbers.empty());
}

TEST_F(NumberWebhooksTest, AChangeWhoseAnswerIsLostIsGivenBackAllTheSame) {
    at("voice_url") = "";
    const auto before = account->numbers;
    account->failures = {{200}, {0, 0, true}, {0, 0, true}, {0, 0, true}};
    ASSERT_FALSE(use());
    EXPECT_EQ(at("voice_url"), kHere);
    EXPECT_EQ(give_back()[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, WhatSomebodyElseHasChangedMeanwhileIsLeft) {
    at("voice_url") = "";
    ASSERT_TRUE(use());
    at("voice_url") = "https://third.example/voice";
    at("voice_method") = "GET";
    const auto returned = give_back();
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].what, What::changed);
    EXPECT_NE(format_returned(returned[0]).find("https://third.example/voice"), std::string::npos);
    EXPECT_EQ(at("voice_url"), "https://third.example/voice");
    EXPECT_EQ(at("voice_method"), "GET");
    EXPECT_EQ(at("status_callback"), "https://their.example/status") << "this one was still ours";
    EXPECT_EQ(at("voice_fallback_url"), "");
    EXPECT_TRUE(journal->numbers.empty());
}

TEST_F(NumberWebhooksTest, AnApplicationThatSomebodyHasSetMeanwhileIsLeft) {
    at("trunk_sid") = "TK1";
    ASSERT_TRUE(use(true));
    at("voice_application_sid") = "AP9";
    const auto returned = give_back();
    EXPECT_EQ(returned[0].what, What::changed);
    EXPECT_EQ(at("voice_application_sid"), "AP9");
    EXPECT_EQ(at("trunk_sid"), "") << "it would take the calls away from what was set";
    EXPECT_EQ(at("voice_url"), kTheirs);
}

TEST_F(NumberWebhooksTest, ANumberThatIsGoneIsForgotten) {
    ASSERT_TRUE(use(true));
    account->numbers.clear();
    EXPECT_EQ(give_back()[0].what, What::gone);
    EXPECT_TRUE(journal->numbers.empty());
}

TEST_F(NumberWebhooksTest, ANumberThatCannotBeGivenBackStaysInTheJournal) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    account->failures = {{200}, {500, 0}, {500, 0}, {500, 0}};
    auto returned = give_back();
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].what, What::failed);
    EXPECT_FALSE(returned[0].detail.empty());
    crash();
    returned = restore();
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, TheNextRunGivesBackWhatACrashHasLeft) {
    add("PN2", "+15005550007", "");
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    ASSERT_TRUE(use(false, "+15005550007"));
    crash();
    EXPECT_EQ(restore("+15005550099").size(), 0U);
    auto returned = restore("+15005550007");
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(at("voice_url"), kHere) << "the other one was not named";
    returned = restore();
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].number, kNumber);
    EXPECT_EQ(account->numbers, before);
    EXPECT_TRUE(restore().empty());
}

TEST_F(NumberWebhooksTest, WhatAnEndHadNoTimeToForgetIsFoundAsItWas) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    const auto rows = journal->numbers;
    give_back();
    journal->numbers = rows;
    crash();
    EXPECT_EQ(restore()[0].what, What::already);
    EXPECT_EQ(account->numbers, before);
    EXPECT_TRUE(journal->numbers.empty());
}

TEST_F(NumberWebhooksTest, WhatThisProgramHasIsGivenBackIfItIsNamed) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    const auto number = journal->numbers.front().number;
    EXPECT_EQ(restore()[0].what, What::held);
    EXPECT_EQ(run(NumberWebhooks::restore(here, "", true))->at(0).what, What::held);
    EXPECT_EQ(run(NumberWebhooks::restore(here, number))->at(0).what, What::held);
    EXPECT_EQ(run(NumberWebhooks::restore(here, number, true))->at(0).what, What::returned);
    EXPECT_EQ(account->numbers, before);
    EXPECT_TRUE(journal->numbers.empty());
    EXPECT_TRUE(run(NumberWebhooks::restore(here, number, true))->empty());
}

TEST_F(NumberWebhooksTest, WhatARunningProgramHasIsLeftToIt) {
    ASSERT_TRUE(use(true));
    journal->name = "2-next";
    here = webhooks();
    EXPECT_EQ(restore()[0].what, What::held);
    EXPECT_EQ(at("voice_url"), kHere);
    const auto used = use();
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, Errc::refused);
    EXPECT_NE(used.error().message.find("process 1)"), std::string::npos) << used.error().message;
    EXPECT_TRUE(give_back().empty());
}

TEST_F(NumberWebhooksTest, ANumberTakenFromARunningProgramIsTheTakersToGiveBack) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    const auto first = here;
    journal->name = "2-next";
    here = webhooks();
    url.change(*twilio::PublicUrl::parse("https://second.example"));
    ASSERT_TRUE(use(true));
    EXPECT_EQ(at("voice_url"), "https://second.example/twilio/voice");
    journal->name = "1-test";
    EXPECT_TRUE(run(NumberWebhooks::give_back(first))->empty());
    EXPECT_EQ(at("voice_url"), "https://second.example/twilio/voice");
    journal->name = "2-next";
    EXPECT_EQ(give_back()[0].what, What::returned);
    EXPECT_EQ(account->numbers, before) << "what stood there before the first";
}

TEST_F(NumberWebhooksTest, ANumberLeftByACrashIsTakenWithWhatStoodThereBefore) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    crash();
    url.change(*twilio::PublicUrl::parse("https://second.example"));
    const auto used = use();
    ASSERT_TRUE(used) << "it leads to a program of ours that has ended: " << used.error().message;
    EXPECT_EQ(used->former.voice_url, kTheirs);
    EXPECT_EQ(give_back()[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, FollowsThePublicAddress) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    url.change(*twilio::PublicUrl::parse("https://moved.example"));
    account->before_answer = [&] {
        if (account->requests.back() == "POST") {
            EXPECT_EQ(journal->numbers[0].bases.back(), "https://moved.example");
        }
    };
    auto told = run(NumberWebhooks::follow(here));
    ASSERT_TRUE(told);
    EXPECT_TRUE(told->empty());
    EXPECT_EQ(at("voice_url"), "https://moved.example/twilio/voice");
    EXPECT_EQ(at("status_callback"), "https://moved.example/twilio/status");
    account->before_answer = nullptr;
    EXPECT_EQ(give_back()[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, AFailedFollowIsTriedAgainAndGivenBackFromEitherAddress) {
    const auto before = account->numbers;
    ASSERT_TRUE(use(true));
    url.change(*twilio::PublicUrl::parse("https://moved.example"));
    account->failures = {{200}, {500, 0}, {500, 0}, {500, 0}};
    EXPECT_FALSE(run(NumberWebhooks::follow(here)));
    EXPECT_EQ(at("voice_url"), kHere);
    const auto kept = account->numbers;
    ASSERT_TRUE(run(NumberWebhooks::follow(here)));
    EXPECT_EQ(at("voice_url"), "https://moved.example/twilio/voice");
    account->numbers = kept;
    EXPECT_EQ(give_back()[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

TEST_F(NumberWebhooksTest, ANumberThatSomebodyHasTakenDoesNotFollow) {
    ASSERT_TRUE(use(true));
    at("voice_url") = "https://third.example/voice";
    url.change(*twilio::PublicUrl::parse("https://moved.example"));
    const auto told = run(NumberWebhooks::follow(here));
    ASSERT_TRUE(told);
    ASSERT_EQ(told->size(), 1U);
    EXPECT_NE(told->front().find("https://third.example/voice"), std::string::npos);
    EXPECT_EQ(at("voice_url"), "https://third.example/voice");
}

TEST_F(NumberWebhooksTest, AnEndWaitsForAUseThatIsUnderWay) {
    const auto before = account->numbers;
    std::vector<ReturnedNumber> returned;
    bool asked = false;
    // While the change is on its way, the program ends.
    account->before_answer = [&] {
        if (account->requests.back() != "POST" || std::exchange(asked, true)) return;
        asio::co_spawn(loop, NumberWebhooks::give_back(here),
                       [&](std::exception_ptr, auto given) { returned = std::move(*given); });
    };
    ASSERT_TRUE(use(true));
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].what, What::returned);
    EXPECT_EQ(account->numbers, before);
}

}  // namespace
}  // namespace bridge::app
