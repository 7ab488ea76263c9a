#include "emulator/call_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "emulator/sid.hpp"
#include "emulator/url.hpp"

namespace bridge::emulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kTwimlCharacters = 4000;
constexpr long kMostSeconds = 14'400;

/// Thrown inside this file only: the first wrong parameter ends the reading.
[[noreturn]] void refuse(int code, std::string message) {
    throw RestError{400, code, std::move(message)};
}

std::optional<long> whole_number(const std::string& text) {
    if (text.empty() || text.size() > 9 ||
        text.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    return std::stol(text);
}

std::string method_in(const Fields& form, const char* name) {
    auto method = field_or(form, name, "POST");
    if (method != "GET" && method != "POST") {
        refuse(21209, fmt::format("{} must be GET or POST, not '{}'", name, method));
    }
    return method;
}

/// An URL, or nothing if it is missing.
std::string url_in(const Fields& form, const char* name, int code) {
    auto url = field_or(form, name);
    if (!url.empty() && !is_web_url(url))
        refuse(code, fmt::format("{} is not a valid URL: {}", name, url));
    return url;
}

std::string callback_in(const Fields& form, const char* name) {
    auto url = url_in(form, name, kNoCode);
    if (!url.empty() && parse_url(url)->host.find('_') != std::string::npos) {
        refuse(kNoCode,
               fmt::format("{}: its host name must not contain an underscore: {}", name, url));
    }
    return url;
}

long number_in(const Fields& form, const char* name, long least, long most, long otherwise,
               int code) {
    const auto text = field_or(form, name);
    if (text.empty()) return otherwise;
    const auto number = whole_number(text);
    if (!number || *number < least || *number > most) {
        refuse(code, fmt::format("{} must be a whole number from {} to {}, not '{}'", name, least,
                                 most, text));
    }
    return *number;
}

void check_choice(const Fields& form, const char* name,
                  std::initializer_list<const char*> allowed) {
    const auto value = field_or(form, name);
    if (value.empty()) return;
    const bool known =
        std::any_of(allowed.begin(), allowed.end(), [&](const char* one) { return value == one; });
    if (!known) refuse(20001, fmt::format("{} has no value '{}'", name, value));
}

bool is_sip_user(const std::string& text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '_' || c == '.';
    });
}

