// `agentbridge version`

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <CLI/Version.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/version.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "app/commands/commands.hpp"

namespace bridge::app {
namespace {

std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "g++ " __VERSION__;
#endif
}

std::vector<std::pair<std::string, std::string>> libraries() {
    return {
        {"boost", fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                              BOOST_VERSION % 100)},
        {"openssl", OpenSSL_version(OPENSSL_VERSION)},
        {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
        {"fmt",
         fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
        {"cli11", CLI11_VERSION},
    };
}

}  // namespace

ExitCode show_version(const Invocation& invocation, Console& console) {
    if (invocation.json) {
        boost::json::object libs;
        for (const auto& [name, version] : libraries()) libs[name] = version;
        console.out << boost::json::serialize(boost::json::object{{"version", AGENTBRIDGE_VERSION},
                                                                  {"compiler", compiler()},
                                                                  {"libraries", std::move(libs)}})
                    << "\n";
        return ExitCode::ok;
    }
    console.out << fmt::format("agentbridge {}\n", AGENTBRIDGE_VERSION);
    console.out << fmt::format("  {:<9} {}\n", "compiler", compiler());
    for (const auto& [name, version] : libraries())
        console.out << fmt::format("  {:<9} {}\n", name, version);
    return ExitCode::ok;
}

}  // namespace bridge::app
