// A captured call does the same again, to the last byte.

#include "capture/replay.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/capture/capture_fixture.hpp"

using namespace bridge;
using namespace bridge::capture;
using namespace std::chrono_literals;
namespace in = bridge::call::input;

namespace {

/// Repeats what it hears, tells of it, and uses tools when keys are pressed.
class BusyAgent final : public call::Agent {
public:
    void start(const call::AgentCall&, Ear with) override {
        ear = std::move(with);
        ear.events->ready();
    }
    void answered(const call::AgentCall&) override {
        std::vector<std::int16_t> hello(4000);
        for (std::size_t i = 0; i < hello.size(); ++i)
            hello[i] = static_cast<std::int16_t>(i * 37 % 9000);
        ear.voice->begin();
        ear.voice->write(hello);
        ear.voice->end();
        ear.events->text({call::Speaker::agent, "hello", true, 0});
    }
    void write(const audio::AudioFrame& frame) override {
        if (++heard % 3 == 0) ear.voice->write(frame.pcm);
        if (heard % 100 == 0) ear.voice->end();
    }
    void interrupted(call::UtteranceId, const call::Heard&) override {
        ear.events->text({call::Speaker::caller, "cut off", true, 0});
    }
    void dtmf(char digit) override {
        if (digit == '1') ear.events->call_tool({"t", "hold", "{}"});
        if (digit == '2') ear.voice->play(std::make_unique<Ramp>());
        if (digit == '3') ear.events->give_way();
    }
    void tool_result(const call::ToolResult&) override {
        ear.voice->write(std::vector<std::int16_t>(80, 55));
    }
    void stop() override {}
    std::string_view kind() const override { return "busy"; }

    struct Ramp final : audio::SampleSource {
        std::size_t read(std::span<std::int16_t> out) override {
            if (++blocks > 30) return 0;
            for (auto& sample : out) sample = ++last;
            return out.size();
        }
        int blocks = 0;
        std::int16_t last = 0;
    };
    Ear ear;
    int heard = 0;
};

/// Puts the caller on hold and takes him back, at once.
class HoldTools final : public call::AgentTools {
public:
    const std::vector<call::ToolSpec>& specs() const override { return none_; }
    void run(const call::ToolCall& tool, call::ToolContext context,
             std::function<void(call::ToolResult)> done) override {
        context.act(call::tool::Hold{true}, [](const Result<std::string>&) {});
        context.act(call::tool::Hold{false}, [done, id = tool.id](const Result<std::string>& said) {
            done({id, said ? *said : said.error().message, false});
        });
    }

private:
    std::vector<call::ToolSpec> none_;
};

class BusyShelf final : public call::AgentShelf {
public:
    Result<std::shared_ptr<call::Agent>> agent(const std::string& name,
                                               const call::AgentHome&) override {
        if (name != "busy") return fail(Errc::bad_config, "there is no such agent");
        return std::make_shared<BusyAgent>();
    }
    std::shared_ptr<call::AgentTools> tools(const call::AgentHome&) override {
        return std::make_shared<HoldTools>();
    }
};

void expect_same(const std::filesystem::path& file) {
    auto reader = CaptureReader::open(file);
    ASSERT_TRUE(reader) << reader.error().message;
    Replay first(std::move(*reader));
    EXPECT_EQ(differences(first), std::vector<std::string>());
    EXPECT_EQ(first.damage(), "");
    ASSERT_NE(first.call(), nullptr);
    EXPECT_TRUE(first.call()->over());
    auto again = CaptureReader::open(file);
    Replay second(std::move(*again));
    second.run();
    EXPECT_EQ(first.hash(), second.hash());
    EXPECT_EQ(first.hash().size(), 64U);
}

}  // namespace

TEST(Replay, DoesAPlainCallAgain) {
    CapturedFixture fixture;
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 150, true);
    fixture.accept(in::DtmfReceived{stream, ++fixture.sequence, '5'});
    fixture.talk_on(stream, 100);
    fixture.end(stream);
    expect_same(fixture.file());
}

TEST(Replay, DoesPromptsHoldAndClearAgain) {
    CapturedFixture fixture;
    const auto stream = fixture.talk();
    auto tone = std::make_shared<std::vector<std::int16_t>>();
    for (int i = 0; i < 16000; ++i) tone->push_back(static_cast<std::int16_t>(i * 91 % 20000));
    fixture.accept(in::Play{tone, false});
    fixture.talk_on(stream, 60, true);
    fixture.accept(in::Clear{});
    fixture.talk_on(stream, 20, true);
    fixture.accept(in::SetHeld{true, call::HoldSound::music});
    fixture.talk_on(stream, 80, true);
    fixture.accept(in::SetHeld{false, call::HoldSound::music});
    fixture.accept(in::SetMuted{true});
    fixture.accept(in::SendDigits{"12", true});
    fixture.talk_on(stream, 80, true);
    fixture.line->refuses = true;
    fixture.accept(in::Play{tone, false});
    fixture.talk_on(stream, 10);
    fixture.line->refuses = false;
    fixture.talk_on(stream, 40);
    fixture.end(stream);
    expect_same(fixture.file());
}

