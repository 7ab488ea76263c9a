#pragma once
// The handshake of a WebSocket (RFC 6455 section 4), of both sides: what the request must have,
// what answers it, and what the answer must have. No socket in here.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_message.hpp"

namespace bridge::net {

/// Checks method, HTTP version, Host, Connection, Upgrade, key and WebSocket version. Errors:
/// protocol, with the sentence for the log.
Result<> check_handshake(const HttpRequest& head);
/// The answer for a head that was refused: 426 when only the version is wrong, else 400.
HttpResponse handshake_refusal(const HttpRequest& head);
/// The value of Sec-WebSocket-Accept.
std::string accept_key(std::string_view key);

/// Sixteen random bytes in base64, a client's Sec-WebSocket-Key.
std::string make_websocket_key();
/// A client's request; `more` are fields of its own. `host` and `target` byte for byte.
std::string upgrade_request(std::string_view host, std::string_view target, const Headers& more,
                            std::string_view key);

/// What a server's answer comes to.
struct UpgradeAnswer {
    enum class Verdict {
        unfinished,  ///< the head has not come whole
        accepted,    ///< frames follow after `head_bytes`
        declined,    ///< an HTTP answer other than 101: `status`
        bad,         ///< no answer to such a request: `why`
    };
    Verdict verdict = Verdict::unfinished;
    std::size_t head_bytes = 0;
    int status = 0;
    std::string why;
};

/// Judges all that has come so far. Checks status, Upgrade, Connection, the accept key, and that
/// nothing was agreed that `asked` does not offer (an extension, another subprotocol).
UpgradeAnswer judge_upgrade_answer(std::string_view bytes, std::string_view key,
                                   const Headers& asked);

}  // namespace bridge::net
