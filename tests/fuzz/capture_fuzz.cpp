// A capture that somebody sends in, and the records in it.

#include <string>
#include <vector>

#include "capture/capture_file.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    // As a file, whose checksums turn nearly everything away …
    const std::vector<std::uint8_t> file(bytes, bytes + count);
    if (auto reader = capture::CaptureReader::read(file, "x")) {
        for (capture::Record record; reader->next(record);) {
        }
    }
    // … and as what is in a frame whose checksum is right.
    capture::Decoder decoder(file);
    for (capture::Record record; decoder.next(record);) {
        capture::Bytes again;
        const auto* held = std::get_if<capture::HeldInput>(&record.what);
        const bool whole =
            !held || !std::holds_alternative<capture::input::StreamStarted>(held->input);
        if (whole) capture::Encoder(again).again(record);
    }
    const auto opening = capture::decode_opening(file);
    if (opening) {
        capture::Bytes again;
        capture::encode(*opening, nullptr, again);
        fuzz::must(capture::decode_opening(again).has_value(), "what was read can be written");
    }
    return 0;
}
