#include "app/reach/ngrok_tunnels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "app/config.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains({name.data(), name.size()});
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

bool is_this_machine(const std::string& host, std::string_view ours) {
    return host.empty() || host == "0.0.0.0" || host == "[::]" || is_loopback_host(host) ||
           host == ours;
}

}  // namespace

Result<std::vector<NgrokTunnel>> parse_ngrok_tunnels(std::string_view text) {
    boost::system::error_code error;
    const auto value = json::parse({text.data(), text.size()}, error);
    const auto* list =
        !error && value.is_object() ? value.get_object().if_contains("tunnels") : nullptr;
    if (list == nullptr || !list->is_array())
        return fail(Errc::not_json, "the answer is not that of an ngrok agent");
    std::vector<NgrokTunnel> tunnels;
    for (const auto& item : list->get_array()) {
        if (!item.is_object()) continue;
        const auto& object = item.get_object();
        NgrokTunnel tunnel{text_of(object, "name"), text_of(object, "public_url"), {}};
        if (const auto* config = object.if_contains("config");
            config != nullptr && config->is_object())
            tunnel.addr = text_of(config->get_object(), "addr");
        if (!tunnel.url.empty()) tunnels.push_back(std::move(tunnel));
    }
    return tunnels;
}

TunnelTarget parse_tunnel_addr(std::string_view addr) {
    TunnelTarget target;
    std::uint16_t usual = 0;
    if (const auto scheme = addr.find("://"); scheme != std::string_view::npos) {
        usual = addr.substr(0, scheme) == "https" ? 443 : 80;
        addr.remove_prefix(scheme + 3);
        addr = addr.substr(0, addr.find('/'));
    }
    const auto port_of = [](std::string_view text) -> std::uint16_t {
        int port = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
        const bool good = !text.empty() && parsed.ec == std::errc{} &&
                          parsed.ptr == text.data() + text.size() && port > 0 && port < 65536;
        return good ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
    };
    if (usual == 0 && port_of(addr) != 0) {
        target.port = port_of(addr);
        return target;
    }
    const auto colon = addr.rfind(':');
    const auto bracket = addr.rfind(']');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    target.host = std::string(has_port ? addr.substr(0, colon) : addr);
    target.port = has_port ? port_of(addr.substr(colon + 1)) : usual;
    return target;
}

TunnelChoice choose_tunnel(const std::vector<NgrokTunnel>& tunnels, std::string_view host,
                           std::uint16_t port, std::string_view current) {
    TunnelChoice choice;
    std::vector<std::string> here, plain, others;
    for (const auto& tunnel : tunnels) {
        const auto target = parse_tunnel_addr(tunnel.addr);
        const bool ours = target.port == port && is_this_machine(target.host, host);
        if (ours && tunnel.url.starts_with("https://")) {
            here.push_back(tunnel.url);
        } else if (ours) {
            plain.push_back(tunnel.url);
        } else {
            others.push_back(fmt::format("{} points at {}", tunnel.url,
                                         target.port != 0 && is_this_machine(target.host, host)
                                             ? fmt::format("port {}", target.port)
                                             : tunnel.addr));
        }
    }
    choice.fix = fmt::format("run: ngrok http {}", port);
    if (!here.empty()) {
        choice.url = std::find(here.begin(), here.end(), current) != here.end()
                         ? std::string(current)
                         : here.front();
        if (here.size() > 1) {
            choice.note = fmt::format(
                "{} tunnels lead to port {}; {} is used (PUBLIC_URL={} would "
                "choose the next)",
                here.size(), port, choice.url, here[0] == choice.url ? here[1] : here[0]);
        }
    } else if (!plain.empty()) {
        choice.what = fmt::format("the ngrok agent's tunnel to port {} is {}, which is not https",
                                  port, plain.front());
    } else if (tunnels.empty()) {
        choice.what = "an ngrok agent runs, but it has no tunnel";
    } else {
        choice.what = fmt::format("the ngrok agent has no tunnel to port {}: {}", port,
                                  fmt::join(others, ", "));
        const auto first = parse_tunnel_addr(tunnels.front().addr);
        if (tunnels.size() == 1 && first.port != 0 && is_this_machine(first.host, host)) {
            choice.fix += fmt::format(", or set SERVER_PORT={}", first.port);
        }
    }
    return choice;
}

}  // namespace bridge::app
