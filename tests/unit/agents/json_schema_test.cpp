#include "agents/tools/json_schema.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

namespace bridge::agents {
namespace {

namespace json = boost::json;

/// "" if `value` fits, else what is wrong.
std::string check(const std::string& schema, const std::string& value) {
    const auto parsed = JsonSchema::parse(json::parse(schema));
    EXPECT_TRUE(parsed) << parsed.error().message;
    if (!parsed) return "no schema";
    const auto outcome = parsed->check(json::parse(value));
    return outcome ? "" : outcome.error().message;
}

std::string mistake(const std::string& schema) {
    const auto parsed = JsonSchema::parse(json::parse(schema));
    return parsed ? "" : parsed.error().message;
}

TEST(JsonSchemaTest, TakesEveryTypeForWhatItIs) {
    struct Row {
        const char* type;
        const char* fits;
        const char* does_not;
    };
    for (const auto& row :
         {Row{"null", "null", "0"}, Row{"boolean", "true", "\"true\""}, Row{"integer", "3", "3.5"},
          Row{"integer", "3.0", "\"3\""}, Row{"integer", "18446744073709551615", "null"},
          Row{"number", "3", "[]"}, Row{"number", "-3.5e2", "{}"}, Row{"string", "\"\"", "3"},
          Row{"array", "[]", "{}"}, Row{"object", "{}", "[]"}}) {
        const auto schema = std::string(R"({"type": ")") + row.type + "\"}";
        EXPECT_EQ(check(schema, row.fits), "") << row.type;
        EXPECT_NE(check(schema, row.does_not), "") << row.type << " " << row.does_not;
    }
    EXPECT_EQ(check(R"({"type": ["string", "null"]})", "null"), "");
    EXPECT_EQ(check(R"({"type": ["string", "null"]})", "1"),
              "the arguments: must be null or a string");
}

TEST(JsonSchemaTest, NamesTheFieldThatIsWrong) {
    const auto* schema = R"({"type": "object", "required": ["date", "guests"],
        "additionalProperties": false, "properties": {
          "date": {"type": "string", "minLength": 10, "maxLength": 10},
          "guests": {"type": "integer", "minimum": 1, "maximum": 12},
          "where": {"enum": ["inside", "terrace", 3]},
          "price": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
          "dishes": {"type": "array", "minItems": 1, "maxItems": 2,
                     "items": {"type": "object", "properties": {"name": {"type": "string"}},
                               "required": ["name"]}}}})";
    struct Row {
        const char* value;
        const char* wrong;
    };
    for (const auto& row :
         {Row{R"({"date": "2026-01-31", "guests": 4})", ""},
          Row{R"({"date": "2026-01-31"})", "guests: is missing"},
          Row{R"({"date": "tomorrow", "guests": 4})",
              "date: has 8 characters, at least 10 are needed"},
          Row{R"({"date": "2026-01-31T", "guests": 4})",
              "date: has 11 characters, at most 10 are allowed"},
          Row{R"({"date": "ääääääääää", "guests": 4})", ""},
          Row{R"({"date": "2026-01-31", "guests": 40})", "guests: 40 is more than 12"},
          Row{R"({"date": "2026-01-31", "guests": 0})", "guests: 0 is less than 1"},
          Row{R"({"date": "2026-01-31", "guests": "4"})", "guests: must be a whole number"},
          Row{R"({"date": "2026-01-31", "guests": 4, "where": "roof"})",
              R"(where: must be "inside" or "terrace" or 3)"},
          Row{R"({"date": "2026-01-31", "guests": 4, "where": 3.0})", ""},
          Row{R"({"date": "2026-01-31", "guests": 4, "price": 0})", "price: 0 is not more than 0"},
          Row{R"({"date": "2026-01-31", "guests": 4, "price": 100.0})",
              "price: 100 is not less than 100"},
          Row{R"({"date": "2026-01-31", "guests": 4, "dishes": []})",
              "dishes: has 0 items, at least 1 are needed"},
          Row{R"({"date": "2026-01-31", "guests": 4, "dishes": [{"name": "a"}, {}]})",
              "dishes[1].name: is missing"},
          Row{R"({"date": "2026-01-31", "guests": 4, "tip": 1})", "tip: must not be there"},
          Row{R"([])", "the arguments: must be an object"}}) {
        EXPECT_EQ(check(schema, row.value), row.wrong) << row.value;
    }
}

TEST(JsonSchemaTest, OtherPropertiesMayHaveASchemaOfTheirOwn) {
    const auto* schema = R"({"additionalProperties": {"type": "integer"}})";
    EXPECT_EQ(check(schema, R"({"a": 1})"), "");
    EXPECT_EQ(check(schema, R"({"a": "x"})"), "a: must be a whole number");
}

TEST(JsonSchemaTest, WordsItDoesNotCheckDoNoHarm) {
    EXPECT_EQ(
        check(R"({"type": "string", "pattern": "^a", "format": "email", "title": "t"})", "\"b\""),
        "");
    EXPECT_EQ(check("true", "17"), "");
    EXPECT_EQ(check(R"({"const": 17})", "17"), "");
    EXPECT_EQ(check(R"({"const": 17})", "18"), "the arguments: must be 17");
}

TEST(JsonSchemaTest, SaysWhereASchemaIsWrong) {
    EXPECT_EQ(mistake("17"), "a schema is an object");
    EXPECT_EQ(mistake(R"({"type": "text"})"),
              "type: \"text\" is none of null, boolean, integer, number, string, array, object");
    EXPECT_NE(mistake(R"({"type": []})"), "");
    EXPECT_EQ(mistake(R"({"properties": {"a": {"minimum": "1"}}})"),
              "properties.a.minimum: is a number");
    EXPECT_EQ(mistake(R"({"properties": []})"), "properties: is an object of schemas");
    EXPECT_EQ(mistake(R"({"items": {"maxLength": -1}})"),
              "items.maxLength: is a whole number, 0 or more");
    EXPECT_EQ(mistake(R"({"required": ["a"]})"), "required: 'a' is not among the properties");
    EXPECT_EQ(mistake(R"({"required": "a"})"), "required: is an array of names");
    EXPECT_EQ(mistake(R"({"enum": []})"), "enum: is an array of at least one value");
}

}  // namespace
}  // namespace bridge::agents
