#include "emulator/rest_reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

namespace bridge::emulator {
namespace {

namespace json = boost::json;

std::size_t number_in(const Fields& query, std::string_view name, std::size_t otherwise,
                      std::size_t most) {
    const auto text = field_or(query, name);
    if (text.empty() || text.size() > 9 ||
        text.find_first_not_of("0123456789") != std::string::npos) {
        return otherwise;
    }
    return std::min<std::size_t>(std::stoul(text), most);
}

}  // namespace

std::string http_date(WallTime time) {
    const auto text = format_rfc2822(time);
    return text.substr(0, text.rfind(' ')) + " GMT";
}

net::HttpResponse json_reply(int status, const json::value& body) {
    auto response = net::respond(status, "application/json", json::serialize(body));
    response.headers.set("Twilio-Concurrent-Requests", "1");
    response.headers.set("Date", http_date(std::chrono::system_clock::now()));
    return response;
}

net::HttpResponse error_reply(int status, int code, const std::string& message) {
    json::object body{{"message", message}, {"status", status}};
    if (code != 0) {
        body["code"] = code;
        body["more_info"] = fmt::format("https://www.twilio.com/docs/errors/{}", code);
    }
    auto response = json_reply(status, body);
    if (status == 401) response.headers.set("WWW-Authenticate", "Basic realm=\"Twilio API\"");
    return response;
}

net::HttpResponse not_found_reply(const std::string& path) {
    return error_reply(404, 20404, "The requested resource " + path + " was not found");
}

net::HttpResponse method_refused_reply(const std::string& method) {
    return error_reply(405, 0, "Method " + method + " not allowed");
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value date_or_null(const std::optional<WallTime>& time) {
    return time ? json::value(format_rfc2822(*time)) : json::value(nullptr);
}

net::HttpResponse list_reply(const std::string& key, const std::string& path, const Fields& query,
                             std::size_t total,
                             const std::function<json::object(std::size_t)>& item) {
    const auto size = std::max<std::size_t>(1, number_in(query, "PageSize", 50, 1000));
    const auto page = number_in(query, "Page", 0, 1'000'000);
    const auto begin = std::min(page * size, total);
    const auto end = std::min(begin + size, total);
    const auto page_uri = [&](std::size_t number) {
        Fields fields;
        for (const auto& [name, value] : query) {
            if (name != "Page" && name != "PageSize" && name != "PageToken") {
                fields.emplace_back(name, value);
            }
        }
        fields.emplace_back("PageSize", std::to_string(size));
        fields.emplace_back("Page", std::to_string(number));
        return json::value(path + "?" + encode_form(fields));
    };
    json::array items;
    for (auto i = begin; i < end; ++i) items.push_back(item(i));
    json::object body;
    body[key] = std::move(items);
    body["page"] = page;
    body["page_size"] = size;
    body["start"] = begin;
    body["end"] = end > begin ? end - 1 : begin;
    body["uri"] = page_uri(page);
    body["first_page_uri"] = page_uri(0);
    body["next_page_uri"] = end < total ? page_uri(page + 1) : json::value(nullptr);
    body["previous_page_uri"] = page > 0 ? page_uri(page - 1) : json::value(nullptr);
    return json_reply(200, body);
}

}  // namespace bridge::emulator
