#include "net/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/log.hpp"

namespace bridge::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;  // Asio has set SO_NOSIGPIPE on the socket
#endif

std::string last_tls_error() {
    const auto code = ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "unknown error" : reason;
}

template <class T, void (*Free)(T*)>
struct Freed {
    void operator()(T* object) const { Free(object); }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

BioPtr over(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::string> read_file(const std::string& path, const char* what) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        const auto code = errno == ENOENT ? Errc::not_found : Errc::io;
        return fail(code, std::string(what) + " " + path + ": " + std::strerror(errno));
    }
    if (!S_ISREG(found.st_mode)) {
        return fail(Errc::bad_config, std::string(what) + " " + path + " is not a file");
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) {
        const auto* why = errno == 0 ? "cannot be read" : std::strerror(errno);
        return fail(Errc::io, std::string(what) + " " + path + ": " + why);
    }
    if (text.size() > 1024 * 1024) {
        return fail(Errc::bad_config, std::string(what) + " " + path + " is over 1 MB");
    }
    return text;
}

/// An encrypted key would make OpenSSL ask on the terminal.
int no_password(char*, int, int, void*) {
    return -1;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned int in_size, void*) {
    static constexpr std::array<unsigned char, 9> kHttp{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, kHttp.data(), kHttp.size(), in, in_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

/// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE; hence this one.
struct TlsTransport {
    static TlsSession& of(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

    static int write(BIO* bio, const char* bytes, int size) {
        BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
        const auto sent =
            ::send(of(bio).descriptor_, bytes, static_cast<std::size_t>(size), kSendFlags);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY);
        }
        return static_cast<int>(sent);
    }
    static int read(BIO* bio, char* into, int size) {
        BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
        const auto got = ::recv(of(bio).descriptor_, into, static_cast<std::size_t>(size), 0);
        if (got == 0) of(bio).at_end_ = true;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
        }
        return static_cast<int>(got);
    }
    static long control(BIO* bio, int command, long, void*) {
        if (command == BIO_CTRL_EOF) return of(bio).at_end_ ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }
    static const BIO_METHOD* method() {
        static const BIO_METHOD* const made = [] {
            BIO_METHOD* one =
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "agentbridge socket");
            BIO_meth_set_write(one, &TlsTransport::write);
            BIO_meth_set_read(one, &TlsTransport::read);
            BIO_meth_set_ctrl(one, &TlsTransport::control);
            return one;
        }();
        return made;
    }
};

// --- one connection

TlsSession::TlsSession(SSL_CTX* context, int descriptor, Side side)
    : ssl_(SSL_new(context)), descriptor_(descriptor) {
    BIO* bio = BIO_new(TlsTransport::method());
    if (ssl_ == nullptr || bio == nullptr) {
        BIO_free(bio);
        SSL_free(ssl_);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    if (side == Side::server) {
        SSL_set_accept_state(ssl_);
    } else {
        SSL_set_connect_state(ssl_);
    }
}

void TlsSession::expect(const std::string& host) {
    auto* const rules = SSL_get0_param(ssl_);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return;
    X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size());
    // What the macro SSL_set_tlsext_host_name does, without its C cast.
    auto name = host;
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

TlsSession::~TlsSession() {
    SSL_free(ssl_);
}

TlsSession::Step TlsSession::judge(int result) {
    Step step;
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_NONE:
            return step;
        case SSL_ERROR_WANT_READ:
            step.wait = Wait::read;
            return step;
        case SSL_ERROR_WANT_WRITE:
            step.wait = Wait::write;
            return step;
        case SSL_ERROR_ZERO_RETURN:
            step.error = asio::error::eof;
            return step;
        case SSL_ERROR_SYSCALL:
            step.error = at_end_ || errno == 0
                             ? error_code(asio::error::eof)
                             : error_code(errno, boost::system::system_category());
            failure_ = step.error.message();
            break;
        default:
            failure_ = last_tls_error();
            if (const auto verdict = SSL_get_verify_result(ssl_); verdict != X509_V_OK) {
                failure_ = X509_verify_cert_error_string(verdict);
            }
            plain_ = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
            step.error = asio::error::connection_aborted;
            break;
    }
    broken_ = true;
    ERR_clear_error();
    return step;
}

