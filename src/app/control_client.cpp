#include "app/control_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>
#include <limits>
#include <string_view>
#include <utility>

#include "app/call_text.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

tl::unexpected<Failure> failed(ExitCode exit, std::string message) {
    return tl::unexpected(Failure{exit, std::move(message)});
}

std::string without_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

std::string list_of(const std::vector<RunningInstance>& running) {
    std::string out;
    for (const auto& one : running) {
        out += fmt::format("\n    {}  {}  since {}", one.pid,
                           one.control_url.empty() ? "(starting)" : one.control_url, one.started);
    }
    return out;
}

Outcome<ControlAddress> address_of(const RunningInstance& one) {
    if (one.control_url.empty())
        return failed(ExitCode::failure,
                      fmt::format("program {} is starting, and cannot be asked yet", one.pid));
    return ControlAddress{one.control_url, one.token, true};
}

/// What a problem says; empty: it says nothing.
std::string detail_of(const json::value& problem) {
    const auto* object = problem.if_object();
    const auto* detail = object ? object->if_contains("detail") : nullptr;
    return detail && detail->is_string() ? std::string(detail->get_string()) : std::string();
}

ExitCode exit_for(int status) {
    switch (status) {
        case 401:
            return ExitCode::configuration;
        case 403:
        case 409:
        case 503:
            return ExitCode::refused;
        case 400:
        case 415:
        case 422:
            return ExitCode::usage;
        default:
            return ExitCode::failure;
    }
}

bool can_mean(const call::CallSnapshot& call, MeantCalls meant) {
    if (meant == MeantCalls::all) return true;
    if (call::is_final(call.state)) return false;
    if (meant == MeantCalls::ringing) return call.local.ringing;
    const auto& status = call.transfer.status;
    // The target's call is meant by its far end.
    return call.parent.empty() && (status == "dialling" || status == "ringing" ||
                                   status == "briefing" || status == "joining");
}

}  // namespace

Outcome<ControlAddress> choose_instance(const std::vector<RunningInstance>& running,
                                        const Config& config, const std::string& wanted) {
    const bool by_setting = wanted.empty() && !config.control_url.empty();
    if (by_setting || wanted.find("://") != std::string::npos) {
        const auto url = without_slash(by_setting ? config.control_url : wanted);
        if (!config.control_token.empty()) return ControlAddress{url, config.control_token, false};
        for (const auto& one : running) {
            if (one.control_url == url) return address_of(one);
        }
        return failed(ExitCode::configuration,
                      fmt::format("the token of {} is not known; set AGENTBRIDGE_CONTROL_TOKEN to "
                                  "the one in its instances/PID.json",
                                  url));
    }
    if (!wanted.empty()) {
        for (const auto& one : running) {
            if (std::to_string(one.pid) == wanted) return address_of(one);
        }
        return failed(ExitCode::usage,
                      fmt::format("no program {} runs here{}{}", wanted,
                                  running.empty() ? "" : "; there are:", list_of(running)));
    }
    if (running.empty())
        return failed(ExitCode::failure,
                      fmt::format("no agentbridge runs here (looked in {}); `agentbridge serve` "
                                  "starts one",
                                  (config.state_dir / "instances").string()));
    if (running.size() > 1)
        return failed(ExitCode::usage,
                      fmt::format("several programs run; say which with --instance PID:{}",
                                  list_of(running)));
    return address_of(running.front());
}

Outcome<CallId> choose_call(const std::vector<call::CallSnapshot>& calls, const std::string& name,
                            MeantCalls meant) {
    std::vector<const call::CallSnapshot*> found;
    for (const auto& call : calls) {
        if (!name.empty() && (call.id.str() == name || call.sid.str() == name)) return call.id;
        if (name.empty() && !can_mean(call, meant)) continue;
        if (call.id.str().starts_with(name) || call.sid.str().starts_with(name))
            found.push_back(&call);
    }
    if (found.size() == 1) return found.front()->id;
    if (found.empty()) {
        auto what = name.empty() ? std::string("there is no call")
                                 : fmt::format("there is no call {}", name);
        if (name.empty() && meant == MeantCalls::ringing) what = "no call rings here";
        if (name.empty() && meant == MeantCalls::transferred) what = "no call is being transferred";
        return failed(ExitCode::failure, std::move(what));
    }
    std::string list;
    for (const auto* call : found) list += "\n    " + format_call_line(*call);
    return failed(ExitCode::usage,
                  fmt::format("{} calls are meant; say which:{}", found.size(), list));
}

