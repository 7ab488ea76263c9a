#include "app/browser.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "app/config.hpp"
#include "app/private_file.hpp"
#include "base/log.hpp"

namespace bridge::app {
namespace {

#if defined(__APPLE__)
constexpr auto kOpener = "open";
#else
constexpr auto kOpener = "xdg-open";
#endif

}  // namespace

std::string redirect_page(const std::string& link) {
    // The link is ours: scheme, host, port and a token of letters and digits.
    return fmt::format(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>agentbridge</title>"
        "<meta name=\"referrer\" content=\"no-referrer\">"
        "<meta http-equiv=\"refresh\" content=\"0; url={0}\"></head>"
        "<body><a href=\"{0}\">agentbridge</a></body></html>\n",
        link);
}

Result<std::unique_ptr<Browser>> Browser::open(boost::asio::any_io_executor executor,
                                               const std::filesystem::path& folder,
                                               const std::string& link) {
    std::unique_ptr<Browser> browser(new Browser(folder / fmt::format("open-{}.html", ::getpid())));
    if (auto written = write_private(browser->file_, redirect_page(link)); !written)
        return tl::unexpected(std::move(written.error()));
    ChildOptions child;
    child.program = kOpener;
    child.arguments = {browser->file_.string()};
    child.environment = process_environment();
    auto started = ChildProcess::start(
        std::move(executor), std::move(child), [](const std::string&) {},
        [](int status) {
            if (status != 0)
                log::warning("page", "{} could not open a browser (it ended with {})", kOpener,
                             status);
        });
    if (!started) return tl::unexpected(std::move(started.error()));
    browser->child_ = std::move(*started);
    return browser;
}

Browser::~Browser() {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
}

}  // namespace bridge::app
