#pragma once
// The table of the control API: which method of which path is answered by whom. The OpenAPI
// document (openapi.json) is held against it by a test.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.hpp"

namespace bridge::web {

class Api;
using Answer = boost::asio::awaitable<net::HttpResponse>;

/// A request that has found its route.
struct Asked {
    net::HttpRequest request;
    std::string id;         ///< what stands for {id} in the path; empty: the path has none
    std::string_view verb;  ///< of the route's path what follows "{id}/"
};

struct Route {
    std::string_view method;  ///< GET is HEAD too
    std::string_view path;    ///< below /api/v1: "/calls/{id}/mute"
    Answer (*answer)(std::shared_ptr<Api> api, Asked asked);
    bool open = false;  ///< it needs no token
};

// Each group in a file of its own.
const std::vector<Route>& call_routes();        ///< calls, and what is done with them
const std::vector<Route>& history_routes();     ///< lists of calls, and those that are over
const std::vector<Route>& sound_routes();       ///< what is said, played and heard; timelines
const std::vector<Route>& recording_routes();   ///< recordings
const std::vector<Route>& transcript_routes();  ///< what was said
const std::vector<Route>& capture_routes();     ///< what was captured
const std::vector<Route>& bridge_routes();      ///< session, events, agents, numbers, settings
const std::vector<Route>& emulator_routes();    ///< the emulator, where it is the carrier

}  // namespace bridge::web
