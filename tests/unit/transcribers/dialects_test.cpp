// What the services send and want to be sent, message by message; the messages are those of their
// own references.

#include <gtest/gtest.h>

#include <vector>

#include "transcribers/dialect.hpp"

namespace bridge::transcribers {
namespace {

using std::chrono::milliseconds;

ServiceOptions options() {
    ServiceOptions out;
    out.key = Secret("k3y");
    return out;
}

std::string results(const std::string& text, double start, double duration, bool final,
                    bool speech_final, const std::string& words = "[]") {
    return R"({"type":"Results","channel_index":[0,1],"start":)" + std::to_string(start) +
           R"(,"duration":)" + std::to_string(duration) + R"(,"is_final":)" +
           (final ? "true" : "false") + R"(,"speech_final":)" + (speech_final ? "true" : "false") +
           R"(,"channel":{"alternatives":[{"transcript":")" + text +
           R"(","confidence":0.9,"words":)" + words + "}]}}";
}

TEST(Deepgram, AsksForWhatATranscriptNeeds) {
    auto wanted = options();
    wanted.language = "de";
    const auto service = deepgram_service(wanted);
    EXPECT_EQ(service.url,
              "wss://api.deepgram.com/v1/listen?encoding=mulaw&sample_rate=8000&channels=1&"
              "model=nova-3&language=de&interim_results=true&endpointing=300&"
              "utterance_end_ms=1000&vad_events=true&smart_format=true");
    EXPECT_EQ(service.key_header, "Authorization: Token ");
    const auto session = service.session(service);
    const auto sound = session->sound(std::vector<std::int16_t>(160, 0));
    EXPECT_FALSE(sound.text);
    EXPECT_EQ(sound.payload, std::string(160, '\xFF'));
    EXPECT_EQ(session->keep_alive()->payload, R"({"type":"KeepAlive"})");
    EXPECT_EQ(session->finish().at(0).payload, R"({"type":"CloseStream"})");
}

TEST(Deepgram, PutsTheFinalPartsOfAnUtteranceTogether) {
    const auto service = deepgram_service(options());
    const auto session = service.session(service);
    auto out = session->received(results("hello", 0.5, 0.6, false, false), true);
    ASSERT_EQ(out.heard.size(), 1u);
    EXPECT_EQ(out.heard[0].utterance, 1u);
    EXPECT_FALSE(out.heard[0].final);
    EXPECT_EQ(out.heard[0].begin, milliseconds(500));

    out = session->received(
        results(
            "Hello there,", 0.5, 1.5, true, false,
            R"([{"word":"hello","punctuated_word":"Hello","start":0.5,"end":0.9,"confidence":0.99},
                    {"word":"there","punctuated_word":"there,","start":0.9,"end":1.4,"confidence":0.8}])"),
        true);
    ASSERT_EQ(out.heard.size(), 1u);
    EXPECT_FALSE(out.heard[0].final);
    EXPECT_FALSE(out.settled);

    out = session->received(results("who is", 2.0, 0.5, false, false), true);
    EXPECT_EQ(out.heard.at(0).text, "Hello there, who is");

    out = session->received(results("who is it?", 2.0, 1.0, true, true,
                                    R"([{"word":"who","start":2.1,"end":2.3,"confidence":0.7},
                    {"word":"is","start":2.3,"end":2.5,"confidence":0.7},
                    {"word":"it","punctuated_word":"it?","start":2.5,"end":2.8,"confidence":0.7}])"),
                            true);
    ASSERT_EQ(out.heard.size(), 1u);
    const auto& whole = out.heard[0];
    EXPECT_TRUE(whole.final);
    EXPECT_EQ(whole.text, "Hello there, who is it?");
    EXPECT_EQ(whole.begin, milliseconds(500));
    EXPECT_EQ(whole.end, milliseconds(2800));
    ASSERT_EQ(whole.words.size(), 5u);
    EXPECT_EQ(whole.words[4].text, "it?");
    EXPECT_EQ(whole.words[4].begin, milliseconds(2500));
    EXPECT_EQ(out.settled, milliseconds(3000));

    out = session->received(results("next", 4.0, 0.5, false, false), true);
    EXPECT_EQ(out.heard.at(0).utterance, 2u);
}

