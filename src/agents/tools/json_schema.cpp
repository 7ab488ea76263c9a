#include "agents/tools/json_schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "agents/tools/words.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

enum Type : unsigned {
    kNull = 1,
    kBoolean = 2,
    kInteger = 4,
    kNumber = 8,
    kString = 16,
    kArray = 32,
    kObject = 64,
    kAnyType = 127,
};

struct TypeName {
    std::string_view name;
    Type type;
    std::string_view words;
};
constexpr std::array<TypeName, 7> kTypeNames{{{"null", kNull, "null"},
                                              {"boolean", kBoolean, "true or false"},
                                              {"integer", kInteger, "a whole number"},
                                              {"number", kNumber, "a number"},
                                              {"string", kString, "a string"},
                                              {"array", kArray, "an array"},
                                              {"object", kObject, "an object"}}};

std::string_view view(const json::string& text) {
    return {text.data(), text.size()};
}

std::optional<double> number_of(const json::value& value) {
    if (value.is_int64()) return static_cast<double>(value.get_int64());
    if (value.is_uint64()) return static_cast<double>(value.get_uint64());
    if (value.is_double()) return value.get_double();
    return std::nullopt;
}

/// Every type the value counts as: 3 and 3.0 are integers and numbers.
unsigned types_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return kNull;
        case json::kind::bool_:
            return kBoolean;
        case json::kind::int64:
        case json::kind::uint64:
            return kInteger | kNumber;
        case json::kind::double_:
            return std::floor(value.get_double()) == value.get_double() ? kInteger | kNumber
                                                                        : kNumber;
        case json::kind::string:
            return kString;
        case json::kind::array:
            return kArray;
        case json::kind::object:
            break;
    }
    return kObject;
}

bool same(const json::value& one, const json::value& other) {
    const auto a = number_of(one);
    const auto b = number_of(other);
    return a && b ? *a == *b : one == other;
}

/// Characters, not bytes: every byte of UTF-8 that does not continue a character.
std::size_t characters(const json::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// "a.b" below "a"; the name alone at the top.
std::string below(const std::string& place, std::string_view name) {
    return place.empty() ? std::string(name) : fmt::format("{}.{}", place, name);
}

}  // namespace

struct JsonSchema::Node {
    bool never = false;  ///< the schema `false`: no value fits
    unsigned types = kAnyType;
    std::optional<std::vector<json::value>> allowed;
    std::map<std::string, NodePtr, std::less<>> properties;
    std::vector<std::string> required;
    NodePtr others;  ///< of properties without a name here; null: any
    NodePtr items;   ///< null: any
    std::optional<double> minimum, maximum, more_than, less_than;
    std::optional<std::size_t> min_length, max_length, min_items, max_items;
};

// ---- reading a schema

/// Goes through a schema and keeps the first mistake.
class JsonSchema::Reader {
public:
    NodePtr read(const json::value& schema, const std::string& place) {
        auto node = std::make_shared<Node>();
        if (schema.is_bool()) {
            node->never = !schema.get_bool();
            return node;
        }
        if (!schema.is_object()) {
            wrong(place, "a schema is an object");
            return node;
        }
        const auto& object = schema.get_object();
        if (const auto* type = object.if_contains("type")) node->types = types(*type, place);
        read_values(object, place, *node);
        read_object(object, place, *node);
        if (const auto* items = object.if_contains("items"))
            node->items = read(*items, below(place, "items"));
        node->minimum = limit(object, place, "minimum");
        node->maximum = limit(object, place, "maximum");
        node->more_than = limit(object, place, "exclusiveMinimum");
        node->less_than = limit(object, place, "exclusiveMaximum");
        node->min_length = count(object, place, "minLength");
        node->max_length = count(object, place, "maxLength");
        node->min_items = count(object, place, "minItems");
        node->max_items = count(object, place, "maxItems");
        return node;
    }
    const std::optional<Error>& problem() const { return problem_; }

private:
    void wrong(const std::string& place, std::string_view what) {
        if (problem_) return;
        problem_ = Error{Errc::bad_field,
                         place.empty() ? std::string(what) : fmt::format("{}: {}", place, what)};
    }

