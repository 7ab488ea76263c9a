#include "agents/tools/tool_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <fstream>
#include <iterator>

#include "agents/tools/builtin_tools.hpp"
#include "agents/tools/words.hpp"

namespace bridge::agents {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostFileBytes = 256 * 1024;
constexpr std::size_t kMostTools = 64;
constexpr std::size_t kMostNameBytes = 64;  // what every agent's service takes
constexpr std::size_t kMostDescriptionBytes = 1024;
constexpr std::int64_t kMostResponseBytes = 256 * 1024;
constexpr double kMostSeconds = 30;
constexpr std::string_view kNoArguments = R"({"type": "object", "properties": {}})";

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// A token of RFC 9110, section 5.6.2.
bool is_header_name(std::string_view name) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
    });
}

bool is_tool_name(std::string_view name) {
    return !name.empty() && name.size() <= kMostNameBytes &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-';
           });
}

/// Reads one tool; keeps the first mistake, as "field: what".
class ToolReader {
public:
    ToolReader(const json::object& fields, const ToolHosts& hosts, const Variable& variable)
        : fields_(fields), hosts_(hosts), variable_(variable) {}

    Result<HttpTool> read() {
        HttpTool tool{{text("name"), text("description"), {}}, schema(), {}, text("url"), {}};
        tool.spec.parameters = json::serialize(parameters_);
        check_words(tool.spec);
        tool.method = method(tool.schema);
        check_url(tool.url);
        read_headers(tool.headers);
        read_limits(tool);
        check_known();
        if (problem_) return tl::unexpected(*problem_);
        return tool;
    }

private:
    void wrong(std::string_view field, std::string_view what) {
        if (!problem_) problem_ = Error{Errc::bad_config, fmt::format("{}: {}", field, what)};
    }

    const json::value* find(std::string_view name) const { return fields_.if_contains(name); }

    std::string text(std::string_view name) {
        const auto* value = find(name);
        if (value == nullptr) {
            wrong(name, "is missing");
        } else if (!value->is_string() || value->get_string().empty()) {
            wrong(name, "must be a string with something in it");
        } else {
            return {value->get_string().begin(), value->get_string().end()};
        }
        return {};
    }

    JsonSchema schema() {
        const auto* value = find("parameters");
        parameters_ = value != nullptr ? *value : json::parse(json::string_view(kNoArguments));
        auto parsed = JsonSchema::parse(parameters_);
        if (!parsed) {
            wrong("parameters", parsed.error().message);
            return *JsonSchema::parse(json::parse(json::string_view(kNoArguments)));
        }
        const auto* type =
            parameters_.is_object() ? parameters_.get_object().if_contains("type") : nullptr;
        if (type == nullptr || *type != "object") wrong("parameters", "needs \"type\": \"object\"");
        return std::move(*parsed);
    }

    void check_words(const call::ToolSpec& spec) {
        if (!is_tool_name(spec.name))
            wrong("name", "may have a-z, 0-9, _ and -, and 64 characters at most");
        if (BuiltinTools::is_name(spec.name))
            wrong("name", "is the name of a tool that is built in; choose another");
        if (spec.description.size() > kMostDescriptionBytes)
            wrong("description", fmt::format("is over {} bytes", kMostDescriptionBytes));
    }

    std::string method(const JsonSchema& arguments) {
        if (find("method") == nullptr) return "POST";
        auto name = text("method");
        constexpr std::array<std::string_view, 4> kMethods{"POST", "PUT", "PATCH", "GET"};
        if (std::find(kMethods.begin(), kMethods.end(), name) == kMethods.end())
            wrong("method", "must be POST, PUT, PATCH or GET");
        if (name == "GET" && arguments.has_properties())
            wrong("method", "GET carries no arguments; use POST, or take the properties away");
        return name;
    }

    void check_url(const std::string& url) {
        const auto parsed = parse_tool_url(url);
        if (!parsed) return wrong("url", parsed.error().message);
        if (auto ok = hosts_.check(*parsed); !ok) wrong("url", ok.error().message);
    }

    void read_headers(std::vector<std::pair<std::string, Secret>>& out) {
        const auto* value = find("headers");
        if (value == nullptr) return;
        if (!value->is_object()) return wrong("headers", "must be an object of strings");
        for (const auto& one : value->get_object()) {
            const std::string name(one.key());
            const auto field = fmt::format("headers.{}", name);
            constexpr std::array<std::string_view, 8> kOurs{
                "content-type", "content-length",    "host",    "connection",
                "expect",       "transfer-encoding", "upgrade", "te"};
            if (!is_header_name(name)) return wrong(field, "is not the name of a header");
            if (std::find(kOurs.begin(), kOurs.end(), lower_case(name)) != kOurs.end())
                return wrong(field, "is set by the bridge itself; take it away");
            if (!one.value().is_string()) return wrong(field, "must be a string");
            const auto& text = one.value().get_string();
            out.emplace_back(name, expanded({text.data(), text.size()}, field));
        }
    }