TEST(Deepgram, UtteranceEndAndTheEndOfTheStreamCloseWhatIsOpen) {
    const auto service = deepgram_service(options());
    const auto session = service.session(service);
    session->received(results("one", 0, 1, true, false), true);
    auto out =
        session->received(R"({"type":"UtteranceEnd","channel":[0,1],"last_word_end":1.0})", true);
    ASSERT_EQ(out.heard.size(), 1u);
    EXPECT_TRUE(out.heard[0].final);
    session->received(results("two", 2, 1, true, false), true);
    EXPECT_FALSE(session->finished());
    out = session->received(R"({"type":"Metadata","request_id":"r","duration":3.0})", true);
    EXPECT_EQ(out.heard.at(0).text, "two");
    EXPECT_TRUE(session->finished());
}

TEST(Deepgram, SilenceIsSettledAndNothingIsSaidOfIt) {
    const auto service = deepgram_service(options());
    const auto session = service.session(service);
    const auto out = session->received(results("", 3, 2, true, true), true);
    EXPECT_TRUE(out.heard.empty());
    EXPECT_EQ(out.settled, milliseconds(5000));
}

TEST(Deepgram, AMessageThatIsNoneDoesNoHarm) {
    const auto service = deepgram_service(options());
    for (const std::string text :
         {"", "{", "[]", "null", R"({"type":1})", R"({"type":"Results"})",
          R"({"type":"Results","channel":{"alternatives":[3]},"is_final":true})",
          R"({"type":"Results","start":-1e300,"duration":1e300,"channel":{"alternatives":
             [{"transcript":"x","words":[1,{"word":7},{"word":"y","start":"a"}]}]}})"}) {
        const auto session = service.session(service);
        session->received(text, true);
        session->received(text, false);
    }
}

TEST(OpenAi, BeginsATranscriptionSessionAndWaitsForIt) {
    auto wanted = options();
    wanted.language = "en";
    const auto service = openai_service(wanted);
    EXPECT_EQ(service.url, "wss://api.openai.com/v1/realtime?intent=transcription");
    const auto session = service.session(service);
    EXPECT_EQ(session->opened().at(0).payload,
              R"({"type":"session.update","session":{"type":"transcription","audio":{"input":)"
              R"({"format":{"type":"audio/pcmu"},"transcription":{"model":)"
              R"("gpt-4o-mini-transcribe","language":"en"},"turn_detection":{"type":)"
              R"("server_vad","threshold":5E-1,"prefix_padding_ms":300,)"
              R"("silence_duration_ms":500}}},"include":)"
              R"(["item.input_audio_transcription.logprobs"]}})");
    EXPECT_FALSE(session->takes_sound());
    session->received(R"({"type":"session.created","session":{}})", true);
    EXPECT_FALSE(session->takes_sound());
    session->received(R"({"type":"session.updated","session":{}})", true);
    EXPECT_TRUE(session->takes_sound());
    const auto sound = session->sound(std::vector<std::int16_t>(3, 0));
    EXPECT_TRUE(sound.text);
    EXPECT_EQ(sound.payload, R"({"type":"input_audio_buffer.append","audio":"////"})");
}

TEST(OpenAi, ItemsHaveTheirOwnTimesAndTexts) {
    const auto service = openai_service(options());
    const auto session = service.session(service);
    session->received(R"({"type":"session.updated"})", true);
    session->received(
        R"({"type":"input_audio_buffer.speech_started","audio_start_ms":1000,"item_id":"a"})",
        true);
    session->received(
        R"({"type":"input_audio_buffer.speech_stopped","audio_end_ms":2500,"item_id":"a"})", true);
    session->received(
        R"({"type":"input_audio_buffer.committed","item_id":"a","previous_item_id":null})", true);
    session->received(
        R"({"type":"input_audio_buffer.speech_started","audio_start_ms":3000,"item_id":"b"})",
        true);
    auto out = session->received(
        R"({"type":"conversation.item.input_audio_transcription.delta","item_id":"a","delta":"Hel"})",
        true);
    EXPECT_EQ(out.heard.at(0).text, "Hel");
    EXPECT_EQ(out.heard.at(0).begin, milliseconds(1000));
    out = session->received(
        R"({"type":"conversation.item.input_audio_transcription.delta","item_id":"a","delta":"lo."})",
        true);
    EXPECT_EQ(out.heard.at(0).text, "Hello.");
    out = session->received(
        R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"a",)"
        R"("transcript":"Hello!","logprobs":[{"token":"Hello","logprob":-0.1},)"
        R"({"token":"!","logprob":-0.3}]})",
        true);
    ASSERT_EQ(out.heard.size(), 1u);
    EXPECT_TRUE(out.heard[0].final);
    EXPECT_EQ(out.heard[0].text, "Hello!");
    EXPECT_EQ(out.heard[0].end, milliseconds(2500));
    EXPECT_NEAR(out.heard[0].confidence.value_or(0), 0.8187F, 0.001F);
    EXPECT_EQ(out.settled, milliseconds(2500));  // what is spoken now may be needed again
}

