#include "capture/capture_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/log.hpp"

namespace bridge::capture {
namespace {

/// The fastest family: a voice in mu-law hardly gets smaller, and Huffman coding it would cost more
/// than all the rest of a capture (docs/capture.md has the figures).
constexpr int kLevel = -20;
/// Blocks of one call that may wait for the disk: as many seconds.
constexpr std::size_t kMostWaiting = 16;
constexpr std::size_t kMostSpare = 2;
/// More than any second of a call holds; a frame that says it has more is damaged.
constexpr std::uint64_t kLargestBlock = 64ULL << 20U;
constexpr std::uintmax_t kLargestFile = 4ULL << 30U;

/// A frame that zstd skips: its own magic number, its length, and who we are.
constexpr std::array<std::uint8_t, 14> kSignature{0x5A, 0x2A, 0x4D, 0x18, 6,   0,   0,
                                                  0,    'A',  'B',  'C',  'A', 'P', kFormatVersion};

struct FreeCompressor {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

/// One for each thread that writes; its tables are made once.
ZSTD_CCtx* compressor() {
    static thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context = [] {
        std::unique_ptr<ZSTD_CCtx, FreeCompressor> made(ZSTD_createCCtx());
        if (made) {
            ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, kLevel);
            ZSTD_CCtx_setParameter(made.get(), ZSTD_c_checksumFlag, 1);
        }
        return made;
    }();
    return context.get();
}

}  // namespace

// --- writing

struct CaptureWriter::File {
    explicit File(std::filesystem::path where) : path(std::move(where)) {}
    ~File() {
        if (descriptor >= 0) ::close(descriptor);
    }

    void append(const Bytes& raw) {
        if (failed.load(std::memory_order_relaxed)) return;
        std::string why;
        if (descriptor < 0) why = make();
        if (why.empty()) why = pack(raw);
        if (why.empty()) return;
        log::warning("capture", "{}; the capture ends here, the call goes on", why);
        const std::scoped_lock lock(mutex);
        problem = std::move(why);
        failed = true;
    }

    std::string make() {
        std::error_code ignored;
        const auto folder = path.parent_path();
        if (std::filesystem::create_directories(folder, ignored))
            std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
        descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (descriptor < 0)
            return fmt::format("{} could not be made: {}", path.string(), std::strerror(errno));
        return put(kSignature.data(), kSignature.size());
    }

    std::string pack(const Bytes& raw) {
        static thread_local Bytes packed;  // one for all calls: it stays in the cache
        const auto most = ZSTD_compressBound(raw.size());
        if (packed.size() < most) packed.resize(most);
        auto* const context = compressor();
        const auto size = context == nullptr ? std::size_t{0}
                                             : ZSTD_compress2(context, packed.data(), packed.size(),
                                                              raw.data(), raw.size());
        if (size == 0 || ZSTD_isError(size) != 0)
            return fmt::format("a second of {} could not be compressed", path.string());
        return put(packed.data(), size);
    }

    std::string put(const std::uint8_t* bytes, std::size_t size) {
        while (size > 0) {
            const auto written = ::write(descriptor, bytes, size);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0)
                return fmt::format("{} could not be written: {}", path.string(),
                                   std::strerror(errno));
            bytes += written;
            size -= static_cast<std::size_t>(written);
        }
        return {};
    }

    const std::filesystem::path path;
    // Of the pool's thread:
    int descriptor = -1;
    // Of both:
    std::atomic<bool> failed{false};
    std::atomic<std::size_t> waiting{0};
    std::mutex mutex;  // guards what follows; once a second
    std::string problem;
    std::vector<Bytes> spare;
};

struct CaptureWriter::Job {
    std::shared_ptr<File> file;
    Bytes raw;
};

CaptureWriter::CaptureWriter(std::filesystem::path file, std::shared_ptr<WorkerPool> pool)
    : file_(std::make_shared<File>(std::move(file))), pool_(std::move(pool)) {}

CaptureWriter::~CaptureWriter() = default;