ControlClient::ControlClient(boost::asio::any_io_executor executor, ControlAddress address)
    : address_(std::move(address)) {
    net::HttpClientOptions options;
    options.use_proxy = false;  // the control plane is on this machine, or at a tunnel's end here
    options.any_certificate = address_.own;
    http_ = net::HttpClient::make(std::move(executor), std::move(options));
}

boost::asio::awaitable<Outcome<json::value>> ControlClient::ask(std::shared_ptr<ControlClient> self,
                                                                std::string method,
                                                                std::string path, std::string body,
                                                                std::string_view type) {
    const auto& url = self->address_.url;
    net::HttpCall call;
    call.method = std::move(method);
    call.url = url + "/api/v1" + path;
    call.headers.set("Authorization", "Bearer " + self->address_.token.reveal());
    if (!body.empty()) call.headers.set("Content-Type", std::string(type));
    call.body = std::move(body);
    call.total_timeout = std::chrono::seconds(10);
    auto answer = co_await self->http_->request(std::move(call));
    self->gone_ = !answer;
    if (!answer) {
        co_return failed(ExitCode::failure, fmt::format("no agentbridge answers at {}: {}", url,
                                                        answer.error().error.message));
    }
    boost::system::error_code not_json;
    auto value = json::parse(answer->body, not_json);
    if (answer->status == 401)
        co_return failed(exit_for(401), fmt::format("the token is not the one of {}; look into its "
                                                    "instances/PID.json",
                                                    url));
    if (answer->status >= 200 && answer->status < 300 && !not_json) co_return std::move(value);
    auto detail = not_json ? std::string() : detail_of(value);
    if (detail.empty()) detail = fmt::format("HTTP status {} from {}", answer->status, url);
    co_return failed(exit_for(answer->status), std::move(detail));
}

boost::asio::awaitable<Failure> ControlClient::stream(std::shared_ptr<ControlClient> self,
                                                      std::string path,
                                                      std::function<bool(std::string_view)> piece) {
    const auto& url = self->address_.url;
    net::HttpCall call;
    call.url = url + "/api/v1" + path;
    call.headers.set("Authorization", "Bearer " + self->address_.token.reveal());
    call.total_timeout = std::chrono::hours(24 * 365);
    call.response_bytes = std::numeric_limits<std::size_t>::max();
    call.on_body = std::move(piece);
    auto answer = co_await self->http_->request(std::move(call));
    self->gone_ = !answer;
    if (!answer)
        co_return Failure{ExitCode::failure, fmt::format("{} does not tell any more: {}", url,
                                                         answer.error().error.message)};
    if (answer->status >= 200 && answer->status < 300)
        co_return Failure{ExitCode::failure, fmt::format("{} does not tell any more", url)};
    co_return Failure{exit_for(answer->status),
                      fmt::format("HTTP status {} from {}", answer->status, url)};
}

boost::asio::awaitable<Outcome<json::value>> ControlClient::list_calls(
    std::shared_ptr<ControlClient> self, std::string state) {
    const auto parsed = call::parse_call_state(state);
    const bool all = state.empty() || state == "live" || state == "created" ||
                     (parsed && !call::is_final(*parsed));
    const std::string path = "/calls?state=" + (state.empty() ? std::string("live") : state);
    std::string get = "GET", nothing;
    auto list = co_await ask(self, get, path, nothing);
    while (all && list) {
        auto* const next = list->as_object().if_contains("next");
        if (next == nullptr || !next->is_string()) break;
        const std::string more = path + "&cursor=" + std::string(next->as_string());
        auto page = co_await ask(self, get, more, nothing);
        if (!page) co_return page;
        auto& calls = list->at("calls").as_array();
        for (auto& call : page->at("calls").as_array()) calls.push_back(std::move(call));
        list->as_object()["next"] = page->at("next");
    }
    co_return list;
}

}  // namespace bridge::app
