#include "emulator/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <map>
#include <set>

namespace bridge::emulator {

std::string to_base64(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const auto length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                        reinterpret_cast<const unsigned char*>(bytes.data()),
                                        static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::string sign(const std::string& url, const Fields& fields, const Secret& token) {
    std::map<std::string, std::set<std::string>> sorted;
    for (const auto& [name, value] : fields) sorted[name].insert(value);
    auto text = url;
    for (const auto& [name, values] : sorted) {
        for (const auto& value : values) text += name + value;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    HMAC(EVP_sha1(), token.reveal().data(), static_cast<int>(token.reveal().size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
    return to_base64({reinterpret_cast<const char*>(digest.data()), length});
}

}  // namespace bridge::emulator
