// libcurl's multi interface on Asio: curl says which sockets it waits for and for how long, Asio
// waits, and curl_multi_socket_action goes on. Everything happens on the executor's one thread.

#include "net/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "net/awaiting.hpp"

namespace bridge::net {
namespace {

using boost::system::error_code;
using Stage = HttpFailure::Stage;
using Outcome = tl::expected<HttpResponse, HttpFailure>;

// Servers close idle connections without a word; a younger one is less likely to be dead when a
// request that must not be repeated goes out on it.
constexpr long kReuseSeconds = 30;
constexpr long kIdleConnections = 16;

struct CurlLibrary {
    CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

/// The host of an http(s) URL, without brackets, lower case.
std::string host_of(const std::string& url) {
    const auto scheme = url.find("://");
    if (scheme == std::string::npos) return {};
    auto authority = url.substr(scheme + 3);
    authority = authority.substr(0, authority.find_first_of("/?#"));
    const auto at = authority.rfind('@');
    if (at != std::string::npos) authority.erase(0, at + 1);
    auto host = !authority.empty() && authority.front() == '['
                    ? authority.substr(1, authority.find(']') - 1)
                    : authority.substr(0, authority.find(':'));
    std::transform(host.begin(), host.end(), host.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return host;
}

bool is_loopback(const std::string& host) {
    if (host == "localhost" || host == "::1") return true;
    if (host.size() > 10 && host.substr(host.size() - 10) == ".localhost") return true;
    return starts_with(host, "127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

/// CURLOPT_NOPROXY replaces the environment's no_proxy, so that is carried over.
std::string no_proxy_hosts() {
    const char* value = std::getenv("no_proxy");
    if (value == nullptr) value = std::getenv("NO_PROXY");
    const std::string_view theirs = value == nullptr ? "" : value;
    if (theirs == "*") return "*";
    std::string out = "localhost,127.0.0.1,::1";
    if (!theirs.empty()) out.append(",").append(theirs);
    return out;
}

/// True if repeating the request does no harm (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

struct Transfer {
    explicit Transfer(asio::any_io_executor executor)
        : bell(std::move(executor), asio::steady_timer::time_point::max()) {}

    std::unique_ptr<CURL, EasyDeleter> easy;
    std::unique_ptr<curl_slist, ListDeleter> headers;
    HttpCall call;
    HttpResponse response;
    std::array<char, CURL_ERROR_SIZE> error_text{};
    bool sent = false;         ///< a byte of the request itself (not of a proxy's CONNECT) has left
    bool tls_started = false;  ///< TCP is connected and the TLS handshake has begun
    bool repeated = false;     ///< curl was about to send it a second time and was stopped
    bool too_large = false;
    bool enough = false;  ///< `on_body` wanted no more
    std::size_t body_bytes = 0;
    long redirects = 0;
    std::size_t head_bytes = 0;
    bool finished = false;
    Outcome outcome = tl::unexpected(HttpFailure{});
    asio::steady_timer bell;  ///< rung by `finish`

    void finish(Outcome result) {
        if (finished) return;
        finished = true;
        outcome = std::move(result);
        bell.cancel();
    }
};

// ---- curl's callbacks for one transfer

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    transfer.body_bytes += size;
    if (transfer.body_bytes > transfer.call.response_bytes) {
        transfer.too_large = true;
        return 0;
    }
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (transfer.call.on_body && status >= 200 && status < 300) {
        transfer.enough = !transfer.call.on_body({bytes, size});
        return transfer.enough ? 0 : size;
    }
    transfer.response.body.append(bytes, size);
    return size;
}

std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    std::string_view line(bytes, size);
    transfer.head_bytes += size;
    if (transfer.head_bytes > transfer.call.response_bytes + 64 * 1024) {
        transfer.too_large = true;
        return 0;
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (starts_with(line, "HTTP/")) {  // a new answer: after 100 Continue or a redirect
        transfer.response = HttpResponse{};
        transfer.body_bytes = 0;
        return size;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
        value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    transfer.response.headers.add(std::string(line.substr(0, colon)), std::string(value));
    return size;
}

/// Tells what has really left: retry rules hang on it.
int on_debug(CURL*, curl_infotype type, char* bytes, std::size_t size, void* user) {
    if (type == CURLINFO_SSL_DATA_OUT) static_cast<Transfer*>(user)->tls_started = true;
    const bool data = type == CURLINFO_DATA_OUT;
    const bool head = type == CURLINFO_HEADER_OUT && !starts_with({bytes, size}, "CONNECT ");
    if (size > 0 && (data || head)) static_cast<Transfer*>(user)->sent = true;
    return 0;
}

/// Called before each sending. curl sends a request again, unasked, when a reused connection turns
/// out to be dead; it cannot know whether the server acted on the first, so a POST is stopped here.
int on_prerequest(void* user, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(user);
    long redirects = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_REDIRECT_COUNT, &redirects);
    const bool again = transfer.sent && redirects == transfer.redirects;
    transfer.redirects = redirects;
    if (again && !is_idempotent(transfer.call.method)) {
        transfer.repeated = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

// ---- what an end means

double seconds(CURL* easy, CURLINFO what) {
    double value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
}

bool is_tls_error(CURLcode code) {
    switch (code) {
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ENGINE_NOTFOUND:
        case CURLE_SSL_ENGINE_SETFAILED:
        case CURLE_SSL_ENGINE_INITFAILED:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_INVALIDCERTSTATUS:
            return true;
        default:
            return false;
    }
}

Stage stage_of(CURLcode code, const Transfer& transfer) {
    auto* easy = transfer.easy.get();
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) {
        return Stage::resolve;
    }
    if (is_tls_error(code)) return Stage::tls;
    if (transfer.sent) {
        return transfer.head_bytes > 0 ? Stage::receive : Stage::wait;
    }
    if (code == CURLE_COULDNT_CONNECT) return Stage::connect;
    if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
        code == CURLE_OPERATION_TIMEDOUT) {
        // curl notes the time of the connection only when TLS is through as well.
        if (transfer.tls_started && seconds(easy, CURLINFO_APPCONNECT_TIME) <= 0) return Stage::tls;
        if (seconds(easy, CURLINFO_NAMELOOKUP_TIME) <= 0) return Stage::resolve;
        return seconds(easy, CURLINFO_CONNECT_TIME) <= 0 ? Stage::connect : Stage::send;
    }
    return Stage::other;
}

Errc errc_of(CURLcode code, const Transfer& transfer) {
    if (transfer.too_large) return Errc::too_large;
    if (transfer.enough) return Errc::cancelled;
    if (transfer.repeated) return Errc::connection_lost;
    switch (code) {
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
            return transfer.sent ? Errc::protocol : Errc::bad_field;
        case CURLE_OUT_OF_MEMORY:
            return Errc::internal;
        default:
            break;
    }
    if (!transfer.sent) return Errc::unreachable;
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return Errc::timed_out;
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
            return Errc::connection_lost;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
            return Errc::connection_lost;  // of a redirect's target
        default:
            return Errc::protocol;
    }
}

HttpFailure failure_of(CURLcode code, const Transfer& transfer) {
    HttpFailure failure;
    failure.error.code = errc_of(code, transfer);
    failure.stage = stage_of(code, transfer);
    failure.request_sent = transfer.sent;
    std::string why = transfer.error_text[0] != '\0' ? std::string(transfer.error_text.data())
                                                     : curl_easy_strerror(code);
    if (transfer.too_large) {
        why = "the answer is over " + std::to_string(transfer.call.response_bytes) + " bytes";
    } else if (transfer.repeated) {
        why = "the connection closed before an answer came";
    }
    // The query may hold what is nobody's business in a log.
    const auto url = transfer.call.url.substr(0, transfer.call.url.find('?'));
    failure.error.message = transfer.call.method + " " + url + ": " + why;
    return failure;
}

HttpFailure cancelled(const Transfer& transfer) {
    HttpFailure failure;
    failure.error = {Errc::cancelled, transfer.call.method + " was cancelled"};
    failure.request_sent = transfer.sent;
    return failure;
}

// ---- options of one transfer

template <class T>
void set(Transfer& transfer, CURLoption option, T value) {
    curl_easy_setopt(transfer.easy.get(), option, value);
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool add_header(Transfer& transfer, const std::string& line) {
    auto* longer = curl_slist_append(transfer.headers.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(transfer.headers.release());
    transfer.headers.reset(longer);
    return true;
}

Result<> set_headers(Transfer& transfer) {
    for (const auto& [name, value] : transfer.call.headers.fields()) {
        if (has_control(name) || has_control(value) || name.empty()) {
            return fail(Errc::bad_field, "header '" + name + "' has a line break in it");
        }
        // curl's way to send a field without a value is a semicolon.
        add_header(transfer, value.empty() ? name + ";" : name + ": " + value);
    }
    // No waiting for "100 Continue", and no content type that nobody gave.
    add_header(transfer, "Expect:");
    if (!transfer.call.headers.find("Content-Type")) add_header(transfer, "Content-Type:");
    set(transfer, CURLOPT_HTTPHEADER, transfer.headers.get());
    return {};
}

void set_method(Transfer& transfer) {
    const auto& call = transfer.call;
    if (call.method == "GET" && call.body.empty()) {
        set(transfer, CURLOPT_HTTPGET, 1L);
        return;
    }
    if (call.method == "HEAD") {
        set(transfer, CURLOPT_NOBODY, 1L);
        return;
    }
    const bool has_body = !call.body.empty() || call.method == "POST" || call.method == "PUT" ||
                          call.method == "PATCH";
    if (has_body) {
        set(transfer, CURLOPT_POST, 1L);
        set(transfer, CURLOPT_POSTFIELDS, call.body.data());
        set(transfer, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    }
    if (call.method != "POST") set(transfer, CURLOPT_CUSTOMREQUEST, call.method.c_str());
}

void set_trust_and_proxy(Transfer& transfer, const HttpClientOptions& options) {
    set(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
    set(transfer, CURLOPT_SSL_VERIFYHOST, 2L);
    set(transfer, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (options.any_certificate) {
        set(transfer, CURLOPT_SSL_VERIFYPEER, 0L);
        set(transfer, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!options.ca_file.empty()) {
        set(transfer, CURLOPT_CAINFO, options.ca_file.c_str());
        set(transfer, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (!options.use_proxy || is_loopback(host_of(transfer.call.url))) {
        set(transfer, CURLOPT_PROXY, "");
    } else {
        set(transfer, CURLOPT_NOPROXY, no_proxy_hosts().c_str());
    }
    set(transfer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void set_callbacks(Transfer& transfer) {
    set(transfer, CURLOPT_ERRORBUFFER, transfer.error_text.data());
    set(transfer, CURLOPT_WRITEFUNCTION, &on_body);
    set(transfer, CURLOPT_WRITEDATA, &transfer);
    set(transfer, CURLOPT_HEADERFUNCTION, &on_header);
    set(transfer, CURLOPT_HEADERDATA, &transfer);
    set(transfer, CURLOPT_VERBOSE, 1L);  // on_debug needs it; nothing is printed
    set(transfer, CURLOPT_DEBUGFUNCTION, &on_debug);
    set(transfer, CURLOPT_DEBUGDATA, &transfer);
    set(transfer, CURLOPT_PREREQFUNCTION, &on_prerequest);
    set(transfer, CURLOPT_PREREQDATA, &transfer);
    set(transfer, CURLOPT_PRIVATE, &transfer);
}

Result<> set_up(Transfer& transfer, const HttpClientOptions& options) {
    const auto& call = transfer.call;
    if (has_control(call.url) || has_control(call.method) || call.method.empty()) {
        return fail(Errc::bad_field, "the URL or the method has a line break in it");
    }
    transfer.easy.reset(curl_easy_init());
    if (!transfer.easy) return fail(Errc::internal, "libcurl has no memory");
    set_callbacks(transfer);
    set(transfer, CURLOPT_NOSIGNAL, 1L);
    // Without it the end of a transfer would wait for a name server that does not answer.
    set(transfer, CURLOPT_QUICK_EXIT, 1L);
    set(transfer, CURLOPT_URL, call.url.c_str());
    set(transfer, CURLOPT_PATH_AS_IS, 1L);
    set(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
    // What was asked for by TLS does not come without; user and password go to the first host only.
    const bool secure = starts_with(call.url, "https:");
    set(transfer, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    set(transfer, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(transfer, CURLOPT_FOLLOWLOCATION, call.max_redirects > 0 ? 1L : 0L);
    set(transfer, CURLOPT_MAXREDIRS, static_cast<long>(call.max_redirects));
    set(transfer, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(call.connect_timeout.count()));
    set(transfer, CURLOPT_TIMEOUT_MS, static_cast<long>(call.total_timeout.count()));
    set(transfer, CURLOPT_MAXAGE_CONN, kReuseSeconds);
    set(transfer, CURLOPT_TCP_NODELAY, 1L);
    const auto& agent = options.user_agent;
    set(transfer, CURLOPT_USERAGENT, agent.empty() ? "agentbridge" : agent.c_str());
    if (!call.user.empty()) {
        set(transfer, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(transfer, CURLOPT_USERNAME, call.user.c_str());
        set(transfer, CURLOPT_PASSWORD, call.password.reveal().c_str());
    }
    set_method(transfer);
    set_trust_and_proxy(transfer, options);
    return set_headers(transfer);
}

// ---- the client

class CurlClient final : public HttpClient, public std::enable_shared_from_this<CurlClient> {
public:
    CurlClient(asio::any_io_executor executor, HttpClientOptions options)
        : executor_(std::move(executor)),
          options_(std::move(options)),
          timer_(executor_),
          multi_(curl_multi_init()) {
        auto* multi = multi_.get();
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &CurlClient::on_socket);
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &CurlClient::on_timer);
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kIdleConnections);
    }

    ~CurlClient() override {
        for (const auto& transfer : std::exchange(transfers_, {})) {
            curl_multi_remove_handle(multi_.get(), transfer->easy.get());
            transfer->finish(tl::unexpected(cancelled(*transfer)));
        }
        multi_.reset();  // closes the idle connections: calls on_socket
        for (auto& [descriptor, watch] : watches_) watch->release();
    }

    asio::awaitable<Outcome> request(HttpCall call) override {
        return run(weak_from_this(), executor_, std::move(call));
    }

private:
    /// One socket of curl's, lent to Asio for waiting. curl owns the descriptor and closes it.
    struct Watch {
        Watch(const asio::any_io_executor& executor, curl_socket_t socket) : descriptor(executor) {
            // If it fails (it cannot, but for memory) the transfer runs into its time limit.
            error_code ignored;
            descriptor.assign(socket, ignored);
        }
        ~Watch() { release(); }
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        void release() {
            if (descriptor.is_open()) descriptor.release();
        }
        asio::posix::stream_descriptor descriptor;
        int wanted = CURL_POLL_NONE;
        bool reading = false;
        bool writing = false;
    };
    using WatchPtr = std::shared_ptr<Watch>;

    static asio::awaitable<Outcome> run(std::weak_ptr<CurlClient> weak,
                                        asio::any_io_executor executor, HttpCall call) {
        auto transfer = std::make_shared<Transfer>(std::move(executor));
        transfer->call = std::move(call);
        if (auto client = weak.lock()) {
            client->begin(transfer);
        } else {
            transfer->finish(tl::unexpected(cancelled(*transfer)));
        }
        if (!transfer->finished) co_await transfer->bell.async_wait(kTuple);
        if (!transfer->finished) {  // the coroutine was cancelled, not the bell rung
            if (auto client = weak.lock()) client->forget(transfer);
            transfer->finish(tl::unexpected(cancelled(*transfer)));
        }
        co_return std::move(transfer->outcome);
    }

    void begin(const std::shared_ptr<Transfer>& transfer) {
        if (auto ready = set_up(*transfer, options_); !ready) {
            HttpFailure failure;
            failure.error = ready.error();
            transfer->finish(tl::unexpected(std::move(failure)));
            return;
        }
        transfers_.insert(transfer);
        curl_multi_add_handle(multi_.get(), transfer->easy.get());
    }

    void forget(const std::shared_ptr<Transfer>& transfer) {
        if (transfers_.erase(transfer) == 0) return;
        curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    }

    void act(curl_socket_t socket, int events) {
        int running = 0;
        curl_multi_socket_action(multi_.get(), socket, events, &running);
        take_finished();
    }

    void take_finished() {
        int left = 0;
        while (const auto* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            auto* easy = message->easy_handle;
            const auto code = message->data.result;
            const auto found =
                std::find_if(transfers_.begin(), transfers_.end(),
                             [easy](const auto& one) { return one->easy.get() == easy; });
            if (found == transfers_.end()) continue;
            const auto transfer = *found;
            forget(transfer);
            if (code == CURLE_OK) {
                long status = 0;
                curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
                transfer->response.status = static_cast<int>(status);
                transfer->finish(std::move(transfer->response));
            } else {
                transfer->finish(tl::unexpected(failure_of(code, *transfer)));
            }
        }
    }

    // curl calls these two from inside its own functions: they only note what to wait for.

    static int on_timer(CURLM*, long timeout_ms, void* user) {
        auto& self = *static_cast<CurlClient*>(user);
        if (timeout_ms < 0) {
            self.timer_.cancel();
            return 0;
        }
        self.timer_.expires_after(std::chrono::milliseconds(timeout_ms));
        self.timer_.async_wait([weak = self.weak_from_this()](const error_code& error) {
            if (error) return;
            if (auto client = weak.lock()) client->act(CURL_SOCKET_TIMEOUT, 0);
        });
        return 0;
    }

    static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
        auto& self = *static_cast<CurlClient*>(user);
        auto& watch = self.watches_[socket];
        if (what == CURL_POLL_REMOVE) {
            if (watch) {
                watch->wanted = CURL_POLL_NONE;
                watch->release();
            }
            self.watches_.erase(socket);
            return 0;
        }
        if (!watch) watch = std::make_shared<Watch>(self.executor_, socket);
        watch->wanted = what;
        self.wait(watch);
        return 0;
    }

    void wait(const WatchPtr& watch) {
        using asio::posix::descriptor_base;
        if (!watch->descriptor.is_open()) return;
        if ((watch->wanted & CURL_POLL_IN) != 0 && !watch->reading) {
            watch->reading = true;
            watch->descriptor.async_wait(descriptor_base::wait_read,
                                         [weak = weak_from_this(), watch](const error_code& error) {
                                             watch->reading = false;
                                             if (auto client = weak.lock())
                                                 client->ready(watch, CURL_POLL_IN, error);
                                         });
        }
        if ((watch->wanted & CURL_POLL_OUT) != 0 && !watch->writing) {
            watch->writing = true;
            watch->descriptor.async_wait(descriptor_base::wait_write,
                                         [weak = weak_from_this(), watch](const error_code& error) {
                                             watch->writing = false;
                                             if (auto client = weak.lock())
                                                 client->ready(watch, CURL_POLL_OUT, error);
                                         });
        }
    }

    void ready(const WatchPtr& watch, int event, const error_code& error) {
        if (error == asio::error::operation_aborted || !watch->descriptor.is_open()) return;
        if ((watch->wanted & event) == 0) return;
        const int in_or_out = event == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT;
        act(watch->descriptor.native_handle(), error ? CURL_CSELECT_ERR : in_or_out);
        if (watch->descriptor.is_open()) wait(watch);
    }

    asio::any_io_executor executor_;
    const HttpClientOptions options_;
    asio::steady_timer timer_;
    std::map<curl_socket_t, WatchPtr> watches_;
    std::set<std::shared_ptr<Transfer>> transfers_;
    std::unique_ptr<CURLM, MultiDeleter> multi_;
};

}  // namespace

std::shared_ptr<HttpClient> HttpClient::make(asio::any_io_executor executor,
                                             HttpClientOptions options) {
    static const CurlLibrary library;
    return std::make_shared<CurlClient>(std::move(executor), std::move(options));
}

}  // namespace bridge::net
