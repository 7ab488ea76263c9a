#pragma once
// Which program listens on a port of this machine.

#include <cstdint>
#include <string>

namespace bridge::app {

/// "nginx (pid 812)"; empty when the system does not tell (other users' programs, macOS).
std::string port_holder(std::uint16_t port);

}  // namespace bridge::app
