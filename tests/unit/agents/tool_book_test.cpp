#include "agents/tools/tool_book.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// As the program's own, in short.
Result<std::string> check_target(std::string_view text) {
    if (text.size() > 7 && (text[0] == '+' || text.substr(0, 4) == "sip:"))
        return std::string(text);
    return fail(Errc::bad_field, "'" + std::string(text) + "' is not a phone number");
}

std::optional<Secret> variable(std::string_view name) {
    if (name == "SHOP_TOKEN") return Secret("s3cret-token");
    if (name == "BROKEN") return Secret("two\r\nlines");
    return std::nullopt;
}

std::vector<std::string> names(const std::vector<call::ToolSpec>& specs) {
    std::vector<std::string> out;
    for (const auto& one : specs) out.push_back(one.name);
    return out;
}

Result<std::vector<HttpTool>> tools(const std::string& text, const std::string& hosts = {}) {
    return parse_tools(text, *ToolHosts::parse(hosts), variable);
}

TEST(ToolFileTest, ReadsAToolWithAllItsFields) {
    const auto read = tools(R"([{"name": "order_status", "description": "Looks up an order.",
        "parameters": {"type": "object", "properties": {"order": {"type": "string"}}},
        "url": "https://shop.example.com/tools?x=1", "method": "PUT",
        "headers": {"Authorization": "Bearer ${SHOP_TOKEN}!", "X-Plain": "$5 {a}"},
        "timeout_s": 2.5, "response_bytes": 100}])");
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 1U);
    const auto& tool = read->front();
    EXPECT_EQ(tool.spec.name, "order_status");
    EXPECT_EQ(tool.spec.description, "Looks up an order.");
    EXPECT_EQ(json::parse(tool.spec.parameters).at("properties").at("order").at("type"), "string");
    EXPECT_EQ(tool.url, "https://shop.example.com/tools?x=1");
    EXPECT_EQ(tool.method, "PUT");
    ASSERT_EQ(tool.headers.size(), 2U);
    EXPECT_EQ(tool.headers[0].second.reveal(), "Bearer s3cret-token!");
    EXPECT_EQ(tool.headers[1].second.reveal(), "$5 {a}");
    EXPECT_EQ(tool.timeout, 2500ms);
    EXPECT_EQ(tool.response_bytes, 100U);
}

