#pragma once
// How Twilio's REST API is reached, as the settings say.

#include <string>

#include "app/config.hpp"
#include "net/http_client.hpp"
#include "twilio/rest_client.hpp"

namespace bridge::app {

/// "https://api.twilio.com", a region's, or TWILIO_BASE_URL.
std::string rest_address(const Config& config);
/// Whose calls and numbers are kept in the journal: account and REST address.
std::string account_key(const Config& config);
/// Without the public URL.
twilio::RestOptions rest_options(const Config& config);
net::HttpClientOptions http_options(const Config& config);

}  // namespace bridge::app
