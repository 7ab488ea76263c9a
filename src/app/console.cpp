#include "app/console.hpp"

#include <algorithm>
#include <cctype>
#include <istream>
#include <ostream>

namespace bridge::app {

bool confirm(Console& console, const std::string& question) {
    console.err << question << " [y/N] " << std::flush;
    std::string answer;
    if (!std::getline(console.in, answer)) {
        console.err << "\n";
        return false;
    }
    answer.erase(std::remove_if(answer.begin(), answer.end(),
                                [](unsigned char c) { return std::isspace(c) != 0; }),
                 answer.end());
    std::transform(answer.begin(), answer.end(), answer.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return answer == "y" || answer == "yes";
}

}  // namespace bridge::app
