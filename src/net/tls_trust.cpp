#include "net/tls_trust.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <chrono>
#include <map>
#include <mutex>
#include <new>
#include <utility>

namespace bridge::net {
namespace {

constexpr std::chrono::seconds kKeep{60};
/// Different files in one process are a setting and perhaps a test's.
constexpr std::size_t kKeptAtMost = 8;

}  // namespace

TlsTrust::TlsTrust() : context_(SSL_CTX_new(TLS_client_method())) {
    if (context_ == nullptr) throw std::bad_alloc();
}

TlsTrust::~TlsTrust() {
    SSL_CTX_free(context_);
}

Result<std::shared_ptr<TlsTrust>> TlsTrust::read(const std::string& ca_file) {
    std::shared_ptr<TlsTrust> trust(new TlsTrust());
    auto* const context = trust->context_;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    ERR_clear_error();
    SSL_CTX_set_default_verify_paths(context);
    if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
        const auto code = ERR_peek_last_error();
        const char* why = code == 0 ? nullptr : ERR_reason_error_string(code);
        auto message = "cannot use the certificates in " + ca_file + ": " +
                       (why == nullptr ? "it is no PEM file" : why);
        ERR_clear_error();
        return fail(Errc::bad_config, std::move(message));
    }
    ERR_clear_error();
    return trust;
}

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const std::string& ca_file) {
    struct Kept {
        std::shared_ptr<TlsTrust> trust;
        std::chrono::steady_clock::time_point read;
    };
    static std::mutex mutex;  // once for each connection, never per message
    static std::map<std::string, Kept> kept;
    const std::lock_guard lock(mutex);
    const auto now = std::chrono::steady_clock::now();
    const auto found = kept.find(ca_file);
    if (found != kept.end() && now - found->second.read < kKeep) return found->second.trust;
    auto trust = read(ca_file);
    if (!trust) return trust;
    if (kept.size() >= kKeptAtMost) kept.clear();
    kept[ca_file] = {*trust, now};
    return trust;
}

std::unique_ptr<TlsSession> TlsTrust::session(int descriptor, const std::string& host) const {
    auto made = std::make_unique<TlsSession>(context_, descriptor, TlsSession::Side::client);
    made->expect(host);
    return made;
}

}  // namespace bridge::net
