#pragma once
// Seam: a service that turns what a caller says into text, one utterance at a time.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "net/whisper_request.hpp"

namespace bridge::agents::local {

namespace asio = boost::asio;

/// Thread: the call's io thread.
class SpeechToText {
public:
    /// The words; empty if there were none. Errors are for people and say what to check.
    using Done = std::function<void(Result<std::string>)>;

    /// Whatever is still being worked on is dropped: no `done` is called any more.
    virtual ~SpeechToText() = default;
    /// An utterance begins; the one before it, if it was not ended, is forgotten.
    virtual void begin() = 0;
    /// 8 kHz mono.
    virtual void hear(std::span<const std::int16_t> samples) = 0;
    /// The utterance is complete. `done` is called once, later, unless `cancel` or the next `begin`
    /// comes first.
    virtual void end(Done done) = 0;
    virtual void cancel() = 0;
};

/// A Vosk server (ws://host:2700): hears while the caller speaks, so that the text is there almost
/// as soon as the caller is done.
/// `ca_file`: see net::WebSocketTarget.
std::unique_ptr<SpeechToText> make_vosk(asio::any_io_executor executor, std::string url,
                                        std::string ca_file = {});

using WhisperOptions = net::WhisperServer;
/// Hears an utterance when it is over.
std::unique_ptr<SpeechToText> make_whisper(asio::any_io_executor executor,
                                           std::shared_ptr<net::HttpClient> http,
                                           WhisperOptions options);

}  // namespace bridge::agents::local
