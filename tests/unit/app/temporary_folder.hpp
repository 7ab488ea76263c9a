#pragma once
// A folder that is gone at the end of the test.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/ids.hpp"

namespace bridge::app {

class TemporaryFolder {
public:
    TemporaryFolder()
        : path_(std::filesystem::canonical(std::filesystem::temp_directory_path()) /
                ("bridge-" + random_base32(60))) {
        std::filesystem::create_directory(path_);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
        return path_ / name;
    }
    std::string read(const std::string& name) const {
        std::ifstream in(path_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

private:
    std::filesystem::path path_;
};

}  // namespace bridge::app
