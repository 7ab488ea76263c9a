#include "agents/stream_bot/bot_signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/base64.hpp"

namespace bridge::agents {

std::string sign_upgrade(const Secret& auth_token, std::string_view url) {
    const auto mark = url.find("://");
    const auto text = "wss" + std::string(mark == std::string_view::npos ? "" : url.substr(mark));
    const auto& key = auth_token.reveal();
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
    unsigned int length = 0;
    HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &length);
    return encode_base64(std::span<const std::uint8_t>(mac.data(), length));
}

}  // namespace bridge::agents
