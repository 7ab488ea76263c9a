#include "agents/tools/tool_hosts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdint>
#include <optional>

#include "agents/tools/words.hpp"

namespace bridge::agents {
namespace {

namespace ip = boost::asio::ip;

bool is_ascii_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_ascii_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct Network {
    std::uint32_t address;
    int bits;
};
/// IANA's IPv4 Special-Purpose Address Registry, multicast and what is reserved.
constexpr std::array<Network, 12> kInside{{{0x00000000, 8},    // this network
                                           {0x0A000000, 8},    // private
                                           {0x64400000, 10},   // shared (carrier's NAT)
                                           {0x7F000000, 8},    // loopback
                                           {0xA9FE0000, 16},   // link-local
                                           {0xAC100000, 12},   // private
                                           {0xC0000000, 24},   // protocol assignments
                                           {0xC0000200, 24},   // documentation
                                           {0xC0A80000, 16},   // private
                                           {0xC6120000, 15},   // benchmarks
                                           {0xE0000000, 4},    // multicast
                                           {0xF0000000, 4}}};  // reserved, broadcast

bool is_inside(std::uint32_t address) {
    return std::any_of(kInside.begin(), kInside.end(), [address](const Network& one) {
        return ((address ^ one.address) >> (32 - one.bits)) == 0;
    });
}

bool is_inside(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    const auto v4_at = [&](std::size_t first) {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < 4; ++i) out = out << 8U | bytes[first + i];
        return out;
    };
    const auto zero = [&](std::size_t from, std::size_t to) {
        return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                           bytes.begin() + static_cast<std::ptrdiff_t>(to),
                           [](unsigned char byte) { return byte == 0; });
    };
    if (zero(0, 8)) return true;                            // ::, ::1, IPv4 as IPv6
    if (bytes[0] == 0x00 && bytes[1] == 0x64) return true;  // 64:ff9b::, IPv4 behind NAT64
    if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_inside(v4_at(2));  // 6to4
    return (bytes[0] & 0xE0U) != 0x20;  // all but global unicast, 2000::/3
}

std::optional<ip::address> address_of(std::string_view host) {
    boost::system::error_code error;
    const auto address = ip::make_address(std::string(host), error);
    if (error) return std::nullopt;
    return address;
}

/// The name is one that a C library may take for a number: 2130706433, 0x7f.1, 127.1.
bool looks_numeric(std::string_view host) {
    const auto last =
        host.substr(host.rfind('.') == std::string_view::npos ? 0 : host.rfind('.') + 1);
    return std::all_of(last.begin(), last.end(), is_ascii_digit) ||
           (last.size() > 1 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X'));
}

Result<std::string> parse_host(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(Errc::bad_field, fmt::format("'{}' {}", text, why));
    };
    if (text.find(':') != std::string_view::npos) {
        const auto address = address_of(text);
        // A zone (fe80::1%eth0) leads into this machine's own network.
        if (!address || !address->is_v6() || text.find('%') != std::string_view::npos)
            return wrong("is not an IPv6 address");
        return address->to_string();
    }
    const auto plain = [](char c) {
        return is_ascii_letter(c) || is_ascii_digit(c) || c == '.' || c == '-' || c == '_';
    };
    if (text.empty() || text.size() > 253 || text.front() == '.' ||
        text.find("..") != std::string_view::npos || !std::all_of(text.begin(), text.end(), plain))
        return wrong("is not the name of a host");
    const auto name = text.back() == '.' ? text.substr(0, text.size() - 1) : text;
    if (looks_numeric(name) && !address_of(name)) return wrong("is not an IP address");
    return lower_case(name);
}

}  // namespace

Result<ToolUrl> parse_tool_url(std::string_view url) {
    const auto wrong = [](std::string_view why) { return fail(Errc::bad_field, std::string(why)); };
    ToolUrl out;
    if (url.substr(0, 8) == "https://") {
        out.secure = true;
    } else if (url.substr(0, 7) != "http://") {
        return wrong("must start with https:// (or http:// for this machine)");
    }
    constexpr std::string_view kMarks = "-._~:/?[]@!$&'()*+,;=%";
    for (const char c : url) {
        if (c == '#') return wrong("a fragment (#) never reaches a server; take it away");
        if (!is_ascii_letter(c) && !is_ascii_digit(c) && kMarks.find(c) == std::string_view::npos)
            return wrong(
                fmt::format("'{}' must be written as %{:02X}; ${{NAME}} works in headers only",
                            c > ' ' && c < '\x7f' ? std::string(1, c) : "a character of it",
                            static_cast<unsigned char>(c)));
    }
    auto rest = url.substr(out.secure ? 8 : 7);
    auto authority = rest.substr(0, rest.find_first_of("/?"));
    if (authority.find('@') != std::string_view::npos)
        return wrong("user and password do not belong in a URL; use a header with ${NAME}");
    std::string_view host = authority;
    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return wrong("the address's ] is missing");
        host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
        if (host.find(':') == std::string_view::npos) return wrong("in [] stands an IPv6 address");
    } else if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
        host = authority.substr(0, colon);
        port = authority.substr(colon);
    }
    if (!port.empty()) {
        std::uint16_t number = 0;
        const auto* end = port.data() + port.size();
        const auto read = std::from_chars(port.data() + 1, end, number);
        if (port.front() != ':' || read.ec != std::errc{} || read.ptr != end || number == 0)
            return wrong(fmt::format("'{}' is not a port", port));
    }
    auto name = parse_host(host);
    if (!name) return tl::unexpected(name.error());
    out.host = std::move(*name);
    return out;
}

bool is_loopback(std::string_view host) {
    if (host == "localhost") return true;
    const auto address = address_of(host);
    return address && address->is_loopback();
}

bool is_inside_address(std::string_view host) {
    const auto address = address_of(host);
    if (!address) return false;
    return address->is_v4() ? is_inside(address->to_v4().to_uint()) : is_inside(address->to_v6());
}

Result<ToolHosts> ToolHosts::parse(std::string_view list) {
    ToolHosts out;
    for (auto word : split_list(list)) {
        if (word.size() > 2 && word.front() == '[' && word.back() == ']')
            word = word.substr(1, word.size() - 2);
        auto host = parse_host(word);
        if (!host)
            return fail(Errc::bad_field, fmt::format("{}; write names alone, as in "
                                                     "api.example.com, 10.0.0.5",
                                                     host.error().message));
        out.listed_.insert(std::move(*host));
    }
    return out;
}

Result<> ToolHosts::check(const ToolUrl& url) const {
    if (!url.secure && !is_loopback(url.host))
        return fail(Errc::refused, "plain http is for this machine alone; use https");
    if (!listed_.empty() && !listed_.contains(url.host))
        return fail(Errc::refused, fmt::format("'{}' is not in AGENTBRIDGE_TOOL_HOSTS; add it "
                                               "there if it may be asked",
                                               url.host));
    if (listed_.empty() && is_inside_address(url.host) && !is_loopback(url.host))
        return fail(Errc::refused, fmt::format("{} is an address inside a network; list it in "
                                               "AGENTBRIDGE_TOOL_HOSTS if it may be asked",
                                               url.host));
    return {};
}

}  // namespace bridge::agents
