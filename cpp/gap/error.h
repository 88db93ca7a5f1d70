// The one exception of the engine.
#pragma once

#include <stdexcept>
#include <string>

namespace gapglass {

// A potential, a structure or a setting that the engine refuses. The message names what and says what helps.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace gapglass
