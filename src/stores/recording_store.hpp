#pragma once
// Where recordings of calls lie: one folder, one file for each, "20260131T090501Z-c_….wav".
//
//   call's io thread ─ blocks of 0.4 s ─▶ queue of the recording ─ disk thread ─▶ .wav
//                                                        call over ─ cpu thread ─▶ .flac, .opus
//   what a transcript leaves out ─▶ silence, wherever the sound is by then
//
// A full disk, or one that is too slow, costs the recording, never the call.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hpp"
#include "base/worker_pool.hpp"
#include "call/recordings.hpp"
#include "stores/recording_file.hpp"
#include "stores/recording_silence.hpp"

namespace bridge::stores {

struct RecordingStoreOptions {
    std::filesystem::path folder;  ///< made if it is not there, readable for its owner only
    RecordingForm form = RecordingForm::wav;  ///< what a recording is kept as
    bool mulaw = false;                       ///< the WAV has 8 bits, as the phone has
    call::RecordingNotice notice = call::RecordingNotice::none;
    audio::Samples beep{}, spoken{};  ///< what these notices are; null: silence
    std::shared_ptr<WorkerPool> disk;
    std::shared_ptr<WorkerPool> cpu;
    std::shared_ptr<metrics::Registry> metrics{};  ///< null: nobody looks
    std::function<std::chrono::system_clock::time_point()> wall_now = [] {
        return std::chrono::system_clock::now();
    };
};

/// One recording in the folder, in whatever forms it is there.
struct StoredRecording {
    std::string name;  ///< without the form: "20260131T090501Z-c_…"
    CallId call;
    std::chrono::system_clock::time_point began;
    std::vector<RecordingForm> forms;
    bool live = false;  ///< it is being written
    std::uint64_t bytes = 0;
};

/// What a file of that name, without its form, is a recording of; nothing: of no call.
std::optional<StoredRecording> parse_recording_name(const std::string& name);

/// Recordings that are there. Every member blocks on the disk. Thread: any.
class RecordingFolder {
public:
    explicit RecordingFolder(std::filesystem::path path) : path_(std::move(path)) {}
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path file(const StoredRecording& recording, RecordingForm form) const;

    /// Newest first; only names and sizes are read.
    std::vector<StoredRecording> list() const;
    std::optional<StoredRecording> find(std::string_view name) const;
    /// The last one of a call.
    std::optional<StoredRecording> of_call(const CallId& call) const;
    /// The file in that form, which is made if it is not there. Errors: not_found (it is still
    /// being written, as a WAV), io.
    Result<std::filesystem::path> in_form(const StoredRecording& recording,
                                          RecordingForm form) const;
    /// Errors: not_found, refused (it is being written), io.
    Result<> remove(std::string_view name) const;
    /// All of a call; what the carrier still has of it is not fetched any more. Errors: refused,
    /// io.
    Result<> remove(const CallId& call) const;
    /// In all of a call that are not being written, in every form. Errors: io, bad_field.
    Result<> silence(const CallId& call, std::span<const SilentSpan> spans) const;

private:
    Result<> remove_files(const StoredRecording& recording) const;

    std::filesystem::path path_;
};

/// Thread: any.
class RecordingStore final : public call::RecordingShelf {
public:
    /// Of one recording; more wait for the disk in vain, and are silence of the same length.
    static constexpr std::size_t kMostWaiting = 25;  // 10 s

    /// Also ends what a former run left: half-made files go, sound is brought into its form.
    /// Errors: io (the folder cannot be made or written).
    static Result<std::shared_ptr<RecordingStore>> open(RecordingStoreOptions options);
    /// Waits until what was recorded is written, and for the forms that are being made. The
    /// recordings must be gone.
    ~RecordingStore() override;

    Result<std::shared_ptr<call::CallRecording>> begin(
        const CallId& call, std::uint64_t at, boost::asio::any_io_executor executor,
        std::function<void(std::string problem)> broke) override;
    audio::Samples notice(std::optional<call::RecordingNotice> wanted) const override;

    /// What a recording that begins now is called. Does not block.
    std::string new_name(const CallId& call);
    RecordingForm form() const { return options_.form; }
    /// In all recordings of the call: those that are being written, also of what comes only later,
    /// and those that are over. What was written is silent a moment later.
    void silence(const CallId& call, std::vector<SilentSpan> spans);
    /// Until it is let go of, more may have to be silent in the call: its recordings stay WAVs.
    std::shared_ptr<void> expect_silence(const CallId& call);

    const RecordingFolder& folder() const { return folder_; }
    WorkerPool& disk() const { return *options_.disk; }
    WorkerPool& cpu() const { return *options_.cpu; }
    /// All recordings of a call that is over; blocks. Errors: refused (it is recorded now), io.
    Result<> remove(const CallId& call) const { return folder_.remove(call); }

private:
    class Recording;
    struct Job;
    /// A call whose recordings are made, or that may have to be silent in places.
    struct OfCall {
        std::vector<std::weak_ptr<Job>> writing;
        std::size_t expecting = 0;  ///< who may tell of such places
        /// Are over, and wait for them.
        std::vector<std::shared_ptr<Job>> parked;
        bool over = false;  ///< one of its recordings is no longer written
    };
    /// What the disk's threads share with it.
    struct Shared {
        RecordingFolder folder{{}};
        RecordingForm form = RecordingForm::wav;
        WorkerPool* disk = nullptr;
        WorkerPool* cpu = nullptr;
        std::mutex mutex;  // guards what follows; held for moments
        std::condition_variable changed;
        std::size_t jobs = 0;           ///< that are not written to the end
        std::deque<std::string> names;  ///< of the last recordings that were begun
        std::map<CallId, OfCall> calls;
        std::map<CallId, std::vector<SilentSpan>> late;  ///< for recordings that are over
        bool ending = false;                             ///< nothing is waited for any more
        bool silencing = false;                          ///< a thread does these, or will
        metrics::Counter* dropped = nullptr;
    };

    explicit RecordingStore(RecordingStoreOptions options);
    void end_former();
    static void silence_over(const std::shared_ptr<Shared>& shared, const CallId& call,
                             std::vector<SilentSpan> spans);
    static void silence_late(Shared& shared);
    static void release(Shared& shared, const CallId& call);
    static void forget_idle(Shared& shared, const CallId& call);

    const RecordingStoreOptions options_;
    const RecordingFolder folder_{options_.folder};
    const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace bridge::stores
