// PocketSphinx, twice for each utterance: once along the grammar, once along a loop of all phones.
// The loop explains whatever was said as well as can be; what the words of the grammar's best path
// lack to it, where they are, is the doubt (a likelihood ratio, the usual way to reject what is
// outside a vocabulary). And what the loop takes for sounds of speech and the path for silence or
// noise is left over: of a sentence of which two words happened to fit, that is most.
//
// Both versions that are about: "5prealpha" of Debian and Ubuntu, 5.x of Homebrew.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

extern "C" {
#if __has_include(<sphinxbase/err.h>)
#include <pocketsphinx/pocketsphinx.h>
#include <sphinxbase/err.h>
#include <sphinxbase/fsg_model.h>
#include <sphinxbase/jsgf.h>
#define BRIDGE_SPHINX_PREALPHA 1
#else
#include <pocketsphinx.h>
#include <pocketsphinx/err.h>
#define BRIDGE_SPHINX_PREALPHA 0
#endif
}

#include "audio/frame.hpp"
#include "audio/resample.hpp"
#include "speech/phrase_recognizer.hpp"

namespace bridge::speech {
namespace {

constexpr int kModelRate = 16000;  // the model's; its 8 kHz settings do not initialise
constexpr std::size_t kShortest = audio::kSampleRate / 10;  // samples; less is no word
constexpr std::size_t kMostKept = 16;                       // decoders, each some 10 MB
constexpr const char* kLoop = "any_sounds";
constexpr std::array<const char*, 39> kPhones{
    "AA", "AE", "AH", "AO", "AW", "AY", "B",  "CH", "D", "DH", "EH", "ER", "EY",
    "F",  "G",  "HH", "IH", "IY", "JH", "K",  "L",  "M", "N",  "NG", "OW", "OY",
    "P",  "R",  "S",  "SH", "T",  "TH", "UH", "UW", "V", "W",  "Y",  "Z",  "ZH"};

struct DecoderDeleter {
    void operator()(ps_decoder_t* decoder) const { ps_free(decoder); }
};
using Decoder = std::unique_ptr<ps_decoder_t, DecoderDeleter>;

/// It talks a lot on stderr: through a callback, and past it through a file.
void silence_the_library() {
    static std::once_flag once;
    std::call_once(once, [] {
        err_set_callback(nullptr, nullptr);
#if BRIDGE_SPHINX_PREALPHA
        err_set_logfp(nullptr);
#endif
    });
}

// ---- the two versions' different names

/// No part of a grammar is likelier than another ("lw", "wip"): else the loop, which has 39 ways to
/// go on at each phone, would be charged for each of them.
Decoder new_decoder(const std::string& acoustic_model) {
#if BRIDGE_SPHINX_PREALPHA
    auto* config = cmd_ln_init(nullptr, ps_args(), TRUE, "-hmm", acoustic_model.c_str(),
                               "-remove_silence", "no", "-lw", "1", "-wip", "1", nullptr);
    if (config == nullptr) return nullptr;
    Decoder decoder(ps_init(config));
    cmd_ln_free_r(config);
#else
    auto* config = ps_config_init(nullptr);
    if (config == nullptr) return nullptr;
    ps_config_set_str(config, "hmm", acoustic_model.c_str());
    ps_config_set_str(config, "loglevel", "FATAL");
    ps_config_set_float(config, "lw", 1.0);
    ps_config_set_float(config, "wip", 1.0);
    Decoder decoder(ps_init(config));
    ps_config_free(config);
#endif
    return decoder;
}

bool add_grammar(ps_decoder_t* decoder, const std::string& name, const std::string& jsgf) {
#if BRIDGE_SPHINX_PREALPHA
    // What ps_set_jsgf_string does, but for the grammar, which that leaks.
    auto* grammar = jsgf_parse_string(jsgf.c_str(), nullptr);
    if (grammar == nullptr) return false;
    auto* rule = jsgf_get_public_rule(grammar);
    auto* states =
        rule == nullptr ? nullptr : jsgf_build_fsg(grammar, rule, ps_get_logmath(decoder), 1.0F);
    const bool taken = states != nullptr && ps_set_fsg(decoder, name.c_str(), states) == 0;
    if (states != nullptr) fsg_model_free(states);
    jsgf_grammar_free(grammar);
    return taken;
#else
    return ps_add_jsgf_string(decoder, name.c_str(), jsgf.c_str()) == 0;
#endif
}

bool choose_grammar(ps_decoder_t* decoder, const std::string& name) {
#if BRIDGE_SPHINX_PREALPHA
    return ps_set_search(decoder, name.c_str()) == 0;
#else
    return ps_activate_search(decoder, name.c_str()) == 0;
#endif
}

// ---- words and how they sound

bool is_word_letter(char c) {
    return (c >= 'a' && c <= 'z') || c == '\'';
}

/// The words of a JSGF grammar: what is no rule's name, no keyword and no sign.
std::set<std::string> words_in(const std::string& jsgf) {
    std::set<std::string> words;
    std::size_t at = jsgf.find(';');                            // "#JSGF V1.0;" …
    at = at == std::string::npos ? 0 : jsgf.find(';', at + 1);  // … and "grammar x;"
    if (at == std::string::npos) return words;
    std::string word;
    bool in_name = false;
    for (; at < jsgf.size(); ++at) {
        const char c = jsgf[at];
        if (c == '<') in_name = true;
        if (!in_name && is_word_letter(c)) {
            word += c;
        } else if (!word.empty()) {
            if (word != "public") words.insert(word);
            word.clear();
        }
        if (c == '>') in_name = false;
    }
    return words;
}

using Sounds = std::vector<std::pair<std::string, std::string>>;  // word, phones

/// All ways in which `words` are spoken, from the CMU dictionary ("the DH AH", "the(2) DH IY").
Result<Sounds> sounds_of(const std::set<std::string>& words,
                         const std::map<std::string, std::string>& own,
                         const std::string& dictionary) {
    Sounds sounds;
    std::set<std::string> missing = words;
    for (const auto& [word, phones] : own) {
        if (missing.erase(word) > 0) sounds.emplace_back(word, phones);
    }
    const auto wanted = missing;
    std::ifstream file(dictionary);
    if (!file) return fail(Errc::not_found, "there is no dictionary " + dictionary);
    for (std::string line; std::getline(file, line);) {
        const auto space = line.find(' ');
        if (space == std::string::npos) continue;
        const auto spelled = line.substr(0, space);
        const auto word = spelled.substr(0, spelled.find('('));
        if (!wanted.contains(word)) continue;
        missing.erase(word);
        sounds.emplace_back(spelled, line.substr(space + 1));
    }
    if (missing.empty()) return sounds;
    return fail(Errc::bad_config, "the dictionary does not know how \"" + *missing.begin() +
                                      "\" sounds; give its phones, or use another word");
}

std::string loop_grammar() {
    std::string all;
    for (const auto* phone : kPhones) {
        if (!all.empty()) all += " | ";
        all += std::string("any") + phone;
    }
    return "#JSGF V1.0;\ngrammar loop;\npublic <loop> = ( " + all + " )+ ;\n";
}

bool is_filler(const std::string& word) {  // <s>, <sil>, [NOISE], ++UM++, (NULL)
    return word.empty() || std::strchr("<[+(", word.front()) != nullptr;
}

/// One way through an utterance, 10 ms a frame.
struct Path {
    std::string words;
    std::vector<double> score;  ///< acoustic, of each frame: a segment's is spread over it
    std::vector<bool> speech;   ///< the frame is part of a word (or phone), not of a filler
};

std::optional<Path> decode(ps_decoder_t* decoder, const std::string& grammar,
                           const std::vector<std::int16_t>& wide) {
    if (!choose_grammar(decoder, grammar) || ps_start_utt(decoder) != 0) return {};
    // "Full utterance": means and loudness are taken over the whole of it, nothing of the last one.
    ps_process_raw(decoder, wide.data(), wide.size(), FALSE, TRUE);
    if (ps_end_utt(decoder) != 0) return {};
    Path path;
    const auto* words = ps_get_hyp(decoder, nullptr);
    if (words != nullptr) path.words = words;
    const auto frames = static_cast<std::size_t>(std::max(0, ps_get_n_frames(decoder)));
    path.score.resize(frames);
    path.speech.resize(frames);
    for (auto* segment = ps_seg_iter(decoder); segment != nullptr; segment = ps_seg_next(segment)) {
        int first = 0, last = 0;
        std::int32_t acoustic = 0, language = 0, backoff = 0;
        ps_seg_frames(segment, &first, &last);
        ps_seg_prob(segment, &acoustic, &language, &backoff);
        const bool filler = is_filler(ps_seg_word(segment));
        for (int at = std::max(0, first); at <= last && at < static_cast<int>(frames); ++at) {
            path.score[static_cast<std::size_t>(at)] = double{1} * acoustic / (last - first + 1);
            path.speech[static_cast<std::size_t>(at)] = !filler;
        }
    }
    return path;
}

HeardPhrase judge(const Path& along, const Path& any, const PhraseRecognizerOptions& options) {
    HeardPhrase heard;
    double lacking = 0, words = 0, speech = 0, left_over = 0;
    for (std::size_t at = 0; at < std::min(along.score.size(), any.score.size()); ++at) {
        if (along.speech[at]) {
            lacking += any.score[at] - along.score[at];
            ++words;
        }
        if (any.speech[at]) {
            ++speech;
            if (!along.speech[at]) ++left_over;
        }
    }
    if (along.words.empty() || words == 0 || speech == 0) return heard;
    heard.doubt = lacking / words;
    heard.left_over = left_over / speech;
    if (heard.doubt <= options.doubt_limit && heard.left_over <= options.left_over_limit)
        heard.words = along.words;
    return heard;
}

/// Whether there is anything to be heard: of digital silence every word is as likely as any other.
bool is_audible(const std::vector<std::int16_t>& utterance) {
    constexpr int kAudible = 100;  // −50 dBFS
    return std::any_of(utterance.begin(), utterance.end(),
                       [](std::int16_t sample) { return std::abs(int{sample}) > kAudible; });
}

class SphinxRecognizer final : public PhraseRecognizer {
public:
    SphinxRecognizer(PhraseRecognizerOptions options, std::map<std::string, std::string> grammars,
                     Sounds sounds)
        : options_(std::move(options)),
          grammars_(std::move(grammars)),
          sounds_(std::move(sounds)) {}

