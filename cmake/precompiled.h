// Headers that nearly every source needs and that change only with a library's version. Kept small: every source pays
// for loading it (2 s with all of ATen; <torch/torch.h> would cost 10 s).
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>
