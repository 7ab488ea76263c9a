// Stands in where PocketSphinx was not there when the program was built.

#include "speech/phrase_recognizer.hpp"

namespace bridge::speech {

bool PhraseRecognizer::available() {
    return false;
}

Result<std::shared_ptr<PhraseRecognizer>> PhraseRecognizer::make(
    PhraseRecognizerOptions, const std::map<std::string, std::string>&,
    const std::map<std::string, std::string>&) {
    return fail(Errc::not_found,
                "this program was built without PocketSphinx; install it (apt: libpocketsphinx-dev "
                "pocketsphinx-en-us) and build again");
}

}  // namespace bridge::speech
