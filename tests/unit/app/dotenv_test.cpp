#include "app/dotenv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/app/temporary_folder.hpp"

namespace bridge::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct DotenvRow {
    std::string text;
    std::string expected;  ///< "NAME=value", "NAME" without a value; separated by |
};

std::string shown(const Dotenv& file) {
    std::string out;
    for (const auto& entry : file.entries) {
        if (!out.empty()) out += "|";
        out += entry.name;
        if (entry.value) out += "=" + *entry.value;
    }
    return out;
}

const std::map<std::string, std::string> kEnvironment{
    {"HOME", "/home/me"}, {"FROM_ENV", "outside"}, {"NOTHING", ""}};

// Each row was checked against python-dotenv 1.2.2.
TEST(Dotenv, ReadsWhatPythonDotenvReads) {
    const std::vector<DotenvRow> rows{
        // plain
        {"A=1", "A=1"},
        {"A=1\nB=2\n", "A=1|B=2"},
        {"  A = 1  ", "A=1"},
        {"A=one two", "A=one two"},
        {"A=", "A="},
        {"A= ", "A="},
        {"A", "A"},
        {"A\nB=1", "A|B=1"},
        {"export A=1", "A=1"},
        {"export\tA=1", "A=1"},
        {"export A", "A"},
        {"exportA=1", "exportA=1"},
        {"export=1", "export=1"},
        {"'A B'=1", "A B=1"},
        {"A.b-c=1", "A.b-c=1"},
        {"A=a=b=c", "A=a=b=c"},
        {"\n\n  \nA=1\n\n", "A=1"},
        {"", ""},
        // comments
        {"# A=1", ""},
        {"   # A=1\nB=2", "B=2"},
        {"A=1 # one", "A=1"},
        {"A=1\t# one", "A=1"},
        {"A=1#one", "A=1#one"},
        {"A=#one", "A=#one"},
        {"A= # one", "A=# one"},
        {"A=one # two # three", "A=one"},
        {"A # no value", "A"},
        {"A='1' # one", "A=1"},
        {"A=\"1\"# one", "A=1"},
        {"A='# kept'", "A=# kept"},
        // single quotes: literal but for \' and two backslashes
        {"A='a b '", "A=a b "},
        {"A='it\\'s'", "A=it's"},
        {"A='a\\\\b'", "A=a\\b"},
        {"A='a\\nb'", "A=a\\nb"},
        {"A='\"'", "A=\""},
        {"A=''", "A="},
        {"A='C:\\'", "A=C:\\"},
        // double quotes: escapes
        {"A=\"a b \"", "A=a b "},
        {"A=\"a\\nb\"", "A=a\nb"},
        {"A=\"a\\tb\\r\\v\\f\\a\\b\"", "A=a\tb\r\v\f\a\b"},
        {"A=\"say \\\"hi\\\"\"", "A=say \"hi\""},
        {"A=\"a\\\\b\"", "A=a\\b"},
        {"A=\"a\\xb\"", "A=a\\xb"},
        {"A=\"it's\"", "A=it's"},
        {"A=\"\"", "A="},
        // quotes inside an unquoted value are letters
        {"A=a'b'", "A=a'b'"},
        {"A=a\\nb", "A=a\\nb"},
        // several lines
        {"A=\"one\ntwo\"\nB=3", "A=one\ntwo|B=3"},
        {"A='one\ntwo'", "A=one\ntwo"},
        {"A='one\r\ntwo'", "A=one\ntwo"},
        // line ends, byte order mark, spaces of other alphabets
        {"A=1\r\nB=2\r\n", "A=1|B=2"},
        {"A=1\rB=2", "A=1|B=2"},
        {"\xEF\xBB\xBF"
         "A=1",
         "A=1"},
        {"A=1\xC2\xA0", "A=1"},
        {"A=gr\xC3\xBC\xC3\x9F", "A=gr\xC3\xBC\xC3\x9F"},
        // again
        {"A=1\nA=2", "A=1|A=2"},
        // interpolation
        {"A=${HOME}/x", "A=/home/me/x"},
        {"A=1\nB=${A}2", "A=1|B=12"},
        {"A=${MISSING}", "A="},
        {"A=${MISSING:-other}", "A=other"},
        {"A=${MISSING:-}", "A="},
        {"A=${NOTHING:-other}", "A="},
        {"FROM_ENV=inside\nA=${FROM_ENV}", "FROM_ENV=inside|A=outside"},
        {"A='${HOME}'", "A=/home/me"},
        {"A=\"${HOME}\"", "A=/home/me"},
        {"A=$HOME", "A=$HOME"},
        {"A=${HOME", "A=${HOME"},
        {"A=${HOME:x}", "A=${HOME:x}"},
        {"B\nA=${B:-x}", "B|A="},
        {"A=a${HOME}b${HOME}c", "A=a/home/meb/home/mec"},
    };
    for (const auto& row : rows) {
        const auto file = parse_dotenv(row.text, kEnvironment);
        EXPECT_EQ(shown(file), row.expected) << "text: " << row.text;
        EXPECT_THAT(file.bad_lines, IsEmpty()) << "text: " << row.text;
    }
}

