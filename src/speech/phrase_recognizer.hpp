#pragma once
// Understands a few phrases on a telephone, offline (PocketSphinx and its small English model). It
// is told beforehand what may be said, as grammars; what does not sound like one of these is
// rejected, so that noise and small talk are not taken for a word.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace bridge::speech {

struct PhraseRecognizerOptions {
    /// Folder with en-us/ and cmudict-en-us.dict; empty: where the package puts it.
    std::string model;
    /// Phrases are accepted up to so much (see HeardPhrase); measured in docs/local-agent.md.
    double doubt_limit = 7.3;
    double left_over_limit = 0.35;
};

/// What an utterance sounded like.
struct HeardPhrase {
    std::string words;  ///< "five five one"; empty if nothing fitted or the doubt is too great
    /// How much better any sounds at all explain the words' part of the utterance than these words
    /// do, for each 10 ms of it. On telephone speech phrases of the grammar have −17 … 8, others 8
    /// …
    double doubt = 0;
    /// The part of the speech in it that belongs to none of these words, 0 … 1.
    double left_over = 0;
};

/// Thread: any; several recognise at the same time, each with a decoder of its own, which is made
/// when it is first needed and kept.
class PhraseRecognizer {
public:
    /// Whether this program was built with it.
    static bool available();

    /// `grammars`: name → JSGF with one public rule, in small letters. `sounds`: words the
    /// dictionary does not have → their phones ("W AY F AY"). Reads the dictionary (50 ms) and
    /// tries everything out once. Errors: not_found (the model; says how to install it), bad_config
    /// (a word whose sound is not known, named; phones that do not exist; a grammar that is none).
    static Result<std::shared_ptr<PhraseRecognizer>> make(
        PhraseRecognizerOptions options, const std::map<std::string, std::string>& grammars,
        const std::map<std::string, std::string>& sounds);
    virtual ~PhraseRecognizer() = default;

    /// `utterance`: 8 kHz mono, a few seconds. Takes 4 to 10 % of its length: not for an io thread.
    /// Errors: not_found (no such grammar), internal.
    virtual Result<HeardPhrase> recognize(const std::string& grammar,
                                          const std::vector<std::int16_t>& utterance) = 0;
};

}  // namespace bridge::speech
