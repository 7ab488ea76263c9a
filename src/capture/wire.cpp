#include "capture/wire.hpp"

namespace bridge::capture {

void Out::grow(std::size_t more) {
    const auto used = static_cast<std::size_t>(at_ - begin_);
    if (begin_ == near_.data()) far_.assign(begin_, at_);
    far_.resize(2 * used + more);
    begin_ = far_.data();
    at_ = begin_ + used;
    end_ = begin_ + far_.size();
}

}  // namespace bridge::capture
