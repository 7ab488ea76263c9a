#include "app/dial_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "app/dial_prefixes.hpp"
#include "app/setting_reader.hpp"

namespace bridge::app {
namespace {

constexpr std::string_view kSetting = "AGENTBRIDGE_DIAL_ALLOW";
/// The numbers for help in all countries, and those that reach the same in some.
constexpr std::array<std::string_view, 46> kEmergency{
    "000", "015", "017", "018", "061", "062", "065", "066", "100", "101", "102", "103",
    "104", "105", "108", "110", "111", "112", "113", "114", "115", "117", "118", "119",
    "120", "122", "123", "128", "144", "190", "191", "192", "193", "194", "197", "199",
    "911", "912", "933", "988", "991", "995", "997", "998", "999", "15"};

bool is_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Of the entries whose prefix `digits` begins with, the one with the longest; null: none.
template <class Entry>
const Entry* longest(std::span<const Entry> table, std::string_view digits) {
    const Entry* best = nullptr;
    for (const auto& entry : table) {
        if (digits.starts_with(entry.prefix) &&
            (best == nullptr || entry.prefix.size() > best->prefix.size()))
            best = &entry;
    }
    return best;
}

std::string_view digits_of(std::string_view number) {
    return number.starts_with('+') ? number.substr(1) : number;
}

bool is_country(std::string_view region) {
    const auto table = region_prefixes();
    return std::any_of(table.begin(), table.end(),
                       [&](const RegionPrefix& one) { return one.region == region; });
}

/// Whoever may call one may call the other: carriers price them alike.
std::string_view market_of(std::string_view region) {
    return region == "CA" ? "US" : region;
}

std::string_view word_for(Tariff tariff) {
    switch (tariff) {
        case Tariff::premium:
            return "a premium-rate number";
        case Tariff::shared_cost:
            return "a shared-cost number";
        case Tariff::personal:
            return "a personal number, which costs like a premium one";
        case Tariff::satellite:
            return "a satellite telephone";
        case Tariff::ordinary:
            break;
    }
    return "an ordinary number";
}

tl::unexpected<Error> refusal(std::string_view to, std::string_view what, std::string_view add) {
    return fail(Errc::refused, fmt::format("{} is {} and is not called; add {} to {} if it is "
                                           "to be",
                                           to, what, add, kSetting));
}

/// "+49900": as far as it says what is dear about the number.
std::string dear_prefix(std::string_view digits) {
    if (const auto* entry = longest(tariff_prefixes(), digits))
        return fmt::format("+{}", entry->prefix);
    return fmt::format("+{}", digits.substr(0, 7));  // +1 NPA 976
}

}  // namespace

std::string_view region_of(std::string_view number) {
    const auto* entry = longest(region_prefixes(), digits_of(number));
    return entry == nullptr ? std::string_view() : entry->region;
}

Tariff tariff_of(std::string_view number) {
    const auto digits = digits_of(number);
    if (const auto* entry = longest(tariff_prefixes(), digits)) return entry->tariff;
    // In North America 976 is dear in every area.
    if (digits.size() == 11 && digits[0] == '1' && digits.substr(4, 3) == "976")
        return Tariff::premium;
    return Tariff::ordinary;
}

bool is_emergency_number(std::string_view text) {
    const auto digits = digits_of(text);
    const auto is_one = [](std::string_view short_number) {
        return std::find(kEmergency.begin(), kEmergency.end(), short_number) != kEmergency.end();
    };
    if (!is_digits(digits) || digits.size() > 7) return false;
    if (is_one(digits)) return true;
    if (!text.starts_with('+')) return false;
    const auto* country = longest(region_prefixes(), digits);
    return country != nullptr && is_one(digits.substr(country->prefix.size()));
}

Result<> parse_dial_allow(std::string_view text, DialRules& into) {
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        auto word = trimmed(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        std::transform(word.begin(), word.end(), word.begin(),
                       [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        if (word.empty()) continue;
        if (word == "ANY") {
            into.anywhere = true;
        } else if (word.front() == '+' && is_digits(word.substr(1)) && word.size() <= 16) {
            into.prefixes.push_back(word);
        } else if (is_country(word)) {
            into.regions.push_back(word);
        } else {
            return fail(Errc::bad_field,
                        fmt::format("'{}' is neither a country (DE), nor how numbers begin "
                                    "(+49), nor 'any'",
                                    word));
        }
    }
    return {};
}

Result<> check_destination(const DialRules& rules, std::string_view to) {
    if (is_emergency_number(to))
        return fail(Errc::refused,
                    fmt::format("{} is an emergency number and is never called from here: nobody "
                                "there would learn where you are; use a telephone",
                                to));
    if (rules.anywhere || !to.starts_with('+')) return {};
    const auto digits = digits_of(to);
    const auto region = region_of(to);
    const auto tariff = tariff_of(to);
    const auto* country = longest(region_prefixes(), digits);
    // A country's own code lists its ordinary numbers; what is dear has to be meant.
    const auto listed = [&](bool dear) {
        const auto least = dear && country != nullptr ? country->prefix.size() + 1 : 1;
        return std::any_of(rules.prefixes.begin(), rules.prefixes.end(), [&](std::string_view one) {
            return one.size() - 1 >= least && to.starts_with(one);
        });
    };
    if (tariff != Tariff::ordinary) {
        if (listed(true)) return {};
        return refusal(to, word_for(tariff), dear_prefix(digits));
    }
    if (listed(false) || digits.starts_with("800")) return {};  // +800: its caller pays nothing
    if (region.empty())
        return refusal(to, "in no country that is known", fmt::format("+{}", digits.substr(0, 3)));
    const auto own = region_of(rules.own);
    const bool allowed =
        market_of(region) == market_of(own) ||
        std::any_of(rules.regions.begin(), rules.regions.end(),
                    [&](std::string_view one) { return market_of(one) == market_of(region); });
    if (allowed) return {};
    return refusal(to,
                   fmt::format("in {}, not in the country of {}", region,
                               rules.own.empty() ? "TWILIO_PHONE_NUMBER" : rules.own),
                   region);
}

}  // namespace bridge::app
