#pragma once
// Whom our own TLS clients believe: the system's certificates, and those of one more file.

#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/tls.hpp"

namespace bridge::net {

/// Thread: any, for every member.
class TlsTrust {
public:
    /// `ca_file`: PEM, empty: the system's alone. Reading them takes milliseconds, so what was read
    /// within the last minute is given again. Errors: bad_config, with the file's name.
    static Result<std::shared_ptr<TlsTrust>> load(const std::string& ca_file);
    ~TlsTrust();
    TlsTrust(const TlsTrust&) = delete;
    TlsTrust& operator=(const TlsTrust&) = delete;

    /// TLS 1.2 and newer, for one connection to `host`, a name or an address.
    std::unique_ptr<TlsSession> session(int descriptor, const std::string& host) const;

private:
    TlsTrust();
    static Result<std::shared_ptr<TlsTrust>> read(const std::string& ca_file);

    ssl_ctx_st* context_;
};

}  // namespace bridge::net
