#include "base/torch_messages.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>

namespace palimpsest {

QuietTorch::QuietTorch() : before_(FLAGS_caffe2_log_level) {
  constexpr const char* kNothing = "99";  // the profiler reads it when it is first used
  ::setenv("KINETO_LOG_LEVEL", kNothing, /*overwrite=*/0);
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = std::max<int>(before_, c10::GLOG_ERROR);
}

QuietTorch::~QuietTorch() { FLAGS_caffe2_log_level = before_; }

}  // namespace palimpsest
