#pragma once
// Which numbers may be called: by default those of the own country, at ordinary prices. Whoever
// gets at a program that places calls (a stolen token, an agent that was talked into it) wants
// numbers that cost their caller a fortune. Pure; dial_policy.hpp adds how many and how long.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::app {

/// What a number costs its caller beside an ordinary call there.
enum class Tariff {
    ordinary,
    premium,      ///< the called one is paid by the minute
    shared_cost,  ///< part of that
    personal,     ///< "follow me" numbers, as dear as the above in most countries
    satellite,    ///< satellite telephones and networks without a country
};

/// ISO 3166 of the country that an E.164 number lies in ("US", "CA", "JM": all of them begin with
/// +1); empty: no country's (satellites), or none that is known.
std::string_view region_of(std::string_view number);
/// By a table of the countries that are called most; what is not in it counts as ordinary.
Tariff tariff_of(std::string_view number);
/// A number nobody may reach through a carrier that cannot say where the caller is: 911, 112,
/// +44999. Written as people write it.
bool is_emergency_number(std::string_view text);

/// Where calls may go.
struct DialRules {
    bool anywhere = false;  ///< no destination is refused but emergency numbers
    std::string own;        ///< E.164 of the number calls come from; its country is allowed
    std::vector<std::string> regions;   ///< further ones: "DE"
    std::vector<std::string> prefixes;  ///< "+49900": the dear ones must be listed like this
};

/// Fills regions, prefixes and anywhere from AGENTBRIDGE_DIAL_ALLOW: "DE, +8816", or "any".
/// Errors: bad_field (which word is wrong).
Result<> parse_dial_allow(std::string_view text, DialRules& into);

/// SIP addresses and clients are allowed: they are no telephone numbers. Errors: refused, why
/// and what to set.
Result<> check_destination(const DialRules& rules, std::string_view to);

}  // namespace bridge::app
