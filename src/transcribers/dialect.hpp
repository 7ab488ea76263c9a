#pragma once
// How a service that understands speech while it is spoken is talked to over a WebSocket: messages
// in, values out, and the other way round. No socket, no clock and no coroutine in here, so that
// tests and fuzz targets can drive it message by message.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "call/transcript.hpp"

namespace bridge::transcribers {

/// What a service understood. Times count from the first sample of its session.
struct Hearing {
    std::uint64_t utterance = 0;  ///< of the session, from 1; a later one takes its place
    bool final = false;
    std::chrono::milliseconds begin{0}, end{0};
    std::string text;
    std::optional<float> confidence;
    std::vector<call::TranscriptWord> words;
};

/// What one message of a service came to.
struct Replies {
    std::vector<Hearing> heard;
    /// Everything of the session before this place is understood for good.
    std::optional<std::chrono::milliseconds> settled;
    struct Failure {
        bool permanent = false;  ///< it would come again
        std::string what;        ///< one clause, for people
    };
    std::optional<Failure> failure;
};

struct Message {
    std::string payload;
    bool text = true;
};

/// One session. Thread: one.
class Dialect {
public:
    virtual ~Dialect() = default;
    /// The connection stands.
    virtual std::vector<Message> opened() = 0;
    /// Whether sound may be sent now.
    virtual bool takes_sound() const = 0;
    /// 8 kHz; about `chunk_samples()` at a time.
    virtual Message sound(std::span<const std::int16_t> samples) = 0;
    /// Nothing was sent for a few seconds; nothing: that does no harm.
    virtual std::optional<Message> keep_alive() { return std::nullopt; }
    /// No more sound comes.
    virtual std::vector<Message> finish() = 0;
    virtual Replies received(std::string_view payload, bool text) = 0;
    /// After `finish`: nothing more is to be expected.
    virtual bool finished() const = 0;
};

/// What a service is told, and what its messages are like.
struct ServiceOptions {
    std::string url;  ///< empty: the service's own
    Secret key;
    std::string model;     ///< empty: the engine's usual one
    std::string language;  ///< "en"; empty: as the service likes
    std::string ca_file;   ///< extra trust, PEM
};

/// What all sessions of one service have in common.
struct Service {
    std::string name;         ///< "deepgram"
    std::string people;       ///< "Deepgram", "the Vosk server"
    std::string url;          ///< where its sessions are opened
    std::string key_header;   ///< name and beginning: "Authorization: Token "; empty: no key
    std::string key_setting;  ///< what to check when it refuses
    Secret key;
    std::string ca_file;
    std::size_t chunk_samples = 800;
    /// How many times as fast as it was spoken sound may be sent; 0: as fast as it is answered.
    double fastest = 0;
    std::unique_ptr<Dialect> (*session)(const Service& service) = nullptr;
    std::string model, language;
};

Service deepgram_service(const ServiceOptions& options);
Service openai_service(const ServiceOptions& options);
Service vosk_service(const ServiceOptions& options);

}  // namespace bridge::transcribers
