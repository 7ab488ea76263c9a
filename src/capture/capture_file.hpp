#pragma once
// A capture on the disk: frames of zstd behind each other, each with its own checksum, so that a
// file that was cut off anywhere is good up to its last whole second (docs/capture-format.md).
//
//   Encoder ─▶ one second of records ─▶ CaptureWriter ──disk thread──▶ zstd ─▶ file
//   file ─▶ CaptureReader ─▶ records

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "capture/records.hpp"

namespace bridge::capture {

inline constexpr std::uint8_t kFormatVersion = 1;

/// Writes one file. Thread: one, for every member; the work is done on the pool's.
class CaptureWriter {
public:
    /// `pool` has one thread. The file is made, for its owner's eyes alone, with the first block.
    CaptureWriter(std::filesystem::path file, std::shared_ptr<WorkerPool> pool);
    ~CaptureWriter();
    CaptureWriter(const CaptureWriter&) = delete;
    CaptureWriter& operator=(const CaptureWriter&) = delete;

    /// Takes what `block` holds and gives an empty buffer in its place. False: the disk does not
    /// keep up or failed, nothing more can be written; `problem` says why.
    bool write(Bytes& block);
    std::string problem() const;

private:
    struct Job;
    struct File;
    const std::shared_ptr<File> file_;
    const std::shared_ptr<WorkerPool> pool_;
};

/// Reads one file, from its beginning. Thread: one.
class CaptureReader {
public:
    /// Errors: not_found, io, bad_field (it is no capture, or of a later version).
    static Result<CaptureReader> open(const std::filesystem::path& file);
    static Result<CaptureReader> read(std::vector<std::uint8_t> bytes, std::string name);

    const Opening& opening() const { return opening_; }
    /// False: there is none any more.
    bool next(Record& record);
    /// Why the file ended before it should have; one sentence.
    const std::string& damage() const { return damage_; }
    void rewind();

private:
    struct Unpacker;
    bool next_block();
    std::string name_;
    std::shared_ptr<const std::vector<std::uint8_t>> bytes_;
    std::shared_ptr<Unpacker> unpacker_;
    std::size_t first_ = 0, at_ = 0;  ///< where the first block, and the next one, begin
    Opening opening_;
    Bytes block_;
    std::optional<Decoder> decoder_;
    std::string damage_;
};

}  // namespace bridge::capture
