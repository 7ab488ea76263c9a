#include "agents/tools/tool_box.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>

namespace bridge::agents {
namespace {

using namespace std::chrono_literals;
namespace tool = call::tool;

Result<std::string> checked_target(std::string_view text) {
    if (text.substr(0, 4) == "sip:" || text[0] == '+') return std::string(text);
    return fail(Errc::bad_field, "no number");
}

/// A box with a call that keeps what is asked of it, and answers when the test says so.
class ToolBoxTest : public testing::Test {
protected:
    ToolBoxTest() {
        ToolBookOptions options;
        options.targets = "sales=+15551234567, Front Desk=sip:desk@a.example";
        options.check_target = checked_target;
        auto book = ToolBook::make(options);
        box = std::make_unique<ToolBox>(*book, ToolServices{clock, loop.get_executor(), nullptr});
    }

    void run(const std::string& name, const std::string& arguments, const std::string& id = {}) {
        call::ToolContext context;
        context.call = CallId{"c_1"};
        context.act = [this](call::ToolAction action,
                             std::function<void(Result<std::string>)> done) {
            actions.push_back(std::move(action));
            answers.push_back(std::move(done));
        };
        const auto own = id.empty() ? std::to_string(++ids) : id;
        box->run({own, name, arguments}, std::move(context),
                 [this](const call::ToolResult& result) { results.push_back(result); });
    }
    /// What the agent is told of arguments that are wrong.
    std::string refusal(const std::string& name, const std::string& arguments) {
        results.clear();
        run(name, arguments);
        if (results.size() != 1 || !results[0].failed) return "it was carried out";
        return results[0].output;
    }
    template <class T>
    T action() {
        if (actions.empty() || !std::holds_alternative<T>(actions.back())) {
            ADD_FAILURE() << "no such action";
            return {};
        }
        return std::get<T>(actions.back());
    }