    Result<Decoder> make_decoder() const {
        // The library's set-up touches globals of its own.
        static std::mutex one_at_a_time;
        const std::lock_guard lock(one_at_a_time);
        auto decoder = new_decoder(options_.model + "/en-us");
        if (!decoder)
            return fail(Errc::internal, "PocketSphinx does not take the model " + options_.model);
        auto* raw = decoder.get();
        for (const auto& [word, phones] : sounds_) {
            if (ps_add_word(raw, word.c_str(), phones.c_str(), FALSE) < 0)
                return fail(Errc::bad_config, "\"" + phones + "\" are no phones for the word \"" +
                                                  word + "\"; a phone is one of AA … ZH");
        }
        for (const auto* phone : kPhones)
            ps_add_word(raw, (std::string("any") + phone).c_str(), phone, FALSE);
        for (const auto& [name, jsgf] : grammars_) {
            if (!add_grammar(raw, name, jsgf))
                return fail(Errc::bad_config, "the grammar " + name + " is not understood");
        }
        if (!add_grammar(raw, kLoop, loop_grammar()))
            return fail(Errc::internal, "PocketSphinx does not take its loop of phones");
        return decoder;
    }

    void keep(Decoder decoder) {
        const std::lock_guard lock(mutex_);
        if (idle_.size() < kMostKept) idle_.push_back(std::move(decoder));
    }

