#include "twilio/wire/account_errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "twilio/wire/json_fields.hpp"

namespace bridge::twilio {
namespace {

struct Meaning {
    int code;
    std::string_view sentence;
};

constexpr std::array kRest{
    Meaning{10002,
            "a trial account cannot use this; upgrade it in the Twilio console, or try "
            "`agentbridge demo`"},
    Meaning{10004, "a trial account has too many calls at once; end one, or upgrade the account"},
    Meaning{20001, "a parameter is unknown to Twilio"},
    Meaning{20003,
            "the account or its credentials were refused; check TWILIO_ACCOUNT_SID and "
            "TWILIO_AUTH_TOKEN "
            "(and that they belong to the region that is asked)"},
    Meaning{20005, "the account is not active; see the Twilio console"},
    Meaning{
        20008,
        "test credentials cannot do this; use the live TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"},
    Meaning{20009, "the call is still in progress; end it first"},
    Meaning{20404, "there is no such call or resource in this account"},
    Meaning{20429, "too many requests at once; wait a moment and try again"},
    Meaning{20500,
            "Twilio had an internal error; look whether the call exists before trying again"},
    Meaning{
        20503,
        "Twilio is unavailable at the moment; look whether the call exists before trying again"},
    Meaning{21201, "the number to call is missing; give one with --target"},
    Meaning{21205, "the webhook address is not valid; check PUBLIC_URL"},
    Meaning{21206, "SendDigits may hold only 0-9, A-D, #, *, w and W"},
    Meaning{21208, "the ring timeout is not valid; at most 600 seconds are allowed"},
    Meaning{21209, "a webhook method is not valid; use GET or POST"},
    Meaning{21210,
            "the calling number is neither bought from Twilio nor verified in this account; check "
            "TWILIO_PHONE_NUMBER"},
    Meaning{21211,
            "the number to call is not valid; write it as +, country code and number, such as "
            "+15551234567"},
    Meaning{21212, "the calling number is not valid; check TWILIO_PHONE_NUMBER"},
    Meaning{21213, "the calling number is missing; set TWILIO_PHONE_NUMBER or give --from"},
    Meaning{21214, "the number to call cannot be reached; check it"},
    Meaning{21215,
            "the account may not call that country; allow it under Voice > Settings > Geo "
            "permissions in the Twilio console"},
    Meaning{21216,
            "Twilio blocks calls to that number for this account; see the Twilio console, or ask "
            "its support"},
    Meaning{21217,
            "the number to call is not valid; write it as +, country code and number, such as "
            "+15551234567"},
    Meaning{21218, "the application SID is not valid"},
    Meaning{21219,
            "a trial account may call verified numbers only; verify the number under Phone Numbers "
            "> Verified Caller IDs, or upgrade the account"},
    Meaning{21220, "the call is not in progress any more"},
    Meaning{21234, "a machine detection value is not valid; use Enable or DetectMessageEnd"},
    Meaning{22001, "the call waited too long in Twilio's queue"},
    Meaning{22005, "the account's queue of calls is full; start fewer calls at once"},
    Meaning{32018, "the TwiML sent with the request has over 4000 characters"},
    Meaning{70051, "the API key lacks a permission for this; use a standard key or the Auth Token"},
};

constexpr std::array kStream{
    Meaning{11200,
            "Twilio could not fetch the webhook; check that PUBLIC_URL reaches this program"},
    Meaning{11205,
            "Twilio could not connect to the webhook; check that PUBLIC_URL reaches this program"},
    Meaning{11210, "the host name of PUBLIC_URL cannot be resolved"},
    Meaning{11215, "the webhook redirected too often"},
    Meaning{11217, "the webhook answered with an error status; this program's log says why"},
    Meaning{11220, "the webhook's TLS handshake failed; check the certificate at PUBLIC_URL"},
    Meaning{11235, "the certificate at PUBLIC_URL is not trusted"},
    Meaning{11236, "the certificate at PUBLIC_URL has expired or is not valid"},
    Meaning{11237, "the certificate chain at PUBLIC_URL is incomplete"},
    Meaning{11750, "the answer of the webhook is over 64 kB"},
    Meaning{12100, "Twilio could not parse the TwiML"},
    Meaning{12200, "Twilio did not know a verb or attribute of the TwiML"},
    Meaning{12300,
            "the webhook answered with a content type that is not TwiML; something else answers at "
            "PUBLIC_URL"},
    Meaning{31900, "the stream failed for a reason Twilio does not name"},
    Meaning{31901,
            "the media socket did not answer in time; check that PUBLIC_URL forwards WebSockets"},
    Meaning{31902, "the connection to the media socket was refused; is the tunnel up?"},
    Meaning{31903,
            "the media connection broke without a close; the tunnel or the network dropped it"},
    Meaning{31904, "the host of the media socket cannot be reached"},
    Meaning{31910,
            "TLS to the media socket failed; its certificate must come from a public authority"},
    Meaning{31920,
            "the media socket did not answer 101; the path, a tunnel without WebSockets, or our "
            "own refusal (see the log)"},
    Meaning{31921, "this side closed the media socket"},
    Meaning{31922, "the media URL is not wss; PUBLIC_URL (or AGENTBRIDGE_MEDIA_URL) must be https"},
    Meaning{31923, "the media URL is malformed; check PUBLIC_URL and AGENTBRIDGE_MEDIA_URL"},
    Meaning{31924,
            "the WebSocket protocol was broken, or something was sent on a listen-only stream"},
    Meaning{31930, "audio was dropped because this side reads too slowly"},
    Meaning{31931, "over ten minutes of speech were waiting; the rest was discarded"},
    Meaning{31940, "the stream connector's name or settings are wrong"},
    Meaning{31941, "the stream's track is not allowed for this verb"},
    Meaning{31942, "the stream connector's name or settings are wrong"},
    Meaning{31950, "Twilio could not decode a message of ours"},
    Meaning{31951, "Twilio rejected a message of ours as invalid"},
    Meaning{31952, "the stream extension does not exist"},
    Meaning{31953, "the phone's audio stopped arriving at Twilio"},
    Meaning{31960, "a quota of a connected service is used up"},
};

template <std::size_t N>
std::string_view look_up(const std::array<Meaning, N>& table, int code) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [code](const Meaning& m) { return m.code == code; });
    return found == table.end() ? std::string_view{} : found->sentence;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

/// One line without control characters, at most 200 bytes.
std::string one_line(std::string_view text) {
    std::string out;
    for (const auto c : text.substr(0, 200))
        out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    return out;
}

constexpr std::string_view kTrial =
    "this is a trial account, and a trial may strip media streams from calls (you then hear Twilio "
    "say that the verb is "
    "not available) and allows few parameters; upgrade the account, or run `agentbridge demo` for "
    "a call without one";

}  // namespace

