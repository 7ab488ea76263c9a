#include <algorithm>
#include <cstdio>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "ggml-backend.h"
#include "whisper.h"
#include "whisper_script.hpp"

using bridge::testing::ScriptSegment;
using bridge::testing::whisper_script;
using bridge::testing::WhisperScript;

/// As in the library: one state, of the utterance that was understood last.
struct whisper_context {
    std::vector<ScriptSegment> segments;
};

namespace {

ggml_log_callback whisper_log = nullptr;
ggml_log_callback ggml_log = nullptr;
std::string plugins;
int loads = 0;

void write_log(ggml_log_callback log, const char* text) {
    if (log != nullptr) {
        log(GGML_LOG_LEVEL_INFO, text, nullptr);
    } else {
        std::fputs(text, stderr);
    }
}

const ScriptSegment& segment(const whisper_context* context, int index) {
    return context->segments.at(static_cast<std::size_t>(index));
}

const bridge::testing::ScriptToken& token(const whisper_context* context, int index, int piece) {
    return segment(context, index).tokens.at(static_cast<std::size_t>(piece));
}

}  // namespace

namespace bridge::testing {

ScriptSegment segment_of(std::vector<ScriptToken> tokens) {
    ScriptSegment out{{}, std::move(tokens)};
    for (const auto& each : out.tokens)
        if (each.id < kEndOfText) out.text += each.text;
    return out;
}

WhisperScript& whisper_script() {
    static WhisperScript script;
    return script;
}

const std::string& loaded_plugins() {
    return plugins;
}

int plugin_loads() {
    return loads;
}

}  // namespace bridge::testing

extern "C" {

void ggml_log_set(ggml_log_callback log_callback, void*) {
    ggml_log = log_callback;
}

void ggml_backend_load_all_from_path(const char* dir_path) {
    plugins = dir_path;
    ++loads;
    write_log(ggml_log, "load_backend: loaded CPU backend\n");
}

void whisper_log_set(ggml_log_callback log_callback, void*) {
    whisper_log = log_callback;
}

whisper_context_params whisper_context_default_params() {
    return {true};
}

whisper_context* whisper_init_from_file_with_params(const char* path_model,
                                                    whisper_context_params) {
    auto& script = whisper_script();
    script.path = path_model;
    write_log(whisper_log, "whisper_init_from_file_with_params: loading model\n");
    if (loads == 0) return nullptr;  // the library aborts
    if (script.opening == WhisperScript::Opening::fails) return nullptr;
    if (script.opening == WhisperScript::Opening::throws) throw std::length_error("vector");
    ++script.open_contexts;
    return new whisper_context;
}

void whisper_free(whisper_context* ctx) {
    --whisper_script().open_contexts;
    delete ctx;
}

int whisper_is_multilingual(whisper_context*) {
    return whisper_script().multilingual ? 1 : 0;
}

int whisper_lang_id(const char* lang) {
    static const std::vector<std::string> known{"en", "zh", "de"};
    const auto at =
        std::find(known.begin(), known.end(), lang == std::string("german") ? "de" : lang);
    return at == known.end() ? -1 : static_cast<int>(std::distance(known.begin(), at));
}

whisper_token whisper_token_eot(whisper_context*) {
    return bridge::testing::kEndOfText;
}

/// The library's own defaults.
whisper_full_params whisper_full_default_params(whisper_sampling_strategy strategy) {
    return {strategy, 4, true, false, true, false, true, false, "en"};
}

int whisper_full(whisper_context* ctx, whisper_full_params params, const float* samples,
                 int n_samples) {
    auto& script = whisper_script();
    script.samples.assign(samples, samples + n_samples);
    script.language = params.language;
    script.threads = params.n_threads;
    script.times = params.token_timestamps;
    script.context = !params.no_context;
    script.prints = params.print_progress || params.print_realtime || params.print_timestamps ||
                    params.print_special;
    ctx->segments.clear();
    if (script.throws) throw std::out_of_range("map::at");
    if (script.failure != 0) return script.failure;
    ctx->segments = script.understands ? script.understands(script.samples) : script.segments;
    std::this_thread::yield();
    return 0;
}

int whisper_full_n_segments(whisper_context* ctx) {
    return static_cast<int>(ctx->segments.size());
}

const char* whisper_full_get_segment_text(whisper_context* ctx, int i_segment) {
    return segment(ctx, i_segment).text.c_str();
}

int whisper_full_n_tokens(whisper_context* ctx, int i_segment) {
    return static_cast<int>(segment(ctx, i_segment).tokens.size());
}

const char* whisper_full_get_token_text(whisper_context* ctx, int i_segment, int i_token) {
    return token(ctx, i_segment, i_token).text.c_str();
}

whisper_token_data whisper_full_get_token_data(whisper_context* ctx, int i_segment, int i_token) {
    const auto& seen = token(ctx, i_segment, i_token);
    return {seen.id, seen.sure, seen.begin, seen.end};
}

}  // extern "C"
