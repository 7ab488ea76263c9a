#pragma once
// A program of others that runs while we do: a tunnel. It is started without a shell, what it
// prints comes line by line, and it never outlives us, however we end.

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace bridge::app {

struct ChildOptions {
    std::string program;                 ///< a name to be found in PATH, or a path with a slash
    std::vector<std::string> arguments;  ///< without the program's name; everybody can read them
    std::map<std::string, std::string> environment;
    /// How the child is ended when we are killed. `death_signal`: the kernel kills it (Linux only,
    /// immediate, no third process). `watcher`: a small process between us and it, which holds a
    /// pipe to us and ends the child when the pipe breaks.
    enum class Leash { death_signal, watcher };
#if defined(__linux__)
    Leash leash = Leash::death_signal;
#else
    Leash leash = Leash::watcher;
#endif
};

/// Thread: the executor's, which should be the main thread's: on Linux the child dies with the
/// thread that started it.
class ChildProcess {
public:
    /// A line of its stdout or stderr, without the line feed.
    using OnLine = std::function<void(const std::string&)>;
    /// It has ended. `status`: exit code, or 128 + the signal's number. Called once, never from
    /// `stop`.
    using OnExit = std::function<void(int status)>;

    /// Errors: not_found (no such program in PATH), io.
    static Result<std::unique_ptr<ChildProcess>> start(boost::asio::any_io_executor executor,
                                                       ChildOptions options, OnLine on_line,
                                                       OnExit on_exit);
    /// Ends it: asks, and after half a second makes it. Returns when it is gone.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t pid() const;
    void stop();

private:
    struct State;
    explicit ChildProcess(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

/// The full path of `program` along PATH; empty if it is nowhere.
std::string find_program(const std::string& program,
                         const std::map<std::string, std::string>& environment);

}  // namespace bridge::app
