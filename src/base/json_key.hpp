#pragma once
// What differs between the versions of simdjson that systems package.

namespace bridge {

/// The name of a simdjson field, without its escapes. Some versions have to be told whether to
/// replace what is no Unicode; it is refused.
template <class Field>
auto unescaped_key(Field& field) noexcept {
    if constexpr (requires { field.unescaped_key(false); }) {
        return field.unescaped_key(false);
    } else {
        return field.unescaped_key();
    }
}

}  // namespace bridge
