#include "app/numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace bridge::app {

std::string process_of(const std::string& instance) {
    return instance.substr(0, instance.find('-'));
}

std::string_view to_string(ReturnedNumber::What what) {
    switch (what) {
        case ReturnedNumber::What::returned:
            return "returned";
        case ReturnedNumber::What::already:
            return "already returned";
        case ReturnedNumber::What::changed:
            return "changed by somebody else";
        case ReturnedNumber::What::gone:
            return "gone";
        case ReturnedNumber::What::held:
            return "held";
        case ReturnedNumber::What::failed:
            break;
    }
    return "failed";
}

std::string_view to_string(NumberRow::Target target) {
    switch (target) {
        case NumberRow::Target::here:
            return "here";
        case NumberRow::Target::left:
            return "left";
        case NumberRow::Target::elsewhere:
            return "elsewhere";
        case NumberRow::Target::application:
            return "application";
        case NumberRow::Target::trunk:
            return "trunk";
        case NumberRow::Target::nowhere:
            break;
    }
    return "nowhere";
}

NumberRow::Target target_of(const call::NumberRouting& routing,
                            const std::vector<std::string>& bases, bool left) {
    using Target = NumberRow::Target;
    if (!routing.trunk.empty()) return Target::trunk;
    if (!routing.application.empty()) return Target::application;
    if (routing.voice_url.empty()) return Target::nowhere;
    if (!is_below(bases, routing.voice_url, kVoicePath)) return Target::elsewhere;
    return left ? Target::left : Target::here;
}

bool same_address(std::string a, std::string b) {
    const auto plain = [](std::string& url) {
        const auto scheme = url.find("://");
        const auto path =
            scheme == std::string::npos ? std::string::npos : url.find('/', scheme + 3);
        const auto end =
            path == std::string::npos ? url.end() : url.begin() + static_cast<std::ptrdiff_t>(path);
        std::transform(url.begin(), end, url.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
    };
    plain(a);
    plain(b);
    return a == b;
}

bool is_below(const std::vector<std::string>& bases, const std::string& url,
              std::string_view path) {
    return std::any_of(bases.begin(), bases.end(), [&](const std::string& base) {
        return !base.empty() && same_address(url, base + std::string(path));
    });
}

bool is_demo_url(const std::string& url) {
    constexpr std::string_view kDemo = "https://demo.twilio.com/";
    return url.size() >= kDemo.size() &&
           same_address(url.substr(0, kDemo.size()), std::string(kDemo));
}

std::string shown_url(std::string_view url) {
    std::string out(url.substr(0, url.find_first_of("?#")));
    if (out.size() < url.size()) out += "?…";
    const auto scheme = out.find("://");
    if (scheme != std::string::npos) {
        const auto host = scheme + 3;
        const auto at = out.substr(0, out.find('/', host)).rfind('@');
        if (at != std::string::npos && at >= host) out.replace(host, at - host, "***");
    }
    for (auto& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return out;
}

std::string format_routing(const call::NumberRouting& routing) {
    if (!routing.trunk.empty()) return "to the SIP trunk " + shown_url(routing.trunk);
    if (!routing.application.empty())
        return "to the TwiML application " + shown_url(routing.application);
    return routing.voice_url.empty() ? std::string("nowhere")
                                     : "to " + shown_url(routing.voice_url);
}

std::string format_used(const UsedNumber& used) {
    if (used.already) return fmt::format("inbound calls of {} come here already", used.number);
    return fmt::format(
        "inbound calls of {} come here until the program ends; before, they went "
        "{}",
        used.number, format_routing(used.former));
}

std::string format_returned(const ReturnedNumber& returned) {
    using What = ReturnedNumber::What;
    const auto& number = returned.number;
    switch (returned.what) {
        case What::returned:
            return fmt::format("inbound calls of {} go {} again", number,
                               format_routing(returned.former));
        case What::already:
            return fmt::format("inbound calls of {} had been given back and go {}", number,
                               format_routing(returned.former));
        case What::changed:
            return fmt::format(
                "somebody else has changed {} meanwhile: its calls go {}, which was left so",
                number, returned.detail);
        case What::gone:
            return fmt::format("{} is no number of this account any more", number);
        case What::held:
            return fmt::format(
                "{} is used by a running agentbridge (process {}), which gives it "
                "back when it ends",
                number, process_of(returned.instance));
        case What::failed:
            break;
    }
    return fmt::format(
        "{} may still lead here; its calls, which went {}, could not be given back: {}", number,
        format_routing(returned.former), returned.detail);
}

std::string format_used_json(const UsedNumber& used) {
    return boost::json::serialize(
        boost::json::object{{"number", used.number},
                            {"sid", used.sid},
                            {"voice_url", used.voice_url},
                            {"former_voice_url", shown_url(used.former.voice_url)},
                            {"former_application", shown_url(used.former.application)},
                            {"former_trunk", shown_url(used.former.trunk)},
                            {"already", used.already}});
}

std::string format_returned_json(const std::vector<ReturnedNumber>& returned) {
    boost::json::array out;
    for (const auto& one : returned) {
        const auto what = to_string(one.what);
        out.push_back(boost::json::object{{"number", one.number},
                                          {"what", boost::json::string(what.data(), what.size())},
                                          {"detail", format_returned(one)}});
    }
    return boost::json::serialize(boost::json::object{{"returned", std::move(out)}});
}

UsedNumber read_used(const boost::json::value& answer) {
    UsedNumber used;
    const auto* object = answer.if_object();
    if (object == nullptr) return used;
    const auto text = [&](const char* name) {
        const auto* found = object->if_contains(name);
        return found && found->is_string() ? std::string(found->get_string()) : std::string();
    };
    used.number = text("number");
    used.sid = text("sid");
    used.voice_url = text("voice_url");
    used.former.voice_url = text("former_voice_url");
    used.former.application = text("former_application");
    used.former.trunk = text("former_trunk");
    const auto* already = object->if_contains("already");
    used.already = already && already->is_bool() && already->get_bool();
    return used;
}

std::string format_number_table(const std::vector<NumberRow>& rows) {
    if (rows.empty()) return "the account has no numbers; buy one at console.twilio.com\n";
    using Target = NumberRow::Target;
    auto out = fmt::format("{:<17}{:<7}{}\n", "NUMBER", "VOICE", "INBOUND CALLS GO");
    for (const auto& row : rows) {
        std::string where = format_routing(row.routing);
        if (row.target == Target::here) where = "here";
        if (row.target == Target::here && row.borrowed) {
            where += fmt::format(" (process {}), before {}", process_of(row.borrowed->instance),
                                 format_routing(row.borrowed->former));
        }
        if (row.target == Target::left) {
            where = fmt::format(
                "to a program that has ended, before {}; `agentbridge numbers "
                "restore` gives it back",
                format_routing(row.borrowed->former));
        }
        out += fmt::format("{:<17}{:<7}{}\n", row.number, row.voice ? "yes" : "no", where);
    }
    return out;
}

ExitCode exit_for_number(const Error& error) {
    return error.code == Errc::not_found ? ExitCode::configuration : exit_code_for(error);
}

}  // namespace bridge::app
