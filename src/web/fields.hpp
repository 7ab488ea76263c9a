#pragma once
// Reads the JSON object of a request's body field by field, and names the first one that is wrong.

#include <boost/json/object.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_message.hpp"

namespace bridge::web {

class Fields {
public:
    explicit Fields(boost::json::object body) : body_(std::move(body)) {}

    /// Nothing where it is missing, null or of another type; the last is a problem.
    std::optional<std::string> text(std::string_view name);
    std::optional<bool> flag(std::string_view name);
    std::optional<std::int64_t> number(std::string_view name);
    /// As above; it is a problem if it is missing.
    std::string wanted_text(std::string_view name);
    std::int64_t wanted_number(std::string_view name);
    /// One of `words`, or the first of them if it is missing.
    std::string word(std::string_view name, const std::vector<std::string_view>& words);

    /// The first problem; a field that nobody asked for is one. Errors: bad_field.
    Result<> done() const;

private:
    const boost::json::value* find(std::string_view name);
    void wrong(std::string_view name, std::string what);

    boost::json::object body_;
    std::set<std::string, std::less<>> asked_;
    std::optional<Error> problem_;
};

/// The body of a request: an object, or nothing, which is an empty one. What is returned as the
/// error is the answer: 400, 413 or 415.
tl::expected<Fields, net::HttpResponse> read_fields(const net::HttpRequest& request,
                                                    std::size_t limit);

}  // namespace bridge::web
