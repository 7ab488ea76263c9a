#pragma once
// What the control API shows of the program itself: its agents, devices, settings, and what doctor
// finds. Slow ones are looked up on a thread of their own.

#include <memory>
#include <string>

#include "app/config.hpp"
#include "base/metrics.hpp"
#include "base/worker_pool.hpp"
#include "devices/device_factory.hpp"
#include "web/api.hpp"

namespace bridge::app {

struct LookupSources {
    std::shared_ptr<const LoadedConfig> loaded;  ///< null: settings are not shown, nor examined
    AgentConfig agents;
    std::string speaker, microphone;  ///< names of the devices in use; empty: none
    std::string microphone_note;      ///< why there is none
    std::string user_agent;
};

/// Thread: main, which also destroys it: that waits for what is being looked up.
class LookupDesk {
public:
    explicit LookupDesk(std::shared_ptr<metrics::Registry> metrics);
    /// For ApiParts; usable as long as this is.
    web::Lookups lookups(LookupSources sources);
    /// Before the executor's loop goes.
    void stop() { pool_.stop(); }

private:
    WorkerPool pool_;
};

}  // namespace bridge::app
