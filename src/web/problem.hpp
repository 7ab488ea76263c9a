#pragma once
// Errors of the control API, as RFC 7807 has them: application/problem+json with a `code` that
// programs may rely on.

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/http_message.hpp"

namespace bridge::web {

/// `code`: one word that does not change; `detail`: a sentence for people; `field`: the one that is
/// wrong, if one is.
net::HttpResponse problem(int status, std::string_view code, std::string detail,
                          std::string_view field = {});

/// The answer to an error of ours. bad_field messages begin with the field's name and a colon.
net::HttpResponse problem_of(const Error& error);

}  // namespace bridge::web
