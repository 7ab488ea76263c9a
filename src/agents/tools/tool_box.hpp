#pragma once
// The tools of one call at work: an agent's words in, a checked action or request out, and the
// outcome back to the agent, once, in time, and never after the call is over.
//
//   run ─▶ arguments checked ─┬▶ ours:        ToolContext::act                      ─┐
//                             └▶ the user's:  queue (16) ─▶ 4 at once ─▶ HttpClient ─┴▶ done

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "agents/tools/tool_book.hpp"
#include "base/clock.hpp"
#include "call/agent_tools.hpp"
#include "net/http_client.hpp"

namespace bridge::agents {

/// What the boxes of one io thread share.
struct ToolServices {
    Clock& clock;
    boost::asio::any_io_executor executor;
    /// Asks the users' services. May be null if the book has no such tools.
    std::shared_ptr<net::HttpClient> http;
};

/// When it goes, requests under way end and nobody is told. Every run is logged with its name, time
/// and outcome; arguments at debug only.
class ToolBox final : public call::AgentTools {
public:
    static constexpr std::size_t kAtOnce = 4;    ///< requests of one call
    static constexpr std::size_t kWaiting = 16;  ///< that wait for their turn; more are refused
    static constexpr std::size_t kActions =
        16;  ///< of our own that are under way; more are refused
    static constexpr std::size_t kRemembered = 8;  ///< results, for calls that come twice
    static constexpr std::size_t kArgumentBytes = 16 * 1024;
    /// Our own tools have no time limit of the user's; a transfer may ring for a minute.
    static constexpr std::chrono::seconds kActionLimit{90};

    ToolBox(std::shared_ptr<const ToolBook> book, ToolServices services);
    ~ToolBox() override;
    ToolBox(const ToolBox&) = delete;
    ToolBox& operator=(const ToolBox&) = delete;

    const std::vector<call::ToolSpec>& specs() const override { return book_->specs(); }
    /// A call with the id, name and arguments of one before runs once: both get the one's result.
    void run(const call::ToolCall& call, call::ToolContext context,
             std::function<void(call::ToolResult)> done) override;

private:
    class Bench;

    const std::shared_ptr<const ToolBook> book_;
    const std::shared_ptr<Bench> bench_;  ///< what requests under way know of this
};

}  // namespace bridge::agents
