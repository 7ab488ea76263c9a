#include "twilio/wire/json_fields.hpp"

#include <boost/json.hpp>
#include <charconv>

namespace bridge::twilio {

namespace json = boost::json;

std::optional<json::object> parse_json_object(std::string_view text) {
    boost::system::error_code error;
    auto value = json::parse({text.data(), text.size()}, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string text_field(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains({name.data(), name.size()});
    if (value == nullptr) return {};
    if (value->is_string())
        return std::string(value->get_string().data(), value->get_string().size());
    if (value->is_int64()) return std::to_string(value->get_int64());
    if (value->is_uint64()) return std::to_string(value->get_uint64());
    return {};
}

std::optional<std::int64_t> number_field(const json::object& object, std::string_view name) {
    const auto text = text_field(object, name);
    std::int64_t out = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, out);
    if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return out;
}

}  // namespace bridge::twilio