TEST(Replay, DoesGapsAndSecondStreamsAgain) {
    CapturedFixture fixture;
    auto stream = fixture.talk();
    fixture.talk_on(stream, 50);
    fixture.timestamp += 400;  // lost on the way
    fixture.advance(700ms);    // … and a stall
    fixture.talk_on(stream, 50);
    fixture.accept(in::SendDigits{"7", false});
    fixture.advance(400ms);
    fixture.stop(stream);
    fixture.advance(2s);
    stream = fixture.start_stream();
    fixture.sequence = 1;
    fixture.timestamp = 0;
    fixture.talk_on(stream, 100, true);
    fixture.accept(in::Transfer{"+15557654321"});
    fixture.advance(100ms);
    fixture.end(stream);
    expect_same(fixture.file());
}

TEST(Replay, SendsNothingAfterTheCarriersStopEither) {
    CapturedFixture fixture;
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 60, true);
    fixture.microphone->speak(std::vector<std::int16_t>(480, 3000), fixture.clock.now());
    fixture.stop(stream);
    fixture.advance(60ms);  // slots, before the connection is gone
    fixture.end(stream);
    expect_same(fixture.file());
}

TEST(Replay, SendsNothingAfterTheCallClosedItsStreamEither) {
    CapturedFixture fixture;
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 60, true);
    fixture.microphone->speak(std::vector<std::int16_t>(480, 3000), fixture.clock.now());
    fixture.accept(in::HangUp{"enough"});
    fixture.advance(60ms);
    fixture.end(stream);
    expect_same(fixture.file());
}

TEST(Replay, DoesAnAgentAndItsToolsAgain) {
    auto spec = CapturedFixture::outbound();
    spec.agent = "busy";
    CapturedFixture fixture(spec, std::make_shared<BusyShelf>());
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 100);
    for (const char key : {'2', '1', '3'}) {
        fixture.accept(in::DtmfReceived{stream, ++fixture.sequence, key});
        fixture.talk_on(stream, 70);
    }
    fixture.accept(in::SetAgentMode{call::AgentMode::taken_over});
    fixture.talk_on(stream, 50, true);
    fixture.accept(in::SetAgentMode{});
    fixture.talk_on(stream, 50, true);
    fixture.end(stream);
    expect_same(fixture.file());
}

TEST(Replay, DoesAnAgentThatCannotBeMadeAgain) {
    auto spec = CapturedFixture::outbound();
    spec.agent = "nobody";
    CapturedFixture fixture(spec, std::make_shared<BusyShelf>());
    fixture.accept(in::Dial{});
    fixture.advance(1s);
    fixture.status("completed");
    fixture.advance(2s);
    expect_same(fixture.file());
}

TEST(Replay, NoticesThatTheCallDoesSomethingElse) {
    CapturedFixture fixture;
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 60, true);
    fixture.end(stream);
    auto reader = CaptureReader::open(fixture.file());
    ASSERT_TRUE(reader);
    // The same records, but for one sample of the microphone.
    Bytes opening, block;
    encode(reader->opening(), nullptr, opening);
    Encoder encoder(block);
    int blocks = 0;
    for (Record record; reader->next(record);) {
        auto* held = std::get_if<HeldInput>(&record.what);
        if (held) {
            if (auto* started = std::get_if<in::StreamStarted>(&held->input))
                started->line = std::make_shared<call::ScriptedLine>();
            if (std::holds_alternative<in::MicrophoneBlock>(held->input) && ++blocks == 20)
                held->samples[3] = static_cast<std::int16_t>(held->samples[3] + 2000);
        }
        encoder.again(record);
    }
    ASSERT_GT(blocks, 20);
    const auto other = fixture.folder.path / "other.abcap";
    {
        const auto pool = std::make_shared<WorkerPool>(WorkerPoolOptions{"test", 1, 16, {}});
        CaptureWriter writer(other, pool);
        ASSERT_TRUE(writer.write(opening));
        ASSERT_TRUE(writer.write(block));
        while (!pool->idle()) std::this_thread::yield();
    }
    auto changed = CaptureReader::open(other);
    ASSERT_TRUE(changed) << changed.error().message;
    Replay replay(std::move(*changed));
    replay.run();
    ASSERT_GT(replay.difference_count(), 0U);
    EXPECT_NE(replay.differences().front().captured.find("frames sent"), std::string::npos);
    EXPECT_TRUE(replay.call()->over());
}

TEST(Replay, TellsWhatHappenedWithTheTimesOfThen) {
    CapturedFixture fixture;
    const auto stream = fixture.talk();
    fixture.talk_on(stream, 50);
    fixture.end(stream);
    auto reader = CaptureReader::open(fixture.file());
    ASSERT_TRUE(reader);
    std::vector<call::CallEvent> events;
    ReplayOptions options;
    options.event = [&](const call::CallEvent& event) { events.push_back(event); };
    Replay replay(std::move(*reader), options);
    replay.run();
    ASSERT_FALSE(events.empty());
    EXPECT_TRUE(std::holds_alternative<call::event::Ended>(events.back().what));
    const auto began = std::chrono::system_clock::time_point(Micros(replay.opening().wall_us));
    EXPECT_LE(events.front().time - began, 1s);
    EXPECT_GE(events.back().time - began, 1s);
    EXPECT_FALSE(replay.call()->timeline().samples().empty());
}