RestRefusal parse_refusal(int http_status, std::string_view body) {
    RestRefusal out;
    out.http_status = http_status;
    if (const auto json = parse_json_object(body)) {
        out.code = static_cast<int>(number_field(*json, "code").value_or(0));
        out.message = one_line(text_field(*json, "message"));
    }
    if (out.message.empty()) out.message = one_line(body);
    return out;
}

bool is_trial_limit(const RestRefusal& refusal) {
    if (refusal.http_status != 400 && refusal.http_status != 403) return false;
    const auto text = lower_case(refusal.message);
    return text.find("trial") != std::string::npos &&
           text.find("limited parameter access") != std::string::npos;
}

std::string_view trial_warning() {
    return kTrial;
}

std::string explain(const RestRefusal& refusal) {
    if (is_trial_limit(refusal))
        return fmt::format("Twilio refused the parameters of the call: {}", kTrial);
    std::string what = refusal.code != 0
                           ? fmt::format("Twilio error {}", refusal.code)
                           : fmt::format("Twilio answered HTTP {}", refusal.http_status);
    if (const auto known = look_up(kRest, refusal.code); !known.empty())
        return fmt::format("{}: {}", what, known);
    if (!refusal.message.empty()) {
        what += fmt::format(" (\"{}\")", refusal.message);
    }
    if (refusal.http_status == 401)
        return what +
               ": the credentials were refused; check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN";
    if (refusal.http_status == 403)
        return what + ": the credentials do not allow this; see the Twilio console";
    if (refusal.http_status == 404)
        return what + ": there is no such resource; check TWILIO_ACCOUNT_SID and TWILIO_BASE_URL";
    if (refusal.http_status == 429)
        return what + ": too many requests at once; wait a moment and try again";
    if (refusal.http_status >= 500)
        return what +
               ": Twilio or a proxy failed; look whether the call exists before trying again";
    if (refusal.code != 0)
        return what + fmt::format(": see https://www.twilio.com/docs/errors/{}", refusal.code);
    return what + ": check TWILIO_BASE_URL, which may not be Twilio";
}

Error to_error(const RestRefusal& refusal) {
    auto code = Errc::refused;
    if (refusal.http_status == 401 || refusal.code == 20003) {
        code = Errc::unauthorized;
    } else if (refusal.http_status == 404 || refusal.code == 20404) {
        code = Errc::not_found;
    } else if (refusal.http_status == 429 || refusal.http_status >= 500) {
        code = Errc::unreachable;
    }
    return Error{make_error_code(code), explain(refusal)};
}

std::string_view explain_stream_error(int code) {
    return look_up(kStream, code);
}

std::optional<int> find_error_code(std::string_view text) {
    std::size_t digits = 0;
    int value = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] >= '0' && text[i] <= '9') {
            if (++digits <= 5) value = value * 10 + (text[i] - '0');
            continue;
        }
        if (digits == 5) return value;
        digits = 0;
        value = 0;
    }
    return std::nullopt;
}

}  // namespace bridge::twilio
