#pragma once
// Answers of the REST API: resources as JSON, errors in Twilio's shape.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>

#include "emulator/form.hpp"
#include "emulator/timestamps.hpp"
#include "net/http_message.hpp"

namespace bridge::emulator {

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(WallTime time);

net::HttpResponse json_reply(int status, const boost::json::value& body);
/// {code, message, more_info, status}; without `code` and `more_info` if `code` is 0, as Twilio's
/// errors may be too.
net::HttpResponse error_reply(int status, int code, const std::string& message);
net::HttpResponse not_found_reply(const std::string& path);
net::HttpResponse method_refused_reply(const std::string& method);

/// null for an empty text.
boost::json::value text_or_null(const std::string& text);
boost::json::value date_or_null(const std::optional<WallTime>& time);

/// One page of a list: `total` resources, `item(i)` the i-th. `path` is the list's own, `query`
/// what the client sent. PageSize 1–1000 (default 50), Page from 0.
net::HttpResponse list_reply(const std::string& key, const std::string& path, const Fields& query,
                             std::size_t total,
                             const std::function<boost::json::object(std::size_t)>& item);

}  // namespace bridge::emulator
