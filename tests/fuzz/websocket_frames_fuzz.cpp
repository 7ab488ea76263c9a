// Bytes of a WebSocket. The first byte says whose side, the second how many bytes come at a time:
// however the stream is cut, the same must come out.

#include <algorithm>
#include <string>
#include <vector>

#include "net/websocket_frames.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace bridge;
using net::FrameEvent;
using net::FrameParser;

namespace {

/// Everything that was delivered, in a form that can be compared.
std::string run(FrameParser::Side side, std::string_view stream, std::size_t step) {
    FrameParser parser(side, 2000);
    std::string heard;
    std::vector<char> buffer;
    while (true) {
        const auto event = parser.next(buffer);
        fuzz::must(event.consumed <= buffer.size(), "no more is used than there is");
        if (event.kind == FrameEvent::Kind::need_more) {
            if (stream.empty()) return heard;
            const auto size = std::min(step, stream.size());
            buffer.insert(buffer.end(), stream.begin(),
                          stream.begin() + static_cast<std::ptrdiff_t>(size));
            stream.remove_prefix(size);
            continue;
        }
        heard += static_cast<char>('a' + static_cast<int>(event.kind));
        heard += std::to_string(event.code) + (event.text ? "t" : "b");
        heard += event.payload;
        heard += '|';
        if (event.kind == FrameEvent::Kind::fault) {
            fuzz::must(event.code == 1002 || event.code == 1007 || event.code == 1009,
                       "a known fault");
            return heard;
        }
        if (event.kind == FrameEvent::Kind::message) {
            fuzz::must(event.payload.size() <= 2000, "the limit holds");
            net::Utf8Check text;
            fuzz::must(!event.text || (text.feed(event.payload) && text.complete()),
                       "texts are UTF-8");
        }
        if (event.kind == FrameEvent::Kind::close) return heard;
        buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(event.consumed));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    if (count < 2) return 0;
    const auto side = (bytes[0] & 1U) != 0 ? FrameParser::Side::client : FrameParser::Side::server;
    const std::size_t step = 1U + bytes[1];
    const auto stream = fuzz::text_of(bytes + 2, count - 2);
    fuzz::must(run(side, stream, step) == run(side, stream, stream.size() + 1),
               "it does not matter how the bytes are cut");
    return 0;
}
