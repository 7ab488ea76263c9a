#pragma once
// Seam: where calls are recorded.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audio/call_tones.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "call/track_tap.hpp"

namespace bridge::call {

enum class RecordingStatus {
    none,  ///< it was never recorded
    recording,
    paused,  ///< the time of the pause is silence
    stopped,
    failed,  ///< it broke; what was written until then is kept
};
/// "none", "recording", "paused", "stopped", "failed".
std::string_view to_string(RecordingStatus status);
std::optional<RecordingStatus> parse_recording_status(std::string_view text);

/// What the phone hears when its recording begins.
enum class RecordingNotice { none, beep, spoken };
/// "none", "beep", "spoken".
std::string_view to_string(RecordingNotice notice);
std::optional<RecordingNotice> parse_recording_notice(std::string_view text);

/// The recording of a call, the last one if there were several.
struct RecordingState {
    RecordingStatus status = RecordingStatus::none;
    std::string file;     ///< path of the sound file; empty: there is none
    std::string problem;  ///< one sentence, of one that failed
    bool operator==(const RecordingState&) const = default;
};

/// One recording while it is made; to let it go is to end it. Thread: the call's io thread; it
/// never waits for the disk.
class CallRecording : public TrackTap {
public:
    virtual const std::string& file() const = 0;
    /// From here on, on the call's timeline, silence is written in place of both sides; or not any
    /// more.
    virtual void pause(std::uint64_t at) = 0;
    virtual void resume(std::uint64_t at) = 0;
};

/// Thread: any io thread, for every member.
class RecordingShelf {
public:
    virtual ~RecordingShelf() = default;
    /// `broke` runs at most once, on `executor`, if it cannot go on (the disk is full, say); the
    /// call is none the worse for it. Errors: io.
    /// `at`: the place on the call's timeline that the recording begins with.
    virtual Result<std::shared_ptr<CallRecording>> begin(
        const CallId& call, std::uint64_t at, boost::asio::any_io_executor executor,
        std::function<void(std::string problem)> broke) = 0;
    /// What the phone is to hear then; nothing wanted: what is set up. Null: nothing.
    virtual audio::Samples notice(std::optional<RecordingNotice> wanted) const = 0;
};

}  // namespace bridge::call
