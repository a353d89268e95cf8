#include "backbone/diffusion/process.h"

namespace palimpsest {

void ProcessOptions::validate() const {
  if (!(uniform_share > 0 && uniform_share < 1)) {
    throw InputError("", "uniform_share", "must be in (0, 1): 0 is the absorbing process, 1 is the uniform one");
  }
}

}  // namespace palimpsest
