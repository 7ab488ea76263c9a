#include "devices/alsa.hpp"

#if defined(__linux__)
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#endif

namespace bridge::devices {

#if defined(__linux__)

namespace {

// The first file that ALSA_CONFIG_PATH (separated by colons or spaces) names and that cannot be
// read.
std::string missing_file(std::string_view paths) {
    while (!paths.empty()) {
        const auto end = paths.find_first_of(": ");
        const std::string path(paths.substr(0, end));
        if (!path.empty() && path.front() == '/' && ::access(path.c_str(), R_OK) != 0) return path;
        paths.remove_prefix(end == std::string_view::npos ? paths.size() : end + 1);
    }
    return {};
}

}  // namespace

// Looked up at run time, as in silence_sound_libraries: PortAudio brings ALSA along, we do not link
// to it.
Result<> check_alsa_config() {
    using Update = int (*)();
    using Search = int (*)(void* config, const char* key, void** result);
    auto* update = reinterpret_cast<Update>(::dlsym(RTLD_DEFAULT, "snd_config_update"));
    auto* search = reinterpret_cast<Search>(::dlsym(RTLD_DEFAULT, "snd_config_search"));
    auto* top = static_cast<void**>(::dlsym(RTLD_DEFAULT, "snd_config"));
    if (!update || !search || !top) return {};

    const auto readable = update() >= 0 && *top != nullptr;
    if (readable) {
        // PortAudio counts on one of these two.
        for (const auto* name : {"pcm.default", "pcm.dmix"}) {
            void* found = nullptr;
            if (search(*top, name, &found) >= 0) return {};
        }
    }
    const auto* path = std::getenv("ALSA_CONFIG_PATH");
    const auto* fault = readable ? "names no default device" : "cannot be read";
    if (!path || *path == '\0')
        return fail(Errc::device_failed,
                    fmt::format("ALSA's configuration {}: look at /etc/asound.conf and ~/.asoundrc",
                                fault));
    if (const auto missing = missing_file(path); !missing.empty())
        return fail(Errc::device_failed,
                    fmt::format("ALSA_CONFIG_PATH names {}, which cannot be read: unset it, or "
                                "name a file that is there",
                                missing));
    return fail(Errc::device_failed,
                fmt::format("ALSA's configuration in ALSA_CONFIG_PATH={} {}: unset it, or add "
                            "a pcm.default",
                            path, fault));
}

void keep_alsa_plugins() noexcept {
    namespace fs = std::filesystem;
    Dl_info alsa{};
    auto* known = ::dlsym(RTLD_DEFAULT, "snd_config_update");
    if (!known || ::dladdr(known, &alsa) == 0 || !alsa.dli_fname) return;
    try {
        // Beside the library, unless ALSA is told otherwise.
        const auto* told = std::getenv("ALSA_PLUGIN_DIR");
        const auto folder =
            told ? fs::path(told) : fs::canonical(alsa.dli_fname).parent_path() / "alsa-lib";
        for (const auto& file : fs::directory_iterator(folder)) {
            const auto name = file.path().filename().string();
            if (name.starts_with("libasound_module_pcm_") ||
                name.starts_with("libasound_module_conf_"))
                ::dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);
        }
    } catch (const std::exception&) {
        // No such folder: nothing to keep.
    }
}

#else

Result<> check_alsa_config() {
    return {};
}

void keep_alsa_plugins() noexcept {}

#endif

}  // namespace bridge::devices
