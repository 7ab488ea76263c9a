#pragma once
// Stands in for whisper.cpp's header where the library is not installed: what whisper_library.cpp
// uses, with the names, types and signatures of 1.9.5. Structs have the used fields only. What it
// answers is in whisper_script.hpp.

#include <cstdint>

#include "ggml.h"

extern "C" {

struct whisper_context;

typedef std::int32_t whisper_token;

struct whisper_context_params {
    bool use_gpu;
};

typedef struct whisper_token_data {
    whisper_token id;
    float p;
    std::int64_t t0;  // hundredths of a second
    std::int64_t t1;
} whisper_token_data;

enum whisper_sampling_strategy {
    WHISPER_SAMPLING_GREEDY,
    WHISPER_SAMPLING_BEAM_SEARCH,
};

struct whisper_full_params {
    enum whisper_sampling_strategy strategy;
    int n_threads;
    bool no_context;
    bool print_special;
    bool print_progress;
    bool print_realtime;
    bool print_timestamps;
    bool token_timestamps;
    const char* language;
};

void whisper_log_set(ggml_log_callback log_callback, void* user_data);

struct whisper_context_params whisper_context_default_params(void);
struct whisper_context* whisper_init_from_file_with_params(const char* path_model,
                                                           struct whisper_context_params params);
void whisper_free(struct whisper_context* ctx);
int whisper_is_multilingual(struct whisper_context* ctx);
int whisper_lang_id(const char* lang);
whisper_token whisper_token_eot(struct whisper_context* ctx);

struct whisper_full_params whisper_full_default_params(enum whisper_sampling_strategy strategy);
int whisper_full(struct whisper_context* ctx, struct whisper_full_params params,
                 const float* samples, int n_samples);
int whisper_full_n_segments(struct whisper_context* ctx);
const char* whisper_full_get_segment_text(struct whisper_context* ctx, int i_segment);
int whisper_full_n_tokens(struct whisper_context* ctx, int i_segment);
const char* whisper_full_get_token_text(struct whisper_context* ctx, int i_segment, int i_token);
whisper_token_data whisper_full_get_token_data(struct whisper_context* ctx, int i_segment,
                                               int i_token);

}  // extern "C"