    VirtualClock clock;
    boost::asio::io_context loop;
    std::unique_ptr<ToolBox> box;
    int ids = 0;
    std::vector<call::ToolAction> actions;
    std::vector<std::function<void(Result<std::string>)>> answers;
    std::vector<call::ToolResult> results;
};

TEST_F(ToolBoxTest, HandsOverWhatTheAgentAsksFor) {
    run("end_call", R"({"reason": " all\nsettled "})");
    EXPECT_EQ(action<tool::EndCall>().reason, "all settled");
    run("end_call", "");
    EXPECT_EQ(action<tool::EndCall>().reason, "");
    run("transfer_call", R"({"to": "Sales"})");
    EXPECT_EQ(action<tool::TransferCall>().to, "+15551234567");
    run("transfer_call", R"({"to": "front desk"})");
    EXPECT_EQ(action<tool::TransferCall>().to, "sip:desk@a.example");
    run("transfer_call", R"({"to": "+15551234567"})");
    EXPECT_EQ(action<tool::TransferCall>().to, "+15551234567");
    run("send_dtmf", R"({"digits": "12w#a*"})");
    EXPECT_EQ(action<tool::SendDigits>().keys, "12w#A*");
    run("hold", R"({"on": false})");
    EXPECT_FALSE(action<tool::Hold>().on);
    run("take_message", R"({"name": "Ann", "number": "+1 (555) 123-4567", "text": "Call me\n."})");
    EXPECT_EQ(action<tool::TakeMessage>().name, "Ann");
    EXPECT_EQ(action<tool::TakeMessage>().number, "+1 (555) 123-4567");
    EXPECT_EQ(action<tool::TakeMessage>().text, "Call me\n.");
    run("take_message", R"({"text": "x", "number": "sip:ann@a.example"})");
    EXPECT_EQ(action<tool::TakeMessage>().number, "sip:ann@a.example");
    EXPECT_TRUE(results.empty());
}

TEST_F(ToolBoxTest, TellsTheOutcomeOnce) {
    run("hold", R"({"on": true})", "call_7");
    ASSERT_EQ(answers.size(), 1U);
    answers[0]("the caller is on hold");
    answers[0]("again");
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results[0].id, "call_7");
    EXPECT_EQ(results[0].output, "the caller is on hold");
    EXPECT_FALSE(results[0].failed);
    EXPECT_EQ(clock.pending(), 0U);
}

TEST_F(ToolBoxTest, TellsWhyTheCallRefused) {
    run("hold", R"({"on": true})");
    answers[0](fail(Errc::refused, "the call is over"));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(results[0].failed);
    EXPECT_EQ(results[0].output, "the call is over");
}

TEST_F(ToolBoxTest, SaysWhatIsWrongWithTheArguments) {
    EXPECT_EQ(refusal("dance", "{}"), "there is no such tool");
    EXPECT_EQ(refusal("", "{}"), "there is no such tool");
    EXPECT_EQ(refusal("hold", "{\"on\": tr"), "the arguments are not a JSON object");
    EXPECT_EQ(refusal("hold", "[true]"), "the arguments are not a JSON object");
    EXPECT_EQ(refusal("hold", "{\"on\": \"\xff\"}"), "the arguments are not a JSON object");
    EXPECT_EQ(refusal("hold", std::string(100, '[')), "the arguments are not a JSON object");
    EXPECT_EQ(refusal("hold", std::string(20'000, 'x')), "the arguments are over 16384 bytes");
    EXPECT_EQ(refusal("hold", ""), "on: is missing");
    EXPECT_EQ(refusal("hold", R"({"on": "yes"})"), "on: must be true or false");
    EXPECT_EQ(refusal("hold", R"({"on": true, "music": "jazz"})"), "music: must not be there");
    EXPECT_EQ(refusal("end_call", R"({"reason": ")" + std::string(201, 'x') + "\"}"),
              "reason: has 201 characters, at most 200 are allowed");
    EXPECT_EQ(refusal("transfer_call", R"({"to": "+19005551234"})"),
              "to: calls may be transferred to sales, Front Desk only");
    EXPECT_EQ(refusal("send_dtmf", R"({"digits": "12x"})"),
              "digits: 'x' is not a key; use 0-9, *, #, A-D and w");
    EXPECT_EQ(refusal("send_dtmf", R"({"digits": "ä"})"),
              "digits: '\uFFFD' is not a key; use 0-9, *, #, A-D and w");
    EXPECT_EQ(refusal("send_dtmf", R"({"digits": " "})"), "digits: there are none");
    EXPECT_EQ(refusal("take_message", R"({"text": "x", "number": "my old one"})"),
              "number: write a phone number, as in +15551234567");
    EXPECT_EQ(refusal("take_message", R"({"text": " \n"})"), "text: the message is empty");
    EXPECT_TRUE(actions.empty());
}

TEST_F(ToolBoxTest, RunsACallThatComesTwiceOnce) {
    run("end_call", "{}", "call_1");
    run("end_call", "{}", "call_1");
    EXPECT_EQ(actions.size(), 1U);
    answers[0]("done");
    ASSERT_EQ(results.size(), 2U);
    run("end_call", "{}", "call_1");  // when it is over
    EXPECT_EQ(actions.size(), 1U);
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[2].output, "done");
    // Another agent's session may begin to count again.
    run("end_call", R"({"reason": "x"})", "call_1");
    run("hold", R"({"on": true})", "call_1");
    EXPECT_EQ(actions.size(), 3U);
}

TEST_F(ToolBoxTest, DoesNotWaitForEver) {
    run("transfer_call", R"({"to": "sales"})");
    clock.advance(ToolBox::kActionLimit - 1ms);
    EXPECT_TRUE(results.empty());
    clock.advance(1ms);
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(results[0].failed);
    EXPECT_EQ(results[0].output, "it is not known yet what became of it");
    answers[0]("transferred");
    EXPECT_EQ(results.size(), 1U);
}

TEST_F(ToolBoxTest, RefusesMoreThanItCanLookAfter) {
    for (std::size_t i = 0; i < ToolBox::kActions; ++i) run("hold", R"({"on": true})");
    EXPECT_TRUE(results.empty());
    run("hold", R"({"on": true})");
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results[0].output, "too much is under way already");
    answers[0]("ok");
    run("hold", R"({"on": true})");
    EXPECT_EQ(actions.size(), ToolBox::kActions + 1);
}

TEST_F(ToolBoxTest, SaysNothingOnceItIsGone) {
    run("hold", R"({"on": true})");
    box.reset();
    EXPECT_EQ(clock.pending(), 0U);
    answers[0]("too late");
    EXPECT_TRUE(results.empty());
}

TEST_F(ToolBoxTest, MayBeLetGoByWhoIsTold) {
    call::ToolContext context;
    context.act = [](const call::ToolAction&,
                     const std::function<void(Result<std::string>)>& done) { done("bye"); };
    int told = 0;
    box->run({"1", "end_call", "{}"}, context, [&](const call::ToolResult&) {
        ++told;
        box.reset();
    });
    EXPECT_EQ(told, 1);
    EXPECT_EQ(box, nullptr);
}

}  // namespace
}  // namespace bridge::agents
