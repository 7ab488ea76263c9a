#pragma once
// How the program recognises itself at the far end of a tunnel: a question and an answer, both
// sealed with the account's Auth Token. The question travels as a webhook does (POST, form,
// signature) and as a media socket does (upgrade, signature), so that what a proxy does to those is
// found.
//
//   POST <public>/twilio/status?probe=NONCE.SEAL      GET <public>/twilio/media/probe.NONCE.SEAL
//   ◀── SEAL of the report, line feed, report (JSON)   ◀── 101, the same as one text message, close

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "twilio/wire/form.hpp"

namespace bridge::twilio {

/// What stands in front of NONCE.SEAL where a media token would be.
inline constexpr std::string_view kProbeToken = "probe.";

/// A question that was asked and understood.
struct Probe {
    std::string nonce;  ///< 32 hex digits
    Secret token;       ///< the one it is sealed with
};

/// 128 random bits, in hex.
std::string new_nonce();
/// "NONCE.SEAL", 65 characters of hex and a point.
std::string format_probe(const Probe& probe);
/// Nothing unless one of the tokens made it. Takes the same time wherever seals differ.
std::optional<Probe> read_probe(std::string_view text, std::span<const Secret> tokens);

/// The form a probe carries: names and values that a proxy which re-encodes bodies would spoil.
Form probe_form();

/// What the asked one saw.
struct ProbeReport {
    std::string instance;    ///< random name of the running program
    std::string public_url;  ///< the address it believes to have
    bool signature_came = false;
    bool signature_right = false;
    bool body_whole = true;  ///< the form came as it was sent
    std::string cause;       ///< why the signature is wrong, as far as it can be told
};

/// Seal and JSON, as they are sent.
std::string format_probe_report(const ProbeReport& report, const Probe& probe);
/// Errors: bad_signature when it was not made by one who knows the token, for this nonce; not_json.
Result<ProbeReport> parse_probe_report(std::string_view text, const Probe& probe);

}  // namespace bridge::twilio
