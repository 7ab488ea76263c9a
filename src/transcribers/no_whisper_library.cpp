// The program was built where there is no libwhisper.

#include "transcribers/whisper_library.hpp"

namespace bridge::transcribers {

bool WhisperLibrary::available() {
    return false;
}

Result<std::shared_ptr<WhisperLibrary>> WhisperLibrary::open(const std::string&,
                                                             const std::string&) {
    return fail(
        Errc::bad_config,
        "AGENTBRIDGE_TRANSCRIBER=whisper: this program was built without libwhisper; "
        "install it (brew whisper-cpp; Debian from 14 on, libwhisper-dev) and build again, or run "
        "whisper.cpp's server and set whisper-server");
}

}  // namespace bridge::transcribers