bool CaptureWriter::write(Bytes& block) {
    if (file_->failed) return false;
    if (file_->waiting >= kMostWaiting) {
        const std::scoped_lock lock(file_->mutex);
        file_->problem = "the disk does not keep up";
        return false;
    }
    auto job = std::make_shared<Job>(Job{file_, std::move(block)});
    block = {};
    {
        const std::scoped_lock lock(file_->mutex);
        if (!file_->spare.empty()) {
            block = std::move(file_->spare.back());
            file_->spare.pop_back();
        }
    }
    ++file_->waiting;
    const auto work = [job] {
        auto& file_of = *job->file;
        file_of.append(job->raw);
        job->raw.clear();
        const std::scoped_lock lock(file_of.mutex);
        if (file_of.spare.size() < kMostSpare) file_of.spare.push_back(std::move(job->raw));
        --file_of.waiting;
    };
    if (pool_->submit(work, Urgency::gathered)) return true;
    --file_->waiting;
    const std::scoped_lock lock(file_->mutex);
    file_->problem = pool_->refusal();
    return false;
}

std::string CaptureWriter::problem() const {
    const std::scoped_lock lock(file_->mutex);
    return file_->problem;
}

// --- reading

struct CaptureReader::Unpacker {
    Unpacker() : context(ZSTD_createDCtx()) {}
    ~Unpacker() { ZSTD_freeDCtx(context); }
    Unpacker(const Unpacker&) = delete;
    Unpacker& operator=(const Unpacker&) = delete;
    ZSTD_DCtx* const context;
};

Result<CaptureReader> CaptureReader::open(const std::filesystem::path& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error)
        return fail(std::filesystem::exists(file) ? Errc::io : Errc::not_found,
                    fmt::format("{} cannot be read: {}", file.string(), error.message()));
    if (size > kLargestFile)
        return fail(Errc::too_large, fmt::format("{} is larger than any capture", file.string()));
    std::ifstream in(file, std::ios::binary);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad()) return fail(Errc::io, fmt::format("{} cannot be read", file.string()));
    return read(std::move(bytes), file.filename().string());
}

Result<CaptureReader> CaptureReader::read(std::vector<std::uint8_t> bytes, std::string name) {
    const auto same = [&](std::size_t count) {
        return bytes.size() >= kSignature.size() &&
               std::equal(kSignature.begin(),
                          kSignature.begin() + static_cast<std::ptrdiff_t>(count), bytes.begin());
    };
    if (!same(kSignature.size() - 1))
        return fail(Errc::bad_field, fmt::format("{} is no capture of a call", name));
    if (!same(kSignature.size()))
        return fail(Errc::bad_field,
                    fmt::format("{} is a capture of format {}, this program reads format {}", name,
                                bytes[kSignature.size() - 1], kFormatVersion));
    CaptureReader reader;
    reader.name_ = std::move(name);
    reader.bytes_ = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
    reader.unpacker_ = std::make_shared<Unpacker>();
    reader.at_ = kSignature.size();
    if (!reader.next_block())
        return fail(Errc::bad_field,
                    fmt::format("{} ends before its call began{}{}", reader.name_,
                                reader.damage_.empty() ? "" : ": ", reader.damage_));
    auto opening = decode_opening(reader.block_);
    if (!opening)
        return fail(Errc::bad_field, fmt::format("{}: {}", reader.name_, opening.error().message));
    reader.opening_ = std::move(*opening);
    reader.first_ = reader.at_;
    reader.decoder_.reset();
    return reader;
}

void CaptureReader::rewind() {
    at_ = first_;
    decoder_.reset();
    damage_.clear();
}

bool CaptureReader::next_block() {
    if (at_ >= bytes_->size()) return false;
    const auto* const frame = bytes_->data() + at_;
    const auto left = bytes_->size() - at_;
    const auto packed = ZSTD_findFrameCompressedSize(frame, left);
    const auto size = ZSTD_getFrameContentSize(frame, left);
    const bool whole = ZSTD_isError(packed) == 0 && size != ZSTD_CONTENTSIZE_ERROR &&
                       size != ZSTD_CONTENTSIZE_UNKNOWN && size <= kLargestBlock;
    if (whole) {
        block_.resize(static_cast<std::size_t>(size));
        const auto got =
            ZSTD_decompressDCtx(unpacker_->context, block_.data(), block_.size(), frame, packed);
        if (ZSTD_isError(got) == 0 && got == block_.size()) {
            at_ += packed;
            decoder_.emplace(block_);
            return true;
        }
    }
    damage_ = fmt::format("{} is cut off or damaged from byte {} on", name_, at_);
    return false;
}

bool CaptureReader::next(Record& record) {
    while (damage_.empty()) {
        if (decoder_ && decoder_->next(record)) return true;
        if (decoder_ && decoder_->damaged()) {
            damage_ =
                fmt::format("{} holds something that is no record before byte {}", name_, at_);
            return false;
        }
        if (!next_block()) return false;
    }
    return false;
}

}  // namespace bridge::capture
