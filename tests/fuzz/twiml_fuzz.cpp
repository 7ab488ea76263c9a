// A document of instructions, as the emulator reads it.

#include "emulator/twiml.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

namespace {

std::size_t depth_of(const emulator::XmlElement& element) {
    std::size_t deepest = 0;
    for (const auto& child : element.children) deepest = std::max(deepest, depth_of(child));
    return deepest + 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const auto document = emulator::parse_twiml(fuzz::text_of(bytes, count));
    if (document) {
        fuzz::must(depth_of(document->response) <= 64, "nesting is limited");
    } else {
        fuzz::must(document.error().code == 12100 || document.error().code == 12200,
                   "the error is one of Twilio's");
    }
    return 0;
}
