#pragma once
// A PostgreSQL server of a test's own: on a Unix socket in a folder that goes with it, run by an
// ordinary user also where the test is run by root.

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace bridge::test {

class PostgresServer {
public:
    /// Where initdb and postgres are; empty: not on this machine.
    static std::filesystem::path programs() {
        std::vector<std::filesystem::path> found;
        std::error_code ignored;
        for (const std::filesystem::path root : {"/usr/lib/postgresql", "/opt/homebrew/opt"}) {
            for (const auto& entry : std::filesystem::directory_iterator(root, ignored))
                found.push_back(entry.path() / "bin");
        }
        std::sort(found.rbegin(), found.rend());
        for (const auto& folder : found) {
            if (std::filesystem::exists(folder / "initdb", ignored) &&
                std::filesystem::exists(folder / "postgres", ignored))
                return folder;
        }
        return {};
    }

    /// Null: it did not start; `problem` says why.
    static std::unique_ptr<PostgresServer> start(std::string& problem) {
        auto server = std::unique_ptr<PostgresServer>(new PostgresServer);
        if (!server->begin(problem)) return nullptr;
        return server;
    }

    ~PostgresServer() {
        stop();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    /// Of a database of its own for each name.
    std::string url(const std::string& database = "postgres") const {
        return fmt::format("postgresql://bridge@/{}?host={}", database, folder_.string());
    }

    /// Connections are cut off.
    void stop() {
        if (process_ <= 0) return;
        ::kill(process_, SIGINT);
        ::waitpid(process_, nullptr, 0);
        process_ = 0;
    }
    bool run() {
        process_ =
            launch({(programs() / "postgres").string(), "-D", data(), "-k", folder_.string(), "-c",
                    "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=20"});
        return process_ > 0 && ready();
    }

private:
    PostgresServer() = default;
    std::string data() const { return (folder_ / "data").string(); }

    bool begin(std::string& problem) {
        std::string name = (std::filesystem::temp_directory_path() / "abpg-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            problem = "no folder could be made in " + name;
            return false;
        }
        folder_ = name;
        if (::geteuid() == 0 && ::chown(name.c_str(), kNobody, kNobody) != 0) {
            problem = "the folder could not be given to an ordinary user";
            return false;
        }
        const auto made = launch({(programs() / "initdb").string(), "-D", data(), "-U", "bridge",
                                  "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"});
        int status = -1;
        ::waitpid(made, &status, 0);
        if (status != 0 || !run()) {
            std::ifstream log(folder_ / "log");
            problem = std::string(std::istreambuf_iterator<char>(log), {});
            return false;
        }
        return true;
    }

    /// It has written its word for that into the file that names it.
    bool ready() const {
        for (int i = 0; i < 1500; ++i) {
            std::ifstream file(std::filesystem::path(data()) / "postmaster.pid");
            std::string line;
            for (int n = 0; n < 8 && std::getline(file, line); ++n) {
            }
            if (line.starts_with("ready")) return true;
            if (::waitpid(process_, nullptr, WNOHANG) != 0) return false;
            ::usleep(20000);
        }
        return false;
    }

    pid_t launch(std::vector<std::string> words) const {
        const auto log = (folder_ / "log").string();
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        const auto child = ::fork();
        if (child != 0) return child;
        if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(126);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(out, 1);
        ::dup2(out, 2);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }

    static constexpr unsigned kNobody = 65534;
    std::filesystem::path folder_;
    pid_t process_ = 0;
};

}  // namespace bridge::test