TEST(ToolFileTest, HasDefaultsForWhatIsNotSaid) {
    const auto read = tools(R"([{"name": "a", "description": "b", "url": "https://c.example/"}])");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->front().method, "POST");
    EXPECT_EQ(read->front().timeout, 5s);
    EXPECT_EQ(read->front().response_bytes, 16U * 1024U);
    EXPECT_EQ(json::parse(read->front().spec.parameters).at("type"), "object");
}

TEST(ToolFileTest, NamesTheToolAndTheFieldThatIsWrong) {
    const auto with = [](const std::string& fields) {
        return R"([{"name": "t", "description": "d", "url": "https://a.example/")" + fields + "}]";
    };
    struct Row {
        std::string file;
        std::string begins;
    };
    for (const auto& row : {
             Row{"", "it is not JSON"},
             Row{"[{]", "it is not JSON"},
             Row{"{}", "it must be a JSON array"},
             Row{"[17]", "tool 1: must be an object"},
             Row{"[{}]", "tool 1: name: is missing"},
             Row{R"([{"name": 3}])", "tool 1: name: must be a string"},
             Row{R"([{"name": "t"}])", "tool 't': description: is missing"},
             Row{R"([{"name": "t", "description": "d"}])", "tool 't': url: is missing"},
             Row{R"([{"name": "T x", "description": "d", "url": "https://a.example/"}])",
                 "tool 'T x': name: may have a-z"},
             Row{R"([{"name": "end_call", "description": "d", "url": "https://a.example/"}])",
                 "tool 'end_call': name: is the name of a tool that is built in"},
             Row{R"([{"name": "t", "description": "d", "url": "http://a.example/"}])",
                 "tool 't': url: plain http is for this machine alone"},
             Row{R"([{"name": "t", "description": "d", "url": "https://192.168.0.1/"}])",
                 "tool 't': url: 192.168.0.1 is an address inside a network"},
             Row{R"([{"name": "t", "description": "d", "url": "https://${HOST}/"}])",
                 "tool 't': url: '{' must be written as %7B; ${NAME} works in headers only"},
             Row{R"([{"name": "t", "description": "d", "url": "https://a.example/"},
                     {"name": "t", "description": "d", "url": "https://a.example/"}])",
                 "tool 't': name: is there twice"},
             Row{with(R"(, "method": "DELETE")"), "tool 't': method: must be POST"},
             Row{with(R"(, "method": 1)"), "tool 't': method: must be a string"},
             Row{with(R"(, "method": "GET", "parameters": {"type": "object",
                          "properties": {"a": {}}})"),
                 "tool 't': method: GET carries no arguments"},
             Row{with(R"(, "parameters": {"type": "string"})"),
                 "tool 't': parameters: needs \"type\": \"object\""},
             Row{with(R"(, "parameters": true)"), "tool 't': parameters: needs"},
             Row{with(R"(, "parameters": {"type": "object", "properties": {"a": {"type": "x"}}})"),
                 "tool 't': parameters: properties.a.type: \"x\" is none of"},
             Row{with(R"(, "headers": [])"), "tool 't': headers: must be an object"},
             Row{with(R"(, "headers": {"A": 1})"), "tool 't': headers.A: must be a string"},
             Row{with(R"(, "headers": {"A b": "1"})"), "tool 't': headers.A b: is not the name"},
             Row{with(R"(, "headers": {"Host": "b"})"), "tool 't': headers.Host: is set by"},
             Row{with(R"(, "headers": {"A": "${NOBODY}"})"),
                 "tool 't': headers.A: NOBODY is not set; set it in the environment"},
             Row{with(R"(, "headers": {"A": "${NOBODY"})"), "tool 't': headers.A: the } after ${"},
             Row{with(R"(, "headers": {"A": "a\r\nB: c"})"), "tool 't': headers.A: has a line"},
             Row{with(R"(, "headers": {"A": "${BROKEN}"})"), "tool 't': headers.A: has a line"},
             Row{with(R"(, "timeout_s": 31)"), "tool 't': timeout_s: must be a number of seconds"},
             Row{with(R"(, "timeout_s": 0)"), "tool 't': timeout_s:"},
             Row{with(R"(, "timeout_s": "5")"), "tool 't': timeout_s:"},
             Row{with(R"(, "response_bytes": 0)"), "tool 't': response_bytes:"},
             Row{with(R"(, "response_bytes": 1e9)"), "tool 't': response_bytes:"},
             Row{with(R"(, "uri": "x")"), "tool 't': uri: is no field of a tool; there are name"},
         }) {
        const auto read = tools(row.file);
        ASSERT_FALSE(read) << row.file;
        EXPECT_EQ(read.error().code, Errc::bad_config);
        EXPECT_EQ(read.error().message.substr(0, row.begins.size()), row.begins);
        EXPECT_EQ(read.error().message.find("s3cret"), std::string::npos);
    }
}

TEST(ToolFileTest, HostsMustBeOnTheListIfThereIsOne) {
    const std::string file =
        R"([{"name": "t", "description": "d", "url": "https://192.168.0.1/x"}])";
    EXPECT_TRUE(tools(file, "192.168.0.1"));
    const auto other = tools(file, "a.example");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().message,
              "tool 't': url: '192.168.0.1' is not in AGENTBRIDGE_TOOL_HOSTS; add it there if it "
              "may be asked");
}

TEST(TransferTargetsTest, AreReadWithTheirNames) {
    const auto targets = parse_transfer_targets(
        " sales = +15551234567, Front desk=sip:desk@a.example;transport=tls ,+15557654321,"
        "sip:b@a.example;x=y",
        check_target);
    ASSERT_TRUE(targets) << targets.error().message;
    ASSERT_EQ(targets->size(), 4U);
    EXPECT_EQ((*targets)[0].name, "sales");
    EXPECT_EQ((*targets)[0].address, "+15551234567");
    EXPECT_EQ((*targets)[1].name, "Front desk");
    EXPECT_EQ((*targets)[1].address, "sip:desk@a.example;transport=tls");
    EXPECT_EQ((*targets)[2].name, "+15557654321");
    EXPECT_EQ((*targets)[3].address, "sip:b@a.example;x=y");
}