    Result<HeardPhrase> recognize(const std::string& grammar,
                                  const std::vector<std::int16_t>& utterance) override {
        if (!grammars_.contains(grammar))
            return fail(Errc::not_found, "there is no grammar " + grammar);
        if (utterance.size() < kShortest || !is_audible(utterance)) return HeardPhrase{};
        auto decoder = borrow();
        if (!decoder) return tl::unexpected(decoder.error());
        const auto wide = audio::resample(utterance, audio::kSampleRate, kModelRate);
        const auto along = decode(decoder->get(), grammar, wide);
        const auto any = decode(decoder->get(), kLoop, wide);
        if (!along || !any) return fail(Errc::internal, "PocketSphinx gave up on an utterance");
        keep(std::move(*decoder));
        return judge(*along, *any, options_);
    }

private:
    Result<Decoder> borrow() {
        {
            const std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                auto decoder = std::move(idle_.back());
                idle_.pop_back();
                return decoder;
            }
        }
        return make_decoder();
    }

    const PhraseRecognizerOptions options_;
    const std::map<std::string, std::string> grammars_;
    const Sounds sounds_;
    std::mutex mutex_;  // workers take and bring back decoders
    std::vector<Decoder> idle_;
};

}  // namespace

bool PhraseRecognizer::available() {
    return true;
}

Result<std::shared_ptr<PhraseRecognizer>> PhraseRecognizer::make(
    PhraseRecognizerOptions options, const std::map<std::string, std::string>& grammars,
    const std::map<std::string, std::string>& sounds) {
    if (options.model.empty()) options.model = AGENTBRIDGE_SPHINX_MODEL;
    silence_the_library();
    std::error_code error;
    if (!std::filesystem::is_directory(options.model + "/en-us", error))
        return fail(Errc::not_found, "there is no model of PocketSphinx in " + options.model +
                                         "; install one (apt: pocketsphinx-en-us)");
    std::set<std::string> words;
    for (const auto& [name, jsgf] : grammars) words.merge(words_in(jsgf));
    auto spoken = sounds_of(words, sounds, options.model + "/cmudict-en-us.dict");
    if (!spoken) return tl::unexpected(spoken.error());
    auto made =
        std::make_shared<SphinxRecognizer>(std::move(options), grammars, std::move(*spoken));
    auto decoder = made->make_decoder();
    if (!decoder) return tl::unexpected(decoder.error());
    made->keep(std::move(*decoder));
    return made;
}

}  // namespace bridge::speech
