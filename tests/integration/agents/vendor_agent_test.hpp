#pragma once
// For tests of agents against a stand-in of their service: both on one io thread, over real
// sockets, with time that goes on only when the test says so.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "call/agent.hpp"
#include "net/websocket_frames.hpp"
#include "net/websocket_handshake.hpp"
#include "tests/integration/net/net_fixture.hpp"
#include "tests/support/agent_ear.hpp"

namespace bridge::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <class Server, class AgentKind>
class VendorAgentTest : public net::test::LoopTest {
protected:
    VendorAgentTest() {
        on_loop([this] { server_ = std::make_unique<Server>(executor()); });
    }

    virtual std::shared_ptr<AgentKind> make() = 0;

    void TearDown() override {
        on_loop([this] {
            if (agent_) agent_->stop();
            agent_.reset();
            server_->stop();
        });
        LoopTest::TearDown();
        on_loop([this] {
            EXPECT_EQ(clock_.pending(), 0U) << "a timer was left over";
            server_.reset();
        });
    }

    /// True once `condition`, asked on the io thread, is.
    bool soon(const std::function<bool()>& condition) {
        return net::test::eventually([&] {
            bool yes = false;
            on_loop([&] { yes = condition(); });
            return yes;
        });
    }
    /// In steps, so that the sockets keep up.
    void advance(milliseconds by) {
        for (; by > milliseconds(0); by -= milliseconds(100)) {
            on_loop([&] { clock_.advance(std::min(by, milliseconds(100))); });
        }
    }
    /// The caller is on the line: a frame every 20 ms. `taken`: how many the service has.
    void hear_silence(std::size_t frames, const std::function<std::size_t()>& taken) {
        for (std::size_t i = 1; i <= frames; ++i) {
            on_loop([&] {
                agent_->write(frame_of(0));
                clock_.advance(milliseconds(20));
            });
            if (i % 20 == 0) {
                ASSERT_TRUE(soon([&] { return taken() == i; }));
            }
        }
    }
    /// Again after it ended, with the same ear.
    void start() {
        on_loop([this] {
            if (!agent_) agent_ = make();
            agent_->start(call_, ear_.ear());
        });
    }
    bool ready(int times = 1) {
        return soon([&] { return ear_.told.readies == times; });
    }
    bool start_and_be_ready() {
        start();
        return ready();
    }
    /// The first end that was told. Waits for it.
    ToldByAgent::End end() {
        ToldByAgent::End first{call::AgentEnd::finished, "nothing was told"};
        if (!soon([&] { return !ear_.told.ends.empty(); })) return first;
        on_loop([&] { first = ear_.told.ends.front(); });
        return first;
    }
    /// Everything the agent sent before has arrived once this has.
    void expect_no_complaints() {
        on_loop(
            [this] { EXPECT_TRUE(server_->complaints.empty()) << server_->complaints.front(); });
    }

    static audio::AudioFrame frame_of(std::int16_t level) {
        audio::AudioFrame frame;
        frame.pcm.fill(level);
        return frame;
    }

    VirtualClock clock_;
    AgentEar ear_;
    call::AgentCall call_{CallId("c_test"),         CallSid("CA1"), StreamSid(),
                          call::Direction::inbound, "+15551230001", "+15551230002"};
    std::unique_ptr<Server> server_;
    std::shared_ptr<AgentKind> agent_;
};

/// Accepts one WebSocket by hand, sends `messages` as text, and then reads nothing more.
inline net::test::RawSocket accept_and_fall_silent(const net::test::RawListener& listener,
                                                   const std::vector<std::string>& messages) {
    auto socket = listener.accept();
    const auto head = socket.receive_until("\r\n\r\n");
    constexpr std::string_view kField = "Sec-WebSocket-Key: ";
    const auto at = head.find(kField) + kField.size();
    auto answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        net::accept_key(head.substr(at, head.find("\r\n", at) - at)) + "\r\n\r\n";
    for (const auto& message : messages) {
        net::append_frame(answer, net::Opcode::text, message);
    }
    socket.send(answer);
    return socket;
}

}  // namespace bridge::test
