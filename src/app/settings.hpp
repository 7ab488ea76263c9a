#pragma once
// The one table of settings: what each is called, means and defaults to. `config show`, `config
// init`, the help topics and docs/configuration.md all speak from it.

#include <string>
#include <string_view>
#include <vector>

namespace bridge::app {

struct Setting {
    enum class Kind {
        text,
        secret,   ///< never shown
        number,   ///< a phone number, E.164
        address,  ///< host name or IP address to listen on
        port,
        integer,
        seconds,  ///< whole seconds, or with a unit: 90, 90s, 15m, 4h
        url,
        choice,
        path,
    };

    std::string_view name;
    Kind kind = Kind::text;
    std::string_view fallback;  ///< the default, as it would be written; empty: none
    std::string_view unit;      ///< "Hz", "samples", …; empty: none
    std::string_view meaning;   ///< one line
    std::string_view section;   ///< heading in listings
    std::string_view flag;      ///< command line flag that sets it, empty: none
    std::string_view
        placeholder;  ///< what the example file shows in its place; never a usable value
    std::vector<std::string> choices{};

    bool secret() const { return kind == Kind::secret; }
};

/// Every setting, in the order of the listings: the eleven names of the Python program first.
const std::vector<Setting>& all_settings();
/// Null for a name that is not a setting.
const Setting* find_setting(std::string_view name);

/// True for text that stands where a value should be put: "your_auth_token_here", "ACxxxxxxxx",
/// "+1234567890", "https://your-domain.ngrok.io", "<token>". Such a value counts as unset.
bool is_placeholder(const Setting& setting, std::string_view value);

/// The settings as a commented .env file, in the order of the table. `for_example`: as
/// config/.env.example has it (SERVER_HOST=0.0.0.0, for set-ups where the server is not behind a
/// tunnel of this machine).
std::string format_env_file(bool for_example);

}  // namespace bridge::app
