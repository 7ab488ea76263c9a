// Each file named is a captured call that must do the same again, twice, with the same hash; and
// with the one that stands beside it in FILE.sha256, where there is one.

#include <cstdio>
#include <fstream>
#include <string>

#include "base/log.hpp"
#include "capture/replay.hpp"

namespace {

using namespace bridge::capture;

/// Empty: it did something else, which was said.
std::string hash_of(const char* file) {
    auto capture = CaptureReader::open(file);
    if (!capture) {
        std::fprintf(stderr, "%s\n", capture.error().message.c_str());
        return {};
    }
    Replay replay(std::move(*capture));
    replay.run();
    for (const auto& one : replay.differences())
        std::fprintf(stderr, "%s at %lld us\n  captured: %s\n  replayed: %s\n", file,
                     static_cast<long long>(one.at.count()), one.captured.c_str(),
                     one.replayed.c_str());
    return replay.difference_count() == 0 && replay.turns() > 0 ? replay.hash() : std::string();
}

bool same_again(const char* file) {
    const auto first = hash_of(file);
    if (first.empty()) return false;
    if (hash_of(file) != first) {
        std::fprintf(stderr, "%s: twice the same, and not the same hash\n", file);
        return false;
    }
    std::ifstream in(std::string(file) + ".sha256");
    std::string wanted;
    if (in >> wanted && wanted != first) {
        std::fprintf(stderr, "%s: hash %s, %s is wanted\n", file, first.c_str(), wanted.c_str());
        return false;
    }
    return true;
}

}  // namespace

int main(int count, char** words) {
    bridge::log::start({bridge::log::Level::error, false, false, {}});
    bool good = count > 1;
    for (int i = 1; i < count; ++i) good &= same_again(words[i]);
    bridge::log::stop();
    return good ? 0 : 1;
}
