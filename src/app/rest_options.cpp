#include "app/rest_options.hpp"

namespace bridge::app {

std::string rest_address(const Config& config) {
    return config.base_url.empty() ? twilio::rest_base_url(config.region, config.edge)
                                   : config.base_url;
}

std::string account_key(const Config& config) {
    return config.account_sid + " " + rest_address(config);
}

twilio::RestOptions rest_options(const Config& config) {
    twilio::RestOptions options;
    options.base_url = rest_address(config);
    options.account_sid = config.account_sid;
    if (!config.auth_tokens.empty()) options.auth_token = config.auth_tokens.front();
    options.api_key = config.api_key;
    options.api_secret = config.api_secret;
    return options;
}

net::HttpClientOptions http_options(const Config& config) {
    net::HttpClientOptions options;
    options.ca_file = config.ca_file;
    options.user_agent = "agentbridge/" AGENTBRIDGE_VERSION;
    return options;
}

}  // namespace bridge::app
