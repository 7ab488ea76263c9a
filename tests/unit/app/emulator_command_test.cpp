// `emulator trigger` and `emulator ledger` against a server that answers what it is told to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <thread>

#include "net/http_server.hpp"
#include "tests/unit/app/run_program.hpp"

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using testing::AllOf;
using testing::HasSubstr;

class AnsweringServer {
public:
    explicit AnsweringServer(net::HttpResponse answer) : answer_(std::move(answer)) {
        auto listening = net::HttpServer::listen(
            loop_.get_executor(), {},
            [this](net::HttpRequest request) { return this->answer(std::move(request)); });
        if (!listening) throw std::runtime_error(listening.error().message);
        server_ = std::move(*listening);
        url_ = "http://127.0.0.1:" + std::to_string(server_->port());
        asio::post(loop_, [this] { server_->start(); });
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~AnsweringServer() {
        asio::post(loop_, [this] { server_->stop(); });
        thread_.join();
    }
    AnsweringServer(const AnsweringServer&) = delete;
    AnsweringServer& operator=(const AnsweringServer&) = delete;

    const std::string& url() const { return url_; }
    /// Read it after the command has ended.
    const net::HttpRequest& request() const { return request_; }

private:
    asio::awaitable<net::HttpResponse> answer(net::HttpRequest request) {
        request_ = std::move(request);
        co_return answer_;
    }

    net::HttpResponse answer_;
    net::HttpRequest request_;
    asio::io_context loop_{1};
    std::shared_ptr<net::HttpServer> server_;
    std::string url_;
    std::thread thread_;
};

std::string closed_port_url() {
    asio::io_context loop;
    const asio::ip::tcp::acceptor taken(loop, {asio::ip::make_address("127.0.0.1"), 0});
    return "http://127.0.0.1:" + std::to_string(taken.local_endpoint().port());
}

TEST(EmulatorCommand, TriggersAnIncomingCall) {
    const AnsweringServer server(net::respond(201, "application/json", R"({"sid":"CA1"})"));
    const auto ran = ProgramRun{}({"emulator", "trigger", "incoming-call", "--from", "+12025550123",
                                   "--persona", "echo", "--emulator-url", server.url() + "/"});
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    EXPECT_EQ(ran.out, "CA1\n");
    EXPECT_EQ(server.request().method, "POST");
    EXPECT_EQ(server.request().target, "/emulator/v1/incoming-call");
    const auto body = boost::json::parse(server.request().body).as_object();
    EXPECT_EQ(body.at("from").as_string(), "+12025550123");
    EXPECT_EQ(body.at("persona").as_string(), "echo");
    EXPECT_FALSE(body.contains("to"));
}

TEST(EmulatorCommand, ShowsTheLedgerAsATableOrAsJson) {
    const AnsweringServer server(net::respond(
        200, "application/json",
        R"({"open":1,"call_seconds":12.5,"calls":[{"sid":"CA0123456789abcdef0123456789abcdef","status":"in-progress","from":"+15005550006","to":"+12025550100","call_seconds":12.5}]})"));
    auto ran = ProgramRun{}({"emulator", "ledger", "--emulator-url", server.url()});
    EXPECT_EQ(ran.exit, ExitCode::ok) << ran.err;
    EXPECT_THAT(ran.out, AllOf(HasSubstr("CA0123456789abcdef0123456789abcdef  in-progress"),
                               HasSubstr("+12025550100"), HasSubstr("open calls: 1")));
    // The emulator the settings point at is the one that is asked.
    ProgramRun program;
    program.environment = {{"TWILIO_BASE_URL", server.url()}};
    ran = program({"emulator", "ledger", "--json"});
    EXPECT_EQ(boost::json::parse(ran.out).at("open").to_number<int>(), 1);
}

TEST(EmulatorCommand, SaysHowToStartOneWhenNothingAnswers) {
    for (const auto& words : {std::vector<std::string>{"emulator", "ledger"},
                              std::vector<std::string>{"emulator", "trigger", "incoming-call"}}) {
        auto line = words;
        line.insert(line.end(), {"--emulator-url", closed_port_url()});
        const auto ran = ProgramRun{}(line);
        EXPECT_EQ(ran.exit, ExitCode::failure);
        EXPECT_THAT(ran.err, AllOf(HasSubstr("no emulator answers at http://127.0.0.1:"),
                                   HasSubstr("agentbridge emulator serve")));
    }
}

TEST(EmulatorCommand, PassesOnWhyItWasRefused) {
    const AnsweringServer refusing(
        net::respond(400, "application/json", R"({"message":"no such persona"})"));
    EXPECT_THAT(
        ProgramRun{}({"emulator", "trigger", "incoming-call", "--emulator-url", refusing.url()})
            .err,
        HasSubstr("refused: no such persona"));
    const AnsweringServer other(net::respond(200, "text/html", "<html>"));
    EXPECT_THAT(ProgramRun{}({"emulator", "ledger", "--emulator-url", other.url()}).err,
                HasSubstr("is not the emulator"));
}

}  // namespace
}  // namespace bridge::app