TEST(TransferTargetsTest, SayWhatIsWrong) {
    for (const auto* list : {"sales=911", "sales=", "=+15551234567", "sa.les=+15551234567",
                             "sales=+15551234567,Sales=+15557654321", "sales"})
        EXPECT_FALSE(parse_transfer_targets(list, check_target)) << list;
}

class ToolBookTest : public testing::Test {
protected:
    Result<std::shared_ptr<const ToolBook>> make() {
        options.check_target = check_target;
        options.variable = variable;
        return ToolBook::make(options);
    }
    std::string mistake() {
        const auto book = make();
        return book ? "" : book.error().message;
    }

    ToolBookOptions options;
    app::TemporaryFolder folder;
};

TEST_F(ToolBookTest, OffersNoTransferWithoutTargets) {
    const auto book = make();
    ASSERT_TRUE(book);
    EXPECT_EQ(names((*book)->specs()),
              (std::vector<std::string>{"end_call", "send_dtmf", "hold", "take_message"}));
    for (const auto& one : (*book)->specs()) {
        EXPECT_EQ(json::parse(one.parameters).at("type"), "object");
        EXPECT_GT(one.description.size(), 40U);
    }
}

TEST_F(ToolBookTest, OffersTheTargetsByNameAndNotByNumber) {
    options.targets = "sales=+15551234567, support=+15557654321";
    const auto book = make();
    ASSERT_TRUE(book);
    const auto& transfer = (*book)->specs().at(1);
    EXPECT_EQ(transfer.name, "transfer_call");
    EXPECT_EQ(json::parse(transfer.parameters).at("properties").at("to").at("enum"),
              (json::array{"sales", "support"}));
    EXPECT_EQ(transfer.parameters.find("+1555"), std::string::npos);
}

TEST_F(ToolBookTest, OffersWhatIsListed) {
    options.builtin = "hold, end_call";
    EXPECT_EQ(names((*make())->specs()), (std::vector<std::string>{"hold", "end_call"}));
    options.builtin = "none";
    EXPECT_TRUE((*make())->specs().empty());
    options.builtin = "hold, dial";
    EXPECT_EQ(mistake().substr(0, 56), "AGENTBRIDGE_AGENT_TOOLS: there is no tool 'dial'; write ");
    options.builtin = "transfer_call";
    EXPECT_NE(mistake().find("AGENTBRIDGE_TRANSFER_TARGETS"), std::string::npos);
}

TEST_F(ToolBookTest, AddsTheToolsOfTheFile) {
    options.builtin = "hold";
    options.file = folder.write(
        "tools.json", R"([{"name": "t", "description": "d", "url": "https://a.example/"}])");
    const auto book = make();
    ASSERT_TRUE(book) << book.error().message;
    EXPECT_EQ(names((*book)->specs()), (std::vector<std::string>{"hold", "t"}));
    EXPECT_NE((*book)->http("t"), nullptr);
    EXPECT_EQ((*book)->http("hold"), nullptr);
}

TEST_F(ToolBookTest, SaysWhichSettingIsWrong) {
    options.targets = "sales=911";
    EXPECT_EQ(mistake(), "AGENTBRIDGE_TRANSFER_TARGETS: '911' is not a phone number");
    options.targets.clear();
    options.hosts = "https://a";
    EXPECT_EQ(mistake().substr(0, 24), "AGENTBRIDGE_TOOL_HOSTS: ");
    options.hosts.clear();
    options.file = folder.path() / "missing.json";
    EXPECT_EQ(mistake().substr(0, 19), "AGENTBRIDGE_TOOLS: ");
    EXPECT_NE(mistake().find("missing.json: cannot be read"), std::string::npos);
    options.file = folder.write("tools.json", "[{}]");
    EXPECT_NE(mistake().find("tools.json: tool 1: name: is missing"), std::string::npos);
    options.file = folder.write("tools.json", std::string(256 * 1024 + 1, ' '));
    EXPECT_NE(mistake().find("is over 262144 bytes"), std::string::npos);
    options.file = folder.path();
    EXPECT_NE(mistake(), "");
}

}  // namespace
}  // namespace bridge::agents