Instruction instruction_in(const Fields& form) {
    Instruction instruction;
    instruction.url = url_in(form, "Url", 21205);
    instruction.method = method_in(form, "Method");
    if (instruction.url.empty()) {
        instruction.twiml = field_or(form, "Twiml");
        // Characters, not bytes: a continuation byte of UTF-8 starts none.
        const auto characters = static_cast<std::size_t>(
            std::count_if(instruction.twiml.begin(), instruction.twiml.end(),
                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
        if (characters > kTwimlCharacters) {
            refuse(32018, fmt::format("Twiml has {} characters; at most {} are allowed", characters,
                                      kTwimlCharacters));
        }
    }
    return instruction;
}

std::string digits_in(const Fields& form) {
    const auto digits = field_or(form, "SendDigits");
    if (digits.size() > 32 || digits.find_first_not_of("0123456789ABCD#*wW") != std::string::npos) {
        refuse(21206, "SendDigits must be at most 32 of 0-9 A-D # * w W");
    }
    std::string out;
    for (const char c : digits) out += c == 'W' ? "ww" : std::string(1, c);  // a second: two halves
    return out;
}

MachineDetection machine_detection_in(const Fields& form) {
    MachineDetection out;
    out.mode = field_or(form, "MachineDetection");
    if (!out.mode.empty() && out.mode != "Enable" && out.mode != "DetectMessageEnd") {
        refuse(21234, fmt::format("MachineDetection must be Enable or DetectMessageEnd, not '{}'",
                                  out.mode));
    }
    out.timeout = seconds(number_in(form, "MachineDetectionTimeout", 3, 59, 30, 21234));
    number_in(form, "MachineDetectionSpeechThreshold", 1000, 6000, 2400, 21234);
    number_in(form, "MachineDetectionSpeechEndThreshold", 500, 5000, 1200, 21234);
    number_in(form, "MachineDetectionSilenceTimeout", 2000, 10'000, 5000, 21234);
    check_choice(form, "AsyncAmd", {"true", "false"});
    out.async = field_or(form, "AsyncAmd") == "true";
    out.callback = callback_in(form, "AsyncAmdStatusCallback");
    out.callback_method = method_in(form, "AsyncAmdStatusCallbackMethod");
    return out;
}

CallOrder create_in(const Fields& form) {
    CallOrder order;
    order.to = field_or(form, "To");
    if (order.to.empty()) refuse(21201, "No 'To' number is specified");
    if (!is_address(order.to)) {
        refuse(21211, fmt::format("The 'To' number {} is not a valid phone number.", order.to));
    }
    order.from = field_or(form, "From");
    if (order.from.empty()) refuse(21213, "No 'From' number is specified");
    // A number calls numbers; a SIP address or a client may be called by a client or a name too.
    const bool named = !is_e164(order.to) && (is_client(order.from) || is_sip_user(order.from));
    if (!is_e164(order.from) && !named) {
        refuse(21212, fmt::format("The 'From' number {} is not a valid phone number, "
                                  "shortcode, or alphanumeric sender ID.",
                                  order.from));
    }
    order.first = instruction_in(form);
    if (const auto application = field_or(form, "ApplicationSid"); !application.empty()) {
        refuse(21218,
               fmt::format("ApplicationSid {} is not an application of this account", application));
    }
    if (order.first.url.empty() && order.first.twiml.empty()) {
        refuse(21205, "Url parameter is required.");
    }
    order.fallback_url = url_in(form, "FallbackUrl", 21205);
    order.fallback_method = method_in(form, "FallbackMethod");
    order.status_callback = callback_in(form, "StatusCallback");
    order.status_callback_method = method_in(form, "StatusCallbackMethod");
    if (const auto events = all_fields(form, "StatusCallbackEvent"); !events.empty()) {
        order.status_events.clear();
        for (const auto& event : events) {
            static constexpr std::array<std::string_view, 4> kEvents{"initiated", "ringing",
                                                                     "answered", "completed"};
            if (std::find(kEvents.begin(), kEvents.end(), event) == kEvents.end()) {
                refuse(kNoCode, fmt::format("StatusCallbackEvent has no value '{}'", event));
            }
            order.status_events.insert(event);
        }
    }
    order.send_digits = digits_in(form);
    order.ring_timeout = seconds(number_in(form, "Timeout", 1, 600, 60, 21208));
    order.time_limit = seconds(
        std::min(kMostSeconds, number_in(form, "TimeLimit", 1, 86'400, kMostSeconds, 20001)));
    check_choice(form, "Record", {"true", "false"});
    check_choice(form, "RecordingChannels", {"mono", "dual"});
    check_choice(form, "RecordingTrack", {"inbound", "outbound", "both"});
    check_choice(form, "Trim", {"trim-silence", "do-not-trim"});
    callback_in(form, "RecordingStatusCallback");
    method_in(form, "RecordingStatusCallbackMethod");
    order.machine_detection = machine_detection_in(form);
    return order;
}

CallUpdate update_in(const Fields& form) {
    CallUpdate update;
    update.status = field_or(form, "Status");
    if (!update.status.empty() && update.status != "canceled" && update.status != "completed") {
        refuse(20001, fmt::format("Status must be canceled or completed, not '{}'", update.status));
    }
    if (!field_or(form, "Url").empty() && !field_or(form, "Twiml").empty()) {
        refuse(20001, "Url and Twiml exclude each other");
    }
    auto instruction = instruction_in(form);
    if (!instruction.url.empty() || !instruction.twiml.empty()) {
        update.redirect = std::move(instruction);
    }
    if (find_field(form, "FallbackUrl")) update.fallback_url = url_in(form, "FallbackUrl", 21205);
    if (find_field(form, "FallbackMethod"))
        update.fallback_method = method_in(form, "FallbackMethod");
    if (find_field(form, "StatusCallback"))
        update.status_callback = callback_in(form, "StatusCallback");
    if (find_field(form, "StatusCallbackMethod")) {
        update.status_callback_method = method_in(form, "StatusCallbackMethod");
    }
    if (find_field(form, "TimeLimit")) {
        update.time_limit = seconds(
            std::min(kMostSeconds, number_in(form, "TimeLimit", 1, 86'400, kMostSeconds, 20001)));
    }
    return update;
}

}  // namespace

tl::expected<CallOrder, RestError> read_call_create(const Fields& form) {
    try {
        return create_in(form);
    } catch (RestError& error) {
        return tl::unexpected<RestError>(std::move(error));
    }
}

tl::expected<CallUpdate, RestError> read_call_update(const Fields& form) {
    try {
        return update_in(form);
    } catch (RestError& error) {
        return tl::unexpected<RestError>(std::move(error));
    }
}

}  // namespace bridge::emulator
