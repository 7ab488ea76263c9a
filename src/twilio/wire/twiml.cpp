#include "twilio/wire/twiml.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace bridge::twilio {
namespace {

constexpr std::string_view kHead = R"(<?xml version="1.0" encoding="UTF-8"?><Response>)";
constexpr std::string_view kTail = "</Response>";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

std::string document(std::string_view body) {
    return fmt::format("{}{}{}", kHead, body, kTail);
}

Result<std::string> bounded(std::string text) {
    if (text.size() > kTwimlLimit) {
        return fail(Errc::too_large, fmt::format("TwiML: {} bytes, Twilio reads at most {}",
                                                 text.size(), kTwimlLimit));
    }
    return text;
}

std::size_t characters(std::string_view text) {
    std::size_t count = 0;
    for (const auto c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
    return count;
}

Result<std::string> stream_element(const StreamParameters& stream) {
    std::string out = fmt::format(R"(<Stream url="{}")", xml_escape(stream.url));
    if (!stream.status_callback.empty()) {
        out += fmt::format(R"( statusCallback="{}" statusCallbackMethod="POST")",
                           xml_escape(stream.status_callback));
    }
    if (stream.custom.empty()) return out + "/>";
    out += ">";
    for (const auto& [name, value] : stream.custom) {
        if (characters(name) + characters(value) >= 500) {
            return fail(Errc::bad_field,
                        fmt::format("Parameter {}: name and value have 500 characters or more",
                                    name.substr(0, 40)));
        }
        out += fmt::format(R"(<Parameter name="{}" value="{}"/>)", xml_escape(name),
                           xml_escape(value));
    }
    return out + "</Stream>";
}

std::string pause_and_redirect(std::string_view again) {
    return fmt::format(R"(<Pause length="3600"/><Redirect method="POST">{}</Redirect>)",
                       xml_escape(again));
}

/// Length of the UTF-8 sequence at the start of `text`, 0 if there is none; `code` is the
/// character.
std::size_t decode_utf8(std::string_view text, std::uint32_t& code) {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    const auto first = byte(0);
    if (first < 0x80) {
        code = first;
        return 1;
    }
    std::size_t length = 0;
    std::uint32_t least = 0;
    if ((first & 0xE0U) == 0xC0U) {
        length = 2, code = first & 0x1FU, least = 0x80;
    } else if ((first & 0xF0U) == 0xE0U) {
        length = 3, code = first & 0x0FU, least = 0x800;
    } else if ((first & 0xF8U) == 0xF0U) {
        length = 4, code = first & 0x07U, least = 0x10000;
    }
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return 0;
        code = code << 6U | (byte(i) & 0x3FU);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
    return length;
}

}  // namespace

std::string xml_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::uint32_t code = 0;
        const auto length = decode_utf8(text, code);
        if (length == 0) {
            out += kReplacement;
            text.remove_prefix(1);
            continue;
        }
        if (code == '&') {
            out += "&amp;";
        } else if (code == '<') {
            out += "&lt;";
        } else if (code == '>') {
            out += "&gt;";
        } else if (code == '"') {
            out += "&quot;";
        } else if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
                   code == 0xFFFE || code == 0xFFFF) {
            // no place in XML 1.0
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    return out;
}

Result<std::string> connect_stream(const StreamParameters& stream) {
    auto element = stream_element(stream);
    if (!element) return element;
    return bounded(document("<Connect>" + *element + "</Connect>"));
}

Result<std::string> listen_only(const StreamParameters& stream, std::string_view again) {
    auto element = stream_element(stream);
    if (!element) return element;
    return bounded(document("<Start>" + *element + "</Start>" + pause_and_redirect(again)));
}

std::string keep_listening(std::string_view again) {
    return document(pause_and_redirect(again));
}

std::string reject(RejectReason reason) {
    return document(fmt::format(R"(<Reject reason="{}"/>)",
                                reason == RejectReason::busy ? "busy" : "rejected"));
}

std::string hangup() {
    return document("<Hangup/>");
}

Result<std::string> say_and_hangup(std::string_view text) {
    return bounded(document("<Say>" + xml_escape(text) + "</Say><Hangup/>"));
}

Result<std::string> dial(const DialParameters& parameters) {
    const auto& to = parameters.to;
    const std::string noun = to.starts_with("sip:") || to.starts_with("sips:") ? "Sip"
                             : to.starts_with("client:")                       ? "Client"
                             : to.starts_with("+")                             ? "Number"
                                                                               : "";
    if (noun.empty() || to.size() > 255)
        return fail(Errc::bad_field, fmt::format("'{}' cannot be dialled", to.substr(0, 40)));
    std::string attributes = fmt::format(R"( timeout="{}" timeLimit="{}")",
                                         parameters.timeout.count(), parameters.time_limit.count());
    if (!parameters.caller_id.empty())
        attributes += fmt::format(R"( callerId="{}")", xml_escape(parameters.caller_id));
    if (!parameters.action.empty()) {
        attributes += fmt::format(R"( action="{}" method="POST")", xml_escape(parameters.action));
    }
    std::string leg;
    if (!parameters.status_callback.empty()) {
        leg = fmt::format(
            R"( statusCallback="{}" statusCallbackMethod="POST" statusCallbackEvent="initiated ringing answered completed")",
            xml_escape(parameters.status_callback));
    }
    const std::string_view address = noun == "Client" ? std::string_view(to).substr(7) : to;
    return bounded(document(fmt::format("<Dial{}><{}{}>{}</{}></Dial>", attributes, noun, leg,
                                        xml_escape(address), noun)));
}

std::string digits_then(std::string_view digits, std::string_view next) {
    return document(fmt::format(R"(<Play digits="{}"/><Redirect method="POST">{}</Redirect>)",
                                xml_escape(digits), xml_escape(next)));
}

std::string conference(std::string_view room, std::string_view status_callback) {
    return document(fmt::format(
        R"(<Dial><Conference beep="false" startConferenceOnEnter="true" endConferenceOnExit="true" statusCallback="{}" statusCallbackEvent="start end join leave">{}</Conference></Dial>)",
        xml_escape(status_callback), xml_escape(room)));
}

std::string redirect_to(std::string_view url) {
    return document(fmt::format(R"(<Redirect method="POST">{}</Redirect>)", xml_escape(url)));
}

}  // namespace bridge::twilio
