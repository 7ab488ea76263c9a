#pragma once
// A TwiML document: parsed, its root checked, its words compared with the vocabulary of Twilio's
// voice verbs (case and all).

#include <string>
#include <string_view>
#include <vector>

#include "emulator/xml.hpp"

namespace bridge::emulator {

/// What Twilio's debugger would say about a document.
struct TwimlComplaint {
    int code = 12100;      ///< 12100 cannot be parsed · 12200 schema warning
    bool warning = false;  ///< the document runs all the same
    std::string message;   ///< with the line
};

struct TwimlDocument {
    XmlElement response;
    std::vector<TwimlComplaint> warnings;
};

/// Errors: 12100 with line and column. An unknown verb or attribute is a 12200 warning: Twilio
/// skips it.
tl::expected<TwimlDocument, TwimlComplaint> parse_twiml(std::string_view text);

/// True for the verbs that may stand directly in <Response>.
bool is_voice_verb(std::string_view name);

}  // namespace bridge::emulator
