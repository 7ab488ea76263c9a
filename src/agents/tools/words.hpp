#pragma once
// Small readings of text that the tools' settings and answers share.

#include <string>
#include <string_view>
#include <vector>

namespace bridge::agents {

/// The parts between commas, without spaces around them; empty ones are left out.
std::vector<std::string_view> split_list(std::string_view list);

/// ASCII letters only.
std::string lower_case(std::string_view text);

/// `text` as valid UTF-8 (what is not becomes U+FFFD), cut after `most` characters, with "…" if
/// something was cut.
std::string readable(std::string_view text, std::size_t most);

}  // namespace bridge::agents
