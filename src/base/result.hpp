#pragma once
// Result<T>: a value, or an Error the caller handles. Exceptions are for bugs.

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/error.hpp"

namespace bridge {

template <class T = void>
using Result = tl::expected<T, Error>;

/// `return fail(Errc::bad_field, "media.payload: not base64");`
inline tl::unexpected<Error> fail(std::error_code code, std::string message) {
    return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace bridge
