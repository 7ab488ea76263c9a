#include "app/reach/tunnel_program.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "app/settings.hpp"

namespace bridge::app {
namespace {

namespace json = boost::json;

std::string text_field(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains({name.data(), name.size()});
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

/// One line of what may be several.
std::string first_line(std::string text) {
    text = text.substr(0, text.find_first_of("\r\n"));
    return text.substr(0, 300);
}

/// ngrok: JSON lines on stdout (ngrok.com/docs/agent: --log, --log-format), plain ones on stderr
/// when it gives up.
TunnelLine read_ngrok(const std::string& line) {
    TunnelLine out;
    boost::system::error_code error;
    const auto value = json::parse(line, error);
    if (error || !value.is_object()) {
        if (line.starts_with("ERROR:")) {
            const auto text = line.find_first_not_of(' ', 6);
            if (text != std::string::npos) out.error = first_line(line.substr(text));
        }
        return out;
    }
    const auto& object = value.get_object();
    const auto message = text_field(object, "msg");
    if (message == "started tunnel") {
        const auto url = text_field(object, "url");
        if (url.starts_with("https://")) {
            out.url = url;
            out.connected = true;
        }
    } else if (message == "starting web service") {
        const auto addr = text_field(object, "addr");
        if (!addr.empty()) out.api = addr.starts_with("http") ? addr : "http://" + addr;
    } else if (const auto level = text_field(object, "lvl"); level == "eror" || level == "crit") {
        const auto why = text_field(object, "err");
        out.error = first_line(why.empty() || why == "<nil>" ? message : why);
    }
    return out;
}

/// cloudflared: text on stderr, the address in a box of ASCII.
TunnelLine read_cloudflared(const std::string& line) {
    TunnelLine out;
    constexpr std::string_view kHost = ".trycloudflare.com";
    for (auto at = line.find("https://"); at != std::string::npos;
         at = line.find("https://", at + 8)) {
        const auto end = line.find(kHost, at);
        if (end == std::string::npos) break;
        const auto name = line.substr(at + 8, end - at - 8);
        const bool good =
            !name.empty() && name != "api" &&
            name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
        if (good) out.url = line.substr(at, end - at + kHost.size());
    }
    if (line.find("Registered tunnel connection") != std::string::npos) out.connected = true;
    for (const std::string_view mark : {" ERR ", "failed to"}) {
        if (const auto at = line.find(mark); at != std::string::npos && out.url.empty()) {
            out.error = first_line(line.substr(mark == " ERR " ? at + mark.size() : at));
            break;
        }
    }
    return out;
}

}  // namespace

std::string TunnelProgram::name() const {
    return kind_ == TunnelKind::ngrok ? "ngrok" : "cloudflared";
}

std::vector<std::string> TunnelProgram::arguments() const {
    if (kind_ == TunnelKind::ngrok)
        return {"http", local_, "--log", "stdout", "--log-format", "json", "--log-level", "info"};
    return {"tunnel", "--no-autoupdate", "--url", local_};
}

std::string TunnelProgram::install() const {
    return kind_ == TunnelKind::ngrok
               ? "install it from https://ngrok.com/download (macOS: brew install ngrok), then run "
                 "`ngrok config add-authtoken …` once"
               : "install it from https://github.com/cloudflare/cloudflared/releases (macOS: brew "
                 "install cloudflared)";
}

TunnelLine TunnelProgram::read(const std::string& line) const {
    return kind_ == TunnelKind::ngrok ? read_ngrok(line) : read_cloudflared(line);
}

std::map<std::string, std::string> tunnel_environment(
    std::map<std::string, std::string> environment) {
    for (const auto& setting : all_settings()) {
        if (setting.secret()) environment.erase(std::string(setting.name));
    }
    for (const auto* name : {"OPENAI_API_KEY", "DEEPGRAM_API_KEY", "DATABASE_URL"})
        environment.erase(name);
    return environment;
}

}  // namespace bridge::app
