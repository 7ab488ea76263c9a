#include "tests/integration/net/tls_front.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace bridge::net::test {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::string text_of(BIO* bio) {
    char* bytes = nullptr;
    // BIO_get_mem_data without its C cast.
    const auto size = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &bytes);
    std::string text(bytes, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

struct Pair {
    Pair(tcp::socket connected, ssl::context& context)
        : client(std::move(connected), context), backend(client.get_executor()) {}
    ssl::stream<tcp::socket> client;
    tcp::socket backend;
};

template <class From, class To>
asio::awaitable<void> pump(std::shared_ptr<Pair> /*kept*/, From* from, To* to) {
    std::array<char, 8192> bytes{};
    while (true) {
        auto [error, got] = co_await from->async_read_some(asio::buffer(bytes), kTuple);
        if (error) co_return;
        auto [write_error, put] =
            co_await asio::async_write(*to, asio::buffer(bytes.data(), got), kTuple);
        if (write_error) co_return;
    }
}

asio::awaitable<void> serve(std::shared_ptr<Pair> pair, std::uint16_t backend_port) {
    using namespace asio::experimental::awaitable_operators;
    auto [error] = co_await pair->client.async_handshake(ssl::stream_base::server, kTuple);
    if (error) co_return;
    const tcp::endpoint backend(asio::ip::address_v4::loopback(), backend_port);
    auto [connect_error] = co_await pair->backend.async_connect(backend, kTuple);
    if (connect_error) co_return;
    co_await (pump(pair, &pair->client, &pair->backend) ||
              pump(pair, &pair->backend, &pair->client));
}

asio::awaitable<void> accept(tcp::acceptor* acceptor, ssl::context* context,
                             std::uint16_t backend_port) {
    while (true) {
        auto [error, socket] = co_await acceptor->async_accept(kTuple);
        if (error) co_return;
        auto pair = std::make_shared<Pair>(std::move(socket), *context);
        asio::co_spawn(acceptor->get_executor(), serve(std::move(pair), backend_port),
                       asio::detached);
    }
}

}  // namespace

Certificate make_certificate(const std::string& name, int days) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600L * 24 * 30);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24L * 3600 * days);
    X509_set_pubkey(certificate, key);
    const std::string common = "agentbridge test";
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    for (const auto& [id, value] : {std::pair<int, std::string>{NID_subject_alt_name, name},
                                    {NID_basic_constraints, "critical,CA:TRUE"}}) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    if (X509_sign(certificate, key, EVP_sha256()) == 0) {
        throw std::runtime_error("cannot sign the test's certificate");
    }
    Certificate result;
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    result.key_pem = text_of(out);
    out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, certificate);
    result.certificate_pem = text_of(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return result;
}

struct TlsFront::Loop {
    asio::io_context context{1};
    ssl::context tls{ssl::context::tls_server};
    tcp::acceptor acceptor{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::thread thread;
};

TlsFront::TlsFront(const Certificate& certificate, std::uint16_t backend_port)
    : loop_(std::make_unique<Loop>()) {
    loop_->tls.use_private_key(asio::buffer(certificate.key_pem), ssl::context::pem);
    loop_->tls.use_certificate_chain(asio::buffer(certificate.certificate_pem));
    asio::co_spawn(loop_->context, accept(&loop_->acceptor, &loop_->tls, backend_port),
                   asio::detached);
    loop_->thread = std::thread([loop = loop_.get()] { loop->context.run(); });
}

TlsFront::~TlsFront() {
    loop_->context.stop();
    loop_->thread.join();
}

std::uint16_t TlsFront::port() const {
    return loop_->acceptor.local_endpoint().port();
}

TemporaryFile::TemporaryFile(const std::string& content) {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/agentbridge-test-XXXXXX";
    const int fd = ::mkstemp(path_.data());
    if (fd < 0 || ::write(fd, content.data(), content.size()) < 0) {
        throw std::runtime_error("cannot write " + path_);
    }
    ::close(fd);
}

TemporaryFile::~TemporaryFile() {
    ::unlink(path_.c_str());
}

}  // namespace bridge::net::test
