#include "base/error.hpp"

namespace bridge {
namespace {

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "agentbridge"; }
    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::bad_field:
                return "bad field";
            case Errc::not_json:
                return "not JSON";
            case Errc::unknown_event:
                return "unknown event";
            case Errc::too_large:
                return "too large";
            case Errc::bad_signature:
                return "bad signature";
            case Errc::refused:
                return "refused";
            case Errc::not_found:
                return "not found";
            case Errc::unreachable:
                return "unreachable";
            case Errc::timed_out:
                return "timed out";
            case Errc::connection_lost:
                return "connection lost";
            case Errc::protocol:
                return "protocol error";
            case Errc::unauthorized:
                return "unauthorized";
            case Errc::bad_config:
                return "bad configuration";
            case Errc::no_device:
                return "no such device";
            case Errc::device_failed:
                return "device failed";
            case Errc::io:
                return "input/output error";
            case Errc::cancelled:
                return "cancelled";
            case Errc::exists:
                return "already exists";
            case Errc::internal:
                return "internal error";
        }
        return "unknown error";
    }
};

}  // namespace

const std::error_category& bridge_category() noexcept {
    static const Category category;
    return category;
}

}  // namespace bridge
