#pragma once
// Holds answers of the control API against its OpenAPI document: whether the route is there,
// whether it may answer so, and whether what it answers has the shape that is described.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "agents/tools/json_schema.hpp"
#include "net/http_message.hpp"

namespace bridge::web {

class OpenApiCheck {
public:
    explicit OpenApiCheck(std::string_view document)
        : document_(
              boost::json::parse(boost::json::string_view(document.data(), document.size()))) {}

    /// "GET /calls/{id}", …
    std::set<std::string> operations() const {
        std::set<std::string> out;
        for (const auto& [path, methods] : document_.at("paths").as_object()) {
            for (const auto& [method, operation] : methods.as_object()) {
                std::string upper(method);
                for (auto& c : upper) c = static_cast<char>(c - 'a' + 'A');
                out.insert(upper + " " + std::string(path));
            }
        }
        return out;
    }

    /// What is wrong with an answer; empty: nothing. `path` below /api/v1, without a query.
    /// Answers to what is no route, or no method of one, must be problems.
    std::string problem_with(std::string method, std::string_view path,
                             const net::HttpResponse& response) const {
        for (auto& c : method) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (method == "head") method = "get";
        const auto* operation = find(method, path);
        if (operation == nullptr) {
            if (response.status != 404 && response.status != 405)
                return "an answer to what is not described";
            return check(problem_content(), response);
        }
        const auto& answers = operation->at("responses").as_object();
        const auto* answer = answers.if_contains(std::to_string(response.status));
        if (answer == nullptr && response.status >= 400) return check(problem_content(), response);
        if (answer == nullptr)
            return "status " + std::to_string(response.status) + " is not described";
        const auto* content = answer->as_object().if_contains("content");
        if (content == nullptr) return response.body.empty() ? "" : "a body that is not described";
        return check(*content, response);
    }

private:
    const boost::json::value& problem_content() const {
        return document_.at("components").at("responses").at("Problem").at("content");
    }

    const boost::json::value* find(const std::string& method, std::string_view path) const {
        for (const auto& [shape, methods] : document_.at("paths").as_object()) {
            if (!fits(path, std::string_view(shape.data(), shape.size()))) continue;
            const auto* found = methods.as_object().if_contains(method);
            if (found != nullptr) return found;
        }
        return nullptr;
    }

    static bool fits(std::string_view path, std::string_view shape) {
        const auto at = shape.find("{id}");
        if (at == std::string_view::npos) return path == shape;
        if (path.substr(0, at) != shape.substr(0, at)) return false;
        const auto end = std::min(path.find('/', at), path.size());
        return end > at && path.substr(end) == shape.substr(at + 4);
    }

    std::string check(const boost::json::value& content, const net::HttpResponse& response) const {
        auto type = std::string(response.headers.find("Content-Type").value_or(""));
        type = type.substr(0, type.find(';'));
        const auto* described = content.as_object().if_contains(type);
        if (described == nullptr) return "a body of type '" + type + "' is not described";
        if (response.stream || !type.ends_with("json")) return {};
        const auto schema = agents::JsonSchema::parse(whole(described->at("schema"), 0));
        if (!schema) throw std::logic_error("the schema itself: " + schema.error().message);
        boost::system::error_code error;
        const auto body = boost::json::parse(response.body, error);
        if (error) return "the body is no JSON";
        const auto good = schema->check(body);
        return good ? "" : good.error().message;
    }

    /// With every $ref replaced by what it means.
    boost::json::value whole(const boost::json::value& schema, int depth) const {
        if (depth > 20) throw std::logic_error("a schema that contains itself");
        if (schema.is_array()) {
            boost::json::array out;
            for (const auto& one : schema.get_array()) out.push_back(whole(one, depth + 1));
            return out;
        }
        if (!schema.is_object()) return schema;
        if (const auto* ref = schema.get_object().if_contains("$ref")) {
            const auto& name = ref->as_string();
            constexpr std::string_view kSchemas = "#/components/schemas/";
            return whole(document_.at("components")
                             .at("schemas")
                             .at(boost::json::string_view(name).substr(kSchemas.size())),
                         depth + 1);
        }
        boost::json::object out;
        for (const auto& [key, value] : schema.get_object()) out[key] = whole(value, depth + 1);
        return out;
    }

    const boost::json::value document_;
};

}  // namespace bridge::web
