#pragma once
// What the beginnings of telephone numbers mean, without their '+'. The longest that fits counts.
// Countries: ITU-T E.164's list of assigned codes and the North American Numbering Plan's area
// codes. Tariffs: the numbering plans of the countries' regulators.

#include <span>
#include <string_view>

#include "app/dial_rules.hpp"

namespace bridge::app {

struct RegionPrefix {
    std::string_view prefix, region;
};
struct TariffPrefix {
    std::string_view prefix;
    Tariff tariff;
};

std::span<const RegionPrefix> region_prefixes();
std::span<const TariffPrefix> tariff_prefixes();

}  // namespace bridge::app
