#pragma once
// Plays Twilio towards a server under load, with blocking sockets for what is not media: the signed
// voice webhook, the signed upgrade, the messages of a stream. Code of its own, apart from both the
// bridge's and the emulator's.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

struct Target {
    std::string host = "127.0.0.1";
    int port = 0;
    std::string token;  ///< the account's Auth Token; empty: no webhooks, any path is a socket
};

/// What cannot be gone on after. `what()` is a sentence.
struct PlayerError {
    std::string text;
};

/// A connected socket; closed with it.
class Socket {
public:
    Socket() = default;
    Socket(const std::string& host, int port);
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Socket& operator=(Socket&& other) noexcept;
    ~Socket();
    int get() const { return descriptor_; }
    void send_all(std::string_view bytes) const;
    /// Reads until `end` has come, and what comes with it.
    std::string receive_until(std::string_view end) const;
    /// Reads exactly so many bytes more.
    void receive_more(std::string& into, std::size_t bytes) const;

private:
    int descriptor_ = -1;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

/// HTTP over one kept connection.
class Webhooks {
public:
    explicit Webhooks(Target target) : target_(std::move(target)) {}
    /// Posts a signed form; the body of the answer, which must be a success.
    std::string post(const std::string& path, const Fields& fields);

private:
    Target target_;
    Socket socket_;
    std::uint64_t last_used_ns_ = 0;
};

/// One call's media socket, and the texts of its frames.
class Stream {
public:
    /// Connects and upgrades; `path` and `signature` as the TwiML says. Sends connected and start.
    Stream(const Target& target, std::uint32_t number, const std::string& path,
           const std::string& signature);
    int descriptor() const { return socket_.get(); }
    std::uint32_t frames() const { return next_; }
    /// Writes the next media frame to `out`, masked, as it stands on the wire.
    void write_frame(std::uint64_t now_ns, std::string& out);
    /// Writes the echo of a mark to `out`, behind what is there.
    void write_mark(std::string_view name, std::string& out);
    /// Says stop, closes, and reads until the server has closed too. False: it did not in 5 s.
    bool finish();
    const std::string& call_sid() const { return call_sid_; }

private:
    void append(std::string_view text, unsigned opcode, std::string& out);

    Socket socket_;
    std::uint32_t number_;
    std::uint32_t next_ = 0;
    std::uint64_t sequence_ = 1;
    std::uint64_t random_;
    std::string call_sid_, stream_sid_;
};

std::string call_sid(std::uint32_t number);
/// Announces a call as Twilio does and connects the stream it is told to; without a token, connects
/// at once.
Stream place_call(const Target& target, Webhooks& webhooks, std::uint32_t number);
/// The last status callback.
void report_end(const Target& target, Webhooks& webhooks, const std::string& call_sid);

}  // namespace bench
