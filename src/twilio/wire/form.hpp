#pragma once
// application/x-www-form-urlencoded: what Twilio posts to us, and what we post to its REST API.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace bridge::twilio {

/// Name and value pairs in the order they came, repeats and empty values included (both take part
/// in a signature).
class Form {
public:
    using Pair = std::pair<std::string, std::string>;

    Form() = default;
    explicit Form(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {}
    void add(std::string name, std::string value) {
        pairs_.emplace_back(std::move(name), std::move(value));
    }
    /// The first value of that name, case sensitive.
    std::optional<std::string_view> find(std::string_view name) const;
    /// The first value of that name; empty if there is none.
    std::string get(std::string_view name) const { return std::string(find(name).value_or("")); }
    const std::vector<Pair>& pairs() const { return pairs_; }

private:
    std::vector<Pair> pairs_;
};

struct FormLimits {
    std::size_t bytes = 256 * 1024;
    std::size_t pairs = 1000;
};

/// Reads a form body or a query string. `+` is a space, `%XX` a byte; a lone `%` stays as it is (so
/// do the decoders the signature is computed with). Errors: too_large. Never throws.
Result<Form> parse_form(std::string_view text, FormLimits limits = {});

/// Writes a body: letters, digits and `-._~` stay, a space becomes `+`, the rest `%XX`.
std::string format_form(const Form& form);

/// One value for a query string: like format_form, but a space becomes `%20`.
std::string percent_encode(std::string_view text);

}  // namespace bridge::twilio