TEST(OpenAi, TheEndWaitsForWhatIsUnderWay) {
    const auto service = openai_service(options());
    const auto session = service.session(service);
    session->received(R"({"type":"session.updated"})", true);
    session->received(
        R"({"type":"input_audio_buffer.speech_started","audio_start_ms":0,"item_id":"a"})", true);
    EXPECT_EQ(session->finish().at(0).payload, R"({"type":"input_audio_buffer.commit"})");
    session->received(R"({"type":"input_audio_buffer.committed","item_id":"a"})", true);
    EXPECT_FALSE(session->finished());
    session->received(
        R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"a","transcript":"Bye"})",
        true);
    EXPECT_TRUE(session->finished());
}

TEST(OpenAi, NothingLeftToCommitIsTheEndAsWell) {
    const auto service = openai_service(options());
    const auto session = service.session(service);
    session->received(R"({"type":"session.updated"})", true);
    session->finish();
    session->received(R"({"type":"error","error":{"type":"invalid_request_error","code":)"
                      R"("input_audio_buffer_commit_empty","message":"buffer too small"}})",
                      true);
    EXPECT_TRUE(session->finished());
}

TEST(OpenAi, AnErrorBeforeTheSessionStandsIsForGoodAndHidesTheKey) {
    const auto service = openai_service(options());
    const auto session = service.session(service);
    const auto out = session->received(
        R"({"type":"error","error":{"message":"The model k3y does not exist"}})", true);
    ASSERT_TRUE(out.failure);
    EXPECT_TRUE(out.failure->permanent);
    EXPECT_EQ(out.failure->what, "The model *** does not exist");
}

TEST(Vosk, EveryFrameIsAnsweredAndNoMoreThanAFewWait) {
    const auto service = vosk_service({});
    EXPECT_EQ(service.url, "ws://127.0.0.1:2700");
    const auto session = service.session(service);
    EXPECT_EQ(session->opened().at(0).payload, R"({"config":{"sample_rate":8000,"words":true}})");
    const std::vector<std::int16_t> sound{1, -2};
    EXPECT_EQ(session->sound(sound).payload, std::string("\x01\x00\xFE\xFF", 4));
    for (int i = 0; i < 9; ++i) session->sound(sound);
    EXPECT_FALSE(session->takes_sound());
    session->received(R"({"partial":""})", true);
    EXPECT_TRUE(session->takes_sound());
}

TEST(Vosk, GuessesAndThenKnowsWithWordsAndTimes) {
    const auto service = vosk_service({});
    const auto session = service.session(service);
    const std::vector<std::int16_t> sound(1600);
    for (int i = 0; i < 5; ++i) session->sound(sound);
    session->received(R"({"partial":""})", true);
    auto out = session->received(R"({"partial":"hello"})", true);
    ASSERT_EQ(out.heard.size(), 1u);
    EXPECT_EQ(out.heard[0].end, milliseconds(400));
    out = session->received(
        R"({"text":"hello there","result":[{"conf":1.0,"start":0.21,"end":0.4,"word":"hello"},)"
        R"({"conf":0.5,"start":0.4,"end":0.58,"word":"there"}]})",
        true);
    ASSERT_EQ(out.heard.size(), 1u);
    EXPECT_TRUE(out.heard[0].final);
    EXPECT_EQ(out.heard[0].begin, milliseconds(210));
    EXPECT_EQ(out.heard[0].end, milliseconds(580));
    EXPECT_FLOAT_EQ(out.heard[0].confidence.value_or(0), 0.75F);
    EXPECT_EQ(out.settled, milliseconds(600));
    out = session->received(R"({"text":""})", true);
    EXPECT_TRUE(out.heard.empty());
    EXPECT_EQ(session->finish().at(0).payload, R"({"eof" : 1})");
    EXPECT_FALSE(session->finished());
    session->received(R"({"partial":""})", true);
    EXPECT_FALSE(session->finished());
    out = session->received(R"({"alternatives":[{"text":"bye","confidence":210.3}]})", true);
    EXPECT_TRUE(session->finished());
    EXPECT_EQ(out.heard.at(0).text, "bye");
    EXPECT_EQ(out.heard.at(0).utterance, 2u);
}

}  // namespace
}  // namespace bridge::transcribers
