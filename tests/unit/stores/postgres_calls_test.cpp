#include "stores/postgres_calls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stores/steady_calls.hpp"
#include "tests/support/postgres_server.hpp"

namespace bridge::stores {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

call::CallChange some_call(const char* id) {
    call::CallChange change;
    change.call.id = CallId{id};
    change.call.created = std::chrono::system_clock::time_point(1h);
    change.call.ended = std::chrono::system_clock::time_point(2h);
    change.call.document = "{}";
    return change;
}

class PostgresCallsTest : public testing::Test {
protected:
    void SetUp() override {
        if (test::PostgresServer::programs().empty())
            GTEST_SKIP() << "there is no PostgreSQL server on this machine";
        std::string problem;
        server = test::PostgresServer::start(problem);
        ASSERT_TRUE(server) << problem;
        url = Secret(server->url());
    }
    std::unique_ptr<test::PostgresServer> server;
    Secret url;
};

TEST_F(PostgresCallsTest, WhatWasKeptIsThereTheNextTimeAndElsewhere) {
    {
        auto store = PostgresCalls::open(url);
        ASSERT_TRUE(store) << store.error().message;
        ASSERT_TRUE((*store)->write({some_call("c_1")}));
    }
    auto again = PostgresCalls::open(url);
    ASSERT_TRUE(again);
    EXPECT_TRUE(*(*again)->find("c_1"));
    auto reader = PostgresCalls::open(url, PostgresCalls::Open::for_reading);
    ASSERT_TRUE(reader) << reader.error().message;
    ASSERT_TRUE((*again)->write({some_call("c_2")}));
    EXPECT_TRUE(*(*reader)->find("c_2"));
    EXPECT_FALSE((*reader)->write({some_call("c_3")}));
}

TEST_F(PostgresCallsTest, WithoutAHistoryThereIsNothingToRead) {
    const auto opened = PostgresCalls::open(url, PostgresCalls::Open::for_reading);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("version 0"));
}

TEST_F(PostgresCallsTest, TheSchemaOfANewerVersionIsLeftAlone) {
    ASSERT_TRUE(PostgresCalls::open(url));
    auto connection = PgConnection::open(url);
    ASSERT_TRUE((*connection)->run("INSERT INTO agentbridge.migrations (version) VALUES (77)"));
    const auto opened = PostgresCalls::open(url);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("version 77"));
}

TEST_F(PostgresCallsTest, AServerThatGoesAwayIsFoundAgain) {
    SteadyOptions options;
    options.retry = 1ms;
    options.open = [url = url]() -> Result<std::unique_ptr<call::CallStore>> {
        auto opened = PostgresCalls::open(url);
        if (!opened) return tl::unexpected(std::move(opened.error()));
        return std::unique_ptr<call::CallStore>(std::move(*opened));
    };
    SteadyCalls store(std::move(options));
    ASSERT_TRUE(store.write({some_call("c_1")}));
    EXPECT_FALSE(store.failing());
    server->stop();
    ASSERT_TRUE(store.write({some_call("c_2")}));
    EXPECT_TRUE(store.failing());
    EXPECT_TRUE(*store.find("c_2"));
    ASSERT_TRUE(server->run());
    store.try_now();
    EXPECT_FALSE(store.failing());
    EXPECT_TRUE(*store.find("c_1"));
    auto elsewhere = PostgresCalls::open(url);
    ASSERT_TRUE(elsewhere);
    EXPECT_TRUE(*(*elsewhere)->find("c_2"));
}

TEST(PostgresConnection, ThePasswordIsInNoMessage) {
    for (const auto* url :
         {"postgresql://me:pa55word@127.0.0.1:1/db", "postgresql://me:pa55word@[::1/db",
          "postgresql://me:pa55word@h:port/db",
          "postgresql://me:pa55word@127.0.0.1:1/db?connect_timeout=x"}) {
        const auto opened = PostgresCalls::open(Secret(url));
        ASSERT_FALSE(opened) << url;
        EXPECT_THAT(opened.error().message, Not(HasSubstr("pa55word")));
        EXPECT_THAT(opened.error().message, HasSubstr("DATABASE_URL"));
    }
}

}  // namespace
}  // namespace bridge::stores
