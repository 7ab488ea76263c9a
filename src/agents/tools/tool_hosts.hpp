#pragma once
// Which hosts the bridge asks on an agent's behalf. A tool's URL is fixed by its file; this keeps
// the file from reaching places nobody meant it to: other hosts, and the inside of a network.

#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bridge::agents {

struct ToolUrl {
    std::string host;     ///< lower case, an IPv6 address without its brackets
    bool secure = false;  ///< https
};

/// An absolute http or https URL of plain characters (RFC 3986), without user and fragment, and
/// with a host that no two programs read differently (no 0x7f.1, no 2130706433).
/// Errors: bad_field, with the mistake.
Result<ToolUrl> parse_tool_url(std::string_view url);

/// localhost, 127.x.x.x, ::1.
bool is_loopback(std::string_view host);
/// An IP address (not a name) that is not one of the public internet's: private, link-local (where
/// clouds keep their credentials), shared, multicast, reserved, or one of these inside of IPv6.
bool is_inside_address(std::string_view host);

class ToolHosts {
public:
    /// "api.example.com, 10.0.0.5"; empty: whatever hosts the tools' own URLs name, as long as they
    /// are no inside addresses. Errors: bad_field.
    static Result<ToolHosts> parse(std::string_view list);

    /// Plain http is for this machine alone. Errors: refused; says how to mend it.
    Result<> check(const ToolUrl& url) const;

private:
    std::set<std::string, std::less<>> listed_;
};

}  // namespace bridge::agents
