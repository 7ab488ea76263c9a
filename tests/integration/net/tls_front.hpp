#pragma once
// A TLS server that passes plain bytes on to a port of this machine, with a certificate made for
// the test: what stands in front of a plain server to turn http into https and ws into wss.

#include <cstdint>
#include <memory>
#include <string>

namespace bridge::net::test {

struct Certificate {
    std::string key_pem;
    std::string certificate_pem;
};

/// Self-signed, valid for `name` ("DNS:localhost", "IP:127.0.0.1").
/// `days` < 0: expired that long ago.
Certificate make_certificate(const std::string& name, int days = 1);

class TlsFront {
public:
    /// Serves on a free port of 127.0.0.1, on a thread of its own.
    TlsFront(const Certificate& certificate, std::uint16_t backend_port);
    ~TlsFront();
    std::uint16_t port() const;

private:
    struct Loop;
    std::unique_ptr<Loop> loop_;
};

/// A file with the given content, removed at the end.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& content);
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace bridge::net::test
