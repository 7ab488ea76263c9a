#pragma once
// Somebody who says again what was captured of a call (docs/capture-format.md): the far end's
// sound with its pauses, the keys it pressed, and its hang-up, at the times of then.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "emulator/personas/person.hpp"

namespace bridge::emulator {

/// The far end of a captured call. Times since the stream began.
struct CapturedFarEnd {
    std::vector<std::uint8_t> sound;  ///< mu-law
    struct Key {
        std::chrono::milliseconds at;
        char key;
    };
    std::vector<Key> keys;
    std::chrono::milliseconds length{0};  ///< until it hung up
    Reaction::Kind reaction = Reaction::Kind::answer;
    std::chrono::milliseconds ringing{300};
};

/// Errors: not_found, bad_field (it is no capture), too_large.
Result<CapturedFarEnd> load_captured_far_end(const std::string& path);

class CapturedCaller final : public Person {
public:
    CapturedCaller(PersonOptions options, std::shared_ptr<const CapturedFarEnd> far_end)
        : Person(std::move(options)), far_end_(std::move(far_end)) {}
    std::string press() override;

protected:
    Speech say(MulawFrame& out) override;

private:
    const std::shared_ptr<const CapturedFarEnd> far_end_;
    std::size_t next_key_ = 0;
};

}  // namespace bridge::emulator
