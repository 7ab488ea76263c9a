// The body of a webhook, its query and its signature header. The first line is the URL, the second
// the signature, the rest the body.

#include <array>
#include <string>

#include "tests/fuzz/fuzz.hpp"
#include "twilio/wire/form.hpp"
#include "twilio/wire/signature.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    auto rest = fuzz::text_of(bytes, count);
    const auto line = [&rest] {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto text = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return text;
    };
    const auto url = line();
    const auto signature = line();
    const auto form = twilio::parse_form(rest, {4096, 50});
    if (!form) return 0;
    const auto again = twilio::parse_form(twilio::format_form(*form), {65536, 50});
    fuzz::must(again && again->pairs() == form->pairs(), "a form that is written reads the same");

    static const std::array<Secret, 2> tokens{Secret{"0123456789abcdef0123456789abcdef"},
                                              Secret{"fedcba9876543210fedcba9876543210"}};
    const auto candidates = twilio::webhook_url_candidates(url);
    fuzz::must(candidates.size() <= 8, "there are few ways to write an address");
    static_cast<void>(twilio::matching_url(signature, tokens, candidates, *form));
    static_cast<void>(twilio::upgrade_url_candidates(url));
    if (!candidates.empty()) {
        const auto right = twilio::compute_signature(tokens[1], candidates.front(), *form);
        fuzz::must(twilio::matching_url(right, tokens, candidates, *form).has_value(),
                   "the right signature is found");
    }
    if (const auto parts = twilio::split_url(url)) {
        fuzz::must(parts->host.size() <= url.size(), "a part is no longer than the whole");
        if (const auto hash = twilio::body_hash_parameter(parts->target))
            static_cast<void>(twilio::body_hash_matches(*hash, rest));
    }
    return 0;
}
