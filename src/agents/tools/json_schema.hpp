#pragma once
// Checks what an agent made up as the arguments of a tool before anything is done with it: the part
// of JSON Schema that tools are described with.

#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::agents {

/// Understands type, properties, required, additionalProperties, enum, const, minimum, maximum,
/// exclusiveMinimum, exclusiveMaximum, minLength, maxLength, minItems, maxItems and items. Other
/// words (pattern, format, anyOf, $ref, …) are there for the agent to read and are not checked.
/// Immutable, so copies share it.
class JsonSchema {
public:
    /// Errors: bad_field; names the place in the schema ("properties.guests.minimum").
    static Result<JsonSchema> parse(const boost::json::value& schema);

    /// Errors: bad_field; names the first place that is wrong ("guests: 40 is more than 12"), in
    /// words for whoever made the value.
    Result<> check(const boost::json::value& value) const;

    /// Whether an object may have properties at all.
    bool has_properties() const;

private:
    struct Node;
    using NodePtr = std::shared_ptr<const Node>;
    class Reader;
    class Checker;

    explicit JsonSchema(NodePtr root) : root_(std::move(root)) {}
    NodePtr root_;
};

}  // namespace bridge::agents