TEST(Dotenv, SkipsWhatCannotBeReadAndSaysWhichLine) {
    const std::vector<std::tuple<std::string, std::string, std::vector<int>>> rows{
        {"A=1\n=2\nB=3", "A=1|B=3", {2}},
        {"A='open\nB=2", "B=2", {1}},
        {"A=\"x\" y\nB=2", "B=2", {1}},
        {"A='x'y\nB=2", "B=2", {1}},
        {"A B\nC=1", "C=1", {1}},
        {"\n\nA B=1\nnot this either\n", "", {3, 4}},
        {"''=1", "", {1}},
        {"'open=1", "", {1}},
        {"export =1", "", {1}},
    };
    for (const auto& [text, expected, lines] : rows) {
        const auto file = parse_dotenv(text, {});
        EXPECT_EQ(shown(file), expected) << text;
        EXPECT_EQ(file.bad_lines, lines) << text;
    }
}

TEST(Dotenv, KnowsTheLineOfEachEntryAndTheLastOneCounts) {
    const auto file = parse_dotenv("# first\nA=\"x\ny\"\n\nB=1\nA=2\n", {});
    ASSERT_EQ(file.entries.size(), 3u);
    EXPECT_EQ(file.entries[0].line, 2);
    EXPECT_EQ(file.entries[1].line, 5);
    ASSERT_NE(file.find("A"), nullptr);
    EXPECT_EQ(file.find("A")->value, "2");
    EXPECT_EQ(file.find("A")->line, 6);
    EXPECT_EQ(file.find("C"), nullptr);
}

TEST(Dotenv, FindsTheNearestFileAbove) {
    const TemporaryFolder folder;
    const auto deep = folder.path() / "a" / "b";
    std::filesystem::create_directories(deep);
    folder.write(".env", "A=top\n");
    EXPECT_EQ(find_dotenv(deep), folder.path() / ".env");
    folder.write("a/.env", "A=middle\n");
    EXPECT_EQ(find_dotenv(deep), folder.path() / "a" / ".env");
    std::filesystem::create_directory(deep / ".env");  // a folder of that name is no file
    EXPECT_EQ(find_dotenv(deep), folder.path() / "a" / ".env");
}

TEST(Dotenv, SaysWhichFileCannotBeRead) {
    const TemporaryFolder folder;
    const auto missing = read_dotenv(folder.path() / "gone", {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_THAT(missing.error().message, testing::HasSubstr("gone"));
    const auto directory = read_dotenv(folder.path(), {});
    ASSERT_FALSE(directory);
    EXPECT_EQ(directory.error().code, Errc::io);
}

}  // namespace
}  // namespace bridge::app
