#pragma once
// A folder of recordings, the threads that write them, and what is in their files.

#include <gtest/gtest.h>
#include <sndfile.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "stores/recording_store.hpp"

namespace bridge::stores {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Both sides of a file.
struct Sides {
    std::vector<std::int16_t> far, near;
    int format = 0;
};

inline std::optional<Sides> read(const fs::path& path) {
    SF_INFO info{};
    SNDFILE* const file = sf_open(path.c_str(), SFM_READ, &info);
    if (file == nullptr) return std::nullopt;
    std::vector<std::int16_t> all(static_cast<std::size_t>(info.frames * info.channels));
    sf_readf_short(file, all.data(), info.frames);
    sf_close(file);
    Sides out;
    out.format = info.format;
    for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
        out.far.push_back(all[i]);
        out.near.push_back(all[i + 1]);
    }
    return out;
}

inline std::vector<std::int16_t> ramp(std::size_t count, int from = 1) {
    std::vector<std::int16_t> out(count);
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::int16_t>(from + static_cast<int>(i % 9000));
    return out;
}

class RecordingStoreTest : public testing::Test {
protected:
    RecordingStoreTest() {
        std::string pattern = (fs::temp_directory_path() / "recordings-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        options.folder = folder / "recordings";
        options.disk = std::make_shared<WorkerPool>(WorkerPoolOptions{"disk", 2, 4096, {}});
        options.cpu = std::make_shared<WorkerPool>(WorkerPoolOptions{"cpu", 1, 16, {}});
        options.wall_now = [] { return std::chrono::system_clock::from_time_t(1767225600); };
    }
    ~RecordingStoreTest() override {
        store.reset();
        fs::remove_all(folder);
    }

    void open() {
        auto opened = RecordingStore::open(options);
        ASSERT_TRUE(opened) << opened.error().message;
        store = *opened;
    }
    std::shared_ptr<call::CallRecording> begin(std::uint64_t at = 0) {
        auto begun = store->begin(CallId{"c_one"}, at, loop.get_executor(),
                                  [this](std::string text) { problems.push_back(text); });
        EXPECT_TRUE(begun);
        return *begun;
    }
    fs::path file(std::string_view form = "wav") const {
        return options.folder / ("20260101T000000Z-c_one." + std::string(form));
    }
    /// The disk has nothing more to do.
    void settle() {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!(options.disk->idle() && options.cpu->idle()) &&
               std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        loop.restart();
        loop.poll();
    }

    fs::path folder;
    RecordingStoreOptions options;
    boost::asio::io_context loop;
    std::vector<std::string> problems;
    std::shared_ptr<RecordingStore> store;
};

}  // namespace bridge::stores
