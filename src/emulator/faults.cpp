#include "emulator/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <vector>

#include "base/error.hpp"
#include "emulator/persona_description.hpp"
#include "emulator/sid.hpp"

namespace bridge::emulator {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::array<std::string_view, kSwitches> kNames{
    "create",  "update", "rest", "voice",  "callbacks", "signature",
    "upgrade", "socket", "pace", "frames", "tunnel"};

enum class Argument { none, time, status };

struct Known {
    std::string_view what;
    Argument argument = Argument::none;
    std::int64_t usual = 0;
    bool later = false;  ///< "@AFTER" makes sense
};

// before and after: the request has not been acted on, or it has.
constexpr Known kRest[] = {
    {"429", Argument::time, 0},
    {"429_date", Argument::time, 2000},
    {"500_before"},
    {"500_after"},
    {"502_html"},
    {"timeout_before", Argument::time, 300'000},
    {"timeout_after", Argument::time, 300'000},
    {"drop_before"},
    {"drop_after"},
    {"cut_after"},
    {"down", Argument::time, 10'000},
};
constexpr Known kVoice[] = {{"delay", Argument::time, 3000}, {"lost"}, {"twice"}};
constexpr Known kCallbacks[] = {
    {"duplicate"}, {"reverse"}, {"shuffle"}, {"delay", Argument::time, 2000}, {"lost"}};
constexpr Known kSignature[] = {{"wrong"}, {"missing"}, {"trailing_slash"}, {"https"}};
constexpr Known kSocket[] = {
    {"refused", Argument::status, 502},
    {"unanswered", Argument::time, 5000},
    {"absent"},
    {"drop", Argument::none, 0, true},
    {"fin", Argument::none, 0, true},
    {"half_open", Argument::none, 0, true},
    {"slow_read", Argument::time, 1000, true},
    {"trickle", Argument::time, 1, true},
};
constexpr Known kPace[] = {{"burst", Argument::time, 200, true},
                           {"stall", Argument::time, 1000, true},
                           {"jitter", Argument::time, 60, true}};
constexpr Known kFrames[] = {{"missing"}, {"duplicated"}, {"reordered"}};
constexpr Known kTunnel[] = {{"dead", Argument::time, 10'000, true}};

struct Range {
    const Known* first;
    const Known* last;
};
template <std::size_t N>
constexpr Range all(const Known (&table)[N]) {
    return {table, table + N};
}

Range known_of(Switch where) {
    switch (where) {
        case Switch::create:
        case Switch::update:
        case Switch::rest:
            return all(kRest);
        case Switch::voice:
            return all(kVoice);
        case Switch::callbacks:
            return all(kCallbacks);
        case Switch::signature:
        case Switch::upgrade:
            return all(kSignature);
        case Switch::socket:
            return all(kSocket);
        case Switch::pace:
            return all(kPace);
        case Switch::frames:
            return all(kFrames);
        case Switch::tunnel:
            return all(kTunnel);
    }
    return {nullptr, nullptr};
}

const Known* find_known(Switch where, std::string_view what) {
    const auto range = known_of(where);
    const auto* found =
        std::find_if(range.first, range.last, [&](const Known& one) { return one.what == what; });
    return found == range.last ? nullptr : found;
}

std::string list_of(Switch where) {
    std::string list = "ok";
    const auto range = known_of(where);
    for (const auto* one = range.first; one != range.last; ++one) {
        list += ", ";
        list += one->what;
    }
    return list;
}

std::string list_of_switches() {
    return fmt::format("{}", fmt::join(kNames, ", "));
}

std::optional<std::int64_t> whole(std::string_view text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < least || value > most) {
        return std::nullopt;
    }
    return value;
}

std::optional<double> percentage(std::string_view text) {
    const std::string copy(text);
    if (copy.empty() || copy.find_first_not_of("0123456789.") != std::string::npos) {
        return std::nullopt;
    }
    char* end = nullptr;
    const double value = std::strtod(copy.c_str(), &end);
    if (end != copy.c_str() + copy.size() || !(value > 0) || value > 100) return std::nullopt;
    return value;
}

/// A fault's text as far as `sign` marks; the message of every wrong one begins alike.
tl::unexpected<Error> wrong(Switch where, std::string_view text, std::string_view why) {
    return fail(Errc::bad_field, fmt::format("{}={}: {}", to_string(where), text, why));
}

Result<FaultSet> changed(FaultSet set, const json::value& value, std::string_view whose) {
    if (!value.is_object()) {
        return fail(Errc::bad_field,
                    fmt::format("{}: must be an object of switches, such as {{\"socket\": "
                                "\"drop@2s\"}}",
                                whose));
    }
    if (auto done = set.apply(value.get_object()); !done) {
        return fail(Errc::bad_field, fmt::format("{}: {}", whose, done.error().message));
    }
    return set;
}

}  // namespace

std::string_view to_string(Switch one) {
    return kNames[static_cast<std::size_t>(one)];
}

std::optional<Switch> find_switch(std::string_view name) {
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Switch>(found - kNames.begin());
}

Result<Fault> parse_fault(Switch where, std::string_view text) {
    constexpr std::string_view kSigns = ":@*%";
    const auto what = text.substr(0, text.find_first_of(kSigns));
    const auto* known = find_known(where, what);
    if (known == nullptr) {
        return wrong(where, text, fmt::format("'{}' is not one of {}", what, list_of(where)));
    }
    Fault fault;
    fault.what = known->what;
    fault.argument = known->usual;
    auto rest = text.substr(what.size());
    while (!rest.empty()) {
        const char sign = rest.front();
        rest.remove_prefix(1);
        const auto value = rest.substr(0, rest.find_first_of(kSigns));
        rest.remove_prefix(value.size());
        if (sign == ':' && known->argument == Argument::time) {
            const auto time = parse_time(value);
            if (!time) return wrong(where, text, "after ':' comes a time such as 300ms or 2s");
            fault.argument = time->count();
        } else if (sign == ':' && known->argument == Argument::status) {
            const auto status = whole(value, 200, 599);
            if (!status) return wrong(where, text, "after ':' comes an HTTP status");
            fault.argument = *status;
        } else if (sign == ':') {
            return wrong(where, text, fmt::format("{} takes nothing after ':'", what));
        } else if (sign == '@') {
            const auto time = parse_time(value);
            if (!time || !known->later) {
                return wrong(where, text,
                             known->later ? "after '@' comes a time such as 300ms or 2s"
                                          : fmt::format("{} takes no '@'", what));
            }
            fault.after = *time;
        } else if (sign == '*') {
            const auto times = whole(value, 1, 1'000'000);
            if (!times) return wrong(where, text, "after '*' comes how many times, from 1");
            fault.times = static_cast<int>(*times);
        } else {
            const auto percent = percentage(value);
            if (!percent)
                return wrong(where, text, "after '%' comes a number over 0 and up to 100");
            fault.percent = *percent;
        }
    }
    return fault;
}

std::string to_string(const Fault& fault) {
    std::string text(fault.what);
    if (fault.is("refused")) {
        text += fmt::format(":{}", fault.argument);
    } else if (fault.argument > 0) {
        text += fmt::format(":{}ms", fault.argument);
    }
    if (fault.after.count() > 0) text += fmt::format("@{}ms", fault.after.count());
    if (fault.times > 0) text += fmt::format("*{}", fault.times);
    if (fault.percent < 100) text += fmt::format("%{}", fault.percent);
    return text;
}

Result<> FaultSet::set(Switch where, std::string_view text) {
    if (text == "ok") {
        slot(where).reset();
        return {};
    }
    auto fault = parse_fault(where, text);
    if (!fault) return tl::unexpected(fault.error());
    slot(where) = *fault;
    return {};
}

Result<> FaultSet::apply(const json::object& change) {
    auto next = *this;
    for (const auto& [key, value] : change) {
        const std::string_view name = key;
        const auto where = find_switch(name);
        if (!where) {
            return fail(Errc::bad_field,
                        fmt::format("{}: no such switch; there are {}", name, list_of_switches()));
        }
        if (!value.is_string()) {
            return fail(Errc::bad_field,
                        fmt::format("{}: {} is not a text, such as \"{}\"", name,
                                    json::serialize(value), known_of(*where).first->what));
        }
        const auto& text = value.get_string();
        if (auto done = next.set(*where, {text.data(), text.size()}); !done) return done;
    }
    *this = next;
    return {};
}

json::object FaultSet::to_json() const {
    json::object out;
    for (std::size_t i = 0; i < kSwitches; ++i) {
        out[kNames[i]] = slots_[i] ? to_string(*slots_[i]) : "ok";
    }
    return out;
}

bool FaultSet::empty() const {
    return std::none_of(slots_.begin(), slots_.end(),
                        [](const auto& one) { return one.has_value(); });
}

std::optional<Fault> FaultSet::take(Switch where, std::mt19937_64& random) {
    auto& one = slot(where);
    if (!one) return std::nullopt;
    if (one->percent < 100 &&
        std::uniform_real_distribution<double>(0, 100)(random) >= one->percent) {
        return std::nullopt;
    }
    auto taken = *one;
    if (one->times > 0 && --one->times == 0) one.reset();
    return taken;
}

Result<> FaultBook::apply_flag(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
        return fail(Errc::bad_field, fmt::format("'{}': write SWITCH=FAULT, such as create=429*2; "
                                                 "the switches are {}",
                                                 text, list_of_switches()));
    }
    auto name = text.substr(0, equals);
    const auto value = text.substr(equals + 1);
    if (name == "seed") {
        const auto seed = whole(value, 0, INT64_MAX);
        if (!seed) return fail(Errc::bad_field, fmt::format("seed: '{}' is not a number", value));
        return apply({{"seed", *seed}});
    }
    const json::value fault(json::string_view(value.data(), value.size()));
    const auto colon = name.find(':');
    if (colon == std::string_view::npos) {
        return apply({{json::string_view(name.data(), name.size()), fault}});
    }
    const auto number = name.substr(0, colon);
    name = name.substr(colon + 1);
    const json::object one{{json::string_view(name.data(), name.size()), fault}};
    return apply(
        {{"numbers", json::object{{json::string_view(number.data(), number.size()), one}}}});
}

Result<> FaultBook::apply(const json::object& change) {
    auto next = *this;
    json::object switches;
    for (const auto& [key, value] : change) {
        const std::string_view name = key;
        if (name == "seed") {
            if (!value.is_int64() || value.get_int64() < 0) {
                return fail(Errc::bad_field, "seed: must be a whole number from 0");
            }
            next.seed_ = static_cast<std::uint64_t>(value.get_int64());
            next.random_.seed(next.seed_);
            continue;
        }
        if (name != "numbers" && name != "calls") {
            switches[key] = value;
            continue;
        }
        if (!value.is_object()) {
            return fail(Errc::bad_field, fmt::format("{}: must be an object", name));
        }
        for (const auto& [whom, of_it] : value.get_object()) {
            const std::string who(whom);
            const bool good =
                name == "calls" ? is_sid(who, "CA") : who == "default" || is_e164(who);
            if (!good) {
                return fail(
                    Errc::bad_field,
                    fmt::format("{}: '{}' is not {}", name, who,
                                name == "calls" ? "a CallSid" : "a number in E.164, nor default"));
            }
            auto& sets = name == "calls" ? next.calls_ : next.numbers_;
            auto set = changed(sets[who], of_it, fmt::format("{} {}", name, who));
            if (!set) return tl::unexpected(set.error());
            sets[who] = *set;
        }
    }
    if (auto done = next.everywhere_.apply(switches); !done) return done;
    next.note_possible();
    *this = std::move(next);
    return {};
}

void FaultBook::note_possible() {
    for (std::size_t i = 0; i < kSwitches; ++i) {
        const auto where = static_cast<Switch>(i);
        const auto has = [where](const auto& entry) { return entry.second.has(where); };
        possible_[i] = everywhere_.has(where) ||
                       std::any_of(numbers_.begin(), numbers_.end(), has) ||
                       std::any_of(calls_.begin(), calls_.end(), has);
    }
}

json::object FaultBook::to_json() const {
    auto out = everywhere_.to_json();
    out["seed"] = static_cast<std::int64_t>(seed_);
    const auto those_with = [](const std::map<std::string, FaultSet>& sets) {
        json::object all_of;
        for (const auto& [whom, set] : sets) {
            if (!set.empty()) all_of[whom] = set.to_json();
        }
        return all_of;
    };
    out["numbers"] = those_with(numbers_);
    out["calls"] = those_with(calls_);
    return out;
}

void FaultBook::clear() {
    everywhere_ = {};
    for (auto& [number, set] : numbers_) set = {};
    calls_.clear();
    note_possible();
}

void FaultBook::set_number(const std::string& number, FaultSet faults) {
    numbers_[number] = faults;
    note_possible();
}

void FaultBook::set_call(const std::string& sid, FaultSet faults) {
    calls_[sid] = faults;
    note_possible();
}

std::optional<Fault> FaultBook::take(Switch where, const FaultScope& scope) {
    if (!possible_[static_cast<std::size_t>(where)]) return std::nullopt;
    if (!scope.call_sid.empty()) {
        const auto call = calls_.find(scope.call_sid);
        if (call != calls_.end() && call->second.has(where)) {
            return call->second.take(where, random_);
        }
    }
    if (!scope.number.empty()) {
        auto number = numbers_.find(scope.number);
        if (number == numbers_.end()) number = numbers_.find("default");
        if (number != numbers_.end() && number->second.has(where)) {
            return number->second.take(where, random_);
        }
    }
    return everywhere_.take(where, random_);
}

}  // namespace bridge::emulator
