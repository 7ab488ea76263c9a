// A .env file.

#include "app/dotenv.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto text = fuzz::text_of(bytes, count);
    const auto file = app::parse_dotenv(text, {{"HOME", "/home/me"}, {"EMPTY", ""}});
    int line = 0;
    for (const auto& entry : file.entries) {
        fuzz::must(entry.line > line || entry.line == line, "entries are in order");
        line = entry.line;
        fuzz::must(file.find(entry.name) != nullptr, "an entry is found by its name");
    }
    return 0;
}
