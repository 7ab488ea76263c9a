#pragma once
// Reads .env files the way python-dotenv does, so that a file written for the Python program means
// the same here: `export `, comments, three kinds of quoting, values over several lines, ${NAME}
// and
// ${NAME:-default}. What cannot be read is skipped and reported by line number, never by content.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bridge::app {

/// One assignment. `value` is empty-optional for a name without `=`, which assigns nothing.
struct DotenvEntry {
    std::string name;
    std::optional<std::string> value;
    int line = 0;  ///< where the statement starts, from 1
};

struct Dotenv {
    std::filesystem::path path;        ///< empty when parsed from text
    std::vector<DotenvEntry> entries;  ///< in the order of the file; the last one of a name counts
    std::vector<int> bad_lines;        ///< statements that could not be read

    /// The entry that counts, or null.
    const DotenvEntry* find(std::string_view name) const;
};

/// `environment`: for ${NAME}; a name in it beats one in the file (python-dotenv, override=False).
/// UTF-8, with or without a byte order mark; line ends may be LF, CRLF or CR.
Dotenv parse_dotenv(std::string_view text, const std::map<std::string, std::string>& environment);

/// Errors: not_found, io (with the path).
Result<Dotenv> read_dotenv(const std::filesystem::path& path,
                           const std::map<std::string, std::string>& environment);

/// The `.env` of `folder`, or of the nearest folder above it that has one.
std::optional<std::filesystem::path> find_dotenv(const std::filesystem::path& folder);

}  // namespace bridge::app
