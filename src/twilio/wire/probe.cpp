#include "twilio/wire/probe.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <stdexcept>

#include "twilio/wire/json_fields.hpp"

namespace bridge::twilio {
namespace {

constexpr std::size_t kHex = 32;  // 128 bits

std::string hex(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const auto byte : bytes) {
        out.push_back(digits[byte >> 4U]);
        out.push_back(digits[byte & 15U]);
    }
    return out;
}

/// The first 128 bits of HMAC-SHA256. `purpose` keeps a question from passing for an answer.
std::string seal(const Secret& token, std::string_view purpose, std::string_view text) {
    const auto sealed = std::string(purpose) + "\n" + std::string(text);
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
    unsigned int length = 0;
    HMAC(EVP_sha256(), token.reveal().data(), static_cast<int>(token.reveal().size()),
         reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(), mac.data(), &length);
    return hex(std::span<const std::uint8_t>(mac.data(), kHex / 2));
}

bool same_seal(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool flag(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains({name.data(), name.size()});
    return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

std::string new_nonce() {
    std::array<std::uint8_t, kHex / 2> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("the system has no randomness");
    return hex(bytes);
}

std::string format_probe(const Probe& probe) {
    return probe.nonce + "." + seal(probe.token, "agentbridge probe", probe.nonce);
}

std::optional<Probe> read_probe(std::string_view text, std::span<const Secret> tokens) {
    if (text.size() != 2 * kHex + 1 || text[kHex] != '.') return std::nullopt;
    const auto nonce = text.substr(0, kHex);
    std::optional<Probe> found;
    for (const auto& token : tokens) {
        if (same_seal(seal(token, "agentbridge probe", nonce), text.substr(kHex + 1)))
            found = Probe{std::string(nonce), token};
    }
    return found;
}

Form probe_form() {
    Form form;
    form.add("CallStatus", "probe");
    form.add("From", "+15005550006");
    form.add("FromCity", "");
    form.add("Text",
             "Zo\xC3\xAB & \xE2\x80\x9C"
             "Co\xE2\x80\x9D <100%>; a=b");
    return form;
}

std::string format_probe_report(const ProbeReport& report, const Probe& probe) {
    const auto json =
        boost::json::serialize(boost::json::object{{"instance", report.instance},
                                                   {"public_url", report.public_url},
                                                   {"signature_came", report.signature_came},
                                                   {"signature_right", report.signature_right},
                                                   {"body_whole", report.body_whole},
                                                   {"cause", report.cause}});
    return seal(probe.token, "agentbridge report " + probe.nonce, json) + "\n" + json;
}

Result<ProbeReport> parse_probe_report(std::string_view text, const Probe& probe) {
    const auto line = text.find('\n');
    if (line != kHex ||
        !same_seal(seal(probe.token, "agentbridge report " + probe.nonce, text.substr(line + 1)),
                   text.substr(0, line))) {
        return fail(Errc::bad_signature, "the answer is not one of this program's");
    }
    const auto object = parse_json_object(text.substr(line + 1));
    if (!object) return fail(Errc::not_json, "the answer cannot be read");
    ProbeReport report;
    report.instance = text_field(*object, "instance");
    report.public_url = text_field(*object, "public_url");
    report.signature_came = flag(*object, "signature_came");
    report.signature_right = flag(*object, "signature_right");
    report.body_whole = flag(*object, "body_whole");
    report.cause = text_field(*object, "cause");
    return report;
}

}  // namespace bridge::twilio
