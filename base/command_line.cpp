#include "base/command_line.h"

#include <algorithm>

namespace palimpsest::options_detail {

std::string flag_name(const std::string& prefix, const char* name) {
  std::string flag = "--" + prefix + name;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

}  // namespace palimpsest::options_detail
