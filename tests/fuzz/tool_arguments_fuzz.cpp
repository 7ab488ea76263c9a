// A line with a JSON Schema, and below it what an agent made up as a tool's arguments: the schema
// is taken or refused, the arguments fit or do not, and whoever made them is told why in words that
// can be read.

#include <boost/json/parse.hpp>
#include <string>

#include "agents/tools/json_schema.hpp"
#include "agents/tools/words.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

namespace {

/// `of`: how long what was refused is, and the schema, parts of which may be quoted.
void must_explain(const Error& error, std::size_t of) {
    const auto& why = error.message;
    fuzz::must(!why.empty(), "a refusal says why");
    fuzz::must(why.size() <= 4096 + 8 * of, "a refusal is not longer than what was refused");
    fuzz::must(agents::readable(why, why.size()) == why, "a refusal is text that can be read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto text = fuzz::text_of(bytes, count);
    const auto line = text.find('\n');
    boost::json::error_code error;
    const auto described = boost::json::parse(text.substr(0, line), error);
    if (error) return 0;
    const auto schema = agents::JsonSchema::parse(described);
    if (!schema) must_explain(schema.error(), count);
    const auto arguments = boost::json::parse(
        line == std::string_view::npos ? std::string_view("{}") : text.substr(line + 1), error);
    if (error) return 0;
    if (schema) {
        const auto copy = *schema;
        const auto fits = schema->check(arguments);
        if (!fits) must_explain(fits.error(), count);
        fuzz::must(copy.check(arguments).has_value() == fits.has_value(), "copies agree");
    }
    // What one agent calls a schema another calls arguments: nothing is asked of an empty schema.
    const auto any = agents::JsonSchema::parse(boost::json::object{});
    fuzz::must(any && any->check(arguments) && any->check(described), "no schema refuses nothing");
    return 0;
}
