#pragma once
// What a running ngrok agent says about its tunnels (GET /api/tunnels of its local API), and which
// of them leads to us.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::app {

struct NgrokTunnel {
    std::string name;
    std::string url;   ///< public_url: "https://3f1c9a.ngrok.app"
    std::string addr;  ///< config.addr: "http://localhost:8000", "localhost:8000", "8000"
};

/// Errors: not_json when it is not what ngrok answers. Never throws.
Result<std::vector<NgrokTunnel>> parse_ngrok_tunnels(std::string_view json);

/// Where `addr` points: port 0 when it cannot be read (a folder, a socket file).
struct TunnelTarget {
    std::string host;  ///< empty: none written
    std::uint16_t port = 0;
};
TunnelTarget parse_tunnel_addr(std::string_view addr);

/// The https tunnel to `port` of this machine, or why there is none.
struct TunnelChoice {
    std::string url;   ///< empty: none
    std::string note;  ///< with an url: something to tell besides it (others lead here too)
    std::string what;  ///< without one: what is there instead, naming the port it points at
    std::string fix;   ///< without one: the command
};
/// `host`: the address we listen on. `current`: the url in use, kept while it is still one of those
/// that lead here.
TunnelChoice choose_tunnel(const std::vector<NgrokTunnel>& tunnels, std::string_view host,
                           std::uint16_t port, std::string_view current = {});

}  // namespace bridge::app
