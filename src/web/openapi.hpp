#pragma once
// The description of the control API for programs (OpenAPI 3.1): src/web/openapi.json, as it is in
// the sources.

#include <string_view>

namespace bridge::web {

/// JSON text that lives as long as the program.
std::string_view openapi_document();

}  // namespace bridge::web
