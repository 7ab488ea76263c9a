#pragma once
// How wide text is on a terminal, and text from outside made fit to be shown there: whoever calls
// chooses their own name, and a name may hold commands for the terminal.

#include <cstddef>
#include <string>
#include <string_view>

namespace bridge::app {

/// The columns `text` takes: none for our own colours and for combining marks, two for letters as
/// wide as they are high and for pictures. Text that is not UTF-8 takes one for each byte.
std::size_t columns_of(std::string_view text);

/// `text` on one line, without anything a terminal would obey or that turns the direction of
/// writing. `unicode`: the terminal shows more than ASCII; else what is not is a '?'.
std::string visible(std::string_view text, bool unicode = true);

/// The end of `text`, as much of it as fits into `columns`.
std::string_view last_columns(std::string_view text, std::size_t columns);

}  // namespace bridge::app
