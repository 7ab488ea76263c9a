#pragma once

#include "ggml.h"

extern "C" void ggml_backend_load_all_from_path(const char* dir_path);
