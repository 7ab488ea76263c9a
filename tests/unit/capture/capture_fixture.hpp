#pragma once
// A call with nothing real around it, captured into a folder of its own.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "capture/capture_store.hpp"
#include "capture/replay.hpp"
#include "tests/unit/call/call_fixture.hpp"

namespace bridge::capture {

/// Gone with everything in it at the end.
struct TemporaryFolder {
    TemporaryFolder()
        : path(std::filesystem::temp_directory_path() / ("agentbridge-" + random_base32(60))) {}
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    const std::filesystem::path path;
};

struct CapturedFixture : call::CallFixture {
    explicit CapturedFixture(call::CallSpec spec = outbound(),
                             std::shared_ptr<call::AgentShelf> agents = {},
                             std::vector<Secret> secrets = {}, bool disk_fails = false)
        : store(std::make_shared<CaptureStore>(
              CaptureStoreOptions{folder.path / "captures", "test", std::move(secrets), {}, {}})) {
        if (disk_fails) {
            std::filesystem::create_directories(folder.path);
            std::ofstream(folder.path / "captures") << "a file where the folder should be";
        }
        call::CallServices services{clock, loop.get_executor(), bus, carrier, device, {}, journal};
        services.microphone = microphone;
        services.agents = std::move(agents);
        services.captures = store;
        services.ended = [this](const CallId&) { over = true; };
        spec.capture = true;
        call = call::Call::make(std::move(spec), std::move(services));
    }

    /// Twenty milliseconds of both directions: something different each time.
    void talk_on(std::uint64_t stream, int frames, bool speaks = false) {
        for (int i = 0; i < frames; ++i) {
            std::vector<std::uint8_t> mulaw(160);
            for (auto& byte : mulaw) byte = static_cast<std::uint8_t>(0xA0U + (noise() % 64U));
            accept(call::input::Media{stream, ++sequence, std::chrono::milliseconds(timestamp),
                                      call::Track::inbound, mulaw});
            timestamp += 20;
            if (speaks) {
                std::vector<std::int16_t> said(160);
                for (auto& sample : said) sample = static_cast<std::int16_t>(noise() % 4000U);
                microphone->speak(said, clock.now());
            }
            advance(std::chrono::milliseconds(20));
            if (i % 5 == 4) echo(stream);
        }
    }
    void echo(std::uint64_t stream) {
        for (const auto& name : std::exchange(line->marks, {}))
            accept(call::input::MarkEchoed{stream, ++sequence, name});
    }
    void stop(std::uint64_t stream) {
        line->stopped = true;
        accept(call::input::StreamStopped{stream});
    }
    void end(std::uint64_t stream) {
        accept(call::input::StreamClosed{stream, true, "stopped"});
        status("completed");
        advance(std::chrono::seconds(3));
    }

    /// The call is let go, and what was captured of it is read.
    std::filesystem::path file() {
        call.reset();
        settle();
        store->close();
        const auto all = store->list();
        return all.empty() ? std::filesystem::path() : all.front().file;
    }

    TemporaryFolder folder;
    std::shared_ptr<CaptureStore> store;
    std::minstd_rand noise{7};
    std::uint64_t sequence = 1;
    std::int64_t timestamp = 0;
    bool over = false;
};

inline Bytes bytes_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// What a replay of the file did otherwise; one line each.
inline std::vector<std::string> differences(Replay& replay) {
    replay.run();
    std::vector<std::string> out;
    for (const auto& one : replay.differences())
        out.push_back(std::to_string(one.at.count()) + ": " + one.captured + " | " + one.replayed);
    return out;
}

}  // namespace bridge::capture
