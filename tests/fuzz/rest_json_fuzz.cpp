// The answers of Twilio's REST API, right ones and refusals.

#include "tests/fuzz/fuzz.hpp"
#include "twilio/wire/account_errors.hpp"
#include "twilio/wire/json_fields.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto text = fuzz::text_of(bytes, count);
    if (const auto object = twilio::parse_json_object(text)) {
        for (const auto& field : *object) {
            static_cast<void>(twilio::text_field(*object, field.key()));
            static_cast<void>(twilio::number_field(*object, field.key()));
        }
        static_cast<void>(twilio::text_field(*object, "sid"));
    }
    for (const int status : {400, 401, 404, 429, 500}) {
        const auto refusal = twilio::parse_refusal(status, text);
        fuzz::must(!twilio::explain(refusal).empty(), "a refusal is explained");
        fuzz::must(!twilio::to_error(refusal).message.empty(), "an error has a message");
        static_cast<void>(twilio::is_trial_limit(refusal));
        static_cast<void>(twilio::find_error_code(refusal.message));
    }
    return 0;
}
