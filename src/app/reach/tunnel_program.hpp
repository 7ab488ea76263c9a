#pragma once
// ngrok and cloudflared as children of this program: how each is started, and what its output says.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"

namespace bridge::app {

/// What a line of a tunnel program's output tells.
struct TunnelLine {
    std::string url;         ///< it has an address now
    std::string error;       ///< it says what is wrong
    std::string api;         ///< ngrok: where its local API is, "http://127.0.0.1:4040"
    bool connected = false;  ///< the address works from now on
};

class TunnelProgram {
public:
    /// `local`: "http://127.0.0.1:8000".
    TunnelProgram(TunnelKind kind, std::string local) : kind_(kind), local_(std::move(local)) {}
    std::string name() const;
    /// Without secrets: everybody on this machine can read them.
    std::vector<std::string> arguments() const;
    /// How to install it.
    std::string install() const;
    TunnelLine read(const std::string& line) const;

private:
    TunnelKind kind_;
    std::string local_;
};

/// The environment for it: ours without the secrets of other services.
std::map<std::string, std::string> tunnel_environment(
    std::map<std::string, std::string> environment);

}  // namespace bridge::app
