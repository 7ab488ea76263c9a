#pragma once
// What a user writes for a persona, taken apart: "wav:hello.wav,ring=2s,hangup=no".

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "emulator/faults.hpp"

namespace bridge::emulator {

struct PersonaDescription {
    std::string kind;      ///< "wav"
    std::string argument;  ///< after the first colon; may hold commas
    std::map<std::string, std::string>
        options;  ///< from the end of the text, while `name=value` with a known name
};

/// Errors: bad_config for an empty text.
Result<PersonaDescription> parse_persona_description(std::string_view text);

/// The options that are switches of faults: "echo,socket=drop@2s". Errors: bad_field.
Result<FaultSet> faults_of(const PersonaDescription& description);

/// "300", "300ms", "2s", "1.5s", "2m". Nothing for other text, negative times and more than a day.
std::optional<std::chrono::milliseconds> parse_time(std::string_view text);
/// yes no on off true false.
std::optional<bool> parse_yes_no(std::string_view text);

/// "ring, hangup, …" for messages.
std::string known_persona_options();

}  // namespace bridge::emulator
