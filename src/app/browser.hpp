#pragma once
// Opens the page in the browser of whoever sits here. The link holds the token, and everybody on a
// machine can read what a program was started with: so the browser is given a file that only its
// owner can read, which leads on to the link.

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "app/reach/child_process.hpp"
#include "base/result.hpp"

namespace bridge::app {

/// Thread: main.
class Browser {
public:
    /// Errors: io (the file), not_found (there is no xdg-open or open).
    static Result<std::unique_ptr<Browser>> open(boost::asio::any_io_executor executor,
                                                 const std::filesystem::path& folder,
                                                 const std::string& link);
    /// Takes the file away.
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

private:
    explicit Browser(std::filesystem::path file) : file_(std::move(file)) {}

    const std::filesystem::path file_;
    std::unique_ptr<ChildProcess> child_;
};

/// A page that leads on to `link`.
std::string redirect_page(const std::string& link);

}  // namespace bridge::app
