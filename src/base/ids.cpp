#include "base/ids.hpp"

#include <openssl/rand.h>

#include <stdexcept>

namespace bridge {

std::string random_bytes(std::size_t bytes) {
    std::string out(bytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes)) != 1) {
        throw std::runtime_error("the system's random generator failed");
    }
    return out;
}

std::string random_base32(std::size_t bits) {
    static constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    const auto letters = (bits + 4) / 5;
    const auto bytes = random_bytes(letters);
    std::string out;
    out.reserve(letters);
    for (const auto byte : bytes) out.push_back(kAlphabet[static_cast<unsigned char>(byte) & 31U]);
    return out;
}

CallId new_call_id() {
    return CallId{"c_" + random_base32(80)};
}

}  // namespace bridge
