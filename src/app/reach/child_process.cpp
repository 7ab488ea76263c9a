#include "app/reach/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

namespace bridge::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kLongestLine = 4096;
constexpr auto kLook = 100ms;
constexpr auto kPatience = 500ms;

class Pipe {
public:
    Pipe() {
        if (::pipe(ends_.data()) != 0) ends_ = {-1, -1};
        for (const auto end : ends_) {
            if (end >= 0) ::fcntl(end, F_SETFD, FD_CLOEXEC);
        }
    }
    ~Pipe() {
        close_read();
        close_write();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    bool good() const { return ends_[0] >= 0; }
    int read_end() const { return ends_[0]; }
    int write_end() const { return ends_[1]; }
    int release_read() { return std::exchange(ends_[0], -1); }
    int release_write() { return std::exchange(ends_[1], -1); }
    void close_read() { close_one(ends_[0]); }
    void close_write() { close_one(ends_[1]); }

private:
    static void close_one(int& end) {
        if (end >= 0) ::close(end);
        end = -1;
    }
    std::array<int, 2> ends_{-1, -1};
};

int decoded(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// From here to the end of `run_watcher`: after fork, in a program with threads, nothing but
// async-signal-safe calls.

struct Launch {
    const char* path;
    char* const* arguments;
    char* const* environment;
    int output;   ///< becomes stdout and stderr
    int failure;  ///< gets errno when exec fails; closed by exec
    int leash;    ///< read end of the pipe that we hold; watcher only
    int most_descriptors;
};

void close_all_but(int one, int two, int most) {
#if defined(__linux__) && defined(SYS_close_range)
    // Without a gap in the middle this is one call; with two it is three.
    const int low = one < two ? one : two;
    const int high = one < two ? two : one;
    const auto close_range = [](int first, int last) {
        return first > last || ::syscall(SYS_close_range, static_cast<unsigned>(first),
                                         static_cast<unsigned>(last), 0U) == 0;
    };
    if (close_range(3, low - 1) && close_range(low + 1, high - 1) &&
        ::syscall(SYS_close_range, static_cast<unsigned>(high + 1), ~0U, 0U) == 0) {
        return;
    }
#endif
    for (int fd = 3; fd < most; ++fd) {
        if (fd != one && fd != two) ::close(fd);
    }
}

[[noreturn]] void run_program(const Launch& launch) {
    ::dup2(launch.output, STDOUT_FILENO);
    ::dup2(launch.output, STDERR_FILENO);
    const int nothing = ::open("/dev/null", O_RDONLY);
    if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
    close_all_but(launch.failure, launch.failure, launch.most_descriptors);
    ::execve(launch.path, launch.arguments, launch.environment);
    const int why = errno;
    if (::write(launch.failure, &why, sizeof(why)) < 0) ::_exit(126);
    ::_exit(127);
}

void reset_signals() {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP})
        ::sigaction(number, &usual, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Between us and the program: ends it when we are gone (the pipe breaks) or ask for it.
[[noreturn]] void run_watcher(const Launch& launch) {
    const pid_t program = ::fork();
    if (program == 0) run_program(launch);
    close_all_but(launch.leash, launch.leash, launch.most_descriptors);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
    if (program < 0) ::_exit(126);
    int status = 0;
    for (;;) {
        pollfd end{launch.leash, POLLIN, 0};
        const int ready = ::poll(&end, 1, 100);
        if (::waitpid(program, &status, WNOHANG) == program) ::_exit(decoded(status));
        if (ready > 0) break;
    }
    ::kill(program, SIGTERM);
    for (int i = 0; i < 40; ++i) {
        ::poll(nullptr, 0, 10);
        if (::waitpid(program, &status, WNOHANG) == program) ::_exit(decoded(status));
    }
    ::kill(program, SIGKILL);
    ::waitpid(program, &status, 0);
    ::_exit(decoded(status));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

}  // namespace

struct ChildProcess::State : std::enable_shared_from_this<State> {
    State(const asio::any_io_executor& executor, int output_fd, OnLine take_line, OnExit take_exit)
        : output(executor, output_fd),
          look(executor),
          on_line(std::move(take_line)),
          on_exit(std::move(take_exit)) {}
    ~State() {
        if (leash >= 0) ::close(leash);
    }

    void read() {
        output.async_read_some(
            asio::buffer(buffer),
            [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
                if (error || self->stopped) return;
                self->take(std::string_view(self->buffer.data(), count));
                self->read();
            });
    }

    void take(std::string_view text) {
        for (const auto c : text) {
            if (c == '\n') {
                while (line.ends_with('\r')) line.pop_back();
                const auto whole = std::exchange(line, {});
                if (on_line && !whole.empty()) on_line(whole);
            } else if (line.size() < kLongestLine) {
                line.push_back(c);
            }
        }
    }

    void watch() {
        look.expires_after(kLook);
        look.async_wait([self = shared_from_this()](boost::system::error_code error) {
            if (error || self->stopped) return;
            if (!self->reap()) return self->watch();
            self->stopped = true;
            // What it said last, which is why it ended, may still be in the pipe.
            self->drain();
            const auto tell = std::exchange(self->on_exit, nullptr);
            self->on_line = nullptr;
            if (tell) tell(self->status);
        });
    }

    void drain() {
        boost::system::error_code error;
        output.non_blocking(true, error);
        while (!error) {
            const auto count = output.read_some(asio::buffer(buffer), error);
            if (!error) take(std::string_view(buffer.data(), count));
        }
        take("\n");
        output.close(error);
    }

    /// True when it is gone.
    bool reap() {
        int raw = 0;
        const auto got = pid > 0 ? ::waitpid(pid, &raw, WNOHANG) : -1;
        if (got == 0 || (got < 0 && errno == EINTR)) return false;
        status = got > 0 ? decoded(raw) : 0;
        pid = -1;
        return true;
    }

    void stop() {
        stopped = true;
        on_line = nullptr;
        on_exit = nullptr;
        boost::system::error_code ignored;
        look.cancel();
        if (pid > 0) {
            if (leash >= 0) {
                ::close(std::exchange(leash, -1));  // the watcher does the rest
            } else {
                ::kill(pid, SIGTERM);
            }
            const auto until = std::chrono::steady_clock::now() + kPatience;
            while (!reap()) {
                if (std::chrono::steady_clock::now() > until) {
                    // A watcher outlives its own patience by a little.
                    ::kill(pid, SIGKILL);
                    int raw = 0;
                    while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
                    }
                    pid = -1;
                    break;
                }
                std::this_thread::sleep_for(5ms);
            }
        }
        output.close(ignored);
    }

    asio::posix::stream_descriptor output;
    asio::steady_timer look;
    OnLine on_line;
    OnExit on_exit;
    std::array<char, 4096> buffer{};
    std::string line;
    pid_t pid = -1;
    int leash = -1;
    int status = 0;
    bool stopped = false;
};

std::string find_program(const std::string& program,
                         const std::map<std::string, std::string>& environment) {
    const auto usable = [](const std::string& path) {
        struct stat found {};
        return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
               ::access(path.c_str(), X_OK) == 0;
    };
    if (program.find('/') != std::string::npos) return usable(program) ? program : std::string();
    const auto path = environment.find("PATH");
    const std::string folders =
        path == environment.end() ? std::string("/usr/local/bin:/usr/bin:/bin") : path->second;
    for (std::size_t start = 0; start <= folders.size();) {
        const auto colon = std::min(folders.find(':', start), folders.size());
        const auto folder = folders.substr(start, colon - start);
        // An empty entry means the working directory, where nobody expects a tunnel's program.
        if (!folder.empty() && usable(folder + "/" + program)) return folder + "/" + program;
        start = colon + 1;
    }
    return {};
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(asio::any_io_executor executor,
                                                          ChildOptions options, OnLine on_line,
                                                          OnExit on_exit) {
    const auto path = find_program(options.program, options.environment);
    if (path.empty())
        return fail(Errc::not_found, fmt::format("{} is not in PATH", options.program));

    std::vector<std::string> words{options.program};
    words.insert(words.end(), options.arguments.begin(), options.arguments.end());
    std::vector<std::string> variables;
    for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
    const auto arguments = pointers_to(words);
    const auto environment = pointers_to(variables);

    Pipe output, failure, leash;
    if (!output.good() || !failure.good() || !leash.good())
        return fail(Errc::io, fmt::format("{} cannot be started: no pipe", options.program));
    const auto most = ::sysconf(_SC_OPEN_MAX);
    const bool watched = options.leash == ChildOptions::Leash::watcher;
    const Launch launch{path.c_str(),
                        arguments.data(),
                        environment.data(),
                        output.write_end(),
                        failure.write_end(),
                        leash.read_end(),
                        static_cast<int>(most > 0 && most < 65536 ? most : 65536)};
    const auto us = ::getpid();
    const auto pid = ::fork();
    if (pid == 0) {
        // A group of its own: Ctrl-C at the terminal is for us, and the last webhooks still come
        // in.
        ::setpgid(0, 0);
        reset_signals();
        if (watched) run_watcher(launch);
#if defined(__linux__)
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        if (::getppid() != us) ::_exit(126);
        run_program(launch);
    }
    if (pid < 0) {
        return fail(Errc::io,
                    fmt::format("{} cannot be started: {}", options.program, std::strerror(errno)));
    }
    output.close_write();
    failure.close_write();
    leash.close_read();
    int why = 0;
    ssize_t got = 0;
    do {
        got = ::read(failure.read_end(), &why, sizeof(why));
    } while (got < 0 && errno == EINTR);
    if (got == static_cast<ssize_t>(sizeof(why))) {
        int raw = 0;
        ::waitpid(pid, &raw, 0);
        return fail(Errc::io, fmt::format("{} cannot be started: {}", path, std::strerror(why)));
    }
    auto state = std::make_shared<State>(executor, output.release_read(), std::move(on_line),
                                         std::move(on_exit));
    state->pid = pid;
    if (watched) state->leash = leash.release_write();
    state->read();
    state->watch();
    return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(state)));
}

ChildProcess::ChildProcess(std::shared_ptr<State> state) : state_(std::move(state)) {}

ChildProcess::~ChildProcess() {
    state_->stop();
}

pid_t ChildProcess::pid() const {
    return state_->pid;
}

void ChildProcess::stop() {
    state_->stop();
}

}  // namespace bridge::app
