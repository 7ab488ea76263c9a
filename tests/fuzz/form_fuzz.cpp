// Whatever comes as the body of a webhook.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "twilio/wire/form.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto form = bridge::twilio::parse_form(
        std::string_view(reinterpret_cast<const char*>(bytes), count));
    static_cast<void>(form);
    return 0;
}
