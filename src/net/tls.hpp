#pragma once
// TLS for our own servers: a certificate with its key, read from files and again when they change,
// and the sessions made with it. A session works on a descriptor, without Asio, so that it can move
// to another io thread together with it.

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace bridge::net {

/// One side of a TLS connection over a non-blocking socket that somebody else owns and that
/// outlives it. Thread: one at a time; it may change.
class TlsSession {
public:
    enum class Side { server, client };
    enum class Wait { nothing, read, write };
    /// What one attempt came to: bytes moved, or what the socket must be ready for before it is
    /// tried again, or the end (`eof` for a goodbye and for a peer that just hung up).
    struct Step {
        std::size_t bytes = 0;
        Wait wait = Wait::nothing;
        boost::system::error_code error;
    };

    TlsSession(ssl_ctx_st* context, int descriptor, Side side = Side::server);
    /// For a client: the server must prove to be `host`, a name or an address. Before `handshake`.
    void expect(const std::string& host);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    Step handshake();
    Step read(std::span<char> into);
    Step write(std::span<const char> from);
    /// Bytes that were decrypted and not read yet: the socket will not become readable for them.
    bool has_pending() const;
    /// Tells the peer that nothing follows, if there is room for it at once.
    void say_goodbye();
    /// Why a handshake failed, for the log: "no shared cipher", "certificate has expired".
    const std::string& failure() const { return failure_; }
    /// The peer spoke HTTP without TLS.
    bool peer_spoke_plainly() const { return plain_; }

private:
    friend struct TlsTransport;
    Step judge(int result);

    ssl_st* ssl_ = nullptr;
    int descriptor_;
    bool at_end_ = false;
    bool broken_ = false;
    bool plain_ = false;
    std::string failure_;
};

/// Certificate chain and key as PEM files.
struct TlsFiles {
    std::string certificate;
    std::string key;
};

/// Thread: any, for every member.
class TlsIdentity {
public:
    /// How often the files are looked at, when somebody connects.
    static constexpr std::chrono::seconds kLookAgain{2};

    /// TLS 1.2 and newer. Errors: not_found, io, bad_config; the message names the file and says
    /// what is wrong with it.
    static Result<std::shared_ptr<TlsIdentity>> load(TlsFiles files);
    ~TlsIdentity();
    TlsIdentity(const TlsIdentity&) = delete;
    TlsIdentity& operator=(const TlsIdentity&) = delete;

    /// A session for a new connection. Reads the files again first if they have changed; when they
    /// cannot be used, it says so once in the log and the old ones stay.
    std::unique_ptr<TlsSession> session(int descriptor);

    /// What is not right but no reason not to start: expired, not valid yet, a key others may read.
    std::vector<std::string> warnings() const;
    /// True if the certificate is for that host name or address.
    bool covers(const std::string& host) const;

private:
    struct Loaded;
    struct Stamp;
    explicit TlsIdentity(TlsFiles files);
    static Result<std::unique_ptr<Loaded>> read(const TlsFiles& files);
    static Stamp stamp_of(const TlsFiles& files);
    void look_again();

    const TlsFiles files_;
    mutable std::mutex mutex_;  // once for each connection, never per message
    std::unique_ptr<Loaded> loaded_;
    std::unique_ptr<Stamp> seen_;
    std::chrono::steady_clock::time_point looked_;
};

}  // namespace bridge::net
