#pragma once
// The transcriber that the settings ask for, put into the running program.

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "app/bridge.hpp"
#include "app/config.hpp"
#include "app/exit_code.hpp"
#include "base/metrics.hpp"
#include "stores/recording_store.hpp"
#include "transcribers/transcribers.hpp"
#include "web/api.hpp"

namespace bridge::app {

/// Thread: main; what `sources` gives away is used on the API's thread.
class TranscriptWiring {
public:
    /// Nothing is opened if there is no engine. What transcripts leave out is silence in
    /// `recordings`; null: there are none. Failures: configuration.
    Outcome<> open(const Config& config, std::shared_ptr<metrics::Registry> metrics,
                   const std::string& user_agent, BridgeOptions& bridge,
                   std::shared_ptr<stores::RecordingStore> recordings);
    /// After `open`. `executor`: gives the API's, once that is there.
    web::TranscriptSources sources(std::function<boost::asio::any_io_executor()> executor) const;
    /// Before the loops of the io threads go.
    void stop();

private:
    /// Recordings that are taken down now.
    struct Making {
        std::mutex mutex;  // held for a look-up
        std::set<CallId> calls;
    };

    std::shared_ptr<stores::RecordingStore> recordings_;
    std::shared_ptr<transcribers::Transcribers> transcribers_;  ///< null: none was asked for
    std::string trouble_;                                       ///< why there is none
    std::shared_ptr<Making> making_ = std::make_shared<Making>();
};

}  // namespace bridge::app
