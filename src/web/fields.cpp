#include "web/fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cctype>
#include <utility>
#include <vector>

#include "web/problem.hpp"

namespace bridge::web {
namespace {

namespace json = boost::json;

bool is_json(std::string_view content_type) {
    auto type = std::string(content_type.substr(0, content_type.find(';')));
    while (!type.empty() && type.back() == ' ') type.pop_back();
    std::transform(type.begin(), type.end(), type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return type == "application/json";
}

}  // namespace

const json::value* Fields::find(std::string_view name) {
    asked_.emplace(name);
    const auto* found = body_.if_contains(json::string_view(name.data(), name.size()));
    return found == nullptr || found->is_null() ? nullptr : found;
}

void Fields::wrong(std::string_view name, std::string what) {
    if (!problem_)
        problem_ = Error{make_error_code(Errc::bad_field), fmt::format("{}: {}", name, what)};
}

std::optional<std::string> Fields::text(std::string_view name) {
    const auto* found = find(name);
    if (found == nullptr) return std::nullopt;
    if (found->is_string()) {
        const auto& string = found->get_string();
        return std::string(string.data(), string.size());
    }
    wrong(name, "not a string");
    return std::nullopt;
}

std::optional<bool> Fields::flag(std::string_view name) {
    const auto* found = find(name);
    if (found == nullptr) return std::nullopt;
    if (found->is_bool()) return found->get_bool();
    wrong(name, "not true or false");
    return std::nullopt;
}

std::optional<std::int64_t> Fields::number(std::string_view name) {
    const auto* found = find(name);
    if (found == nullptr) return std::nullopt;
    if (found->is_int64()) return found->get_int64();
    wrong(name, "not a whole number");
    return std::nullopt;
}

std::string Fields::wanted_text(std::string_view name) {
    auto found = text(name);
    if (!found) wrong(name, "missing");
    return std::move(found).value_or("");
}

std::int64_t Fields::wanted_number(std::string_view name) {
    const auto found = number(name);
    if (!found) wrong(name, "missing");
    return found.value_or(0);
}

std::string Fields::word(std::string_view name, const std::vector<std::string_view>& words) {
    const auto found = text(name);
    if (!found) return std::string(words.front());
    if (std::find(words.begin(), words.end(), *found) == words.end())
        wrong(name, fmt::format("'{}' is not {}", *found, fmt::join(words, " or ")));
    return *found;
}

Result<> Fields::done() const {
    if (problem_) return tl::unexpected(*problem_);
    for (const auto& field : body_) {
        const std::string_view name(field.key().data(), field.key().size());
        if (asked_.find(name) == asked_.end())
            return fail(Errc::bad_field, fmt::format("{}: there is no such field here", name));
    }
    return {};
}

tl::expected<Fields, net::HttpResponse> read_fields(const net::HttpRequest& request,
                                                    std::size_t limit) {
    if (request.body.empty()) return Fields({});
    if (!is_json(request.headers.find("Content-Type").value_or("")))
        return tl::unexpected(problem(415, "not_json", "the body must be application/json"));
    if (request.body.size() > limit)
        return tl::unexpected(
            problem(413, "too_large", fmt::format("the body may have {} bytes", limit)));
    boost::system::error_code error;
    const auto value = json::parse(request.body, error);
    if (error || !value.is_object())
        return tl::unexpected(problem(400, "bad_json", "the body is not a JSON object"));
    return Fields(value.get_object());
}

}  // namespace bridge::web