    unsigned types(const json::value& value, const std::string& place) {
        unsigned out = 0;
        const auto add = [&](const json::value& one) {
            const auto found =
                std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const TypeName& known) {
                    return one.is_string() && view(one.get_string()) == known.name;
                });
            if (found == kTypeNames.end()) {
                wrong(below(place, "type"),
                      fmt::format("{} is none of null, boolean, integer, number, string, array, "
                                  "object",
                                  json::serialize(one)));
            } else {
                out |= found->type;
            }
        };
        if (value.is_array() && !value.get_array().empty()) {
            for (const auto& one : value.get_array()) add(one);
        } else {
            add(value);
        }
        return out;
    }

    void read_values(const json::object& object, const std::string& place, Node& node) {
        if (const auto* one = object.if_contains("const")) node.allowed = {*one};
        const auto* values = object.if_contains("enum");
        if (values == nullptr) return;
        if (!values->is_array() || values->get_array().empty())
            return wrong(below(place, "enum"), "is an array of at least one value");
        node.allowed.emplace(values->get_array().begin(), values->get_array().end());
    }

    void read_object(const json::object& object, const std::string& place, Node& node) {
        if (const auto* properties = object.if_contains("properties")) {
            const auto where = below(place, "properties");
            if (!properties->is_object()) return wrong(where, "is an object of schemas");
            for (const auto& one : properties->get_object()) {
                const std::string name(one.key());
                node.properties.emplace(name, read(one.value(), below(where, name)));
            }
        }
        if (const auto* others = object.if_contains("additionalProperties"))
            node.others = read(*others, below(place, "additionalProperties"));
        const auto* required = object.if_contains("required");
        if (required == nullptr) return;
        const auto where = below(place, "required");
        if (!required->is_array()) return wrong(where, "is an array of names");
        for (const auto& one : required->get_array()) {
            if (!one.is_string()) return wrong(where, "is an array of names");
            const std::string name(view(one.get_string()));
            // Allowed by the standard, and always a slip: the agent would never hear of it.
            if (!node.properties.contains(name))
                wrong(where, fmt::format("'{}' is not among the properties", name));
            node.required.push_back(name);
        }
    }

    std::optional<double> limit(const json::object& object, const std::string& place,
                                std::string_view name) {
        const auto* value = object.if_contains(name);
        if (value == nullptr) return std::nullopt;
        auto number = number_of(*value);
        if (!number) wrong(below(place, name), "is a number");
        return number;
    }

    std::optional<std::size_t> count(const json::object& object, const std::string& place,
                                     std::string_view name) {
        const auto* value = object.if_contains(name);
        if (value == nullptr) return std::nullopt;
        if (value->is_int64() && value->get_int64() >= 0)
            return static_cast<std::size_t>(value->get_int64());
        wrong(below(place, name), "is a whole number, 0 or more");
        return std::nullopt;
    }

    std::optional<Error> problem_;
};

Result<JsonSchema> JsonSchema::parse(const json::value& schema) {
    Reader reader;
    auto root = reader.read(schema, {});
    if (reader.problem()) return tl::unexpected(*reader.problem());
    return JsonSchema(std::move(root));
}

bool JsonSchema::has_properties() const {
    return !root_->properties.empty();
}

// ---- checking a value

class JsonSchema::Checker {
public:
    static Result<> check(const Node& node, const json::value& value, const std::string& place) {
        if (node.never) return wrong(place, "must not be there");
        if ((types_of(value) & node.types) == 0) {
            std::vector<std::string_view> words;
            for (const auto& known : kTypeNames)
                if ((node.types & known.type) != 0) words.push_back(known.words);
            return wrong(place, fmt::format("must be {}", fmt::join(words, " or ")));
        }
        if (node.allowed &&
            std::none_of(node.allowed->begin(), node.allowed->end(),
                         [&](const json::value& one) { return same(one, value); })) {
            std::vector<std::string> words;
            for (const auto& one : *node.allowed) words.push_back(json::serialize(one));
            return wrong(place, fmt::format("must be {}", fmt::join(words, " or ")));
        }
        if (const auto number = number_of(value)) return check_number(node, *number, place);
        if (value.is_string())
            return check_count(characters(value.get_string()), node.min_length, node.max_length,
                               "characters", place);
        if (value.is_array()) return check_array(node, value.get_array(), place);
        if (value.is_object()) return check_object(node, value.get_object(), place);
        return {};
    }

private:
    static Result<> wrong(const std::string& place, std::string_view what) {
        return fail(Errc::bad_field,
                    fmt::format("{}: {}", place.empty() ? "the arguments" : place, what));
    }

    static Result<> check_number(const Node& node, double value, const std::string& place) {
        if (node.minimum && value < *node.minimum)
            return wrong(place, fmt::format("{} is less than {}", value, *node.minimum));
        if (node.maximum && value > *node.maximum)
            return wrong(place, fmt::format("{} is more than {}", value, *node.maximum));
        if (node.more_than && value <= *node.more_than)
            return wrong(place, fmt::format("{} is not more than {}", value, *node.more_than));
        if (node.less_than && value >= *node.less_than)
            return wrong(place, fmt::format("{} is not less than {}", value, *node.less_than));
        return {};
    }

    static Result<> check_count(std::size_t count, std::optional<std::size_t> least,
                                std::optional<std::size_t> most, std::string_view unit,
                                const std::string& place) {
        if (least && count < *least)
            return wrong(place,
                         fmt::format("has {} {}, at least {} are needed", count, unit, *least));
        if (most && count > *most)
            return wrong(place,
                         fmt::format("has {} {}, at most {} are allowed", count, unit, *most));
        return {};
    }

    static Result<> check_array(const Node& node, const json::array& value,
                                const std::string& place) {
        auto counted = check_count(value.size(), node.min_items, node.max_items, "items", place);
        if (!counted || !node.items) return counted;
        for (std::size_t i = 0; i < value.size(); ++i)
            if (auto ok = check(*node.items, value[i], fmt::format("{}[{}]", place, i)); !ok)
                return ok;
        return {};
    }

    static Result<> check_object(const Node& node, const json::object& value,
                                 const std::string& place) {
        for (const auto& name : node.required)
            if (!value.contains(name)) return wrong(below(place, name), "is missing");
        for (const auto& field : value) {
            const std::string_view name(field.key().data(), field.key().size());
            const auto known = node.properties.find(name);
            const auto& schema = known != node.properties.end() ? known->second : node.others;
            if (!schema) continue;
            // Names are the agent's own words as well, and may be of any length.
            const auto where = below(place, readable(name, 80));
            if (auto ok = check(*schema, field.value(), where); !ok) return ok;
        }
        return {};
    }
};

Result<> JsonSchema::check(const json::value& value) const {
    return Checker::check(*root_, value, {});
}

}  // namespace bridge::agents