    /// `text` with every ${NAME} replaced.
    Secret expanded(std::string_view text, const std::string& field) {
        std::string out;
        while (!text.empty()) {
            const auto start = text.find("${");
            out += text.substr(0, start);
            if (start == std::string_view::npos) break;
            const auto end = text.find('}', start);
            if (end == std::string_view::npos) {
                wrong(field, "the } after ${ is missing");
                break;
            }
            const auto name = text.substr(start + 2, end - start - 2);
            text.remove_prefix(end + 1);
            const auto value = variable_(name);
            if (value && !value->empty()) {
                out += value->reveal();
            } else {
                wrong(field, fmt::format("{} is not set; set it in the environment", name));
            }
        }
        const auto breaks = [](char c) {
            return (c >= '\0' && c < ' ' && c != '\t') || c == '\x7f';
        };
        if (std::any_of(out.begin(), out.end(), breaks)) wrong(field, "has a line break in it");
        return Secret(std::move(out));
    }

    void read_limits(HttpTool& tool) {
        if (const auto* value = find("timeout_s")) {
            const auto seconds = value->is_int64()    ? static_cast<double>(value->get_int64())
                                 : value->is_double() ? value->get_double()
                                                      : 0.0;
            if (!(seconds >= 0.1 && seconds <= kMostSeconds)) {
                wrong("timeout_s", "must be a number of seconds from 0.1 to 30");
            } else {
                tool.timeout = std::chrono::milliseconds(std::lround(seconds * 1000));
            }
        }
        if (const auto* value = find("response_bytes")) {
            if (!value->is_int64() || value->get_int64() < 1 ||
                value->get_int64() > kMostResponseBytes) {
                wrong("response_bytes",
                      fmt::format("must be a number from 1 to {}", kMostResponseBytes));
            } else {
                tool.response_bytes = static_cast<std::size_t>(value->get_int64());
            }
        }
    }

    void check_known() {
        constexpr std::array<std::string_view, 8> kFields{
            "name",   "description", "parameters", "url",
            "method", "headers",     "timeout_s",  "response_bytes"};
        for (const auto& one : fields_) {
            const std::string_view name(one.key().data(), one.key().size());
            if (std::find(kFields.begin(), kFields.end(), name) == kFields.end())
                wrong(readable(name, 40),
                      fmt::format("is no field of a tool; there are {}", fmt::join(kFields, ", ")));
        }
    }

    const json::object& fields_;
    const ToolHosts& hosts_;
    const Variable& variable_;
    json::value parameters_;
    std::optional<Error> problem_;
};

/// "tool 2 'order_status'".
std::string title(std::size_t index, const json::value& tool) {
    const auto* name = tool.is_object() ? tool.get_object().if_contains("name") : nullptr;
    if (name == nullptr || !name->is_string()) return fmt::format("tool {}", index + 1);
    const auto& text = name->get_string();
    return fmt::format("tool '{}'", readable({text.data(), text.size()}, kMostNameBytes));
}

}  // namespace

Result<std::vector<HttpTool>> parse_tools(std::string_view text, const ToolHosts& hosts,
                                          const Variable& variable) {
    boost::system::error_code error;
    const auto file = json::parse(json::string_view(text), error);
    if (error) return fail(Errc::bad_config, fmt::format("it is not JSON ({})", error.message()));
    if (!file.is_array()) return fail(Errc::bad_config, "it must be a JSON array of tools");
    const auto& list = file.get_array();
    if (list.size() > kMostTools)
        return fail(Errc::bad_config, fmt::format("{} tools are more than an agent can overlook; "
                                                  "{} are allowed",
                                                  list.size(), kMostTools));
    std::vector<HttpTool> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto wrong = [&](std::string_view what) {
            return fail(Errc::bad_config, fmt::format("{}: {}", title(i, list[i]), what));
        };
        if (!list[i].is_object()) return wrong("must be an object");
        auto tool = ToolReader(list[i].get_object(), hosts, variable).read();
        if (!tool) return wrong(tool.error().message);
        if (std::any_of(out.begin(), out.end(),
                        [&](const HttpTool& other) { return other.spec.name == tool->spec.name; }))
            return wrong("name: is there twice");
        out.push_back(std::move(*tool));
    }
    return out;
}

Result<std::string> read_tool_file(const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error)
        return fail(Errc::bad_config,
                    fmt::format("{}: cannot be read ({})", path.string(), error.message()));
    if (size > kMostFileBytes)
        return fail(Errc::bad_config,
                    fmt::format("{}: is over {} bytes", path.string(), kMostFileBytes));
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.is_open() || in.bad())
        return fail(Errc::bad_config, fmt::format("{}: cannot be read", path.string()));
    return text;
}

}  // namespace bridge::agents
