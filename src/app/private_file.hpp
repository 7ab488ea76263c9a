#pragma once
// Small files that only their owner may read.

#include <filesystem>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace bridge::app {

/// Makes the file anew, mode 0600, whole or not at all. Errors: io, with the path.
Result<> write_private(const std::filesystem::path& file, std::string_view text);

/// What the page's cookie holds, from `<state_dir>/page-session`: a browser that was let in once
/// finds its way back when the program starts again. Made anew after 30 days, when others could
/// read it, and when it is not one. A state folder that cannot be written costs that way back only.
Secret page_session(const std::filesystem::path& state_dir);

}  // namespace bridge::app
