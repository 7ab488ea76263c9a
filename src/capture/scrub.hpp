#pragma once
// What must not be in a capture: passwords, keys and tokens, whoever put them into a text.

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace bridge::capture {

class Scrub {
public:
    /// Short ones are no secrets: they are left out.
    explicit Scrub(const std::vector<Secret>& secrets);

    /// A quick look: most texts are too short to hold anything.
    bool concerns(std::string_view text) const noexcept;
    /// Secrets become stars; of addresses, user and password become stars and what follows "?"
    /// goes.
    std::string clean(std::string text) const;

private:
    std::vector<std::string> secrets_;
};

}  // namespace bridge::capture
