#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "app/load_service.hpp"
#include "tests/unit/app/run_program.hpp"

namespace bridge::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Is over at once, with the figures it was given.
class FinishedLoad final : public LoadService {
public:
    FinishedLoad(LoadFigures figures, boost::asio::any_io_executor executor)
        : figures_(std::move(figures)), executor_(std::move(executor)) {}
    Outcome<std::string> start() override {
        boost::asio::post(executor_, done_);
        return "http://127.0.0.1:1";
    }
    LoadFigures figures() const override { return figures_; }
    void request_stop(Stop) override {}
    void when_done(std::function<void()> done) override { done_ = std::move(done); }

private:
    LoadFigures figures_;
    boost::asio::any_io_executor executor_;
    std::function<void()> done_;
};

struct LoadCommandTest : ::testing::Test {
    Ran run(std::vector<std::string> words) {
        ProgramRun program;
        if (token) program.environment["TWILIO_AUTH_TOKEN"] = "0123456789abcdef0123456789abcdef";
        program.environment["SERVER_PORT"] = "8123";
        program.parts.open_load =
            [this](LoadOptions options,
                   boost::asio::any_io_executor executor) -> Outcome<std::unique_ptr<LoadService>> {
            asked = std::move(options);
            return std::make_unique<FinishedLoad>(figures, executor);
        };
        words.insert(words.begin(), {"emulator", "load"});
        return program(words);
    }

    bool token = true;
    LoadFigures figures;
    std::optional<LoadOptions> asked;
};

TEST_F(LoadCommandTest, PassesOnWhatItIsAskedFor) {
    figures.calls = figures.started = 7;
    figures.frames = 700;
    figures.connect_p50_ms = 3.25;
    const auto ran = run({"--calls", "7", "--for", "2m", "--rate", "5", "--persona", "echo"});
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->calls, 7U);
    EXPECT_EQ(asked->length, std::chrono::seconds(120));
    EXPECT_EQ(asked->per_second, 5.0);
    EXPECT_EQ(asked->persona, "echo");
    EXPECT_EQ(asked->url, "http://127.0.0.1:8123");
    EXPECT_EQ(asked->emulator.auth_token.reveal(), "0123456789abcdef0123456789abcdef");
    EXPECT_THAT(ran.out, AllOf(HasSubstr("7 placed of 7, 7 started, 0 failed"),
                               HasSubstr("700 sent"), HasSubstr("3.2 ms in the middle")));
}

TEST_F(LoadCommandTest, FailsIfACallFailedAndSaysWhy) {
    figures.calls = 3;
    figures.started = 1;
    figures.failed = 2;
    figures.reasons["11200 the webhook was answered 403"] = 2;
    auto ran = run({"--calls", "3", "--to", "http://127.0.0.1:9/"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    EXPECT_THAT(ran.out, HasSubstr("2 × 11200 the webhook was answered 403"));
    EXPECT_EQ(asked->url, "http://127.0.0.1:9");
    ran = run({"--calls", "3", "--json"});
    EXPECT_EQ(ran.exit, ExitCode::failure);
    const auto object = boost::json::parse(ran.out).as_object();
    EXPECT_EQ(object.at("failed").to_number<int>(), 2);
    EXPECT_EQ(object.at("reasons").at("11200 the webhook was answered 403").to_number<int>(), 2);
}

TEST_F(LoadCommandTest, NeedsTheTokenOfTheBridge) {
    token = false;
    const auto ran = run({});
    EXPECT_EQ(ran.exit, ExitCode::configuration);
    EXPECT_THAT(ran.err, HasSubstr("TWILIO_AUTH_TOKEN is not set"));
    EXPECT_FALSE(asked);
}

TEST_F(LoadCommandTest, RefusesATimeOrNumberThatMakesNoSense) {
    for (const auto& words : {std::vector<std::string>{"--for", "soon"},
                              {"--for", "0s"},
                              {"--calls", "0"},
                              {"--rate", "0"}}) {
        EXPECT_EQ(run(words).exit, ExitCode::usage) << words[0] << " " << words[1];
    }
}

}  // namespace
}  // namespace bridge::app
