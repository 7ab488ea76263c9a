#pragma once
// Keeps those who make a recording into another form and those who take something out of recordings
// from each other, in this program and in others: else a form that was begun before would bring
// back what was taken out.

#include <filesystem>

namespace bridge::stores {

/// Waits until it is free. A folder that cannot be opened is not locked: what is done next says
/// why.
class FolderLock {
public:
    enum class Kind { shared, alone };

    FolderLock(const std::filesystem::path& folder, Kind kind);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    int folder_ = -1;
};

}  // namespace bridge::stores