TlsSession::Step TlsSession::handshake() {
    ERR_clear_error();
    errno = 0;
    return judge(SSL_do_handshake(ssl_));
}

TlsSession::Step TlsSession::read(std::span<char> into) {
    ERR_clear_error();
    errno = 0;
    const int got =
        SSL_read(ssl_, into.data(), static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX)));
    if (got <= 0) return judge(got);
    Step step;
    step.bytes = static_cast<std::size_t>(got);
    return step;
}

TlsSession::Step TlsSession::write(std::span<const char> from) {
    if (from.empty()) return {};
    ERR_clear_error();
    errno = 0;
    const int sent =
        SSL_write(ssl_, from.data(), static_cast<int>(std::min<std::size_t>(from.size(), INT_MAX)));
    if (sent <= 0) return judge(sent);
    Step step;
    step.bytes = static_cast<std::size_t>(sent);
    return step;
}

bool TlsSession::has_pending() const {
    return SSL_pending(ssl_) > 0;
}

void TlsSession::say_goodbye() {
    // After a fatal error OpenSSL forbids it; before the end of the handshake it means nothing.
    if (broken_ || SSL_is_init_finished(ssl_) == 0) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

// --- certificate and key

struct TlsIdentity::Loaded {
    ContextPtr context;
    CertificatePtr certificate;
    std::vector<std::string> warnings;
    std::string until;
};

/// What tells one state of the files from another.
struct TlsIdentity::Stamp {
    std::array<std::array<long long, 5>, 2> files{};
    bool operator==(const Stamp&) const = default;
};

TlsIdentity::TlsIdentity(TlsFiles files) : files_(std::move(files)) {}
TlsIdentity::~TlsIdentity() = default;

TlsIdentity::Stamp TlsIdentity::stamp_of(const TlsFiles& files) {
    const auto one = [](const std::string& path) {
        struct stat found {};
        if (::stat(path.c_str(), &found) != 0) return std::array<long long, 5>{-1, 0, 0, 0, 0};
#if defined(__APPLE__)
        const auto& changed = found.st_mtimespec;
#else
        const auto& changed = found.st_mtim;
#endif
        return std::array<long long, 5>{
            static_cast<long long>(found.st_dev), static_cast<long long>(found.st_ino),
            static_cast<long long>(found.st_size), static_cast<long long>(changed.tv_sec),
            static_cast<long long>(changed.tv_nsec)};
    };
    return Stamp{{one(files.certificate), one(files.key)}};
}

namespace {

std::string text_of(const ASN1_TIME* time) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (ASN1_TIME_print(out.get(), time) == 0) return "an unknown time";
    std::array<char, 64> text{};
    const int size = BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
    return {text.data(), static_cast<std::size_t>(std::max(size, 0))};
}

std::vector<std::string> find_warnings(const TlsFiles& files, X509* certificate) {
    std::vector<std::string> warnings;
    const auto* from = X509_get0_notBefore(certificate);
    const auto* until = X509_get0_notAfter(certificate);
    int days = 0, seconds = 0;
    if (X509_cmp_current_time(from) > 0) {
        warnings.push_back("the certificate " + files.certificate + " is not valid before " +
                           text_of(from));
    }
    if (X509_cmp_current_time(until) < 0) {
        warnings.push_back("the certificate " + files.certificate + " expired on " +
                           text_of(until) + "; callers will refuse it");
    } else if (ASN1_TIME_diff(&days, &seconds, nullptr, until) == 1 && days < 7) {
        warnings.push_back("the certificate " + files.certificate + " expires on " +
                           text_of(until));
    }
    struct stat found {};
    if (::stat(files.key.c_str(), &found) == 0 && (found.st_mode & (S_IRWXO)) != 0) {
        warnings.push_back("the key " + files.key + " can be read by everybody; chmod 600 it");
    }
    return warnings;
}

}  // namespace

