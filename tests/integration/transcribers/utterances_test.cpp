// A Whisper server from the sound to the pieces, and whole files through any engine.

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <filesystem>

#include <unistd.h>

#include "audio/wav.hpp"
#include "tests/integration/transcribers/transcript_fixture.hpp"
#include "tests/support/moving_voice.hpp"
#include "transcribers/file_transcript.hpp"
#include "transcribers/whisper_library.hpp"

namespace bridge::transcribers {
namespace {

namespace json = boost::json;
using call::TranscriptionStatus;
using test::SpeechServer;
using test::spoken_word;

/// What the server did, and is to do.
struct Whisper {
    int refuse = 0;                    ///< so many requests get 500
    std::vector<std::size_t> lengths;  ///< of utterances, in samples at 16 kHz
    std::vector<std::string> forms;
};

asio::awaitable<net::HttpResponse> answer(std::shared_ptr<Whisper> whisper,
                                          net::HttpRequest request) {
    if (whisper->refuse > 0) {
        --whisper->refuse;
        co_return net::respond(500, "text/plain", "");
    }
    const auto wav = request.body.find("RIFF");
    if (wav == std::string::npos) co_return net::respond(400, "text/plain", "no WAV");
    whisper->forms.push_back(request.body.substr(0, wav));
    whisper->lengths.push_back((request.body.size() - wav) / 2);
    const auto number = whisper->lengths.size();
    const auto word = [](const char* text, double start, double end) {
        return json::object{{"word", text}, {"start", start}, {"end", end}, {"probability", 0.8}};
    };
    json::object segment{{"id", 0},
                         {"text", " Hello there."},
                         {"words", json::array{word(" Hel", 0.3, 0.4), word("lo", 0.4, 0.5),
                                               word(" there.", 0.5, 0.9)}}};
    json::object body{{"text", number == 1 ? " Hello there.\n" : " (laughs)\n"},
                      {"segments", json::array{std::move(segment)}}};
    co_return net::respond(200, "application/json", json::serialize(body));
}

class Utterances : public TranscriptTest {
protected:
    std::string serve_whisper() {
        const auto server = serve({}, [whisper = whisper_](net::HttpRequest request) {
            return answer(whisper, std::move(request));
        });
        return "http://127.0.0.1:" + std::to_string(server->port()) + "/inference";
    }
    /// A voice, as a detector takes one for, between quiet.
    void voice(int ms) {
        for (int at = 0; at < ms; at += 20) {
            const auto frame = voice_.frame(8000);
            far({frame.pcm.begin(), frame.pcm.end()});
        }
    }
    std::shared_ptr<Whisper> whisper_ = std::make_shared<Whisper>();
    test::MovingVoice voice_;
};

TEST_F(Utterances, AreCutByPausesAndUnderstoodOneByOne) {
    auto wanted = options("whisper-server", serve_whisper());
    wanted.service.language = "en";
    open(wanted);
    far_silence(2000);
    voice(1000);
    far_silence(1500);
    ASSERT_TRUE(understood(1));
    const auto& piece = pieces_.pieces()[0];
    EXPECT_EQ(piece.text, "Hello there.");
    ASSERT_EQ(piece.words.size(), 2U);
    EXPECT_EQ(piece.words[0].text, "Hello");
    // The utterance begins 300 ms before its first sound.
    EXPECT_NEAR(static_cast<double>(piece.begin.count()), 2000, 100);
    EXPECT_EQ((piece.words[1].begin - piece.words[0].begin).count(), 200);
    EXPECT_NEAR(piece.confidence.value_or(0), 0.8F, 0.001F);
    EXPECT_TRUE(piece.final);
    on_loop([this] {
        EXPECT_NE(whisper_->forms[0].find("verbose_json"), std::string::npos);
        EXPECT_NE(whisper_->forms[0].find("name=\"language\"\r\n\r\nen"), std::string::npos);
        EXPECT_EQ(whisper_->forms[0].find("name=\"model\""), std::string::npos);
    });
    voice(600);
    finish();  // the last one had no pause after it yet; it was laughter
    EXPECT_EQ(pieces_.pieces().size(), 1U);
    on_loop([this] { EXPECT_EQ(whisper_->lengths.size(), 2U); });
    EXPECT_EQ(states_.back().status, TranscriptionStatus::off);
}

TEST_F(Utterances, AServerThatStumblesIsAskedAgain) {
    whisper_->refuse = 1;
    open(options("whisper-server", serve_whisper()));
    far_silence(500);
    voice(800);
    far_silence(1000);
    ASSERT_TRUE(understood(1));
    EXPECT_TRUE(is(TranscriptionStatus::running));
    finish();
    EXPECT_TRUE(std::any_of(states_.begin(), states_.end(), [](const auto& state) {
        return state.status == TranscriptionStatus::lost;
    }));
}

TEST_F(Utterances, AreUnderstoodInThisProgramWhereItIsBuiltForThat) {
    if (!WhisperLibrary::available()) GTEST_SKIP() << "this build has no libwhisper";
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "libwhisper's own threads are not built for the thread sanitizer";
#endif
    auto wanted = options("whisper", "");
    wanted.service.model = AGENTBRIDGE_MADE_MODEL;
    open(wanted);
    far_silence(2000);
    voice(1000);
    far_silence(1500);
    ASSERT_TRUE(understood(1));
    const auto& piece = pieces_.pieces()[0];
    EXPECT_EQ(piece.text, "Hello there.");
    ASSERT_EQ(piece.words.size(), 2U);
    // The utterance begins 300 ms before its first sound; the model's words end after 900 ms, and
    // the library moves a word to where it hears something.
    EXPECT_NEAR(static_cast<double>(piece.words[0].begin.count()), 2000, 100);
    EXPECT_NEAR(static_cast<double>(piece.words[1].end.count()), 2600, 100);
    EXPECT_TRUE(piece.final);
    finish();
    EXPECT_EQ(states_.back().status, TranscriptionStatus::off);
}

class WholeFiles : public TranscriptTest {
protected:
    void TearDown() override {
        TranscriptTest::TearDown();
        std::filesystem::remove(file_);
    }
    void write(const std::vector<std::int16_t>& samples) {
        file_ = std::filesystem::temp_directory_path() /
                ("agentbridge-transcript-" + std::to_string(::getpid()) + ".wav");
        auto writer = audio::WavWriter::create(file_, 8000);
        ASSERT_TRUE(writer);
        ASSERT_TRUE((*writer)->write(samples));
    }
    std::filesystem::path file_;
};

TEST_F(WholeFiles, AreTakenDownAsFastAsTheEngineTakesThem) {
    on_loop(
        [this] { server_ = std::make_unique<SpeechServer>(executor(), SpeechServer::Kind::vosk); });
    std::vector<std::int16_t> sound(8 * 1000);
    for (int minute = 0; minute < 60; ++minute) {
        const auto word = spoken_word(minute % 9 + 1, 300);
        sound.insert(sound.end(), word.begin(), word.end());
        sound.resize(sound.size() + 8 * 1700);
    }
    write(sound);
    auto made = Transcribers::open(options("vosk", server_->url()));
    ASSERT_TRUE(made);
    transcribers_ = *made;
    milliseconds done{0};
    const auto document =
        run(transcribe_file(transcribers_, executor(), CallId("c_1"), file_, milliseconds(5000),
                            [&](const FileProgress& progress) { done = progress.done; }));
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_TRUE(document->document.complete);
    const auto& pieces = document->document.pieces;
    ASSERT_EQ(pieces.size(), 60U);
    EXPECT_EQ(pieces[59].text, test::word_for(59 % 9 + 1));
    EXPECT_EQ(pieces[59].begin, milliseconds(6000 + 59 * 2000));
    EXPECT_TRUE(document->redacted.empty());
    EXPECT_EQ(done, milliseconds(121'000));
}

TEST_F(WholeFiles, AMissingFileAndAMissingServerAreNamed) {
    auto made = Transcribers::open(options("vosk", "ws://127.0.0.1:1"));
    ASSERT_TRUE(made);
    transcribers_ = *made;
    auto document = run(transcribe_file(transcribers_, executor(), CallId("c_1"), "/no/such.wav",
                                        milliseconds(0), {}));
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().code, Errc::not_found);
}

}  // namespace
}  // namespace bridge::transcribers
