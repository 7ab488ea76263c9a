#include "tests/integration/emulator/emulator_house.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <thread>

#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/server_websocket.hpp"

namespace bridge::emulator::test {

bool eventually(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

std::string Answer::text(const char* member) const {
    const auto* object = json.if_object();
    const auto* value = object != nullptr ? object->if_contains(member) : nullptr;
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

net::HttpResponse twiml(const std::string& verbs) {
    return net::respond(200, "text/xml", "<Response>" + verbs + "</Response>");
}

struct EmulatorHouse::Server {
    asio::io_context io{1};
    std::shared_ptr<net::HttpServer> http;
    std::thread thread;
    mutable std::mutex mutex;  // the test and the server's thread share the script and the log
    Script script;
    std::vector<Hook> hooks;
    bool accepts = false;
    std::vector<json::value> messages;
    std::vector<std::shared_ptr<net::ServerWebSocket>> sockets;  // the server's thread alone

    void serve(net::Upgrade upgrade) {
        auto socket = net::ServerWebSocket::accept(std::move(upgrade), {});
        sockets.push_back(socket);
        socket->start(
            [this](std::span<const net::WebSocketMessage> batch) {
                const std::lock_guard lock(mutex);
                for (const auto& one : batch) messages.push_back(json::parse(one.payload));
            },
            [](const net::WebSocketEnd&) {});
    }

    static asio::awaitable<net::HttpResponse> handle(Server* self, net::HttpRequest request) {
        Hook hook{request.method, std::string(request.path()), request.target, request.headers, {}};
        hook.fields =
            request.method == "GET" ? parse_form(request.query()) : parse_form(request.body);
        Script script;
        {
            const std::lock_guard lock(self->mutex);
            self->hooks.push_back(hook);
            script = self->script;
        }
        if (!script) co_return net::HttpResponse{204, {}, {}};
        co_return script(hook);
    }
};

EmulatorHouse::EmulatorHouse(std::function<void(EmulatorOptions&)> change)
    : server_(std::make_unique<Server>()) {
    EmulatorOptions options;
    options.port = 0;
    options.time_scale = 0.02;
    options.frame_time = std::chrono::milliseconds(2);
    options.sound.say = [](const std::string&) -> Result<Mulaw> { return Mulaw(1600, 0x80); };
    EXPECT_TRUE(options.personas.assign("default", "silence,ring=200ms"));
    if (change) change(options);
    auto emulator = EmulatorThread::start(std::move(options));
    if (!emulator) throw std::runtime_error(emulator.error().message);
    emulator_ = *std::move(emulator);
    auto* server = server_.get();
    auto http = net::HttpServer::listen(
        server->io.get_executor(), {},
        [server](net::HttpRequest request) { return Server::handle(server, std::move(request)); },
        [server](net::Upgrade upgrade) {
            const auto& head = upgrade.head;
            bool accepts = false;
            {
                const std::lock_guard lock(server->mutex);
                accepts = server->accepts;
                server->hooks.push_back(
                    {head.method, std::string(head.path()), head.target, head.headers, {}});
            }
            if (accepts) return server->serve(std::move(upgrade));
            net::refuse(std::move(upgrade), net::HttpResponse{403, {}, {}});
        });
    if (!http) throw std::runtime_error(http.error().message);
    server->http = *http;
    server->http->start();
    server->thread = std::thread([server] { server->io.run(); });
}

EmulatorHouse::~EmulatorHouse() {
    emulator_.reset();
    asio::post(server_->io, [this] {
        server_->http->stop();
        for (const auto& socket : server_->sockets) socket->close(1001, "");
    });
    server_->thread.join();
}

void EmulatorHouse::answer_with(Script script) {
    const std::lock_guard lock(server_->mutex);
    server_->script = std::move(script);
}

void EmulatorHouse::answer_with_twiml(const std::string& text) {
    answer_with([text](const Hook& hook) {
        return hook.path.rfind("/voice", 0) == 0 ? twiml(text) : net::HttpResponse{204, {}, {}};
    });
}

std::string EmulatorHouse::hook_url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server_->http->port()) + path;
}

void EmulatorHouse::accept_streams() {
    const std::lock_guard lock(server_->mutex);
    server_->accepts = true;
}

std::vector<json::value> EmulatorHouse::stream_messages(const std::string& event) const {
    const std::lock_guard lock(server_->mutex);
    std::vector<json::value> found;
    for (const auto& message : server_->messages) {
        if (event.empty() || message.at("event").as_string() == event) found.push_back(message);
    }
    return found;
}

std::uint16_t EmulatorHouse::hook_port() const {
    return server_->http->port();
}

std::vector<Hook> EmulatorHouse::hooks() const {
    const std::lock_guard lock(server_->mutex);
    return server_->hooks;
}

std::vector<Hook> EmulatorHouse::hooks(const std::string& path) const {
    std::vector<Hook> found;
    for (const auto& hook : hooks()) {
        if (hook.path == path) found.push_back(hook);
    }
    return found;
}

Answer EmulatorHouse::raw(const std::string& method, const std::string& path, net::Headers headers,
                          const std::string& body, const std::string& user,
                          const std::string& password) {
    asio::io_context io(1);
    net::HttpClientOptions options;
    options.use_proxy = false;
    auto client = net::HttpClient::make(io.get_executor(), options);
    net::HttpCall call;
    call.method = method;
    call.url = emulator_->base_url() + path;
    call.headers = std::move(headers);
    call.body = body;
    call.user = user;
    call.password = Secret(password);
    call.total_timeout = patience;
    auto future = asio::co_spawn(io, client->request(std::move(call)), asio::use_future);
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
    const auto response = future.get();
    Answer answer;
    if (!response) {
        if (!answers_may_be_lost)
            ADD_FAILURE() << method << " " << path << ": " << response.error().error.message;
        return answer;
    }
    answer.status = response->status;
    answer.headers = response->headers;
    answer.body = response->body;
    boost::system::error_code error;
    auto value = json::parse(response->body, error);
    if (!error) answer.json = std::move(value);
    return answer;
}

Answer EmulatorHouse::rest(const std::string& method, const std::string& path, const Fields& form) {
    net::Headers headers;
    if (method == "POST") headers.add("Content-Type", "application/x-www-form-urlencoded");
    return raw(method, path, headers, encode_form(form), emulator_->account_sid(),
               emulator_->auth_token().reveal());
}

Answer EmulatorHouse::account(const std::string& method, const std::string& path,
                              const Fields& form) {
    return rest(method, "/2010-04-01/Accounts/" + emulator_->account_sid() + path, form);
}

Answer EmulatorHouse::control(const std::string& method, const std::string& path,
                              const std::string& body) {
    return raw(method, "/emulator/v1/" + path, {}, body, {}, {});
}

std::string EmulatorHouse::call(const std::string& to, const Fields& more) {
    Fields form{{"To", to},
                {"From", "+15005550006"},
                {"StatusCallback", hook_url("/status")},
                {"StatusCallbackEvent", "initiated"},
                {"StatusCallbackEvent", "ringing"},
                {"StatusCallbackEvent", "answered"},
                {"StatusCallbackEvent", "completed"}};
    bool instructed = false;
    for (const auto& field : more) {
        instructed = instructed || field.first == "Url" || field.first == "Twiml";
        form.push_back(field);
    }
    if (!instructed) form.emplace_back("Url", hook_url("/voice"));
    const auto answer = account("POST", "/Calls.json", form);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return answer.text("sid");
}

std::string EmulatorHouse::status_of(const std::string& sid) {
    return account("GET", "/Calls/" + sid + ".json").text("status");
}

bool EmulatorHouse::ends(const std::string& sid) {
    return eventually([&] {
        const auto status = status_of(sid);
        return status != "queued" && status != "ringing" && status != "in-progress";
    });
}

std::vector<int> EmulatorHouse::debugger_codes() {
    std::vector<int> codes;
    const auto answer = control("GET", "debugger");
    for (const auto& entry : answer.json.at("entries").as_array()) {
        codes.push_back(static_cast<int>(entry.at("code").as_int64()));
    }
    return codes;
}

}  // namespace bridge::emulator::test