Result<std::unique_ptr<TlsIdentity::Loaded>> TlsIdentity::read(const TlsFiles& files) {
    const auto certificates = read_file(files.certificate, "the certificate");
    if (!certificates) return tl::unexpected(certificates.error());
    const auto key_text = read_file(files.key, "the key");
    if (!key_text) return tl::unexpected(key_text.error());
    const auto bad = [](std::string message) {
        ERR_clear_error();
        return fail(Errc::bad_config, std::move(message));
    };

    ERR_clear_error();
    auto loaded = std::make_unique<Loaded>();
    const auto chain = over(*certificates);
    loaded->certificate.reset(PEM_read_bio_X509_AUX(chain.get(), nullptr, &no_password, nullptr));
    if (!loaded->certificate) {
        const bool swapped = certificates->find("PRIVATE KEY-----") != std::string::npos;
        return bad("the certificate " + files.certificate +
                   (swapped ? " holds a private key; are the two files swapped?"
                            : " holds no certificate in PEM format"));
    }
    const auto key_bio = over(*key_text);
    const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, &no_password, nullptr));
    if (!key) {
        if (key_text->find("ENCRYPTED") != std::string::npos) {
            return bad("the key " + files.key +
                       " has a password; `openssl pkey -in FILE -out PLAIN` takes it off");
        }
        const bool swapped = key_text->find("BEGIN CERTIFICATE") != std::string::npos;
        return bad("the key " + files.key +
                   (swapped ? " holds a certificate; are the two files swapped?"
                            : " holds no private key in PEM format"));
    }
    if (X509_check_private_key(loaded->certificate.get(), key.get()) != 1) {
        return bad("the key " + files.key + " does not belong to the certificate " +
                   files.certificate);
    }

    loaded->context.reset(SSL_CTX_new(TLS_server_method()));
    auto* context = loaded->context.get();
    if (context == nullptr) return fail(Errc::internal, "OpenSSL gives no context");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);      // tickets, no memory here
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");  // of TLS 1.2
    SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
    if (SSL_CTX_use_certificate(context, loaded->certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
        return bad("the certificate " + files.certificate + " cannot be used: " + last_tls_error());
    }
    while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, &no_password, nullptr)) {
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            return bad("the chain in " + files.certificate +
                       " cannot be used: " + last_tls_error());
        }
    }
    ERR_clear_error();  // the end of the file is an error to the reader
    loaded->warnings = find_warnings(files, loaded->certificate.get());
    loaded->until = text_of(X509_get0_notAfter(loaded->certificate.get()));
    return loaded;
}

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::load(TlsFiles files) {
    std::shared_ptr<TlsIdentity> identity(new TlsIdentity(std::move(files)));
    identity->seen_ = std::make_unique<Stamp>(stamp_of(identity->files_));
    auto loaded = read(identity->files_);
    if (!loaded) return tl::unexpected(std::move(loaded.error()));
    identity->loaded_ = std::move(*loaded);
    identity->looked_ = std::chrono::steady_clock::now();
    log::info("tls", "certificate {}, valid until {}", identity->files_.certificate,
              identity->loaded_->until);
    return identity;
}

void TlsIdentity::look_again() {
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_ < kLookAgain) return;
    looked_ = now;
    const auto stamp = stamp_of(files_);
    if (stamp == *seen_) return;
    *seen_ = stamp;
    auto loaded = read(files_);
    if (!loaded) {
        log::warning("tls", "the changed certificate is not used, the old one stays: {}",
                     loaded.error().message);
        return;
    }
    loaded_ = std::move(*loaded);
    log::info("tls", "certificate {} read again, valid until {}", files_.certificate,
              loaded_->until);
    for (const auto& warning : loaded_->warnings) log::warning("tls", "{}", warning);
}

std::unique_ptr<TlsSession> TlsIdentity::session(int descriptor) {
    const std::lock_guard lock(mutex_);
    look_again();
    return std::make_unique<TlsSession>(loaded_->context.get(), descriptor);
}

std::vector<std::string> TlsIdentity::warnings() const {
    const std::lock_guard lock(mutex_);
    return loaded_->warnings;
}

bool TlsIdentity::covers(const std::string& host) const {
    const std::lock_guard lock(mutex_);
    auto* certificate = loaded_->certificate.get();
    return X509_check_ip_asc(certificate, host.c_str(), 0) == 1 ||
           X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1;
}

}  // namespace bridge::net
