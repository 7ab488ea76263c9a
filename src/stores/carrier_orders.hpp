#pragma once
// Recordings that the carrier makes and that are still to be fetched: for each a file "NAME.twilio"
// of one line beside the recordings, so that a later run fetches what this one could not.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "stores/recording_file.hpp"

namespace bridge::stores {

struct CarrierOrder {
    std::string name;                     ///< of the recording here, without its form
    CallId call;                          ///< as the name says
    std::string recording;                ///< the carrier's name for it
    std::chrono::milliseconds offset{0};  ///< where on the call's timeline it begins
};

/// An order with these names; nothing is kept yet. Errors: bad_field (no recording can be called
/// so, or the carrier calls none so): names come from outside and become names of files.
Result<CarrierOrder> make_carrier_order(std::string name, std::string recording,
                                        std::chrono::milliseconds offset);

/// Every member blocks on the disk. Thread: any.
class CarrierOrders {
public:
    explicit CarrierOrders(std::filesystem::path folder) : folder_(std::move(folder)) {}
    /// What can be read; the oldest first.
    std::vector<CarrierOrder> list() const;
    /// Errors: io.
    Result<> keep(const CarrierOrder& order) const;
    void forget(const std::string& name) const;
    bool has(const std::string& name) const;

private:
    std::filesystem::path file(const std::string& name) const;

    const std::filesystem::path folder_;
};

/// The sound of one while it comes in, in a file that only its owner can read and that goes with
/// this. Thread: one at a time; blocks on the disk.
class CarrierSound {
public:
    /// Errors: io (also: another program is fetching it).
    static Result<std::unique_ptr<CarrierSound>> create(const std::filesystem::path& folder,
                                                        const CarrierOrder& order);
    ~CarrierSound();
    CarrierSound(const CarrierSound&) = delete;
    CarrierSound& operator=(const CarrierSound&) = delete;

    /// Errors: io (the disk is full).
    Result<> write(std::string_view bytes);
    /// It is whole: becomes a recording like any other, in that form. Errors: io, bad_field (it is
    /// no sound of two channels).
    Result<> keep(RecordingForm form);

private:
    CarrierSound(std::filesystem::path folder, CarrierOrder order, std::filesystem::path path,
                 int file)
        : folder_(std::move(folder)),
          order_(std::move(order)),
          path_(std::move(path)),
          file_(file) {}

    const std::filesystem::path folder_;
    const CarrierOrder order_;
    const std::filesystem::path path_;
    const int file_;
    std::uint64_t bytes_ = 0;
};

}  // namespace bridge::stores
