// A sound file that somebody gives us to play.

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "audio/wav.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static const auto path = std::filesystem::temp_directory_path() /
                             ("agentbridge-fuzz-" + std::to_string(::getpid()) + ".wav");
    std::FILE* file = std::fopen(path.c_str(), "wb");
    fuzz::must(file != nullptr, "the temporary file can be written");
    std::fwrite(bytes, 1, count, file);
    std::fclose(file);
    const auto sound = audio::read_sound(path);
    std::filesystem::remove(path);
    if (sound) {
        fuzz::must(sound->sample_rate > 0, "a sound has a rate");
        fuzz::must(!sound->samples.empty(), "a sound has samples");
    }
    return 0;
}
