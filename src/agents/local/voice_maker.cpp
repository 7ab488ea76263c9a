#include "agents/local/voice_maker.hpp"

#include <algorithm>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace bridge::agents::local {
namespace {

using Samples = std::vector<std::int16_t>;

constexpr int kAudible = 100;                // −50 dBFS
constexpr std::size_t kKeptBefore = 160;     // 20 ms
constexpr std::size_t kKeptAfter = 8 * 150;  // the pause between two sentences

Samples without_silence(Samples sound) {
    const auto audible = [](std::int16_t sample) { return std::abs(int{sample}) > kAudible; };
    const auto first = std::find_if(sound.begin(), sound.end(), audible);
    const auto last = std::find_if(sound.rbegin(), sound.rend(), audible).base();
    if (first == sound.end()) return sound;
    const auto begin = static_cast<std::size_t>(first - sound.begin());
    const auto end = static_cast<std::size_t>(last - sound.begin());
    sound.resize(std::min(sound.size(), end + kKeptAfter));
    const auto cut = begin > kKeptBefore ? begin - kKeptBefore : 0;
    sound.erase(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(cut));
    return sound;
}

struct Shelf {
    std::mutex mutex;  // workers of several calls; never held while a sound is made
    std::list<std::pair<std::string, Samples>> sounds;  ///< the most recently used first

    bool find(const std::string& text, Samples& sound) {
        const std::lock_guard lock(mutex);
        const auto found = std::find_if(sounds.begin(), sounds.end(),
                                        [&](const auto& one) { return one.first == text; });
        if (found == sounds.end()) return false;
        sounds.splice(sounds.begin(), sounds, found);
        sound = found->second;
        return true;
    }
    void keep(const std::string& text, const Samples& sound, std::size_t most) {
        const std::lock_guard lock(mutex);
        sounds.emplace_front(text, sound);
        if (sounds.size() > most) sounds.pop_back();
    }
};

}  // namespace

Synthesize remembering(Synthesize voice, std::size_t remembered) {
    return [voice = std::move(voice), remembered,
            shelf = std::make_shared<Shelf>()](const std::string& text) -> Result<Samples> {
        Samples known;
        if (shelf->find(text, known)) return known;
        auto sound = voice(text);
        if (!sound) return sound;
        *sound = without_silence(std::move(*sound));
        shelf->keep(text, *sound, remembered);
        return sound;
    };
}

}  // namespace bridge::agents::local
