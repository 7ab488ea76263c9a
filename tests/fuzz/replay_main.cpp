// Runs a fuzz target on the files named, or on all files of the folders named: what the ordinary
// test run does with the committed corpus, with any compiler.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace {

std::size_t replay(const std::filesystem::path& path) {
    if (std::filesystem::is_directory(path)) {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(path))
            count += replay(entry.path());
        return count;
    }
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file),
                                  std::istreambuf_iterator<char>()};
    // On its own piece of memory, of exactly that size: the sanitizers then see the end of it.
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    std::cerr << path.string() << std::endl;
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
    return 1;
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t files = 0;
    for (int i = 1; i < count; ++i) files += replay(arguments[i]);
    std::cout << files << " inputs replayed\n";
    return files == 0 ? 1 : 0;
}
